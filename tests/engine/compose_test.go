//go:build integration

package engine_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/compose"
	"github.com/dekcd/dmcloud/tests/compose/corpus"
)

// TestComposeFilesAsPlatforms deploys Compose files as platforms of one environment, under the policy pack: SEEK's four
// as they are published, and what the specification shows. They become ready, and a second up changes nothing.
func TestComposeFilesAsPlatforms(t *testing.T) {
	t.Parallel()
	all, err := corpus.All(root)
	require.NoError(t, err)
	var platforms []map[string]any
	secrets, labels := map[string]string{}, map[string]string{}
	for _, c := range all {
		if c.Accepted() && c.Kind != "projects" {
			platform := platformOf(t, c)
			paths, placement := needs(t, c)
			for _, l := range placement {
				labels[l.Key] = l.Value
			}
			for _, path := range paths {
				secrets[fmt.Sprintf("dmcloud:platforms[%d].%s", len(platforms), path)] = "from-the-environment"
			}
			platforms = append(platforms, platform)
		}
	}
	require.Greater(t, len(platforms), 50)
	require.NotEmpty(t, secrets)

	b := open(t)
	b.platforms(t, platforms)
	for path, value := range secrets {
		b.pulumi(t, "config", "set", "--secret", "--path", path, value)
	}
	b.label(t, labels)
	b.pulumi(t, "up", "--yes", "--skip-preview")
	for _, p := range platforms {
		pods, err := b.client.CoreV1().Pods(p["name"].(string)).List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		require.NotEmpty(t, pods.Items, p["name"])
		for _, pod := range pods.Items {
			assert.Contains(t, []string{"Running", "Succeeded"}, string(pod.Status.Phase), "%s/%s", pod.Namespace, pod.Name)
		}
	}
	b.pulumi(t, "up", "--yes", "--skip-preview", "--expect-no-changes")
}

// TestTheLocalAssembly deploys the local stack as it is: three platforms of the catalogue and one that is a Compose
// file, side by side, each in its own fenced namespace.
func TestTheLocalAssembly(t *testing.T) {
	t.Parallel()
	b := openStack(t, func(stackFile string) string { return stackFile })
	b.pulumi(t, "up", "--yes", "--skip-preview")
	outputs, err := b.bench.Outputs(t.Context())
	require.NoError(t, err)
	urls := map[string][]string{}
	for name, p := range outputs.Platforms {
		urls[name] = p.URLs
		deployments, err := b.client.AppsV1().Deployments(name).List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		for _, d := range deployments.Items {
			assert.Equal(t, *d.Spec.Replicas, d.Status.AvailableReplicas, "%s/%s", name, d.Name)
		}
		jobs, err := b.client.BatchV1().Jobs(name).List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		for _, j := range jobs.Items {
			assert.NotNil(t, j.Status.CompletionTime, "%s/%s", name, j.Name)
		}
	}
	assert.Equal(t, map[string][]string{
		"seek": {"https://seek.localhost"}, "ckan": {"https://ckan.localhost"},
		"omero": {"https://omero.localhost", "https://omero-clients.localhost"}, "notes": {"https://notes.localhost"},
	}, urls)
	b.fenced(t)
	b.pulumi(t, "up", "--yes", "--skip-preview", "--expect-no-changes")
}

// platformOf is a case as the author of a stack file writes it.
func platformOf(t *testing.T, c corpus.Case) map[string]any {
	t.Helper()
	var files []string
	for _, path := range c.Paths() {
		relative, err := filepath.Rel(filepath.Join(root, "stacks"), path)
		require.NoError(t, err)
		files = append(files, relative)
	}
	p := map[string]any{"name": c.Slug(), "compose": files}
	if len(c.Profiles) > 0 {
		p["profiles"] = c.Profiles
	}
	variables := map[string]string{}
	for name, value := range c.Environment {
		if !compose.LooksSecret(name, value) {
			variables[name] = value
		}
	}
	p["variables"] = variables
	return p
}

// needs are the paths, within the platform, of what only an encrypted value in the stack file can give the case:
// variables that look secret, and external secrets; and the labels of the machines it wants.
func needs(t *testing.T, c corpus.Case) (paths []string, labels []app.Label) {
	t.Helper()
	for name, value := range c.Environment {
		if compose.LooksSecret(name, value) {
			paths = append(paths, "variables."+name)
		}
	}
	loaded, err := compose.Load(t.Context(), c.Source())
	require.NoError(t, err)
	for _, s := range loaded.App.Secrets {
		if _, given := loaded.SecretValues[s.Name]; !given && s.Generate == nil {
			paths = append(paths, "secrets."+s.Name)
		}
	}
	for _, s := range loaded.App.Services {
		labels = append(labels, s.Placement...)
	}
	return paths, labels
}

// label gives all nodes labels, as whoever runs the cluster would.
func (b *bed) label(t *testing.T, labels map[string]string) {
	t.Helper()
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": labels}})
	require.NoError(t, err)
	nodes, err := b.client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	for _, node := range nodes.Items {
		_, err := b.client.CoreV1().Nodes().Patch(t.Context(), node.Name, types.MergePatchType, patch, metav1.PatchOptions{})
		require.NoError(t, err)
	}
}

// platforms replaces those of the stack file. JSON is YAML.
func (b *bed) platforms(t *testing.T, platforms []map[string]any) {
	t.Helper()
	content, err := os.ReadFile(b.options.StackFile)
	require.NoError(t, err)
	before, _, found := strings.Cut(string(content), "  dmcloud:platforms:")
	require.True(t, found)
	text, err := json.Marshal(platforms)
	require.NoError(t, err)
	changed := fmt.Appendf(nil, "%s  dmcloud:platforms: %s\n", before, text)
	require.NoError(t, os.WriteFile(b.options.StackFile, changed, 0o600))
	b.reopen(t)
}
