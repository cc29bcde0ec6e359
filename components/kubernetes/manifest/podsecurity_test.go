package manifest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/catalog/seek"
	"github.com/dekcd/dmcloud/components/kubernetes/internal/lab"
	"github.com/dekcd/dmcloud/components/kubernetes/manifest"
)

// refusals are what the admission controller of a namespace that enforces restricted in the pinned version would say.
func refusals(t *testing.T, pod corev1.PodTemplateSpec) []string {
	t.Helper()
	version, err := api.ParseVersion(lab.Cluster().PodSecurityVersion)
	require.NoError(t, err)
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	require.NoError(t, err)
	var reasons []string
	for _, r := range evaluator.EvaluatePod(
		api.LevelVersion{Level: api.LevelRestricted, Version: version}, &pod.ObjectMeta, &pod.Spec) {
		if !r.Allowed {
			reasons = append(reasons, r.ForbiddenReason)
		}
	}
	return reasons
}

func TestEveryPodPassesTheRestrictedStandard(t *testing.T) {
	t.Parallel()
	apps := map[string]app.App{"the fixture": lab.App()}
	for _, p := range seek.Profiles() {
		apps["SEEK "+p.Minor] = seekApp(t, p.Minor)
	}
	for name, a := range apps {
		for _, shared := range []string{"", "nfs"} {
			t.Run(name+" with shared storage "+shared, func(t *testing.T) {
				t.Parallel()
				c := lab.Cluster()
				c.SharedStorageClass = shared
				m, err := manifest.Render(a, c)
				require.NoError(t, err)
				pods := podsOf(m)
				assert.Len(t, pods, len(a.Services))
				for id, pod := range pods {
					assert.Empty(t, refusals(t, pod), id)
				}
			})
		}
	}
}

// TestTheStandardRefusesWhatIsWeakened shows that the check above can fail.
func TestTheStandardRefusesWhatIsWeakened(t *testing.T) {
	t.Parallel()
	on, root := true, int64(0)
	for reason, weaken := range map[string]func(*corev1.PodSpec){
		"privileged": func(p *corev1.PodSpec) { p.Containers[0].SecurityContext.Privileged = &on },
		"allowPrivilegeEscalation != false": func(p *corev1.PodSpec) {
			p.InitContainers[0].SecurityContext.AllowPrivilegeEscalation = nil
		},
		"unrestricted capabilities": func(p *corev1.PodSpec) { p.Containers[0].SecurityContext.Capabilities = nil },
		"runAsUser=0":               func(p *corev1.PodSpec) { p.SecurityContext.RunAsUser = &root },
		"seccompProfile":            func(p *corev1.PodSpec) { p.SecurityContext.SeccompProfile = nil },
		"host namespaces":           func(p *corev1.PodSpec) { p.HostNetwork = true },
		"restricted volume types": func(p *corev1.PodSpec) {
			p.Volumes = append(p.Volumes, corev1.Volume{Name: "host", VolumeSource: corev1.VolumeSource{
				HostPath: &corev1.HostPathVolumeSource{Path: "/"},
			}})
		},
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			pod := podsOf(rendered(t, nil))["Deployment/worker"]
			weaken(&pod.Spec)
			assert.Contains(t, refusals(t, pod), reason)
		})
	}
}
