package manifest_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/kubernetes/internal/lab"
	"github.com/dekcd/dmcloud/components/kubernetes/manifest"
	"github.com/dekcd/dmcloud/tests/golden"
)

func templateOf(value any) *corev1.PodTemplateSpec {
	switch w := value.(type) {
	case *appsv1.Deployment:
		return &w.Spec.Template
	case *appsv1.StatefulSet:
		return &w.Spec.Template
	case *batchv1.Job:
		return &w.Spec.Template
	}
	return nil
}

func TestSEEKMatchesItsGoldenFile(t *testing.T) {
	t.Parallel()
	m, err := manifest.Render(seekApp(t, "1.18.1"), lab.Cluster())
	require.NoError(t, err)
	var text strings.Builder
	var hashes []string
	for _, o := range m.Objects {
		if c, ok := any(o.Value).(*corev1.ConfigMap); ok {
			// The scripts are the catalogue's: a change there is none here.
			c.Data = map[string]string{}
			hashes = append(hashes, c.Name, o.Logical+"-HASH")
		}
		part, err := yaml.Marshal(o.Value)
		require.NoError(t, err)
		fmt.Fprintf(&text, "--- # after %s\n", strings.Join(o.After, " "))
		if len(o.ReplaceWith) > 0 {
			fmt.Fprintf(&text, "# replaced with %s\n", strings.Join(o.ReplaceWith, " "))
		}
		if o.Protect {
			text.WriteString("# protected\n")
		}
		if o.Timeout > 0 {
			fmt.Fprintf(&text, "# within %s\n", o.Timeout)
		}
		text.Write(part)
	}
	golden.Equal(t, "testdata/seek-1.18.1.yaml", strings.NewReplacer(hashes...).Replace(text.String()))
}

func TestNamespaceEnforcesThePinnedRestrictedStandard(t *testing.T) {
	t.Parallel()
	m := rendered(t, nil)
	assert.Equal(t, map[string]string{
		"app.kubernetes.io/name": "lab", "app.kubernetes.io/part-of": "test", "app.kubernetes.io/version": "2.1.0",
		"app.kubernetes.io/managed-by":               "dmcloud",
		"pod-security.kubernetes.io/enforce":         "restricted",
		"pod-security.kubernetes.io/enforce-version": "v1.37",
		"pod-security.kubernetes.io/audit":           "restricted",
		"pod-security.kubernetes.io/audit-version":   "v1.37",
		"pod-security.kubernetes.io/warn":            "restricted",
		"pod-security.kubernetes.io/warn-version":    "v1.37",
	}, one[corev1.Namespace](t, m, "lab").Labels)
	for _, o := range m.Objects {
		if o.ID() != "Namespace/lab" {
			assert.Equal(t, "lab", o.Value.GetNamespace(), o.ID())
			assert.NotContains(t, o.Value.GetLabels(), manifest.LabelVersion, o.ID())
		}
	}
}

func TestQuotaHoldsEverythingAndOneMoreOfEachDuringAnUpdate(t *testing.T) {
	t.Parallel()
	m := rendered(t, func(a *app.App, _ *manifest.Cluster) { a.Service("api").Replicas = 2 })
	got := map[string]string{}
	for name, quantity := range one[corev1.ResourceQuota](t, m, "quota").Spec.Hard {
		got[string(name)] = quantity.String()
	}
	assert.Equal(t, map[string]string{
		"pods":                   "11",     // api 3, db, relay, setup and worker 2 each
		"requests.cpu":           "1900m",  // 3*500 + 8*50
		"requests.memory":        "4Gi",    // 3*1Gi + 8*128Mi
		"limits.memory":          "9728Mi", // 3*2Gi + 2*1Gi + 6*256Mi
		"requests.storage":       "15Gi",
		"persistentvolumeclaims": "2",
		"services.loadbalancers": "0", "services.nodeports": "0",
	}, got)
}

func TestQuotaIsEnoughForWhatPodsAskFor(t *testing.T) {
	t.Parallel()
	m := rendered(t, nil)
	var memory, cpu int64
	for _, pod := range podsOf(m) {
		for _, c := range pod.Spec.Containers {
			memory += c.Resources.Limits.Memory().Value()
			cpu += c.Resources.Requests.Cpu().MilliValue()
			assert.False(t, c.Resources.Requests.Memory().IsZero())
		}
	}
	hard := one[corev1.ResourceQuota](t, m, "quota").Spec.Hard
	assert.Equal(t, 2*memory, hard.Name(corev1.ResourceLimitsMemory, "").Value())
	assert.Equal(t, 2*cpu, hard.Name(corev1.ResourceRequestsCPU, "").MilliValue())
}

func TestContainersWithoutLimitsOfTheirOwnAreBounded(t *testing.T) {
	t.Parallel()
	limits := one[corev1.LimitRange](t, rendered(t, nil), "container-defaults").Spec.Limits
	require.Len(t, limits, 1)
	assert.Equal(t, corev1.LimitTypeContainer, limits[0].Type)
	assert.Equal(t, "256Mi", limits[0].Default.Memory().String())
	assert.Equal(t, "128Mi", limits[0].DefaultRequest.Memory().String())
	assert.Equal(t, "50m", limits[0].DefaultRequest.Cpu().String())
}

func TestEachEdgeHasItsPolicy(t *testing.T) {
	t.Parallel()
	m := rendered(t, nil)
	var names []string
	for _, p := range all[networkingv1.NetworkPolicy](m) {
		names = append(names, p.Name)
	}
	assert.Equal(t, []string{
		"all-to-dns", "all-within", "api-to-db", "api-to-internet", "default-deny", "entry-to-acme-solver",
		"entry-to-site", "relay-to-mail", "setup-to-db",
	}, names)

	deny := one[networkingv1.NetworkPolicy](t, m, "default-deny").Spec
	assert.Empty(t, deny.PodSelector.MatchLabels, "of every pod")
	assert.Empty(t, deny.Ingress)
	assert.Empty(t, deny.Egress)
	assert.Equal(t, []networkingv1.PolicyType{"Ingress", "Egress"}, deny.PolicyTypes)

	edge := one[networkingv1.NetworkPolicy](t, m, "api-to-db").Spec
	assert.Equal(t, "db", edge.PodSelector.MatchLabels[manifest.LabelComponent])
	require.Len(t, edge.Ingress, 1)
	require.Len(t, edge.Ingress[0].From, 1)
	assert.Equal(t, "api", edge.Ingress[0].From[0].PodSelector.MatchLabels[manifest.LabelComponent])
	assert.Nil(t, edge.Ingress[0].From[0].NamespaceSelector, "of this namespace only")
	require.Len(t, edge.Ingress[0].Ports, 1)
	assert.Equal(t, 3306, edge.Ingress[0].Ports[0].Port.IntValue())
}

func TestOnlyTheIngressControllersNamespaceEnters(t *testing.T) {
	t.Parallel()
	m := rendered(t, nil)
	for name, port := range map[string]int{"entry-to-site": 8080, "entry-to-acme-solver": 8089} {
		rules := one[networkingv1.NetworkPolicy](t, m, name).Spec.Ingress
		require.Len(t, rules, 1)
		require.Len(t, rules[0].From, 1)
		assert.Equal(t, map[string]string{"kubernetes.io/metadata.name": "entry"},
			rules[0].From[0].NamespaceSelector.MatchLabels)
		require.Len(t, rules[0].Ports, 1)
		assert.Equal(t, port, rules[0].Ports[0].Port.IntValue())
	}
	own := rendered(t, func(_ *app.App, c *manifest.Cluster) { c.TLS = manifest.TLS{SecretName: "wildcard"} })
	assert.False(t, has(own, "NetworkPolicy/entry-to-acme-solver"), "nobody proves a host name")
}

func TestSecretsAreOnlyEverReferredTo(t *testing.T) {
	t.Parallel()
	m := rendered(t, nil)
	secret := one[corev1.Secret](t, m, "db-password")
	assert.Empty(t, secret.Data)
	assert.Empty(t, secret.StringData)
	assert.True(t, *secret.Immutable)
	assert.Equal(t, "password of the database", secret.Annotations[manifest.AnnotationReason])

	env := one[appsv1.Deployment](t, m, "api").Spec.Template.Spec.Containers[0].Env
	assert.Equal(t, corev1.EnvVar{Name: "DATABASE", Value: "db"}, env[0])
	assert.Empty(t, env[1].Value)
	assert.Equal(t, "db-password", env[1].ValueFrom.SecretKeyRef.Name)
	assert.Equal(t, "value", env[1].ValueFrom.SecretKeyRef.Key)

	pod := one[appsv1.StatefulSet](t, m, "db").Spec.Template.Spec
	mount := mountAt(t, pod.Containers[0], "/run/secrets/db")
	assert.Equal(t, "value", mount.SubPath)
	assert.True(t, mount.ReadOnly)
	source := volume(t, pod, mount.Name).Secret
	assert.Equal(t, "db-password", source.SecretName)
	assert.Equal(t, int32(0o440), *source.DefaultMode)
}

func TestEveryServiceHasAnIdentityWithoutToken(t *testing.T) {
	t.Parallel()
	m := rendered(t, nil)
	assert.Len(t, all[corev1.ServiceAccount](m), len(lab.App().Services))
	for id, pod := range podsOf(m) {
		_, name, _ := strings.Cut(id, "/")
		account := one[corev1.ServiceAccount](t, m, name)
		assert.False(t, *account.AutomountServiceAccountToken)
		assert.Equal(t, name, pod.Spec.ServiceAccountName)
		assert.False(t, *pod.Spec.AutomountServiceAccountToken)
		assert.False(t, *pod.Spec.EnableServiceLinks)
	}
}

func TestWorkloadKinds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*app.App)
		want   string
	}{
		"a service without volumes is a Deployment": {func(a *app.App) {
			a.Service("db").Mounts, a.Volumes = nil, a.Volumes[1:]
		}, "Deployment/db"},
		"a service that owns a volume is a StatefulSet": {nil, "StatefulSet/db"},
		"a service whose init container owns a volume is a StatefulSet": {func(a *app.App) {
			db := a.Service("db")
			db.Init = []app.Init{{Name: "init", Image: "tool:1.0", Mounts: db.Mounts[:1]}}
			db.Mounts = db.Mounts[1:]
		}, "StatefulSet/db"},
		"a service that only shares a volume is a Deployment": {nil, "Deployment/worker"},
		"what runs to completion is a Job":                    {nil, "Job/setup"},
		"a job that owns a volume is a Job": {func(a *app.App) {
			a.Volumes = append(a.Volumes, app.Volume{Name: "work", Size: 1, Backup: app.BackupNone})
			setup := a.Service("setup")
			setup.Mounts = append(setup.Mounts, app.Mount{Path: "/work", Volume: "work"})
		}, "Job/setup"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := rendered(t, func(a *app.App, _ *manifest.Cluster) {
				if c.change != nil {
					c.change(a)
				}
			})
			assert.True(t, has(m, c.want))
		})
	}
}

func TestABrokenStatefulSetCanBeMended(t *testing.T) {
	t.Parallel()
	spec := one[appsv1.StatefulSet](t, rendered(t, nil), "db").Spec
	assert.Equal(t, appsv1.ParallelPodManagement, spec.PodManagementPolicy)
	assert.Equal(t, "db", spec.ServiceName)
	assert.Equal(t, int32(1), *spec.Replicas)
	assert.Empty(t, spec.VolumeClaimTemplates, "claims stand alone")
}

func TestUpdateStrategies(t *testing.T) {
	t.Parallel()
	strategy := func(t *testing.T, m manifest.Manifests, name string) appsv1.DeploymentStrategy {
		t.Helper()
		return one[appsv1.Deployment](t, m, name).Spec.Strategy
	}
	t.Run("a singleton stops before it starts", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, appsv1.DeploymentStrategy{Type: "Recreate"}, strategy(t, rendered(t, nil), "worker"))
	})
	t.Run("others start before they stop", func(t *testing.T) {
		t.Parallel()
		none, more := intstr.FromInt32(0), intstr.FromInt32(1)
		assert.Equal(t, appsv1.DeploymentStrategy{
			Type: "RollingUpdate", RollingUpdate: &appsv1.RollingUpdateDeployment{MaxUnavailable: &none, MaxSurge: &more},
		}, strategy(t, rendered(t, nil), "api"))
	})
	t.Run("who shares a volume on one node stops before it starts", func(t *testing.T) {
		t.Parallel()
		m := rendered(t, func(_ *app.App, c *manifest.Cluster) { c.SharedStorageClass = "" })
		assert.Equal(t, appsv1.DeploymentStrategy{Type: "Recreate"}, strategy(t, m, "api"))
	})
}

func TestSharedVolumesAreWrittenByManyNodesWhereTheClusterCan(t *testing.T) {
	t.Parallel()
	m := rendered(t, nil)
	claim := one[corev1.PersistentVolumeClaim](t, m, "uploads").Spec
	assert.Equal(t, []corev1.PersistentVolumeAccessMode{"ReadWriteMany"}, claim.AccessModes)
	assert.Equal(t, "nfs", *claim.StorageClassName)
	assert.Equal(t, "5Gi", claim.Resources.Requests.Storage().String())
	for id, pod := range podsOf(m) {
		assert.Nil(t, pod.Spec.Affinity, id)
		assert.NotContains(t, pod.Labels, manifest.LabelStorageGroup, id)
	}
	own := one[corev1.PersistentVolumeClaim](t, m, "records").Spec
	assert.Equal(t, []corev1.PersistentVolumeAccessMode{"ReadWriteOnce"}, own.AccessModes)
	assert.Equal(t, "fast", *own.StorageClassName)
}

func TestWithoutSharedStorageTheirPodsStayOnOneNode(t *testing.T) {
	t.Parallel()
	m := rendered(t, func(_ *app.App, c *manifest.Cluster) { c.SharedStorageClass, c.StorageClass = "", "" })
	claim := one[corev1.PersistentVolumeClaim](t, m, "uploads").Spec
	assert.Equal(t, []corev1.PersistentVolumeAccessMode{"ReadWriteOnce"}, claim.AccessModes)
	assert.Nil(t, claim.StorageClassName, "the cluster's default")
	for id, pod := range podsOf(m) {
		if id != "Deployment/api" && id != "Deployment/worker" {
			assert.Nil(t, pod.Spec.Affinity, id)
			continue
		}
		terms := pod.Spec.Affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution
		require.Len(t, terms, 1, id)
		assert.Equal(t, "kubernetes.io/hostname", terms[0].TopologyKey)
		assert.Equal(t, pod.Labels[manifest.LabelStorageGroup],
			terms[0].LabelSelector.MatchLabels[manifest.LabelStorageGroup], "the first pod must match itself")
		assert.Equal(t, "lab", pod.Labels[manifest.LabelStorageGroup])
	}
	require.NotEmpty(t, m.Notes)
	assert.Contains(t, m.Notes[0], "all pods that mount uploads are kept on one node")
}

func TestProbesFollowTheHealthCheck(t *testing.T) {
	t.Parallel()
	c := one[appsv1.Deployment](t, rendered(t, nil), "api").Spec.Template.Spec.Containers[0]
	check := corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/up", Port: intstr.FromInt32(8080)}}
	assert.Equal(t, &corev1.Probe{
		ProbeHandler: check, PeriodSeconds: 5, TimeoutSeconds: 3, FailureThreshold: 30, // 2 minutes and 3 times 10 seconds
	}, c.StartupProbe)
	assert.Equal(t, &corev1.Probe{
		ProbeHandler: check, PeriodSeconds: 10, TimeoutSeconds: 3, FailureThreshold: 3,
	}, c.ReadinessProbe)
	assert.Equal(t, &corev1.Probe{
		ProbeHandler: check, PeriodSeconds: 10, TimeoutSeconds: 3, FailureThreshold: 9,
	}, c.LivenessProbe)
}

func TestHealthChecks(t *testing.T) {
	t.Parallel()
	second := time.Second
	for name, c := range map[string]struct {
		health app.Health
		want   corev1.Probe // the startup probe
	}{
		"a command": {
			app.Health{Exec: []string{"ping", "-q"}, Interval: 10 * second, Timeout: second, Retries: 2},
			corev1.Probe{
				ProbeHandler:  corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"ping", "-q"}}},
				PeriodSeconds: 5, TimeoutSeconds: 1, FailureThreshold: 4,
			},
		},
		"an open port": {
			app.Health{TCP: true, Port: 8080, Interval: 5 * second, Timeout: second, Retries: 1},
			corev1.Probe{
				ProbeHandler:  corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(8080)}},
				PeriodSeconds: 5, TimeoutSeconds: 1, FailureThreshold: 1,
			},
		},
		"fractions of a second and of a period are rounded up": {
			app.Health{
				TCP: true, Port: 8080, Interval: second, Timeout: 1200 * time.Millisecond, Retries: 1, StartPeriod: 5 * second,
			},
			corev1.Probe{
				ProbeHandler:  corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(8080)}},
				PeriodSeconds: 5, TimeoutSeconds: 2, FailureThreshold: 2,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := rendered(t, func(a *app.App, _ *manifest.Cluster) { a.Service("api").Health = &c.health })
			got := one[appsv1.Deployment](t, m, "api").Spec.Template.Spec.Containers[0].StartupProbe
			assert.Equal(t, &c.want, got)
		})
	}
	t.Run("none without one", func(t *testing.T) {
		t.Parallel()
		c := one[appsv1.Deployment](t, rendered(t, nil), "worker").Spec.Template.Spec.Containers[0]
		assert.Nil(t, c.StartupProbe)
		assert.Nil(t, c.ReadinessProbe)
		assert.Nil(t, c.LivenessProbe)
	})
}

func TestPulumiAndKubernetesWaitAsLongAsAStartMayTake(t *testing.T) {
	t.Parallel()
	m := rendered(t, func(a *app.App, _ *manifest.Cluster) {
		a.Service("api").Replicas = 2
		a.Service("api").Health.StartPeriod = time.Hour
		a.Service("db").Health.StartPeriod = 30 * time.Minute
	})
	api := 20*time.Minute + 2*(time.Hour+30*time.Second)
	assert.Equal(t, api, object(t, m, "Deployment/api").Timeout)
	assert.Equal(t, int32(api.Seconds()), *one[appsv1.Deployment](t, m, "api").Spec.ProgressDeadlineSeconds)
	assert.Equal(t, 50*time.Minute+20*time.Second, object(t, m, "StatefulSet/db").Timeout)
	assert.Equal(t, 20*time.Minute, object(t, m, "Deployment/worker").Timeout, "it has no health check")
	assert.Equal(t, 91*time.Minute, object(t, m, "Job/setup").Timeout, "a minute after Kubernetes gives up")
}

func TestAStopIsNeverShorterThanAsked(t *testing.T) {
	t.Parallel()
	for grace, want := range map[time.Duration]int64{
		45 * time.Second: 45, 1100 * time.Millisecond: 2, time.Millisecond: 1,
	} {
		m := rendered(t, func(a *app.App, _ *manifest.Cluster) { a.Service("api").StopGrace = grace })
		pod := one[appsv1.Deployment](t, m, "api").Spec.Template.Spec
		assert.Equal(t, want, *pod.TerminationGracePeriodSeconds)
		assert.Equal(t, []string{"quit", "--gently"}, pod.Containers[0].Lifecycle.PreStop.Exec.Command)
	}
	m := rendered(t, nil)
	assert.Nil(t, one[appsv1.Deployment](t, m, "worker").Spec.Template.Spec.TerminationGracePeriodSeconds)
}

func TestJobs(t *testing.T) {
	t.Parallel()
	m := rendered(t, func(a *app.App, _ *manifest.Cluster) { a.Service("relay").Job.Deadline = time.Millisecond })
	setup := one[batchv1.Job](t, m, "setup").Spec
	assert.Equal(t, int32(2), *setup.BackoffLimit)
	assert.Equal(t, int64(5400), *setup.ActiveDeadlineSeconds)
	assert.Equal(t, corev1.RestartPolicyNever, setup.Template.Spec.RestartPolicy)
	assert.Equal(t, int64(1), *one[batchv1.Job](t, m, "relay").Spec.ActiveDeadlineSeconds, "0 would end it at once")
	assert.False(t, has(m, "Service/setup"))
}

func mountAt(t *testing.T, c corev1.Container, path string) corev1.VolumeMount {
	t.Helper()
	for _, m := range c.VolumeMounts {
		if m.MountPath == path {
			return m
		}
	}
	require.Failf(t, "nothing mounted", "at %s", path)
	return corev1.VolumeMount{}
}

func volume(t *testing.T, pod corev1.PodSpec, name string) corev1.VolumeSource {
	t.Helper()
	for _, v := range pod.Volumes {
		if v.Name == name {
			return v.VolumeSource
		}
	}
	require.Failf(t, "no volume", "%s", name)
	return corev1.VolumeSource{}
}

func TestReadOnlyRootsHaveTheirWritablePaths(t *testing.T) {
	t.Parallel()
	pod := one[appsv1.StatefulSet](t, rendered(t, nil), "db").Spec.Template.Spec
	c := pod.Containers[0]
	assert.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
	tmp := volume(t, pod, mountAt(t, c, "/tmp").Name).EmptyDir
	assert.Equal(t, "1Gi", tmp.SizeLimit.String())
	assert.Equal(t, corev1.StorageMediumDefault, tmp.Medium)
	run := volume(t, pod, mountAt(t, c, "/run/db").Name).EmptyDir
	assert.Equal(t, "1Mi", run.SizeLimit.String())
	assert.Equal(t, corev1.StorageMediumMemory, run.Medium)
}

func TestAWritableRootSaysWhy(t *testing.T) {
	t.Parallel()
	template := one[appsv1.Deployment](t, rendered(t, nil), "api").Spec.Template
	assert.False(t, *template.Spec.Containers[0].SecurityContext.ReadOnlyRootFilesystem)
	assert.Equal(t, "writable root: it writes its configuration at every start",
		template.Annotations[manifest.AnnotationReason])
}

func TestInitContainersShareScratchFolders(t *testing.T) {
	t.Parallel()
	pod := one[appsv1.Deployment](t, rendered(t, nil), "worker").Spec.Template.Spec
	require.Len(t, pod.InitContainers, 1)
	init := pod.InitContainers[0]
	assert.Equal(t, "registry.example.org/tool:1.0", init.Image)
	assert.Equal(t, []string{"copy"}, init.Command)
	assert.Equal(t, int64(3000), *init.SecurityContext.RunAsUser, "a user of its own")
	assert.Equal(t, int64(1000), *pod.SecurityContext.RunAsUser)
	assert.Equal(t, int64(2000), *pod.SecurityContext.FSGroup)
	name := mountAt(t, init, "/to").Name
	assert.Equal(t, name, mountAt(t, pod.Containers[0], "/configuration").Name)
	assert.NotNil(t, volume(t, pod, name).EmptyDir)
}

func TestVolumeNamesAreLabelsAndNeverMixedUp(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 63)
	m := rendered(t, func(a *app.App, _ *manifest.Cluster) {
		a.Secrets = append(a.Secrets, app.Secret{Name: long, Generate: &app.Generate{
			Length: 16, Alphabet: app.Hexadecimal,
		}})
		a.Files = append(a.Files, app.File{Name: long}, app.File{Name: "records"})
		a.Volumes[0].Name = "file-records"
		db := a.Service("db")
		db.Mounts = []app.Mount{
			{Path: "/data", Volume: "file-records"}, {Path: "/file", File: "records"}, {Path: "/long-file", File: long},
			{Path: "/long-secret", Secret: long}, {Path: "/scratch", Scratch: "writable-a-b"},
		}
		db.WritablePaths = []app.WritablePath{
			{Path: "/a/b"}, {Path: "/a-b"}, {Path: "/a.b"}, {Path: "/A/b"}, {Path: "/ä b"}, {Path: "/"},
			{Path: "/" + strings.Repeat("deep/", 30) + "folder"},
		}
	})
	pod := one[appsv1.StatefulSet](t, m, "db").Spec.Template.Spec
	names := map[string]bool{}
	for _, v := range pod.Volumes {
		assert.Empty(t, validation.IsDNS1123Label(v.Name), v.Name)
		assert.False(t, names[v.Name], v.Name)
		names[v.Name] = true
	}
	mounts := pod.Containers[0].VolumeMounts
	assert.Len(t, pod.Volumes, len(mounts), "a volume each")
	assert.Equal(t, "file-records", volume(t, pod, mounts[0].Name).PersistentVolumeClaim.ClaimName)
	assert.Contains(t, volume(t, pod, mounts[1].Name).ConfigMap.Name, "records-")
	assert.Equal(t, long, volume(t, pod, mounts[3].Name).Secret.SecretName)
}

func TestFilesAreImmutableAndNamedByTheirContent(t *testing.T) {
	t.Parallel()
	names := map[string]string{}
	for _, content := range []string{"blue", "red", "blue"} {
		m := rendered(t, func(a *app.App, _ *manifest.Cluster) { a.Files[0].Content = content; a.Files[0].Mode = 0o555 })
		maps := all[corev1.ConfigMap](m)
		require.Len(t, maps, 1)
		assert.True(t, *maps[0].Immutable)
		assert.Equal(t, map[string]string{"content": content}, maps[0].Data)
		if known, ok := names[content]; ok {
			assert.Equal(t, known, maps[0].Name)
		}
		names[content] = maps[0].Name

		pod := one[appsv1.Deployment](t, m, "api").Spec.Template.Spec
		mount := mountAt(t, pod.Containers[0], "/etc/lab.conf")
		assert.Equal(t, "content", mount.SubPath)
		source := volume(t, pod, mount.Name).ConfigMap
		assert.Equal(t, maps[0].Name, source.Name)
		assert.Equal(t, int32(0o555), *source.DefaultMode)
		assert.Contains(t, object(t, m, "Deployment/api").After, "ConfigMap/"+maps[0].Name)
	}
	assert.NotEqual(t, names["blue"], names["red"])
}

func TestIngressCertificates(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tls        manifest.TLS
		secret     string
		issuer     string
		selfSigned bool
	}{
		"cert-manager asks the issuer": {manifest.TLS{Issuer: "letsencrypt"}, "site-tls", "letsencrypt", false},
		"an existing Secret is used":   {manifest.TLS{SecretName: "wildcard"}, "wildcard", "", false},
		"one is made for a sandbox":    {manifest.TLS{SelfSigned: true}, "site-tls", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := rendered(t, func(_ *app.App, cl *manifest.Cluster) { cl.TLS = c.tls })
			ingress := one[networkingv1.Ingress](t, m, "site")
			assert.Equal(t, []networkingv1.IngressTLS{{Hosts: []string{"lab.example.org"}, SecretName: c.secret}},
				ingress.Spec.TLS)
			assert.Equal(t, c.issuer, ingress.Annotations["cert-manager.io/cluster-issuer"])
			assert.Equal(t, c.selfSigned, has(m, "Secret/site-tls"))
			assert.Equal(t, c.selfSigned, slices.Contains(object(t, m, "Ingress/site").After, "Secret/site-tls"))
			if c.selfSigned {
				assert.Equal(t, corev1.SecretTypeTLS, one[corev1.Secret](t, m, "site-tls").Type)
			}
			assert.Equal(t, c.issuer != "", strings.Contains(strings.Join(m.Notes, ""), "serviceType: ClusterIP"))
		})
	}
}

func TestRoutesGoToTheirService(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/", "/archive"} {
		m := rendered(t, func(a *app.App, _ *manifest.Cluster) { a.Routes[0].Path = path })
		spec := one[networkingv1.Ingress](t, m, "site").Spec
		assert.Equal(t, "public", *spec.IngressClassName)
		require.Len(t, spec.Rules, 1)
		assert.Equal(t, "lab.example.org", spec.Rules[0].Host)
		require.Len(t, spec.Rules[0].HTTP.Paths, 1)
		to := spec.Rules[0].HTTP.Paths[0]
		assert.Equal(t, path, to.Path)
		assert.Equal(t, networkingv1.PathTypePrefix, *to.PathType)
		assert.Equal(t, "api", to.Backend.Service.Name)
		assert.Equal(t, int32(8080), to.Backend.Service.Port.Number)
	}
}

func TestURLs(t *testing.T) {
	t.Parallel()
	a := lab.App()
	a.Routes = append(a.Routes, app.Route{Host: "c.example.org", Path: "/data"})
	assert.Equal(t, []string{"https://lab.example.org", "https://c.example.org/data"}, manifest.URLs(a))
	assert.Empty(t, manifest.URLs(app.App{}))
}

func TestRouteLimitsReachTheController(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		controller manifest.IngressController
		size       int64
		timeout    time.Duration
		want       map[string]string
		note       string
	}{
		"NGINX takes both": {manifest.NGINX, 3<<30 + 1, 90500 * time.Millisecond, map[string]string{
			"nginx.org/client-max-body-size": "3073m", "nginx.org/proxy-read-timeout": "91s",
			"nginx.org/proxy-send-timeout": "91s", "nginx.org/redirect-to-https": "true",
		}, ""},
		"NGINX takes any body where the route does": {manifest.NGINX, 0, time.Second, map[string]string{
			"nginx.org/client-max-body-size": "0", "nginx.org/proxy-read-timeout": "1s",
			"nginx.org/proxy-send-timeout": "1s", "nginx.org/redirect-to-https": "true",
		}, ""},
		"HAProxy has no limit on bodies": {manifest.HAProxy, 1, time.Minute, map[string]string{
			"haproxy.org/timeout-server": "60s", "haproxy.org/timeout-client": "60s", "haproxy.org/ssl-redirect": "true",
		}, ""},
		"Traefik has timeouts per entry point": {manifest.Traefik, 0, time.Minute, map[string]string{
			"traefik.ingress.kubernetes.io/router.entrypoints": "websecure",
		}, "must be 60s or more for uploads to lab.example.org"},
		"others are left to the reader": {manifest.OtherController, 0, time.Minute, nil,
			"must allow requests of 60s, and bodies as large as the route does, on lab.example.org"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := rendered(t, func(a *app.App, cl *manifest.Cluster) {
				cl.IngressController, cl.TLS = c.controller, manifest.TLS{SecretName: "wildcard"}
				a.Routes[0].BodySize, a.Routes[0].Timeout = c.size, c.timeout
			})
			got := one[networkingv1.Ingress](t, m, "site").Annotations
			assert.Len(t, got, len(c.want))
			for key, value := range c.want {
				assert.Equal(t, value, got[key], key)
			}
			notes := strings.Join(m.Notes, "\n")
			assert.Contains(t, notes, c.note)
			assert.Equal(t, c.note == "", notes == "")
		})
	}
}

func TestARouteOpensAfterWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	assert.ElementsMatch(t, []string{
		"Namespace/lab", "Deployment/api", "Service/api", "NetworkPolicy/entry-to-site", "Job/relay",
	}, object(t, rendered(t, nil), "Ingress/site").After)
}

func TestReplicasAreSpreadAndKeptDuringDrains(t *testing.T) {
	t.Parallel()
	m := rendered(t, func(a *app.App, _ *manifest.Cluster) { a.Service("api").Replicas = 3 })
	require.Len(t, all[policyv1.PodDisruptionBudget](m), 1)
	budget := one[policyv1.PodDisruptionBudget](t, m, "api").Spec
	assert.Equal(t, 1, budget.MaxUnavailable.IntValue())
	assert.Equal(t, policyv1.AlwaysAllow, *budget.UnhealthyPodEvictionPolicy)
	deployment := one[appsv1.Deployment](t, m, "api").Spec
	assert.Equal(t, int32(3), *deployment.Replicas)
	assert.Equal(t, deployment.Selector, budget.Selector)
	var keys []string
	for _, c := range deployment.Template.Spec.TopologySpreadConstraints {
		keys = append(keys, c.TopologyKey)
		assert.Equal(t, corev1.ScheduleAnyway, c.WhenUnsatisfiable, "a small cluster still runs them")
		assert.Equal(t, deployment.Selector, c.LabelSelector)
	}
	assert.Equal(t, []string{"kubernetes.io/hostname", "topology.kubernetes.io/zone"}, keys)

	single := rendered(t, nil)
	assert.Empty(t, all[policyv1.PodDisruptionBudget](single), "one would block every drain")
	for id, pod := range podsOf(single) {
		assert.Empty(t, pod.Spec.TopologySpreadConstraints, id)
	}
}

func TestSelectorsNeverChange(t *testing.T) {
	t.Parallel()
	before := rendered(t, nil)
	after := rendered(t, func(a *app.App, c *manifest.Cluster) {
		a.Version, c.Environment, c.SharedStorageClass = "3.0.0", "other", ""
		for i := range a.Services {
			a.Services[i].Image = "other:1.0"
		}
	})
	for _, d := range all[appsv1.Deployment](before) {
		assert.Equal(t, d.Spec.Selector, one[appsv1.Deployment](t, after, d.Name).Spec.Selector)
		assert.Equal(t, map[string]string{
			manifest.LabelName: "lab", manifest.LabelComponent: d.Name,
		}, d.Spec.Selector.MatchLabels)
	}
}

func TestOnlyWhatWaitsForTheReleaseJobIsReplacedWithIt(t *testing.T) {
	t.Parallel()
	got := map[string][]string{}
	for _, o := range rendered(t, nil).Objects {
		if len(o.ReplaceWith) > 0 {
			got[o.ID()] = o.ReplaceWith
			assert.Subset(t, o.After, o.ReplaceWith)
		}
	}
	assert.Equal(t, map[string][]string{"Deployment/api": {"Job/setup"}, "Deployment/worker": {"Job/setup"}}, got)
}

func TestProtection(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*app.App, *manifest.Cluster)
		want   []string
	}{
		"data and its namespace are protected": {nil, []string{"Namespace/lab", "PersistentVolumeClaim/records"}},
		"nothing is without the option": {
			func(_ *app.App, c *manifest.Cluster) { c.Protect = false }, nil,
		},
		"nothing is without data": {
			func(a *app.App, _ *manifest.Cluster) { a.Volumes[0].Data = false }, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, o := range rendered(t, c.change).Objects {
				if o.Protect {
					got = append(got, o.ID())
				}
			}
			assert.Equal(t, c.want, got)
		})
	}
}

func TestAppsThatKubernetesCantRunListEveryProblem(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*app.App, *manifest.Cluster)
		want   []string
	}{
		"root": {
			func(a *app.App, _ *manifest.Cluster) {
				a.Service("api").User, a.Service("db").User = app.User{}, app.User{}
			},
			[]string{"services.api.user: Pod Security restricted needs", "services.db.user: Pod Security"},
		},
		"replicas on one node": {
			func(a *app.App, c *manifest.Cluster) { a.Service("api").Replicas, c.SharedStorageClass = 2, "" },
			[]string{"services.api.replicas: 2: volume uploads can be written by one node only; set storage.shared"},
		},
		"replicas with a volume of their own, which no class helps": {
			func(a *app.App, _ *manifest.Cluster) { a.Service("db").Replicas, a.Service("db").Singleton = 2, "" },
			[]string{"services.db.replicas: 2: volume records can be written by one node only; run one replica"},
		},
		"replicas whose init container writes a volume": {
			func(a *app.App, _ *manifest.Cluster) {
				db := a.Service("db")
				db.Replicas, db.Singleton = 2, ""
				db.Init = []app.Init{{Name: "init", Image: "tool:1.0", Mounts: db.Mounts[:1]}}
				db.Mounts = nil
			},
			[]string{"services.db.replicas: 2: volume records"},
		},
		"texts that are no labels": {
			func(a *app.App, c *manifest.Cluster) { a.Version, c.Environment = "1.0+build", "the lab" },
			[]string{"version: 1.0+build: becomes a label", "environment: the lab: becomes a label"},
		},
		"a mode that is none": {
			func(a *app.App, _ *manifest.Cluster) { a.Files[0].Mode = 0o1777 },
			[]string{"files.settings.mode: 01777: must be from 0 to 0777"},
		},
		"a Service named with a digit": {
			func(a *app.App, _ *manifest.Cluster) { a.Services[0].Name, a.Routes[0].Service = "1api", "1api" },
			[]string{"services.1api: the name of a service with ports must start with a letter"},
		},
		"a long name of what owns a volume": {
			func(a *app.App, _ *manifest.Cluster) { a.Service("db").Name = strings.Repeat("d", 53) },
			[]string{"must not be longer than 52 characters"},
		},
		"an empty cluster": {
			func(_ *app.App, c *manifest.Cluster) { *c = manifest.Cluster{} },
			[]string{
				"podSecurityVersion: must be pinned", "ingressClass: is required", "ingressNamespace: is required",
				"ingressController: must be one of [traefik haproxy nginx other]",
				"tls: a route needs one source of certificates",
			},
		},
		"two sources of certificates": {
			func(_ *app.App, c *manifest.Cluster) { c.TLS.SelfSigned = true },
			[]string{"tls: a route needs one source"},
		},
		"the application's own and the cluster's together": {
			func(a *app.App, c *manifest.Cluster) {
				a.Service("api").Image, a.Service("db").User, c.IngressClass = "lab:latest", app.User{}, ""
			},
			[]string{"3 problems:", "services.api.image", "services.db.user", "ingressClass"},
		},
		"names that make the same object": {
			func(a *app.App, _ *manifest.Cluster) {
				a.Service("api").Egress[0].Name = "db"
			},
			[]string{"two objects would be NetworkPolicy/api-to-db"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, cl := lab.App(), lab.Cluster()
			c.change(&a, &cl)
			m, err := manifest.Render(a, cl)
			require.Error(t, err)
			assert.Empty(t, m.Objects)
			for _, text := range c.want {
				assert.ErrorContains(t, err, text)
			}
		})
	}
}

func TestRenderLeavesItsArgumentsAlone(t *testing.T) {
	t.Parallel()
	a := lab.App()
	first, err := manifest.Render(a, lab.Cluster())
	require.NoError(t, err)
	assert.Equal(t, lab.App(), a)
	*one[appsv1.Deployment](t, first, "api").Spec.Template.Spec.SecurityContext.RunAsUser = 0
	assert.Equal(t, lab.App(), a, "the objects share no memory with it")
}

// randomApp is an application whose services depend on earlier ones at random.
func randomApp(random *rand.Rand) app.App {
	a := app.App{Name: "random"}
	for i := range 3 + random.IntN(12) {
		s := app.Service{
			Name: fmt.Sprintf("%c%d", 'a'+random.IntN(26), i), Image: "image:1.0", Role: app.RoleWorker, Replicas: 1,
			User: app.User{UID: 1000, GID: 1000}, ReadOnlyRoot: true,
		}
		switch random.IntN(4) {
		case 0:
			s.Role, s.Job = app.RoleTask, &app.Job{Deadline: time.Minute, Release: random.IntN(2) == 0}
		case 1:
			volume := fmt.Sprintf("volume%d", i)
			a.Volumes = append(a.Volumes, app.Volume{Name: volume, Size: 1, Backup: app.BackupNone})
			s.Mounts = []app.Mount{{Path: "/data", Volume: volume}}
			fallthrough
		default:
			s.Ports = []app.Port{{Name: "http", Number: 8080, Protocol: app.TCP}}
		}
		for _, earlier := range a.Services {
			if random.IntN(3) == 0 {
				s.DependsOn = append(s.DependsOn, app.Dependency{Service: earlier.Name, Condition: app.Started})
			}
		}
		a.Services = append(a.Services, s)
	}
	for _, s := range a.Services {
		if len(s.Ports) > 0 {
			a.Routes = append(a.Routes, app.Route{
				Name: "route", Host: "example.org", Path: "/", Service: s.Name, Port: 8080, Timeout: time.Minute,
				After: []string{a.Services[random.IntN(len(a.Services))].Name},
			})
			break
		}
	}
	random.Shuffle(len(a.Services), func(i, j int) { a.Services[i], a.Services[j] = a.Services[j], a.Services[i] })
	return a
}

func TestNothingComesBeforeWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		a := randomApp(rand.New(rand.NewPCG(seed, 0))) //nolint:gosec // the seed is there to repeat a failure
		m, err := manifest.Render(a, lab.Cluster())
		require.NoError(t, err, "seed %d", seed)
		done := map[string]bool{}
		for _, o := range m.Objects {
			for _, before := range append(slices.Clone(o.After), o.ReplaceWith...) {
				require.True(t, done[before], "seed %d: %s comes before %s", seed, o.ID(), before)
			}
			require.False(t, done[o.ID()], "seed %d: %s comes twice", seed, o.ID())
			done[o.ID()] = true
		}
		for _, s := range a.Services {
			for _, d := range s.DependsOn {
				require.Contains(t, workload(t, m, s.Name).After, workload(t, m, d.Service).ID(), "seed %d", seed)
			}
		}
	}
}

func workload(t *testing.T, m manifest.Manifests, name string) manifest.Object {
	t.Helper()
	for _, o := range m.Objects {
		if o.Value.GetName() == name && templateOf(o.Value) != nil {
			return o
		}
	}
	require.Failf(t, "no workload", "%s", name)
	return manifest.Object{}
}

func TestEqualInputGivesEqualOutput(t *testing.T) {
	t.Parallel()
	want, err := json.Marshal(rendered(t, nil))
	require.NoError(t, err)
	for range 20 {
		got, err := json.Marshal(rendered(t, nil))
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(got))
		require.Equal(t, string(want), string(got), "the order too")
	}
}
