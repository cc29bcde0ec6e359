package manifest

import (
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/dekcd/dmcloud/components/app"
)

const (
	// startTimeout is how long a workload may take until its containers start: pulling a large image on a small machine
	// counts.
	startTimeout = 20 * time.Minute
	// oldReplicaSets is how many former versions of a Deployment are kept to look at.
	oldReplicaSets = 3
)

// service makes the objects of one service: its identity, what runs it, how others reach it.
func (r *renderer) service(s *app.Service) {
	off := false
	r.add(Object{Value: &corev1.ServiceAccount{
		TypeMeta: typeMeta("v1", "ServiceAccount"), ObjectMeta: r.serviceMeta(s),
		AutomountServiceAccountToken: &off,
	}})
	r.placed(s)
	workload := r.workload(s)
	workload.After = append(workload.After, r.needs(s)...)
	workload.ReplaceWith = r.releases(s)
	r.add(workload)
	if r.reachable(s) {
		for _, name := range append([]string{s.Name}, s.Aliases...) {
			r.add(Object{Value: r.clusterService(s, name)})
		}
	}
	if s.Job == nil && s.Replicas > 1 {
		r.add(Object{Value: r.disruptionBudget(s)})
	}
}

// placed tells the reader of a preview what nodes a service waits for: without one it waits in silence.
func (r *renderer) placed(s *app.Service) {
	var labels []string
	for _, l := range s.Placement {
		labels = append(labels, l.Key+"="+l.Value)
	}
	if len(labels) > 0 {
		r.note("Service %s runs on nodes with these labels only, and waits until there is one: %s.",
			s.Name, strings.Join(labels, ", "))
	}
}

func (r *renderer) serviceMeta(s *app.Service) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: s.Name, Labels: r.labels.service(s)}
}

// kind is the workload kind that keeps the service's promises.
func (r *renderer) kind(s *app.Service) string {
	switch {
	case s.Job != nil:
		return "Job"
	case r.ownsVolume(s):
		return "StatefulSet"
	default:
		return "Deployment"
	}
}

// ownsVolume says whether the service is the only one to write a volume. Such a service becomes a StatefulSet, which
// never runs two pods at once, not even when a node is lost from sight.
func (r *renderer) ownsVolume(s *app.Service) bool {
	return slices.ContainsFunc(mountsOf(s), func(m app.Mount) bool {
		v := r.volumes[m.Volume]
		return v != nil && !v.Shared
	})
}

func (r *renderer) workload(s *app.Service) Object {
	meta := r.serviceMeta(s)
	selector := &metav1.LabelSelector{MatchLabels: r.labels.selector(s.Name)}
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: r.podLabels(s), Annotations: podAnnotations(s)},
		Spec:       r.podSpec(s),
	}
	replicas := narrow(s.Replicas)
	switch r.kind(s) {
	case "Job":
		return r.job(s, meta, template)
	case "StatefulSet":
		return Object{Timeout: patience(s), Value: &appsv1.StatefulSet{
			TypeMeta: typeMeta("apps/v1", "StatefulSet"), ObjectMeta: meta,
			Spec: appsv1.StatefulSetSpec{
				Replicas: &replicas, Selector: selector, Template: template, ServiceName: s.Name,
				// With the default a pod that never gets ready also stops the update that would mend it, see
				// https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback.
				PodManagementPolicy: appsv1.ParallelPodManagement,
			},
		}}
	default:
		history, progress := int32(oldReplicaSets), seconds(patience(s))
		return Object{Timeout: patience(s), Value: &appsv1.Deployment{
			TypeMeta: typeMeta("apps/v1", "Deployment"), ObjectMeta: meta,
			Spec: appsv1.DeploymentSpec{
				Replicas: &replicas, Selector: selector, Template: template,
				Strategy: r.strategy(s), RevisionHistoryLimit: &history, ProgressDeadlineSeconds: &progress,
			},
		}}
	}
}

// patience is how long a workload may take until all its pods are ready: as an update replaces them one by one, each
// has the time to start that its health check gives it.
func patience(s *app.Service) time.Duration {
	if s.Health == nil {
		return startTimeout
	}
	return startTimeout + time.Duration(s.Replicas)*startAllowance(*s.Health)
}

func (r *renderer) podLabels(s *app.Service) map[string]string {
	labels := r.labels.service(s)
	if r.onOneNode(s) {
		labels[LabelStorageGroup] = r.app.Name
	}
	for _, network := range s.Networks {
		labels[labelNetwork(network)] = inNetwork
	}
	return labels
}

func podAnnotations(s *app.Service) map[string]string {
	var reasons []string
	if s.Baseline != nil {
		reasons = append(reasons, "the image's own user: "+s.Baseline.Reason)
	}
	if s.WritableRootReason != "" {
		reasons = append(reasons, "writable root: "+s.WritableRootReason)
	}
	if len(reasons) == 0 {
		return nil
	}
	return map[string]string{AnnotationReason: strings.Join(reasons, "; ")}
}

// strategy stops the old pod first where two at once would do harm; otherwise no request is lost during an update.
func (r *renderer) strategy(s *app.Service) appsv1.DeploymentStrategy {
	if s.Singleton != "" || r.onOneNode(s) {
		return appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}
	}
	none, one := intstr.FromInt32(0), intstr.FromInt32(1)
	return appsv1.DeploymentStrategy{
		Type:          appsv1.RollingUpdateDeploymentStrategyType,
		RollingUpdate: &appsv1.RollingUpdateDeployment{MaxUnavailable: &none, MaxSurge: &one},
	}
}

// job has a fixed name: a change of its pod replaces it, the old one being deleted first.
func (r *renderer) job(s *app.Service, meta metav1.ObjectMeta, template corev1.PodTemplateSpec) Object {
	retries, deadline := narrow(s.Job.Retries), int64(seconds(s.Job.Deadline))
	template.Spec.RestartPolicy = corev1.RestartPolicyNever
	return Object{
		// One minute more than the Job itself has, so that it is Kubernetes that says why it failed.
		Timeout: s.Job.Deadline + time.Minute,
		Value: &batchv1.Job{
			TypeMeta: typeMeta("batch/v1", "Job"), ObjectMeta: meta,
			Spec: batchv1.JobSpec{
				BackoffLimit: &retries, ActiveDeadlineSeconds: &deadline, Template: template,
			},
		},
	}
}

// needs lists the objects that must be ready before the service starts.
func (r *renderer) needs(s *app.Service) []string {
	needs := []string{
		ID("ServiceAccount", s.Name), ID("ResourceQuota", "quota"), ID("NetworkPolicy", "default-deny"),
		ID("NetworkPolicy", "all-to-dns"), ID("NetworkPolicy", "all-within"),
	}
	for _, m := range mountsOf(s) {
		switch {
		case m.Volume != "":
			needs = append(needs, ID("PersistentVolumeClaim", m.Volume))
		case m.Secret != "":
			needs = append(needs, ID("Secret", m.Secret))
		case m.File != "":
			needs = append(needs, ID("ConfigMap", configMapName(r.files[m.File])))
		case m.Folder != "":
			needs = append(needs, ID("ConfigMap", folderName(r.folders[m.Folder])))
		}
	}
	for _, e := range envOf(s) {
		if e.Secret != "" {
			needs = append(needs, ID("Secret", e.Secret))
		}
	}
	for _, d := range s.DependsOn {
		on := r.services[d.Service]
		needs = append(needs, ID(r.kind(on), on.Name))
		if r.reachable(on) {
			needs = append(needs, ID("Service", on.Name))
		}
	}
	for _, e := range r.edgesFrom[s.Name] {
		needs = append(needs, ID("NetworkPolicy", e.Slug()))
	}
	slices.Sort(needs)
	return slices.Compact(needs)
}

// releases lists the release Jobs the service waits for. When such a Job runs again, because the platform's image
// changed, the service is stopped before it and started after it: nothing old writes while data is upgraded.
func (r *renderer) releases(s *app.Service) []string {
	if s.Job != nil {
		return nil
	}
	var jobs []string
	for _, d := range s.DependsOn {
		if on := r.services[d.Service]; on.Job != nil && on.Job.Release {
			jobs = append(jobs, ID("Job", on.Name))
		}
	}
	return jobs
}

// clusterService lets others reach the service under one of its names. Without known ports it has no address of its
// own: the name leads to the pods, whatever they listen on.
func (r *renderer) clusterService(s *app.Service, name string) *corev1.Service {
	meta := r.serviceMeta(s)
	meta.Name = name
	var ports []corev1.ServicePort
	for _, p := range s.Ports {
		ports = append(ports, corev1.ServicePort{
			Name: p.Name, Port: narrow(p.Number), Protocol: corev1.Protocol(p.Protocol),
			TargetPort: intstr.FromInt(p.Number),
		})
	}
	service := &corev1.Service{
		TypeMeta: typeMeta("v1", "Service"), ObjectMeta: meta,
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeClusterIP, Selector: r.labels.selector(s.Name), Ports: ports,
		},
	}
	if len(ports) == 0 {
		service.Spec.ClusterIP = corev1.ClusterIPNone
	}
	return service
}

// disruptionBudget lets nodes be drained, one pod at a time; a pod that is broken anyway never blocks that.
func (r *renderer) disruptionBudget(s *app.Service) *policyv1.PodDisruptionBudget {
	one, always := intstr.FromInt32(1), policyv1.AlwaysAllow
	return &policyv1.PodDisruptionBudget{
		TypeMeta: typeMeta("policy/v1", "PodDisruptionBudget"), ObjectMeta: r.serviceMeta(s),
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable: &one, UnhealthyPodEvictionPolicy: &always,
			Selector: &metav1.LabelSelector{MatchLabels: r.labels.selector(s.Name)},
		},
	}
}

// mountsOf and envOf are those of all containers of the service.
func mountsOf(s *app.Service) []app.Mount {
	mounts := slices.Clone(s.Mounts)
	for _, i := range s.Init {
		mounts = append(mounts, i.Mounts...)
	}
	return mounts
}

func envOf(s *app.Service) []app.EnvVar {
	env := slices.Clone(s.Env)
	for _, i := range s.Init {
		env = append(env, i.Env...)
	}
	return env
}
