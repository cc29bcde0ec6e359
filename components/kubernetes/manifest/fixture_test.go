package manifest_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/catalog/seek"
	"github.com/dekcd/dmcloud/components/kubernetes/internal/lab"
	"github.com/dekcd/dmcloud/components/kubernetes/manifest"
)

// rendered is an application on a cluster, both changed first.
func rendered(t *testing.T, change func(*app.App, *manifest.Cluster)) manifest.Manifests {
	t.Helper()
	a, c := lab.App(), lab.Cluster()
	if change != nil {
		change(&a, &c)
	}
	m, err := manifest.Render(a, c)
	require.NoError(t, err)
	return m
}

// one is the only object of that type and name.
func one[T any](t *testing.T, m manifest.Manifests, name string) *T {
	t.Helper()
	for _, o := range m.Objects {
		if value, ok := any(o.Value).(*T); ok && o.Value.GetName() == name {
			return value
		}
	}
	require.Failf(t, "not rendered", "%T %s", new(T), name)
	return nil
}

// all are the objects of a type.
func all[T any](m manifest.Manifests) []*T {
	var found []*T
	for _, o := range m.Objects {
		if value, ok := any(o.Value).(*T); ok {
			found = append(found, value)
		}
	}
	return found
}

func object(t *testing.T, m manifest.Manifests, id string) manifest.Object {
	t.Helper()
	for _, o := range m.Objects {
		if o.ID() == id {
			return o
		}
	}
	require.Failf(t, "not rendered", "%s", id)
	return manifest.Object{}
}

func has(m manifest.Manifests, id string) bool {
	for _, o := range m.Objects {
		if o.ID() == id {
			return true
		}
	}
	return false
}

// seekApp is SEEK as an institute would configure it.
func seekApp(tb testing.TB, version string) app.App {
	tb.Helper()
	o := seek.Options{
		Name: "seek", Version: version, Host: "seek.example.org",
		Administrator: seek.Administrator{Email: "admin@example.org"},
	}
	if version == "1.19" {
		o.Image = "registry.example.org/seek:1.19.0-3" // not released: a build of one's own
	}
	a, err := seek.New(tb.Context(), o)
	require.NoError(tb, err)
	return a
}

// podsOf are the pod templates of all workloads, by the id of the workload.
func podsOf(m manifest.Manifests) map[string]corev1.PodTemplateSpec {
	pods := map[string]corev1.PodTemplateSpec{}
	for _, o := range m.Objects {
		if template := templateOf(o.Value); template != nil {
			pods[o.ID()] = *template
		}
	}
	return pods
}
