package manifest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/internal/kubelet"
	"github.com/dekcd/dmcloud/components/kubernetes/internal/lab"
	"github.com/dekcd/dmcloud/components/kubernetes/manifest"
)

// small is an application of services that run for ever and have a user, each changed first.
func small(change func(s *app.Service), names ...string) app.App {
	a := app.App{Name: "small"}
	for _, name := range names {
		s := app.Service{
			Name: name, Image: "registry.example.org/app:1.0", Role: app.RoleWorker, User: app.User{UID: 1000, GID: 2000},
			Replicas: 1, WritableRootReason: "it is a test",
		}
		if change != nil {
			change(&s)
		}
		a.Services = append(a.Services, s)
	}
	return a
}

func render(t *testing.T, a app.App) manifest.Manifests {
	t.Helper()
	m, err := manifest.Render(a, lab.Cluster())
	require.NoError(t, err)
	return m
}

// pod is that of the only service of a small application.
func pod(t *testing.T, change func(s *app.Service)) corev1.PodTemplateSpec {
	t.Helper()
	return podsOf(render(t, small(change, "web")))["Deployment/web"]
}

func listening(numbers ...int) []app.Port {
	var ports []app.Port
	for _, number := range numbers {
		ports = append(ports, app.Port{Name: fmt.Sprintf("tcp-%d", number), Number: number, Protocol: app.TCP})
	}
	return ports
}

func TestEachNameOfAServiceLeadsToIt(t *testing.T) {
	t.Parallel()
	m := render(t, small(func(s *app.Service) {
		s.Ports, s.Aliases = listening(80), []string{"api", "www"}
	}, "web"))
	for _, name := range []string{"web", "api", "www"} {
		service := one[corev1.Service](t, m, name)
		assert.Equal(t, map[string]string{manifest.LabelName: "small", manifest.LabelComponent: "web"}, service.Spec.Selector)
		assert.Equal(t, corev1.ServiceTypeClusterIP, service.Spec.Type)
		assert.Empty(t, service.Spec.ClusterIP, "an address of its own")
		require.Len(t, service.Spec.Ports, 1)
		assert.Equal(t, int32(80), service.Spec.Ports[0].Port)
	}
	assert.Len(t, all[corev1.Service](m), 3)
}

func TestWhatIsReachedOnPortsNobodyKnowsHasANameOnly(t *testing.T) {
	t.Parallel()
	a := small(nil, "web", "queue", "idle")
	a.Service("web").ConnectsTo = []string{"queue"}
	a.Service("queue").Aliases = []string{"broker"}
	m := render(t, a)
	for _, name := range []string{"queue", "broker"} {
		assert.Equal(t, corev1.ClusterIPNone, one[corev1.Service](t, m, name).Spec.ClusterIP)
		assert.Empty(t, one[corev1.Service](t, m, name).Spec.Ports)
	}
	assert.Len(t, all[corev1.Service](m), 2, "nobody looks for the others")
	assert.Equal(t, []int{22, 80, 5432, 9000}, reached(t, a, "Deployment/web", "Deployment/queue"), "on all ports")
	assert.Empty(t, reached(t, a, "Deployment/idle", "Deployment/queue"))
	assert.Empty(t, reached(t, a, "Deployment/queue", "Deployment/web"))
}

// reached lists which of some ports a pod of the application reaches at another.
func reached(t *testing.T, a app.App, from, to string) []int {
	t.Helper()
	m := render(t, a)
	n, pods := network{policies: all[networkingv1.NetworkPolicy](m)}, podsOf(m)
	end := func(id string) endpoint {
		require.Contains(t, pods, id)
		return endpoint{name: id, namespace: a.Name, labels: pods[id].Labels}
	}
	var ports []int
	for _, port := range []int{22, 80, 5432, 9000} {
		if n.allows(end(from), end(to), corev1.ProtocolTCP, port) {
			ports = append(ports, port)
		}
	}
	return ports
}

func TestServicesOfANetworkReachEachOthersPorts(t *testing.T) {
	t.Parallel()
	a := small(nil, "db", "lonely", "proxy", "web", "worker")
	a.Service("proxy").Ports, a.Service("proxy").Networks = listening(80), []string{"front"}
	a.Service("web").Ports, a.Service("web").Networks = listening(9000), []string{"front", "back"}
	a.Service("db").Ports, a.Service("db").Networks = listening(5432), []string{"back"}
	a.Service("worker").Networks = []string{"back"}
	a.Service("lonely").Ports = listening(80)
	ports := map[string][]int{"web": {9000}, "db": {5432}, "proxy": {80}}
	for from, to := range map[string][]string{
		"proxy": {"proxy", "web"}, "web": {"proxy", "web", "db"}, "db": {"web", "db"}, "worker": {"web", "db"}, "lonely": nil,
	} {
		for _, other := range []string{"db", "lonely", "proxy", "web", "worker"} {
			var want []int
			if slices.Contains(to, other) {
				want = ports[other]
			}
			assert.Equal(t, want, reached(t, a, "Deployment/"+from, "Deployment/"+other), "%s to %s", from, other)
		}
	}
	labels := podsOf(render(t, a))["Deployment/web"].Labels
	assert.Equal(t, "true", labels["network.dmcloud.de/front"])
	assert.Equal(t, "true", labels["network.dmcloud.de/back"])
	web := one[appsv1.Deployment](t, render(t, a), "web")
	assert.NotContains(t, web.Spec.Selector.MatchLabels, "network.dmcloud.de/back", "a service may join another network")
}

func TestPoliciesOfALargeNetworkDontExplode(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 300 {
		names = append(names, fmt.Sprintf("s%03d", i))
	}
	m := render(t, small(func(s *app.Service) { s.Ports, s.Networks = listening(80), []string{"back"} }, names...))
	assert.Len(t, all[networkingv1.NetworkPolicy](m), 300+3)
}

// opened is an application with openings from documentation addresses.
func opened(name string, port int, protocol app.Protocol) app.App {
	a := small(func(s *app.Service) {
		s.Ports = []app.Port{
			{Name: "main", Number: port, Protocol: protocol}, {Name: "other", Number: 9000, Protocol: app.TCP},
		}
	}, "mail", "other")
	a.Openings = []app.Opening{{
		Name: name, Service: "mail", Port: port, Protocol: protocol, From: []string{"192.0.2.0/24", "2001:db8::/32"},
	}}
	return a
}

func TestAnOpeningIsForItsAddressesOnly(t *testing.T) {
	t.Parallel()
	a := opened("smtp", 25, app.TCP)
	m := render(t, a)
	service := one[corev1.Service](t, m, "open-smtp")
	assert.Equal(t, corev1.ServiceSpec{
		Type:     corev1.ServiceTypeLoadBalancer,
		Selector: map[string]string{manifest.LabelName: "small", manifest.LabelComponent: "mail"},
		Ports: []corev1.ServicePort{{
			Name: "smtp", Port: 25, Protocol: corev1.ProtocolTCP, TargetPort: service.Spec.Ports[0].TargetPort,
		}},
		LoadBalancerSourceRanges: []string{"192.0.2.0/24", "2001:db8::/32"},
		ExternalTrafficPolicy:    corev1.ServiceExternalTrafficPolicyLocal,
	}, service.Spec, "with the addresses of those who connect")
	assert.Equal(t, 25, service.Spec.Ports[0].TargetPort.IntValue())
	for _, id := range []string{"Deployment/mail", "NetworkPolicy/world-to-smtp"} {
		assert.Contains(t, object(t, m, "Service/open-smtp").After, id)
	}

	n, pods := network{policies: all[networkingv1.NetworkPolicy](m)}, podsOf(m)
	for _, c := range []struct {
		from string
		to   string
		port int
		want bool
	}{
		{"192.0.2.7", "mail", 25, true},
		{"2001:db8::7", "mail", 25, true},
		{"198.51.100.7", "mail", 25, false},
		{"192.0.2.7", "mail", 9000, false},
		{"192.0.2.7", "other", 25, false},
	} {
		to := endpoint{namespace: "small", labels: pods["Deployment/"+c.to].Labels}
		assert.Equal(t, c.want, n.allows(address(c.from), to, corev1.ProtocolTCP, c.port), "%+v", c)
		assert.False(t, n.allows(address(c.from), to, corev1.ProtocolUDP, c.port))
	}
}

func TestTheQuotaAllowsTheOpeningsAndNoMore(t *testing.T) {
	t.Parallel()
	a := opened("dns", 53, app.UDP)
	for want := range int64(3) {
		hard := one[corev1.ResourceQuota](t, render(t, a), "quota").Spec.Hard
		if want > 0 {
			assert.Equal(t, want, hard.Name(corev1.ResourceServicesLoadBalancers, "").Value())
			assert.Equal(t, want, hard.Name(corev1.ResourceServicesNodePorts, "").Value())
			more := a.Openings[0]
			more.Name, more.Port, more.Protocol = "more", 9000, app.TCP
			a.Openings = append(a.Openings, more)
			continue
		}
		assert.Equal(t, corev1.ProtocolUDP, one[corev1.Service](t, render(t, a), "open-dns").Spec.Ports[0].Protocol)
	}
}

func TestNamesOfOpeningsAreOnesThatTheAPITakes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"a", "mail-25-tcp", "keycloak-front-8443-tcp", strings.Repeat("a", 63), strings.Repeat("a", 59),
		strings.Repeat("a", 15) + "-b",
		"a-" + strings.Repeat("b-", 25) + "c",
	} {
		services := all[corev1.Service](render(t, opened(name, 25, app.TCP)))
		services = slices.DeleteFunc(services, func(s *corev1.Service) bool {
			return s.Spec.Type != corev1.ServiceTypeLoadBalancer
		})
		require.Len(t, services, 1)
		assert.Empty(t, validation.IsDNS1035Label(services[0].Name), name)
		assert.Empty(t, validation.IsDNS1123Label(services[0].Spec.Ports[0].Name), name)
		assert.LessOrEqual(t, len(services[0].Spec.Ports[0].Name), 15)
	}
	a := opened(strings.Repeat("a", 62)+"b", 25, app.TCP)
	more := a.Openings[0]
	more.Name, more.Port = strings.Repeat("a", 62)+"c", 9000
	a.Openings = append(a.Openings, more)
	render(t, a) // two objects of one name would be refused
}

func TestWhatAServiceAsksOfItsPod(t *testing.T) {
	t.Parallel()
	spec := pod(t, func(s *app.Service) {
		s.ExtraHosts = []app.Host{
			{Address: "192.0.2.1", Names: []string{"a.example.org", "b"}}, {Address: "2001:db8::1", Names: []string{"c"}},
		}
		s.Placement = []app.Label{{Key: "disk", Value: "fast"}, {Key: "kubernetes.io/arch", Value: "arm64"}}
		s.Groups = []int64{44, 109}
		s.Hostname = "box"
		s.PostStart, s.PreStop = []string{"warm", "$(UP)"}, []string{"quit"}
	}).Spec
	assert.Equal(t, []corev1.HostAlias{
		{IP: "192.0.2.1", Hostnames: []string{"a.example.org", "b"}}, {IP: "2001:db8::1", Hostnames: []string{"c"}},
	}, spec.HostAliases)
	assert.Equal(t, map[string]string{"disk": "fast", "kubernetes.io/arch": "arm64"}, spec.NodeSelector)
	assert.Equal(t, []int64{44, 109}, spec.SecurityContext.SupplementalGroups)
	assert.Equal(t, "box", spec.Hostname)
	lifecycle := spec.Containers[0].Lifecycle
	assert.Equal(t, []string{"warm", "$(UP)"}, lifecycle.PostStart.Exec.Command, "hooks are not expanded")
	assert.Equal(t, []string{"quit"}, lifecycle.PreStop.Exec.Command)

	plain := pod(t, nil).Spec
	assert.Empty(t, plain.HostAliases)
	assert.Nil(t, plain.NodeSelector)
	assert.Empty(t, plain.SecurityContext.SupplementalGroups)
	assert.Nil(t, plain.Containers[0].Lifecycle)
}

func TestAPreviewNamesTheNodesAServiceWaitsFor(t *testing.T) {
	t.Parallel()
	m := render(t, small(func(s *app.Service) {
		s.Placement = []app.Label{{Key: "disk", Value: "fast"}, {Key: "zone", Value: "b"}}
	}, "web"))
	assert.Equal(t, []string{
		"Service web runs on nodes with these labels only, and waits until there is one: disk=fast, zone=b.",
	}, m.Notes)
}

func TestKernelSettings(t *testing.T) {
	t.Parallel()
	low := corev1.Sysctl{Name: "net.ipv4.ip_unprivileged_port_start", Value: "0"}
	for name, c := range map[string]struct {
		ports  []app.Port
		sysctl []app.Sysctl
		want   []corev1.Sysctl
	}{
		"none for high ports":          {listening(1024, 8080), nil, nil},
		"low ports are for everybody":  {listening(80, 8080), nil, []corev1.Sysctl{low}},
		"the highest of the low ports": {listening(1023), nil, []corev1.Sysctl{low}},
		"a low port of UDP": {
			[]app.Port{{Name: "dns", Number: 53, Protocol: app.UDP}}, nil, []corev1.Sysctl{low},
		},
		"what the service says is kept": {
			listening(80), []app.Sysctl{{Name: low.Name, Value: "80"}}, []corev1.Sysctl{{Name: low.Name, Value: "80"}},
		},
		"both": {
			listening(80), []app.Sysctl{{Name: "net.ipv4.tcp_syncookies", Value: "1"}},
			[]corev1.Sysctl{low, {Name: "net.ipv4.tcp_syncookies", Value: "1"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			template := pod(t, func(s *app.Service) { s.Ports, s.Sysctls = c.ports, c.sysctl })
			assert.Equal(t, c.want, template.Spec.SecurityContext.Sysctls)
			assert.Empty(t, refusals(t, template))
			assert.Empty(t, template.Spec.Containers[0].SecurityContext.Capabilities.Add, "without a capability")
		})
	}
}

func TestGPUsAreTheServicesOwn(t *testing.T) {
	t.Parallel()
	spec := pod(t, func(s *app.Service) {
		s.Resources = app.Resources{GPUs: 2, CPULimit: 1500}
		s.Init = []app.Init{{Name: "prepare", Image: "tool:1.0"}}
	}).Spec
	limits := spec.Containers[0].Resources.Limits
	assert.Equal(t, "2", limits.Name("nvidia.com/gpu", "").String())
	assert.NotContains(
		t, spec.Containers[0].Resources.Requests, corev1.ResourceName("nvidia.com/gpu"), "the limit says both",
	)
	assert.NotContains(t, spec.InitContainers[0].Resources.Limits, corev1.ResourceName("nvidia.com/gpu"))
	assert.Equal(t, "1500m", spec.InitContainers[0].Resources.Limits.Cpu().String())
	assert.NotContains(t, pod(t, nil).Spec.Containers[0].Resources.Limits, corev1.ResourceName("nvidia.com/gpu"))
}

func TestFoldersKeepTheirPaths(t *testing.T) {
	t.Parallel()
	folder := app.Folder{Name: "conf", Mode: 0o555, Files: []app.FolderFile{
		{Path: "a/deep/x.conf", Content: "deep"}, {Path: "b/x.conf", Content: "other"}, {
			Path: "größe.png", Content: "\xff\x00",
		},
		{Path: "x.conf", Content: ""}, {Path: strings.Repeat("n", 250), Content: "long"},
	}}
	a := small(func(s *app.Service) { s.Mounts = []app.Mount{{Path: "/etc/app", Folder: "conf"}} }, "web", "worker")
	a.Folders = []app.Folder{folder}
	m := render(t, a)
	maps := all[corev1.ConfigMap](m)
	require.Len(t, maps, 1, "whoever mounts it")
	assert.Regexp(t, `^folder-conf-[0-9a-f]{8}$`, maps[0].Name)
	assert.True(t, *maps[0].Immutable)

	template := podsOf(m)["Deployment/web"]
	assert.Empty(t, refusals(t, template))
	mount := mountAt(t, template.Spec.Containers[0], "/etc/app")
	assert.True(t, mount.ReadOnly)
	assert.Empty(t, mount.SubPath)
	source := volume(t, template.Spec, mount.Name).ConfigMap
	assert.Equal(t, maps[0].Name, source.Name)
	assert.Equal(t, int32(0o555), *source.DefaultMode)

	got := map[string]string{}
	for _, item := range source.Items {
		assert.Empty(t, validation.IsConfigMapKey(item.Key))
		content, text := maps[0].Data[item.Key]
		if !text {
			content = string(maps[0].BinaryData[item.Key])
			assert.Equal(t, "größe.png", item.Path, "only what is not text is binary")
		}
		got[item.Path] = content
	}
	want := map[string]string{}
	for _, f := range folder.Files {
		want[f.Path] = f.Content
	}
	assert.Equal(t, want, got)
	assert.Len(t, maps[0].Data, 4)
	assert.Len(t, maps[0].BinaryData, 1)
	assert.Contains(t, object(t, m, "Deployment/web").After, "ConfigMap/"+maps[0].Name)
	assert.Equal(t, "folder-conf", object(t, m, "ConfigMap/"+maps[0].Name).Logical)
}

func TestAChangedFolderIsAnother(t *testing.T) {
	t.Parallel()
	name := func(files ...app.FolderFile) string {
		a := small(func(s *app.Service) { s.Mounts = []app.Mount{{Path: "/c", Folder: "c"}} }, "web")
		a.Folders = []app.Folder{{Name: "c", Files: files}}
		return all[corev1.ConfigMap](render(t, a))[0].Name
	}
	names := []string{
		name(app.FolderFile{Path: "a", Content: "b"}), name(app.FolderFile{Path: "a", Content: "c"}),
		name(app.FolderFile{Path: "b", Content: "b"}), name(
			app.FolderFile{Path: "a", Content: "b"}, app.FolderFile{Path: "c"},
		),
		name(app.FolderFile{Path: "a", Content: "b1 c0 "}),
	}
	slices.Sort(names)
	assert.Len(t, slices.Compact(names), 5)
}

func TestFilesThatAreNotText(t *testing.T) {
	t.Parallel()
	a := small(func(s *app.Service) { s.Mounts = []app.Mount{{Path: "/logo.png", File: "logo"}} }, "web")
	a.Files = []app.File{{Name: "logo", Content: "\x89PNG\xff"}}
	m := all[corev1.ConfigMap](render(t, a))[0]
	assert.Equal(t, map[string][]byte{"content": []byte("\x89PNG\xff")}, m.BinaryData)
	assert.Empty(t, m.Data)
}

func TestAnExceptionIsForOneServiceInItsNamespace(t *testing.T) {
	t.Parallel()
	a := small(nil, "legacy", "web")
	*a.Service("legacy") = app.Service{
		Name: "legacy", Image: "old:1.0", Role: app.RoleWeb, Replicas: 1, WritableRootReason: "it is old",
		Baseline: &app.Baseline{Reason: "until 2027"}, Init: []app.Init{{Name: "prepare", Image: "tool:1.0"}},
	}
	m := render(t, a)
	labels := one[corev1.Namespace](t, m, "small").Labels
	assert.Equal(t, "baseline", labels["pod-security.kubernetes.io/enforce"])
	assert.Equal(t, "restricted", labels["pod-security.kubernetes.io/warn"])
	assert.Equal(t, "restricted", labels["pod-security.kubernetes.io/audit"])
	assert.Equal(t, "v1.37", labels["pod-security.kubernetes.io/enforce-version"])

	legacy, web := podsOf(m)["Deployment/legacy"], podsOf(m)["Deployment/web"]
	assert.Empty(t, refusals(t, web), "the others stay restricted")
	assert.Empty(t, refusalsOf(t, api.LevelBaseline, legacy))
	assert.NotEmpty(t, refusals(t, legacy))
	assert.Equal(t, "the image's own user: until 2027; writable root: it is old",
		legacy.Annotations[manifest.AnnotationReason])
	assert.NotContains(t, web.Annotations[manifest.AnnotationReason], "own user")
	security := legacy.Spec.SecurityContext
	assert.Nil(t, security.RunAsNonRoot)
	assert.Nil(t, security.RunAsUser)
	assert.Nil(t, security.FSGroup)
	assert.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, security.SeccompProfile.Type)
	for _, c := range slices.Concat(legacy.Spec.Containers, legacy.Spec.InitContainers) {
		assert.Nil(t, c.SecurityContext.RunAsNonRoot, c.Name)
		assert.False(t, *c.SecurityContext.AllowPrivilegeEscalation, c.Name)
		assert.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop, c.Name)
		assert.Empty(t, c.SecurityContext.Capabilities.Add, c.Name)
	}
	assert.Equal(t, "restricted",
		one[corev1.Namespace](t, render(t, small(nil, "web")), "small").Labels["pod-security.kubernetes.io/enforce"])
}

// refusalsOf are what the admission controller of a namespace that enforces a level would say.
func refusalsOf(t *testing.T, level api.Level, pod corev1.PodTemplateSpec) []string {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	require.NoError(t, err)
	var reasons []string
	for _, r := range evaluator.EvaluatePod(
		api.LevelVersion{Level: level, Version: api.LatestVersion()}, &pod.ObjectMeta, &pod.Spec) {
		if !r.Allowed {
			reasons = append(reasons, r.ForbiddenReason)
		}
	}
	return reasons
}

func TestCapabilities(t *testing.T) {
	t.Parallel()
	stepDown := []corev1.Capability{"CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID"}
	for name, c := range map[string]struct {
		change func(s *app.Service)
		want   []corev1.Capability
		level  api.Level
	}{
		"none": {nil, nil, api.LevelRestricted},
		"low ports for a program that can't be started without": {
			func(s *app.Service) { s.BindCapability = true }, []corev1.Capability{"NET_BIND_SERVICE"}, api.LevelRestricted,
		},
		"an exception alone gives none": {
			func(s *app.Service) { s.Baseline, s.User = &app.Baseline{Reason: "old"}, app.User{} }, nil, api.LevelBaseline,
		},
		"to become somebody else": {
			func(s *app.Service) {
				s.Baseline, s.User = &app.Baseline{Reason: "old", StepDown: true}, app.User{}
			}, stepDown, api.LevelBaseline,
		},
		"both": {
			func(s *app.Service) {
				s.Baseline, s.BindCapability = &app.Baseline{Reason: "old", StepDown: true}, true
			},
			append(slices.Clone(stepDown), "NET_BIND_SERVICE"), api.LevelBaseline,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			template := pod(t, c.change)
			assert.Equal(t, c.want, template.Spec.Containers[0].SecurityContext.Capabilities.Add)
			assert.Empty(t, refusalsOf(t, c.level, template))
		})
	}
}

func TestTextsReachTheContainerAsTheyAre(t *testing.T) {
	t.Parallel()
	words := []string{
		"", "$", "$$", "$$$", "$(date)", "$$(date)", "$$$(date)", "a$", "$a", "${HOME}", "$()", "$(", "$((1+1))",
		"$(a", "100%",
		"$(SECRET)x", "$($(date))", "$(OTHER)", "$\n$(x)",
	}
	spec := pod(t, func(s *app.Service) {
		s.Entrypoint, s.Args = words, words
		s.Env = []app.EnvVar{{Name: "OTHER", Value: "other"}, {Name: "SECRET", Value: "secret"}}
		for i, word := range words {
			s.Env = append(s.Env, app.EnvVar{Name: fmt.Sprintf("V%d", i), Value: word})
		}
		s.Init = []app.Init{{Name: "prepare", Image: "tool:1.0", Entrypoint: words, Args: words, Env: s.Env}}
	}).Spec
	set := map[string]string{"OTHER": "other", "SECRET": "secret", "date": "today", "a": "a", "": "nothing", "x": "x"}
	for _, c := range slices.Concat(spec.Containers, spec.InitContainers) {
		for i, word := range words {
			assert.Equal(t, word, kubelet.Expand(c.Command[i], set), c.Name)
			assert.Equal(t, word, kubelet.Expand(c.Args[i], set), c.Name)
			assert.Equal(t, word, kubelet.Expand(c.Env[i+2].Value, set), c.Name)
		}
	}
}

func TestOnlyNamedVariablesAreExpanded(t *testing.T) {
	t.Parallel()
	for word, want := range map[string][2]string{
		"$(SECRET)":            {"$(SECRET)", "s3"},
		"--password=$(SECRET)": {"--password=$(SECRET)", "--password=s3"},
		"$(OTHER)":             {"$$(OTHER)", "$(OTHER)"},
		"$(SECRET)$(OTHER)":    {"$(SECRET)$$(OTHER)", "s3$(OTHER)"},
		"$$(SECRET)":           {"$$$(SECRET)", "$s3"},
		"$(SECRETS)":           {"$$(SECRETS)", "$(SECRETS)"},
		"$(SECRET":             {"$$(SECRET", "$(SECRET"},
	} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			spec := pod(t, func(s *app.Service) {
				s.Args, s.Expand = []string{word}, []string{"SECRET"}
				s.Env = []app.EnvVar{{Name: "OTHER", Value: "o"}, {Name: "SECRET", Value: "s3"}}
			}).Spec
			assert.Equal(t, want[0], spec.Containers[0].Args[0])
			assert.Equal(t, want[1], kubelet.Expand(spec.Containers[0].Args[0], map[string]string{"OTHER": "o", "SECRET": "s3"}))
		})
	}
}

func FuzzLiteral(f *testing.F) {
	for _, seed := range []string{"$(A)", "$$", "$$(A)$", "$(", "$()", "a$(B)$$$(A)"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, word string) {
		spec := pod(t, func(s *app.Service) {
			s.Args, s.Env = []string{word}, []app.EnvVar{{Name: "A", Value: "a"}, {Name: "B", Value: word}}
		}).Spec
		set := map[string]string{"A": "a", "": "nothing"}
		assert.Equal(t, word, kubelet.Expand(spec.Containers[0].Args[0], set))
		assert.Equal(t, word, kubelet.Expand(spec.Containers[0].Env[1].Value, set))
	})
}

func TestServicesThatShareAVolumeHaveItsGroup(t *testing.T) {
	t.Parallel()
	m := rendered(t, func(a *app.App, _ *manifest.Cluster) {
		a.Service("worker").User = app.User{UID: 1000, GID: 4000} // it shares uploads with api, whose group is 2000
	})
	for name, group := range map[string]int64{"Deployment/api": 2000, "Deployment/worker": 2000, "StatefulSet/db": 999} {
		assert.Equal(t, group, *podsOf(m)[name].Spec.SecurityContext.FSGroup, name)
	}
	assert.Equal(t, int64(4000), *podsOf(m)["Deployment/worker"].Spec.SecurityContext.RunAsGroup)
}
