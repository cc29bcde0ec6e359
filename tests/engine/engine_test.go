//go:build integration

// Package engine_test runs the program with the real Pulumi engine, the compiled policy pack and a real Kubernetes API.
// Nodes and containers are simulated: that pods start is not shown here, that everything else is right is.
package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/dekcd/dmcloud/tests/workbench"
)

const root = "../.."

// namespace is the platform's in the local stack.
const namespace = "seek"

// bed is a bench with a sandbox of its own, and its cluster.
type bed struct {
	options workbench.Options
	bench   *workbench.Bench
	client  kubernetes.Interface
}

// open brings up a bench whose state is the test's own. The stack file is a copy that the test may edit; of its
// platforms it has the first only, SEEK.
func open(tb testing.TB) *bed {
	tb.Helper()
	return openStack(tb, func(stackFile string) string {
		const platform = "\n    - name: "
		parts := strings.SplitN(stackFile, platform, 3)
		require.Len(tb, parts, 3, "the local stack has several platforms")
		return parts[0] + platform + parts[1] + "\n"
	})
}

// openStack is open with another version of the stack file.
func openStack(tb testing.TB, version func(stackFile string) string) *bed {
	tb.Helper()
	checkout, err := filepath.Abs(root)
	require.NoError(tb, err)
	state := filepath.Join(tb.TempDir(), "state")
	stackFile := filepath.Join(tb.TempDir(), "Pulumi.local.yaml")
	content, err := os.ReadFile(filepath.Join(checkout, "stacks", "Pulumi.local.yaml"))
	require.NoError(tb, err)
	require.NoError(tb, os.WriteFile(stackFile, []byte(version(string(content))), 0o600))
	b := &bed{options: workbench.Options{
		Root: checkout, Stack: workbench.LocalStack, StackFile: stackFile, State: state, Progress: os.Stderr,
	}}
	tb.Cleanup(func() {
		// Not the test's context: that has ended by now.
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		assert.NoError(tb, workbench.Close(ctx, b.options))
	})
	b.reopen(tb)
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(state, "sandbox", "kubeconfig"))
	require.NoError(tb, err)
	b.client, err = kubernetes.NewForConfig(config)
	require.NoError(tb, err)
	return b
}

// reopen takes up what changed in the stack file.
func (b *bed) reopen(tb testing.TB) {
	tb.Helper()
	bench, err := workbench.Open(tb.Context(), b.options)
	require.NoError(tb, err)
	b.bench = bench
}

// edit replaces one text of the stack file by another.
func (b *bed) edit(t *testing.T, old, replacement string) {
	t.Helper()
	content, err := os.ReadFile(b.options.StackFile)
	require.NoError(t, err)
	require.Contains(t, string(content), old)
	changed := strings.Replace(string(content), old, replacement, 1)
	require.NoError(t, os.WriteFile(b.options.StackFile, []byte(changed), 0o600))
	b.reopen(t)
}

// pulumi runs a command that must succeed and gives what it printed.
func (b *bed) pulumi(tb testing.TB, args ...string) string {
	tb.Helper()
	output, err := b.try(tb, nil, args...)
	require.NoError(tb, err, output)
	return output
}

// try runs a command, with additional environment, and gives what it printed.
func (b *bed) try(tb testing.TB, env []string, args ...string) (string, error) {
	tb.Helper()
	cmd := b.bench.Pulumi(tb.Context(), append(args, "--non-interactive", "--color=never")...)
	cmd.Env = append(cmd.Env, env...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	return output.String(), err
}

// resources are the URNs of the resources in the state with their types.
func (b *bed) resources(t *testing.T) []string {
	t.Helper()
	var state struct {
		Deployment struct {
			Resources []struct {
				URN    string `json:"urn"`
				Custom bool   `json:"custom"`
			} `json:"resources"`
		} `json:"deployment"`
	}
	require.NoError(t, json.Unmarshal([]byte(b.pulumi(t, "stack", "export")), &state))
	var urns []string
	for _, r := range state.Deployment.Resources {
		if r.Custom && !strings.Contains(r.URN, "pulumi:providers:") && !strings.Contains(r.URN, "StackReference") {
			urns = append(urns, r.URN)
		}
	}
	return urns
}

// uids are the identities of all objects of one kind.
func (b *bed) uids(t *testing.T) map[string]string {
	t.Helper()
	uids := map[string]string{}
	claims, err := b.client.CoreV1().PersistentVolumeClaims(namespace).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	for _, c := range claims.Items {
		uids["claim "+c.Name] = string(c.UID) + " on " + c.Spec.VolumeName
	}
	secrets, err := b.client.CoreV1().Secrets(namespace).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	for _, s := range secrets.Items {
		uids["secret "+s.Name] = string(s.UID)
	}
	home, err := b.client.CoreV1().Namespaces().Get(t.Context(), namespace, metav1.GetOptions{})
	require.NoError(t, err)
	uids["namespace"] = string(home.UID)
	require.Greater(t, len(uids), 5)
	return uids
}

func TestLifeOfAStack(t *testing.T) {
	t.Parallel()
	b := open(t)
	// From an older release, so that there is something to upgrade from.
	b.edit(t, "version: 1.18.1", "version: 1.17.4")

	for _, step := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"up deploys everything and it becomes ready", func(t *testing.T) {
			b.pulumi(t, "up", "--yes", "--skip-preview")
			b.ready(t)
			outputs, err := b.bench.Outputs(t.Context())
			require.NoError(t, err)
			seek := outputs.Platforms[namespace]
			assert.Equal(t, []string{"https://seek.localhost"}, seek.URLs)
			assert.Equal(t, "1.17.4", seek.Version)
			password, err := b.client.CoreV1().Secrets(namespace).Get(t.Context(), seek.PasswordSecret, metav1.GetOptions{})
			require.NoError(t, err)
			assert.GreaterOrEqual(t, len(password.Data["value"]), 16)
		}},
		{"every namespace is fenced", b.fenced},
		{"no secret's value stands anywhere else", b.secretsStaySecret},
		{"a second up and a refresh find no changes", func(t *testing.T) {
			b.pulumi(t, "preview", "--expect-no-changes")
			b.pulumi(t, "refresh", "--yes", "--expect-no-changes")
			b.pulumi(t, "up", "--yes", "--expect-no-changes")
		}},
		{"a drift is shown and healed", func(t *testing.T) {
			err := b.client.NetworkingV1().NetworkPolicies(namespace).Delete(t.Context(), "default-deny", metav1.DeleteOptions{})
			require.NoError(t, err)
			output, err := b.try(t, nil, "preview", "--refresh", "--expect-no-changes")
			require.Error(t, err, "somebody deleted a policy and nobody noticed")
			assert.Contains(t, output, "seek-default-deny")
			b.pulumi(t, "up", "--yes", "--refresh")
			_, err = b.client.NetworkingV1().NetworkPolicies(namespace).Get(t.Context(), "default-deny", metav1.GetOptions{})
			assert.NoError(t, err)
		}},
		{"a skipped minor is refused before anything happens", func(t *testing.T) {
			b.edit(t, "version: 1.17.4", "version: 1.19.0\n      image: registry.institute.example/seek:1.19.0")
			before := b.uids(t)
			output, err := b.try(t, nil, "up", "--yes")
			require.Error(t, err)
			assert.Contains(t, output, "platforms[0].version: 1.19.0: cannot skip a minor when upgrading from 1.17.4")
			assert.Equal(t, before, b.uids(t))
			b.edit(t, "version: 1.19.0\n      image: registry.institute.example/seek:1.19.0", "version: 1.17.4")
		}},
		{"a new version stops, upgrades, starts, and keeps all data", func(t *testing.T) {
			b.upgrade(t, "1.17.4", "1.18.1")
		}},
		{"there is no way back", func(t *testing.T) {
			b.edit(t, "version: 1.18.1", "version: 1.17.4")
			output, err := b.try(t, nil, "preview")
			require.Error(t, err)
			assert.Contains(t, output, "platforms[0].version: 1.17.4: cannot go back from 1.18.1")
			b.edit(t, "version: 1.17.4", "version: 1.18.1")
		}},
		{"destroy leaves nothing", func(t *testing.T) {
			b.pulumi(t, "destroy", "--yes")
			assert.Empty(t, b.resources(t))
			_, err := b.client.CoreV1().Namespaces().Get(t.Context(), namespace, metav1.GetOptions{})
			assert.ErrorContains(t, err, "not found")
		}},
	} {
		if !t.Run(step.name, step.run) {
			t.Fatal("the next step needs this one")
		}
	}
}

// ready sees that every Deployment is available and every Job complete.
func (b *bed) ready(t *testing.T) {
	t.Helper()
	deployments, err := b.client.AppsV1().Deployments(namespace).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, deployments.Items, 2)
	for _, d := range deployments.Items {
		assert.Equal(t, *d.Spec.Replicas, d.Status.AvailableReplicas, d.Name)
	}
	jobs, err := b.client.BatchV1().Jobs(namespace).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, jobs.Items, 3)
	for _, j := range jobs.Items {
		assert.NotNil(t, j.Status.CompletionTime, j.Name)
	}
	claims, err := b.client.CoreV1().PersistentVolumeClaims(namespace).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	for _, c := range claims.Items {
		assert.Equal(t, "Bound", string(c.Status.Phase), c.Name)
	}
}

// fenced sees that each namespace of ours enforces Pod Security restricted and denies by default.
func (b *bed) fenced(t *testing.T) {
	namespaces, err := b.client.CoreV1().Namespaces().List(t.Context(),
		metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=dmcloud"})
	require.NoError(t, err)
	require.NotEmpty(t, namespaces.Items)
	for _, ns := range namespaces.Items {
		assert.Equal(t, "restricted", ns.Labels["pod-security.kubernetes.io/enforce"], ns.Name)
		deny, err := b.client.NetworkingV1().NetworkPolicies(ns.Name).Get(t.Context(), "default-deny", metav1.GetOptions{})
		require.NoError(t, err)
		assert.Empty(t, deny.Spec.PodSelector.MatchLabels)
		assert.Len(t, deny.Spec.PolicyTypes, 2)
		assert.Empty(t, deny.Spec.Ingress)
		assert.Empty(t, deny.Spec.Egress)
	}
}

// secretsStaySecret looks for the value of every Secret in everything else: pods and what makes them, ConfigMaps, the
// state of Pulumi, what Pulumi prints.
func (b *bed) secretsStaySecret(t *testing.T) {
	secrets, err := b.client.CoreV1().Secrets(namespace).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	var values []string
	for _, s := range secrets.Items {
		for key, value := range s.Data {
			if key != "tls.crt" { // every visitor sees it
				values = append(values, string(value))
			}
		}
	}
	require.GreaterOrEqual(t, len(values), 6)
	places := map[string]string{
		"state":   b.pulumi(t, "stack", "export"),
		"outputs": b.pulumi(t, "stack", "output", "--json"),
		"preview": b.pulumi(t, "preview", "--diff"),
	}
	core, apps, all := b.client.CoreV1(), b.client.AppsV1(), metav1.ListOptions{}
	for kind, list := range map[string]func() (any, error){
		"pods":         func() (any, error) { return core.Pods(namespace).List(t.Context(), all) },
		"configmaps":   func() (any, error) { return core.ConfigMaps(namespace).List(t.Context(), all) },
		"deployments":  func() (any, error) { return apps.Deployments(namespace).List(t.Context(), all) },
		"statefulsets": func() (any, error) { return apps.StatefulSets(namespace).List(t.Context(), all) },
		"jobs":         func() (any, error) { return b.client.BatchV1().Jobs(namespace).List(t.Context(), all) },
	} {
		objects, err := list()
		require.NoError(t, err)
		text, err := json.Marshal(objects)
		require.NoError(t, err)
		require.Greater(t, len(text), 1000, kind)
		places[kind] = string(text)
	}
	for place, text := range places {
		for i, value := range values {
			assert.NotContains(t, text, value, "secret %d stands in the %s", i, place)
		}
	}
}

// upgrade sees that services stop before the data is upgraded and start after it, and that nothing with data is
// replaced.
func (b *bed) upgrade(t *testing.T, from, to string) {
	t.Helper()
	before := b.uids(t)
	b.edit(t, "version: "+from, "version: "+to)
	output := b.pulumi(t, "up", "--yes", "--skip-preview")
	after := b.uids(t)
	for name, uid := range before {
		assert.Equal(t, uid, after[name], "%s is not what it was", name)
	}
	b.ready(t)

	line := func(part string) int {
		at := slices.IndexFunc(strings.Split(output, "\n"), func(l string) bool { return strings.Contains(l, part) })
		require.GreaterOrEqual(t, at, 0, "no line %q in\n%s", part, output)
		return at
	}
	release := line("batch/v1:Job seek-setup creating")
	for _, service := range []string{"seek-web", "seek-workers"} {
		assert.Less(t, line("Deployment "+service+" deleted"), release, "%s must stop before data is upgraded", service)
	}
	upgraded := line("batch/v1:Job seek-setup created")
	for _, service := range []string{"seek-web", "seek-workers"} {
		assert.Greater(t, line("Deployment "+service+" creating"), upgraded, "%s must start after that", service)
	}
	outputs, err := b.bench.Outputs(t.Context())
	require.NoError(t, err)
	assert.Equal(t, to, outputs.Platforms[namespace].Version)
	for _, name := range []string{"web", "workers"} {
		d, err := b.client.AppsV1().Deployments(namespace).Get(t.Context(), name, metav1.GetOptions{})
		require.NoError(t, err)
		assert.Equal(t, "fairdom/seek:"+to, d.Spec.Template.Spec.Containers[0].Image)
	}
}
