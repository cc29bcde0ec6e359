package manifest

import (
	"math"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/dekcd/dmcloud/components/app"
)

// defaultScratch is the most a scratch folder may hold when the application does not say.
const defaultScratch = 1 << 30

// podSpec makes a pod that the Pod Security Standard "restricted" accepts.
func (r *renderer) podSpec(s *app.Service) corev1.PodSpec {
	off := false
	volumes := &podVolumes{renderer: r, names: map[string]string{}}
	spec := corev1.PodSpec{
		ServiceAccountName:           s.Name,
		AutomountServiceAccountToken: &off,
		EnableServiceLinks:           &off,
		SecurityContext:              r.podSecurity(s),
		Hostname:                     s.Hostname,
	}
	for _, h := range s.ExtraHosts {
		spec.HostAliases = append(spec.HostAliases, corev1.HostAlias{IP: h.Address, Hostnames: slices.Clone(h.Names)})
	}
	for _, l := range s.Placement {
		if spec.NodeSelector == nil {
			spec.NodeSelector = map[string]string{}
		}
		spec.NodeSelector[l.Key] = l.Value
	}
	if s.StopGrace > 0 {
		grace := int64(seconds(s.StopGrace))
		spec.TerminationGracePeriodSeconds = &grace
	}
	for i := range s.Init {
		init := &s.Init[i]
		spec.InitContainers = append(spec.InitContainers, corev1.Container{
			Name: init.Name, Image: init.Image, ImagePullPolicy: corev1.PullIfNotPresent,
			Command: literal(init.Entrypoint, nil), Args: literal(init.Args, nil),
			Env: environment(init.Env), VolumeMounts: volumes.mounts(init.Mounts),
			SecurityContext: containerSecurity(s, init.User), Resources: initResources(s.Resources),
		})
	}
	main := corev1.Container{
		Name: s.Name, Image: s.Image, ImagePullPolicy: corev1.PullIfNotPresent,
		Command: literal(s.Entrypoint, s.Expand), Args: literal(s.Args, s.Expand), WorkingDir: s.WorkingDir,
		Env: environment(s.Env), VolumeMounts: append(volumes.mounts(s.Mounts), volumes.writable(s)...),
		SecurityContext: containerSecurity(s, app.User{}), Resources: resources(s.Resources),
		TTY: s.Terminal, Stdin: s.Input,
	}
	for _, p := range s.Ports {
		main.Ports = append(main.Ports, corev1.ContainerPort{
			Name: p.Name, ContainerPort: narrow(p.Number), Protocol: corev1.Protocol(p.Protocol),
		})
	}
	if s.Health != nil && s.Job == nil {
		main.StartupProbe, main.ReadinessProbe, main.LivenessProbe = probes(*s.Health)
	}
	main.Lifecycle = lifecycle(s)
	spec.Containers = []corev1.Container{main}
	spec.Volumes = volumes.list
	spec.Affinity = r.sameNode(s)
	spec.TopologySpreadConstraints = r.spread(s)
	return spec
}

// lifecycle runs commands beside the container's own. They are not expanded, so they need no protection either.
func lifecycle(s *app.Service) *corev1.Lifecycle {
	if len(s.PostStart)+len(s.PreStop) == 0 {
		return nil
	}
	l := &corev1.Lifecycle{}
	if len(s.PostStart) > 0 {
		l.PostStart = &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: s.PostStart}}
	}
	if len(s.PreStop) > 0 {
		l.PreStop = &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: s.PreStop}}
	}
	return l
}

// podSecurity says who the pod's processes are, and whose its volumes.
func (r *renderer) podSecurity(s *app.Service) *corev1.PodSecurityContext {
	security := &corev1.PodSecurityContext{
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	security.SupplementalGroups = slices.Clone(s.Groups)
	user := s.User // a copy: the objects must not share memory with the application
	if s.Baseline == nil {
		on := true
		security.RunAsNonRoot = &on
	}
	if user.UID != 0 {
		onMismatch, group := corev1.FSGroupChangeOnRootMismatch, r.groups[s.Name]
		security.RunAsUser, security.RunAsGroup, security.FSGroup = &user.UID, &user.GID, &group
		security.FSGroupChangePolicy = &onMismatch
	}
	low := slices.ContainsFunc(s.Ports, func(p app.Port) bool { return p.Number < firstUnprivilegedPort })
	if low && !slices.ContainsFunc(s.Sysctls, func(c app.Sysctl) bool { return c.Name == lowPorts }) {
		security.Sysctls = append(security.Sysctls, corev1.Sysctl{Name: lowPorts, Value: "0"})
	}
	for _, c := range s.Sysctls {
		security.Sysctls = append(security.Sysctls, corev1.Sysctl{Name: c.Name, Value: c.Value})
	}
	return security
}

const (
	// lowPorts lets everybody in the pod's own network listen on low ports, as Docker does, without a capability.
	lowPorts              = "net.ipv4.ip_unprivileged_port_start"
	firstUnprivilegedPort = 1024
)

// literal protects text from Kubernetes, which puts the values of variables where a word or a value says $(NAME); only
// the names given are left to it. See
// https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/.
func literal(words []string, expand []string) []string {
	if words == nil {
		return nil
	}
	out := make([]string, 0, len(words))
	for _, word := range words {
		out = append(out, literalText(word, expand))
	}
	return out
}

func literalText(text string, expand []string) string {
	if !strings.Contains(text, "$$") && !strings.Contains(text, "$(") {
		return text
	}
	var b strings.Builder
	for i := range len(text) {
		b.WriteByte(text[i])
		if text[i] != '$' || i+1 == len(text) || text[i+1] != '$' && text[i+1] != '(' {
			continue
		}
		named := slices.ContainsFunc(expand, func(name string) bool { return strings.HasPrefix(text[i+1:], "("+name+")") })
		if !named {
			b.WriteByte('$')
		}
	}
	return b.String()
}

// containerSecurity hardens one container. user overrides the pod's where an init container runs an image of its own.
func containerSecurity(s *app.Service, user app.User) *corev1.SecurityContext {
	off, readOnly := false, s.ReadOnlyRoot
	security := &corev1.SecurityContext{
		AllowPrivilegeEscalation: &off,
		ReadOnlyRootFilesystem:   &readOnly,
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
	switch {
	case s.Baseline == nil:
		on := true
		security.RunAsNonRoot = &on
	case s.Baseline.StepDown:
		security.Capabilities.Add = append(security.Capabilities.Add,
			"CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID")
	}
	if s.BindCapability {
		security.Capabilities.Add = append(security.Capabilities.Add, "NET_BIND_SERVICE")
	}
	if user.UID != 0 {
		security.RunAsUser, security.RunAsGroup = &user.UID, &user.GID
	}
	return security
}

// environment sets literals, and refers to secrets.
func environment(vars []app.EnvVar) []corev1.EnvVar {
	var env []corev1.EnvVar
	for _, v := range vars {
		if v.Secret == "" {
			env = append(env, corev1.EnvVar{Name: v.Name, Value: literalText(v.Value, nil)})
			continue
		}
		env = append(env, corev1.EnvVar{Name: v.Name, ValueFrom: &corev1.EnvVarSource{
			SecretKeyRef: &corev1.SecretKeySelector{
				LocalObjectReference: corev1.LocalObjectReference{Name: v.Secret}, Key: SecretKey,
			},
		}})
	}
	return env
}

func resources(need app.Resources) corev1.ResourceRequirements {
	need = withDefaults(need)
	r := corev1.ResourceRequirements{
		Requests: corev1.ResourceList{
			corev1.ResourceCPU: millicores(need.CPURequest), corev1.ResourceMemory: bytes(need.MemoryRequest),
		},
		Limits: corev1.ResourceList{corev1.ResourceMemory: bytes(need.MemoryLimit)},
	}
	if need.CPULimit > 0 {
		r.Limits[corev1.ResourceCPU] = millicores(need.CPULimit)
	}
	if need.GPUs > 0 {
		r.Limits[resourceGPU] = *resource.NewQuantity(need.GPUs, resource.DecimalSI)
	}
	return r
}

// resourceGPU is what the device plugin of NVIDIA calls a whole GPU.
const resourceGPU corev1.ResourceName = "nvidia.com/gpu"

// initResources are those of the service itself but for devices, which only its own container uses.
func initResources(need app.Resources) corev1.ResourceRequirements {
	need.GPUs = 0
	return resources(need)
}

const (
	// startupPeriod is how often a starting container is asked.
	startupPeriod = 5 * time.Second
	// livenessPatience is how many times more failures than readiness a container may have before it is restarted:
	// taking a slow pod out of service helps, killing it under load does not.
	livenessPatience = 3
)

// probes makes the three probes of one health check: a long start, then readiness, and a patient liveness.
func probes(h app.Health) (startup, readiness, liveness *corev1.Probe) {
	var handler corev1.ProbeHandler
	switch {
	case h.HTTP != "":
		handler.HTTPGet = &corev1.HTTPGetAction{Path: h.HTTP, Port: intstr.FromInt(h.Port)}
	case len(h.Exec) > 0:
		handler.Exec = &corev1.ExecAction{Command: h.Exec}
	default:
		handler.TCPSocket = &corev1.TCPSocketAction{Port: intstr.FromInt(h.Port)}
	}
	probe := func(period time.Duration, failures int) *corev1.Probe {
		return &corev1.Probe{
			ProbeHandler: handler, PeriodSeconds: seconds(period), TimeoutSeconds: seconds(h.Timeout),
			FailureThreshold: narrow(failures),
		}
	}
	starts := int((startAllowance(h) + startupPeriod - 1) / startupPeriod)
	return probe(startupPeriod, starts), probe(h.Interval, h.Retries), probe(h.Interval, h.Retries*livenessPatience)
}

// startAllowance is how long a container may take to start. As in Compose, failures count only after the start period,
// and it takes as many as of a running container.
func startAllowance(h app.Health) time.Duration {
	return h.StartPeriod + time.Duration(h.Retries)*h.Interval
}

// seconds rounds up to at least one: the API knows no fractions, and reads 0 as "at once" or "the default".
func seconds(d time.Duration) int32 { return narrow(int(max((d+time.Second-1)/time.Second, 1))) }

// narrow fits a number that validation has found not to be negative into the API's 32 bits.
func narrow(n int) int32 { return int32(min(max(n, 0), math.MaxInt32)) }

// sameNode keeps the pods that share a volume which one node can write on that node.
func (r *renderer) sameNode(s *app.Service) *corev1.Affinity {
	if !r.onOneNode(s) {
		return nil
	}
	return &corev1.Affinity{PodAffinity: &corev1.PodAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
			TopologyKey:   corev1.LabelHostname,
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{LabelStorageGroup: r.app.Name}},
		}},
	}}
}

// spread puts replicas on different nodes and zones where there are such.
func (r *renderer) spread(s *app.Service) []corev1.TopologySpreadConstraint {
	if s.Replicas < 2 || s.Job != nil {
		return nil
	}
	var constraints []corev1.TopologySpreadConstraint
	for _, key := range []string{corev1.LabelHostname, corev1.LabelTopologyZone} {
		constraints = append(constraints, corev1.TopologySpreadConstraint{
			MaxSkew: 1, TopologyKey: key, WhenUnsatisfiable: corev1.ScheduleAnyway,
			LabelSelector: &metav1.LabelSelector{MatchLabels: r.labels.selector(s.Name)},
		})
	}
	return constraints
}

// podVolumes collects the volumes that the mounts of a pod's containers need, each once.
type podVolumes struct {
	renderer *renderer
	list     []corev1.Volume
	// names holds the names of the volumes by what they are of.
	names map[string]string
}

func (p *podVolumes) mounts(mounts []app.Mount) []corev1.VolumeMount {
	var out []corev1.VolumeMount
	for _, m := range mounts {
		mount := corev1.VolumeMount{MountPath: m.Path, SubPath: m.SubPath, ReadOnly: m.ReadOnly}
		switch {
		case m.Volume != "":
			mount.Name = p.claim(m.Volume)
		case m.Scratch != "":
			mount.Name = p.scratch(m.Scratch, m.Scratch, 0, false)
		case m.File != "":
			// A file is placed by subPath, beside whatever the image has in that folder.
			mount.Name, mount.SubPath, mount.ReadOnly = p.file(m.File), fileKey, true
		case m.Folder != "":
			mount.Name, mount.ReadOnly = p.folder(m.Folder), true
		case m.Secret != "":
			mount.Name, mount.SubPath, mount.ReadOnly = p.secret(m.Secret), SecretKey, true
		}
		out = append(out, mount)
	}
	return out
}

// writable makes the scratch folders in a read-only root.
func (p *podVolumes) writable(s *app.Service) []corev1.VolumeMount {
	var out []corev1.VolumeMount
	for _, w := range s.WritablePaths {
		name := "writable" + strings.NewReplacer("/", "-", ".", "-", "_", "-").Replace(w.Path)
		out = append(out, corev1.VolumeMount{
			Name: p.scratch(strings.ToLower(name), w.Path, w.Size, w.Memory), MountPath: w.Path,
		})
	}
	return out
}

// add gives the volume of what of is, under the wanted name where that is a DNS label nothing else in the pod has.
func (p *podVolumes) add(of, name string, source corev1.VolumeSource) string {
	if known, ok := p.names[of]; ok {
		return known
	}
	taken := slices.ContainsFunc(p.list, func(v corev1.Volume) bool { return v.Name == name })
	if taken || len(validation.IsDNS1123Label(name)) > 0 {
		name = "volume-" + shortHash(of)
	}
	p.names[of] = name
	p.list = append(p.list, corev1.Volume{Name: name, VolumeSource: source})
	return name
}

func (p *podVolumes) claim(volume string) string {
	return p.add("claim "+volume, volume, corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: volume},
	})
}

// scratch is the empty folder known as of: a name that containers share, or a path of one.
func (p *podVolumes) scratch(name, of string, size int64, memory bool) string {
	if size == 0 {
		size = defaultScratch
	}
	limit := bytes(size)
	source := &corev1.EmptyDirVolumeSource{SizeLimit: &limit}
	if memory {
		source.Medium = corev1.StorageMediumMemory
	}
	return p.add("scratch "+of, name, corev1.VolumeSource{EmptyDir: source})
}

func (p *podVolumes) file(name string) string {
	f := p.renderer.files[name]
	mode := fileMode(f.Mode)
	return p.add("file "+name, "file-"+name, corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
		LocalObjectReference: corev1.LocalObjectReference{Name: configMapName(f)}, DefaultMode: &mode,
	}})
}

// folder puts each key of the ConfigMap back to where the file was.
func (p *podVolumes) folder(name string) string {
	f := p.renderer.folders[name]
	mode := fileMode(f.Mode)
	items := make([]corev1.KeyToPath, 0, len(f.Files))
	for i, file := range f.Files {
		items = append(items, corev1.KeyToPath{Key: folderKey(i, file.Path), Path: file.Path})
	}
	return p.add("folder "+name, "folder-"+name, corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
		LocalObjectReference: corev1.LocalObjectReference{Name: folderName(f)}, DefaultMode: &mode, Items: items,
	}})
}

func fileMode(mode int) int32 {
	if mode == 0 {
		return 0o444
	}
	return narrow(mode)
}

// secret is readable by the pod's group only, which fsGroup sets.
func (p *podVolumes) secret(name string) string {
	mode := int32(0o440)
	return p.add("secret "+name, "secret-"+name, corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
		SecretName: name, DefaultMode: &mode,
	}})
}
