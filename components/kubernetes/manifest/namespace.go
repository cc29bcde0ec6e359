package manifest

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dekcd/dmcloud/components/app"
)

// What a container gets when it says nothing itself: a hand-made pod in this namespace is bounded too.
const (
	defaultCPURequest    = 50 // millicores
	defaultMemoryRequest = 128 << 20
	defaultMemoryLimit   = 256 << 20
)

// namespace makes the fence around an application: its namespace with Pod Security, and how much it may use.
func (r *renderer) namespace() {
	meta := r.meta(r.app.Name)
	if r.app.Version != "" {
		meta.Labels[LabelVersion] = r.app.Version
	}
	for _, mode := range []string{"enforce", "audit", "warn"} {
		meta.Labels["pod-security.kubernetes.io/"+mode] = "restricted"
		if mode == "enforce" {
			meta.Labels["pod-security.kubernetes.io/"+mode] = r.standard()
		}
		meta.Labels["pod-security.kubernetes.io/"+mode+"-version"] = r.cluster.PodSecurityVersion
	}
	r.add(Object{
		Value:   &corev1.Namespace{TypeMeta: typeMeta("v1", "Namespace"), ObjectMeta: meta},
		Protect: r.cluster.Protect && r.keepsData(),
	})
	r.add(Object{Value: &corev1.ResourceQuota{
		TypeMeta: typeMeta("v1", "ResourceQuota"), ObjectMeta: r.meta("quota"),
		Spec: corev1.ResourceQuotaSpec{Hard: r.quota()},
	}})
	r.add(Object{Value: &corev1.LimitRange{
		TypeMeta: typeMeta("v1", "LimitRange"), ObjectMeta: r.meta("container-defaults"),
		Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
			Type: corev1.LimitTypeContainer,
			DefaultRequest: corev1.ResourceList{
				corev1.ResourceCPU: millicores(defaultCPURequest), corev1.ResourceMemory: bytes(defaultMemoryRequest),
			},
			Default: corev1.ResourceList{corev1.ResourceMemory: bytes(defaultMemoryLimit)},
		}}},
	}})
}

// quota adds up what the application asks for, with room for one more instance of each service during an update, and
// refuses the kinds of Service that open ports to the world.
func (r *renderer) quota() corev1.ResourceList {
	var pods, cpu, memory, memoryLimit, storage int64
	for _, s := range r.app.Services {
		instances := int64(s.Replicas) + 1
		need := withDefaults(s.Resources)
		pods += instances
		cpu += instances * need.CPURequest
		memory += instances * need.MemoryRequest
		memoryLimit += instances * need.MemoryLimit
	}
	for _, v := range r.app.Volumes {
		storage += v.Size
	}
	openings := *resource.NewQuantity(int64(len(r.app.Openings)), resource.DecimalSI)
	return corev1.ResourceList{
		corev1.ResourcePods:                   *resource.NewQuantity(pods, resource.DecimalSI),
		corev1.ResourceRequestsCPU:            millicores(cpu),
		corev1.ResourceRequestsMemory:         bytes(memory),
		corev1.ResourceLimitsMemory:           bytes(memoryLimit),
		corev1.ResourceRequestsStorage:        bytes(storage),
		corev1.ResourcePersistentVolumeClaims: *resource.NewQuantity(int64(len(r.app.Volumes)), resource.DecimalSI),
		corev1.ResourceServicesLoadBalancers:  openings,
		// A load balancer reaches the pods through a port of each node.
		corev1.ResourceServicesNodePorts: openings,
	}
}

// standard is the Pod Security Standard that the namespace can enforce. What else runs in a namespace with an exception
// is still made for "restricted", and the API server warns where it is not.
func (r *renderer) standard() string {
	if slices.ContainsFunc(r.app.Services, func(s app.Service) bool { return s.Baseline != nil }) {
		return "baseline"
	}
	return "restricted"
}

func (r *renderer) keepsData() bool {
	for _, v := range r.app.Volumes {
		if v.Data {
			return true
		}
	}
	return false
}

// withDefaults fills in what the LimitRange would.
func withDefaults(n app.Resources) app.Resources {
	if n.CPURequest == 0 {
		n.CPURequest = defaultCPURequest
	}
	if n.MemoryLimit == 0 {
		n.MemoryLimit = max(defaultMemoryLimit, n.MemoryRequest)
	}
	if n.MemoryRequest == 0 {
		n.MemoryRequest = min(defaultMemoryRequest, n.MemoryLimit)
	}
	return n
}

func typeMeta(version, kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: version, Kind: kind}
}

func bytes(n int64) resource.Quantity { return *resource.NewQuantity(n, resource.BinarySI) }

func millicores(n int64) resource.Quantity { return *resource.NewMilliQuantity(n, resource.DecimalSI) }
