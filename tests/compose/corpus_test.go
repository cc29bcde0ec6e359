// Package compose_test converts a corpus of Compose files, such as real projects have: what must be refused is refused
// with a way to mend it, and everything else becomes what a real Kubernetes API takes under Pod Security "restricted".
package compose_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/dekcd/dmcloud/components/compose"
	"github.com/dekcd/dmcloud/components/kubernetes/manifest"
	"github.com/dekcd/dmcloud/components/problem"
	"github.com/dekcd/dmcloud/tests/compose/corpus"
)

const root = "../.."

// cases are those of the corpus.
func cases(tb testing.TB) []corpus.Case {
	tb.Helper()
	all, err := corpus.All(root)
	require.NoError(tb, err)
	require.Greater(tb, len(all), 100)
	return all
}

func cluster() manifest.Cluster {
	return manifest.Cluster{Environment: "test", PodSecurityVersion: "v1.37", SharedStorageClass: "shared"}
}

func TestEveryFileIsAcceptedOrRefusedWithTheFix(t *testing.T) {
	t.Parallel()
	for _, c := range cases(t) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			loaded, err := compose.Load(t.Context(), c.Source())
			var manifests manifest.Manifests
			if err == nil {
				manifests, err = manifest.Render(loaded.App, cluster())
			}
			if c.Accepted() {
				require.NoError(t, err)
				hardened(t, manifests)
				hidden(t, loaded, manifests)
				return
			}
			var problems *problem.Error
			require.ErrorAs(t, err, &problems)
			var refused []string
			for _, p := range problems.Problems {
				refused = append(refused, p.Path)
				assert.NotEmpty(t, p.Fix, "%s is refused without a fix", p.Path)
			}
			slices.Sort(refused)
			assert.Equal(t, c.Refused, slices.Compact(refused), "%s", err)
			assert.Empty(t, loaded.App.Services, "nothing half-read")
		})
	}
}

// hardened sees that what runs keeps the promises of the renderer.
func hardened(t *testing.T, m manifest.Manifests) {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	require.NoError(t, err)
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.MajorMinorVersion(1, 37)}
	workloads, denied := 0, false
	for _, o := range m.Objects {
		var pod *corev1.PodTemplateSpec
		switch v := any(o.Value).(type) {
		case *appsv1.Deployment:
			pod = &v.Spec.Template
		case *appsv1.StatefulSet:
			pod = &v.Spec.Template
		case *batchv1.Job:
			pod = &v.Spec.Template
		case *networkingv1.NetworkPolicy:
			denied = denied || v.Name == "default-deny" && len(v.Spec.PodSelector.MatchLabels) == 0
			continue
		default:
			continue
		}
		workloads++
		for _, result := range evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec) {
			assert.True(t, result.Allowed, "%s: %s %s", o.ID(), result.ForbiddenReason, result.ForbiddenDetail)
		}
	}
	assert.Positive(t, workloads)
	assert.True(t, denied, "everything may talk to everything")
}

// hidden sees that no literal that became a secret stands anywhere else.
func hidden(t *testing.T, loaded compose.Loaded, m manifest.Manifests) {
	t.Helper()
	text, err := json.Marshal(m.Objects)
	require.NoError(t, err)
	verdicts, err := json.Marshal(loaded.Verdicts)
	require.NoError(t, err)
	for name, value := range loaded.SecretValues {
		if ordinary(value.Reveal()) {
			continue
		}
		assert.NotContains(t, string(text), value.Reveal(), "the value of secret %s", name)
		assert.NotContains(t, string(verdicts), value.Reveal(), "the value of secret %s", name)
	}
}

// ordinary tells whether a password of a test file is a word that may stand elsewhere by chance.
func ordinary(value string) bool {
	const shortest = 8
	return len(value) < shortest || strings.ContainsAny(value, "\"\n<>&") || compose.Published(value)
}

func TestConvertingTwiceGivesTheSame(t *testing.T) {
	t.Parallel()
	for _, c := range cases(t) {
		if c.Kind != "projects" {
			continue
		}
		first, err := compose.Load(t.Context(), c.Source())
		second, again := compose.Load(t.Context(), c.Source())
		assert.Equal(t, first, second, c.Name)
		assert.Equal(t, err == nil, again == nil)
		if err != nil {
			assert.Equal(t, errors.Unwrap(err), errors.Unwrap(again), c.Name)
		}
	}
}
