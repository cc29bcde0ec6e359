package manifest

import (
	"regexp"

	"github.com/dekcd/dmcloud/components/problem"
)

// Cluster is what an application needs to know about the cluster it goes to.
type Cluster struct {
	// Environment is the environment's name, put on every object as a label.
	Environment string
	// PodSecurityVersion pins the Pod Security Standard that namespaces enforce, "v1.37". An update.
	PodSecurityVersion string
	// StorageClass provides volumes that one node at a time can write (RWO); empty takes the cluster's default.
	// Claims can't change class: a change replaces them, which is refused while they are protected.
	StorageClass string
	// SharedStorageClass provides volumes that several nodes can write (RWX); empty when the cluster has none: pods that
	// share a volume are then kept on one node. [DefaultClass] leaves them to the cluster's default, which must be such.
	SharedStorageClass string
	// IngressClass names the class that serves routes. An update.
	IngressClass string
	// IngressNamespace is where the ingress controller's pods run; only they may connect to a route's service.
	IngressNamespace string
	// IngressController is the software behind the class; it decides which annotations carry a route's limits.
	IngressController IngressController
	// TLS says where a route's certificate comes from.
	TLS TLS
	// Protect marks the namespace, its data claims and generated secrets as protected: Pulumi then refuses to delete them.
	Protect bool
}

// DefaultClass stands for the class that a cluster has as its default; no class can have that name.
const DefaultClass = "(default)"

// TLS says where a certificate comes from; exactly one field is set.
type TLS struct {
	// Issuer is a ClusterIssuer of cert-manager.
	Issuer string
	// SecretName is a Secret of type kubernetes.io/tls that exists in the application's namespace.
	SecretName string
	// SelfSigned makes a certificate that no browser trusts; for sandboxes.
	SelfSigned bool
}

var podSecurityVersion = regexp.MustCompile(`^v1\.\d{1,3}$`)

// Validate lists what is missing or wrong.
func (c Cluster) Validate() problem.List { return c.validate(true) }

// validate leaves out what only routes need when there are none.
func (c Cluster) validate(routes bool) problem.List {
	var problems problem.List
	if !podSecurityVersion.MatchString(c.PodSecurityVersion) {
		problems.Addf("podSecurityVersion", c.PodSecurityVersion, `write the cluster's minor version, for example "v1.37"`,
			"must be pinned")
	}
	if !routes {
		return problems
	}
	if c.IngressClass == "" {
		problems.Addf("ingressClass", nil, "kubectl get ingressclass lists them", "is required")
	}
	if c.IngressNamespace == "" {
		problems.Addf("ingressNamespace", nil, "name the namespace of the ingress controller's pods", "is required")
	}
	if _, known := c.IngressController.limits(); !known {
		problems.Addf("ingressController", c.IngressController, "", "must be one of %v", IngressControllers())
	}
	set := 0
	for _, given := range []bool{c.TLS.Issuer != "", c.TLS.SecretName != "", c.TLS.SelfSigned} {
		if given {
			set++
		}
	}
	if set != 1 {
		problems.Addf("tls", nil, "set exactly one of issuer, secretName, selfSigned",
			"a route needs one source of certificates")
	}
	return problems
}
