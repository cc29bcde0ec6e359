package manifest

import (
	"maps"

	"github.com/dekcd/dmcloud/components/app"
)

// Label and annotation keys. The first group is Kubernetes' own recommendation,
// https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/.
const (
	// LabelName is the application's name.
	LabelName = "app.kubernetes.io/name"
	// LabelComponent is the service's name within the application.
	LabelComponent = "app.kubernetes.io/component"
	// LabelPartOf is the environment.
	LabelPartOf = "app.kubernetes.io/part-of"
	// LabelVersion is the application's version, on its namespace only: on pods a new version would restart services
	// whose image did not change, on everything else it would fill previews with changes that mean nothing.
	LabelVersion = "app.kubernetes.io/version"
	// LabelManagedBy is always "dmcloud".
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// LabelRole is the [app.Role]; policies and backups go by it.
	LabelRole = "dmcloud.de/role"
	// LabelStorageGroup is on pods that must share a node because they share a volume.
	LabelStorageGroup = "dmcloud.de/storage-group"
	// labelNetworks is what the keys of the labels for networks begin with.
	labelNetworks = "network.dmcloud.de/"
	// inNetwork is the value of such a label.
	inNetwork = "true"
	// AnnotationReason says why an object departs from the rule.
	AnnotationReason = "dmcloud.de/reason"
)

// labelNetwork is on the pods of the services in a network.
func labelNetwork(name string) string { return labelNetworks + name }

// labels are the labels of one application.
type labels struct {
	app     *app.App
	cluster *Cluster
}

// selector is immutable: a change would replace the workload.
func (l labels) selector(service string) map[string]string {
	return map[string]string{LabelName: l.app.Name, LabelComponent: service}
}

// service is the selector and what may change without replacing anything; for pods and what belongs to one service.
func (l labels) service(s *app.Service) map[string]string {
	m := l.object()
	maps.Copy(m, l.selector(s.Name))
	if s.Role != "" {
		m[LabelRole] = string(s.Role)
	}
	return m
}

// object is for the objects that belong to the application as a whole.
func (l labels) object() map[string]string {
	return map[string]string{LabelName: l.app.Name, LabelPartOf: l.cluster.Environment, LabelManagedBy: "dmcloud"}
}
