// Package environment is one stack file, decoded: strict, completed with defaults, found valid or refused with every
// problem at once. It is plain Go: no Pulumi resource, no cluster and no file is needed to know what an environment is.
package environment

import (
	"github.com/dekcd/dmcloud/policies/settings"
)

// Environment is everything an institute decides about one deployment. The fields are the keys of the stack file below
// the namespace "dmcloud"; how to write them is shown in the stack files of the project.
type Environment struct {
	// Stack is the name of the Pulumi stack; for messages and labels, never to decide anything by.
	Stack string `json:"-"`
	// Protected stacks hold data people need: claims and volumes can't be deleted, updates need the policy pack, and
	// self-signed certificates and reserved host names are refused. Default true.
	Protected bool `json:"protected"`
	// Cluster says which Kubernetes cluster. Required.
	Cluster Cluster `json:"cluster"`
	// Storage says which volumes the cluster can make. Default: the cluster's default class and no shared volumes.
	Storage Storage `json:"storage"`
	// Entry says how requests reach the cluster. Required.
	Entry Entry `json:"entry"`
	// Platforms are what is deployed; at least one.
	Platforms []Platform `json:"platforms"`
	// Policy are the settings of the policy pack. Default: every rule at its own level, without exceptions.
	Policy settings.Settings `json:"policy"`
}

// Cluster is an existing Kubernetes cluster. Credentials come, in this order, from the variable KUBECONFIG of the
// process environment, from Kubeconfig or KubeconfigContent, from ~/.kube/config.
type Cluster struct {
	// Kubeconfig is a path, relative to the project root. Default none.
	Kubeconfig string `json:"kubeconfig"`
	// KubeconfigContent is a kubeconfig itself, for automation that has no files; only as a Pulumi secret. Default none;
	// not together with Kubeconfig.
	KubeconfigContent Sensitive `json:"kubeconfigContent"`
	// Context is the kubeconfig context to use. Required, so that whatever context happens to be current is never
	// deployed to by accident.
	Context string `json:"context"`
	// PodSecurityVersion is the Kubernetes minor, "v1.37", whose Pod Security Standards are enforced. It is pinned so that
	// an upgrade of the cluster can't refuse running pods. Default [DefaultPodSecurityVersion].
	PodSecurityVersion string `json:"podSecurityVersion"`
}

// Storage names StorageClasses.
type Storage struct {
	// Class makes volumes that one node mounts (ReadWriteOnce). Empty means the cluster's default class. Changing it
	// replaces volumes, which a protected stack refuses.
	Class string `json:"class"`
	// Shared makes volumes that several nodes mount (ReadWriteMany). Empty means there are none: whatever shares files
	// then runs on one node.
	Shared string `json:"shared"`
}

// Entry is the ingress controller of the cluster.
type Entry struct {
	// Class is the IngressClass. Required.
	Class string `json:"class"`
	// Namespace is where the controller's pods run: only they may connect to what a route serves. Required.
	Namespace string `json:"namespace"`
	// Controller is the software behind the class, which decides how it learns a route's limits: one of [Controllers].
	// Default "other": it is told nothing, and the preview says what to configure.
	Controller string `json:"controller"`
	// TLS says where certificates come from. Required.
	TLS TLS `json:"tls"`
}

// TLS is where the certificate of each host comes from; exactly one field is set.
type TLS struct {
	// Issuer is a ClusterIssuer of cert-manager.
	Issuer string `json:"issuer"`
	// SecretName is a Secret of type kubernetes.io/tls that exists in the namespace of each platform.
	SecretName string `json:"secretName"`
	// SelfSigned makes a certificate that no browser trusts; refused in protected stacks.
	SelfSigned bool `json:"selfSigned"`
}

// Platform is one research data platform: an entry of the catalogue, or Compose files of the institute's own.
type Platform struct {
	// Name is a DNS label, unique in the stack. It names the namespace; changing it deploys another, empty platform.
	Name string `json:"name"`
	// Catalog is the catalogue entry that describes the platform: "seek". Required unless Compose is set.
	Catalog string `json:"catalog"`
	// Compose are the Compose files that describe the platform, merged in order; paths are relative to the stack file. A
	// single path need not be a list. Changing them changes what runs.
	Compose []string `json:"compose"`
	// Profiles are the active profiles of the Compose files. Default none.
	Profiles []string `json:"profiles"`
	// Variables are the variables of the Compose files; they win over the file .env beside them. Secret ones are accepted
	// as Pulumi secrets only. Default none.
	Variables map[string]Sensitive `json:"variables"`
	// Secrets are the values of the Compose files' external secrets; only as Pulumi secrets. Default none.
	Secrets map[string]Sensitive `json:"secrets"`
	// Expose maps a service of the Compose files, or "service:port", to its public DNS name. Default none: nothing is open
	// to people. Entries of the catalogue are open at Host; OMERO's clients may have "websocket" beside it.
	Expose map[string]string `json:"expose"`
	// Open maps "service:port" or "service:port/udp" to the address ranges that may connect from outside through a load
	// balancer of its own, for what is not HTTP. Default none. Of the catalogue, OMERO has "server:4064", for its clients.
	Open map[string][]string `json:"open"`
	// Version is the platform's release, three numbers: "1.18.1". Required for an entry of the catalogue; raising it
	// upgrades the data. For Compose files it is a label, by default the one they give.
	Version string `json:"version"`
	// Image overrides the catalogue's image of the release, as "name:version" or with a digest. Default none.
	Image string `json:"image"`
	// Host is the public DNS name, unique in the stack. Required for an entry of the catalogue.
	Host string `json:"host"`
	// Title is what people read as the name of the site. Default: Name.
	Title string `json:"title"`
	// Replicas is the number of web servers, at least 1. Default 1.
	Replicas int `json:"replicas"`
	// Administrator is the first account. Required for an entry of the catalogue; used at the first deployment only.
	Administrator Administrator `json:"administrator"`
	// Mail is the server the platform sends with; nil means that it sends none. Default nil.
	Mail *Mail `json:"mail"`
	// Plugins are those of CKAN, beside the ones it always has. Default none.
	Plugins []string `json:"plugins"`
	// Search runs SEEK's search engine. Default true.
	Search bool `json:"search"`
	// Virtuoso runs SEEK's RDF store. Default false.
	Virtuoso bool `json:"virtuoso"`
	// Sizes are of volumes, by name. Default: the catalogue's. Growing resizes in place, where the class can.
	Sizes map[string]Quantity `json:"sizes"`
	// Resources override what services request and may use, by service name. Default: the catalogue's.
	Resources map[string]Resources `json:"resources"`
}

// Administrator is a platform's first account. Its password is generated.
type Administrator struct {
	Login     string `json:"login"`
	Email     string `json:"email"`
	FirstName string `json:"firstName"`
	LastName  string `json:"lastName"`
}

// Mail is an SMTP server.
type Mail struct {
	// Host is a DNS name or an address. Required.
	Host string `json:"host"`
	// Port is 1 to 65535. Default [DefaultMailPort].
	Port int `json:"port"`
	// From is the sender's address. Required.
	From string `json:"from"`
	// Networks are the address ranges the server is in, "10.20.0.0/16". Needed when it is on a private network: by default
	// only public addresses can be reached.
	Networks []string `json:"networks"`
	// User and Password log in; both or neither. The password is accepted as a Pulumi secret only.
	User     string    `json:"user"`
	Password Sensitive `json:"password"`
}

// Resources are requests and limits of one service.
type Resources struct {
	// CPU is in cores: "500m", "2".
	CPU Range `json:"cpu"`
	// Memory is in bytes: "2Gi".
	Memory Range `json:"memory"`
}

// Range is a request and a limit; either may be left to the catalogue. The request is at most the limit.
type Range struct {
	Request Quantity `json:"request"`
	Limit   Quantity `json:"limit"`
}
