package rules

import (
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/policy"
)

// workloads are the kinds that contain a pod, with the way to its spec.
func workloads() map[string][]string {
	template := []string{"spec", "template", "spec"}
	return map[string][]string{
		"core/Pod":                   {"spec"},
		"core/PodTemplate":           {"template", "spec"},
		"core/ReplicationController": template,
		"apps/Deployment":            template,
		"apps/StatefulSet":           template,
		"apps/DaemonSet":             template,
		"apps/ReplicaSet":            template,
		"batch/Job":                  template,
		"batch/CronJob":              {"spec", "jobTemplate", "spec", "template", "spec"},
	}
}

// workloadKinds are the kinds that contain a pod, in the order of the documentation.
func workloadKinds() []string {
	return []string{
		"apps/Deployment", "apps/StatefulSet", "apps/DaemonSet", "apps/ReplicaSet", "batch/Job", "batch/CronJob",
		"core/Pod", "core/ReplicationController", "core/PodTemplate",
	}
}

// containerLists are the members of a pod spec that hold containers, as the Pod Security Standards count them.
func containerLists() []string {
	return []string{"initContainers", "containers", "ephemeralContainers"}
}

// pod is the pod of a workload in the types of the Kubernetes API.
//
// Where a value is unknown or malformed, and where a patch leaves a field to the object's owner, spec holds what
// satisfies the Pod Security Standards. So a check that fails on spec fails whatever those values turn out to be.
type pod struct {
	at     field
	spec   corev1.PodSpec
	issues []issue
}

// pod decodes the pod of a workload, once.
func (o *object) pod() *pod {
	if o.decoded == nil {
		p := &pod{at: o.root.get(workloads()[o.kind.String()]...)}
		p.issues = decode(p.at, &p.spec)
		for _, i := range p.issues {
			p.assume(i.keys)
		}
		if o.patch {
			p.assumeAbsent()
		}
		o.decoded = p
	}
	return o.decoded
}

// assumption is a field whose absence violates the restricted standard, and how to satisfy it.
type assumption[T any] struct {
	keys []string
	set  func(*T)
}

func podAssumptions() []assumption[corev1.PodSpec] {
	return []assumption[corev1.PodSpec]{
		{[]string{"os", "name"}, func(s *corev1.PodSpec) { s.OS = &corev1.PodOS{Name: corev1.Windows} }},
		{[]string{"hostUsers"}, func(s *corev1.PodSpec) { s.HostUsers = new(false) }},
		{[]string{"securityContext", "runAsNonRoot"}, func(s *corev1.PodSpec) {
			ensure(&s.SecurityContext).RunAsNonRoot = new(true)
		}},
		{[]string{"securityContext", "seccompProfile", "type"}, func(s *corev1.PodSpec) {
			ensure(&ensure(&s.SecurityContext).SeccompProfile).Type = corev1.SeccompProfileTypeRuntimeDefault
		}},
	}
}

func containerAssumptions() []assumption[corev1.Container] {
	return []assumption[corev1.Container]{
		{[]string{"securityContext", "allowPrivilegeEscalation"}, func(c *corev1.Container) {
			ensure(&c.SecurityContext).AllowPrivilegeEscalation = new(false)
		}},
		{[]string{"securityContext", "runAsNonRoot"}, func(c *corev1.Container) {
			ensure(&c.SecurityContext).RunAsNonRoot = new(true)
		}},
		{[]string{"securityContext", "seccompProfile", "type"}, func(c *corev1.Container) {
			ensure(&ensure(&c.SecurityContext).SeccompProfile).Type = corev1.SeccompProfileTypeRuntimeDefault
		}},
		{[]string{"securityContext", "capabilities", "drop"}, func(c *corev1.Container) {
			caps := ensure(&ensure(&c.SecurityContext).Capabilities)
			caps.Drop = append(caps.Drop, "ALL")
		}},
	}
}

// ensure makes a pointer point somewhere.
func ensure[T any](p **T) *T {
	if *p == nil {
		*p = new(T)
	}
	return *p
}

// assume sets what satisfies the standards at, above and below a place that could not be decoded.
func (p *pod) assume(keys []string) {
	if len(keys) > 0 && slices.Contains(containerLists(), keys[0]) {
		if len(keys) == 1 {
			return
		}
		container := p.container(keys[0], keys[1])
		for _, a := range containerAssumptions() {
			if overlap(keys[2:], a.keys) {
				a.set(container)
			}
		}
		return
	}
	for _, a := range podAssumptions() {
		if overlap(keys, a.keys) {
			a.set(&p.spec)
		}
	}
}

// assumeAbsent sets what satisfies the standards wherever a patch says nothing.
func (p *pod) assumeAbsent() {
	ensure(&p.spec.SecurityContext)
	if sc := p.spec.SecurityContext; sc.RunAsNonRoot == nil {
		sc.RunAsNonRoot = new(true)
	}
	if profile := ensure(&p.spec.SecurityContext.SeccompProfile); profile.Type == "" {
		profile.Type = corev1.SeccompProfileTypeRuntimeDefault
	}
	p.eachContainer(func(_ string, _ int, c *corev1.Container) {
		sc := ensure(&c.SecurityContext)
		if sc.AllowPrivilegeEscalation == nil {
			sc.AllowPrivilegeEscalation = new(false)
		}
		if caps := ensure(&sc.Capabilities); len(caps.Drop) == 0 {
			caps.Drop = []corev1.Capability{"ALL"}
		}
	})
}

// container is an element of a container list; the place it names was found by decoding, so it exists.
func (p *pod) container(list, index string) *corev1.Container {
	var found *corev1.Container
	p.eachContainer(func(l string, i int, c *corev1.Container) {
		if l == list && strconv.Itoa(i) == index {
			found = c
		}
	})
	return found
}

func (p *pod) eachContainer(visit func(list string, index int, c *corev1.Container)) {
	for i := range p.spec.InitContainers {
		visit("initContainers", i, &p.spec.InitContainers[i])
	}
	for i := range p.spec.Containers {
		visit("containers", i, &p.spec.Containers[i])
	}
	for i := range p.spec.EphemeralContainers {
		visit("ephemeralContainers", i, (*corev1.Container)(&p.spec.EphemeralContainers[i].EphemeralContainerCommon))
	}
}

// overlap says whether one place contains the other. "*" in pattern is any list element.
func overlap(keys, pattern []string) bool {
	for i := range min(len(keys), len(pattern)) {
		if keys[i] != pattern[i] && pattern[i] != "*" {
			return false
		}
	}
	return true
}

// podCheck is one check of the Pod Security Standards, run by the evaluator of the API server itself.
//
// The evaluator says which containers offend, as text. To name the field, the check is repeated on each part of the pod
// alone; the parts are the places the check reads.
type podCheck struct {
	run policy.CheckPodFn
	// problem is what is wrong, in our words: those of the evaluator quote values.
	problem string
	// pod are the fields it reads once per pod.
	pod []podPart
	// container is the field it reads in every container; empty when it reads none.
	container []string
	// elements, when container leads through a list ("*"), makes a container of each element, with nothing else in it.
	elements func(corev1.Container) []corev1.Container
}

// podPart is a field of a pod spec.
type podPart struct {
	keys []string
	// split makes a pod spec of each place where the field stands, with nothing else in it.
	split func(corev1.PodSpec) []corev1.PodSpec
}

// newest is the check as the newest API server runs it.
func newest(c policy.Check) policy.CheckPodFn {
	return c.Versions[len(c.Versions)-1].CheckPod
}

// podRule makes the check function of a rule from checks of the Pod Security Standards.
func podRule(checks ...podCheck) func(*object) []verdict {
	return func(o *object) []verdict {
		c := collector{on: o}
		for _, check := range checks {
			check.on(o.pod(), &c)
		}
		return c.verdicts
	}
}

func (k podCheck) on(p *pod, c *collector) {
	for _, i := range p.issues {
		if k.reads(i.keys) {
			c.other(field{path: i.path}, i.state)
		}
	}
	if k.run(&metav1.ObjectMeta{}, &p.spec).Allowed {
		return
	}
	located := k.locate(p, func(path string) { c.violated(path, "%s", k.problem) })
	if !located {
		c.violated(p.at.path, "%s", k.problem)
	}
}

// reads says whether the check depends on a place.
func (k podCheck) reads(keys []string) bool {
	if len(keys) > 0 && slices.Contains(containerLists(), keys[0]) {
		return len(k.container) > 0 && (len(keys) <= 2 || overlap(keys[2:], k.container))
	}
	if len(keys) == 0 {
		return true
	}
	return slices.ContainsFunc(k.pod, func(part podPart) bool { return overlap(keys, part.keys) })
}

// locate names each place that makes the check fail on its own, and says whether there was one.
func (k podCheck) locate(p *pod, found func(path string)) bool {
	located := false
	fails := func(s *corev1.PodSpec) bool { return !k.run(&metav1.ObjectMeta{}, s).Allowed }
	podFails := false
	for _, part := range k.pod {
		for i, alone := range part.split(p.spec) {
			if fails(&alone) {
				found(below(p.at.path, part.keys, i))
				located, podFails = true, true
			}
		}
	}
	if len(k.container) == 0 {
		return located
	}
	around := corev1.PodSpec{OS: p.spec.OS, HostUsers: p.spec.HostUsers, SecurityContext: p.spec.SecurityContext}
	if podFails {
		// The pod's own field is reported already; a container offends only by what it says itself.
		around.SecurityContext = &corev1.PodSecurityContext{
			RunAsNonRoot:   new(true),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		}
	}
	p.eachContainer(func(list string, index int, container *corev1.Container) {
		parts := []corev1.Container{*container}
		if k.elements != nil {
			parts = k.elements(*container)
		}
		for i, part := range parts {
			around.Containers = []corev1.Container{part}
			if fails(&around) {
				found(below(below(p.at.path, []string{list, "*"}, index), k.container, i))
				located = true
			}
		}
	})
	return located
}

// below appends keys to a path; "*" is the list element with the index.
func below(path string, keys []string, index int) string {
	for _, key := range keys {
		if key == "*" {
			path += "[" + strconv.Itoa(index) + "]"
		} else {
			path = joinPath(path, key)
		}
	}
	return path
}

// only makes a part of a field that stands once.
func only(keep func(from corev1.PodSpec) corev1.PodSpec, keys ...string) podPart {
	return podPart{keys: keys, split: func(s corev1.PodSpec) []corev1.PodSpec { return []corev1.PodSpec{keep(s)} }}
}

// inSecurityContext makes a part of a field of the pod's security context.
func inSecurityContext(keys ...string) podPart {
	return only(func(s corev1.PodSpec) corev1.PodSpec {
		return corev1.PodSpec{SecurityContext: s.SecurityContext, OS: s.OS, HostUsers: s.HostUsers}
	}, append([]string{"securityContext"}, keys...)...)
}

// affects is a field that changes the verdict on others but can't offend itself.
func affects(keys ...string) podPart {
	return podPart{keys: keys, split: func(corev1.PodSpec) []corev1.PodSpec { return nil }}
}

func privilegedCheck() podCheck {
	return podCheck{
		run: newest(policy.CheckPrivileged()), problem: "must not be true",
		container: []string{"securityContext", "privileged"},
	}
}

func hostNamespacesCheck() podCheck {
	return podCheck{
		run: newest(policy.CheckHostNamespaces()), problem: "must not be true",
		pod: []podPart{
			only(func(s corev1.PodSpec) corev1.PodSpec { return corev1.PodSpec{HostNetwork: s.HostNetwork} }, "hostNetwork"),
			only(func(s corev1.PodSpec) corev1.PodSpec { return corev1.PodSpec{HostPID: s.HostPID} }, "hostPID"),
			only(func(s corev1.PodSpec) corev1.PodSpec { return corev1.PodSpec{HostIPC: s.HostIPC} }, "hostIPC"),
		},
	}
}

func runAsNonRootCheck() podCheck {
	return podCheck{
		run: newest(policy.CheckRunAsNonRoot()), problem: "must be true here or for the whole pod",
		pod:       []podPart{inSecurityContext("runAsNonRoot"), affects("hostUsers")},
		container: []string{"securityContext", "runAsNonRoot"},
	}
}

func runAsUserCheck() podCheck {
	return podCheck{
		run: newest(policy.CheckRunAsUser()), problem: "must not be 0",
		pod:       []podPart{inSecurityContext("runAsUser"), affects("hostUsers")},
		container: []string{"securityContext", "runAsUser"},
	}
}

func privilegeEscalationCheck() podCheck {
	return podCheck{
		run: newest(policy.CheckAllowPrivilegeEscalation()), problem: "must be false",
		pod:       []podPart{affects("os", "name")},
		container: []string{"securityContext", "allowPrivilegeEscalation"},
	}
}

func capabilitiesCheck() podCheck {
	return podCheck{
		run: newest(policy.CheckCapabilitiesRestricted()), problem: "must drop ALL and add at most NET_BIND_SERVICE",
		pod:       []podPart{affects("os", "name")},
		container: []string{"securityContext", "capabilities"},
	}
}

func seccompCheck() podCheck {
	return podCheck{
		run:       newest(policy.CheckSeccompProfileRestricted()),
		problem:   "must be RuntimeDefault or Localhost, here or for the whole pod",
		pod:       []podPart{inSecurityContext("seccompProfile", "type"), affects("os", "name")},
		container: []string{"securityContext", "seccompProfile", "type"},
	}
}

func hostPortsCheck() podCheck {
	return podCheck{
		run: newest(policy.CheckHostPorts()), problem: "must not be set",
		container: []string{"ports", "*", "hostPort"},
		elements: func(c corev1.Container) []corev1.Container {
			parts := make([]corev1.Container, len(c.Ports))
			for i, port := range c.Ports {
				parts[i].Ports = []corev1.ContainerPort{port}
			}
			return parts
		},
	}
}

func hostPathCheck() podCheck {
	return podCheck{
		run: newest(policy.CheckHostPathVolumes()), problem: "must not be used: it is a path of the node",
		pod: []podPart{{
			keys: []string{"volumes", "*", "hostPath"},
			split: func(s corev1.PodSpec) []corev1.PodSpec {
				parts := make([]corev1.PodSpec, len(s.Volumes))
				for i, v := range s.Volumes {
					parts[i].Volumes = []corev1.Volume{v}
				}
				return parts
			},
		}},
	}
}
