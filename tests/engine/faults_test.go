//go:build integration

package engine_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/tests/pullrequest"
	"github.com/dekcd/dmcloud/tests/workbench"
)

func TestFaultsAreSaidAndHalfMakeNothing(t *testing.T) {
	t.Parallel()
	b := open(t)
	//nolint:paralleltest // one after the other: they share a stack
	for name, fault := range map[string]func(*testing.T){
		"ten mistakes in a stack file are ten problems": func(t *testing.T) {
			mistaken := *b
			mistaken.options.StackFile = filepath.Join(b.options.Root, "stacks", "environment", "testdata", "ten-mistakes.yaml")
			mistaken.reopen(t)
			output, err := mistaken.try(t, nil, "up", "--yes")
			require.Error(t, err)
			assert.Contains(t, output, "10 problems:")
			for i := 1; i <= 10; i++ {
				assert.Contains(t, output, fmt.Sprintf(" %d. ", i))
			}
			assert.NotContains(t, output, "11. ")
		},
		"more web servers than the storage can serve": func(t *testing.T) {
			shared := *b
			shared.options.StackFile = edited(t, b.options.StackFile, "    shared: shared # volumes of several nodes\n", "",
				"replicas: 1", "replicas: 2")
			shared.reopen(t)
			output, err := shared.try(t, nil, "up", "--yes")
			require.Error(t, err)
			assert.Contains(t, output, "platforms[0].replicas: 2: SEEK 1.18 needs shared (RWX) storage for more than one "+
				"web replica; set storage.shared")
		},
		"a storage class the cluster does not have": func(t *testing.T) {
			unknown := *b
			unknown.options.StackFile = edited(t, b.options.StackFile, "class: standard", "class: fast")
			unknown.reopen(t)
			output, err := unknown.try(t, nil, "preview")
			require.Error(t, err)
			assert.Contains(t, output, "storage.class: fast: the cluster has no such class; it has: shared, standard")
		},
		"a cluster that does not answer": func(t *testing.T) {
			env := []string{"KUBECONFIG=" + deaf(t, filepath.Join(b.options.State, "sandbox", "kubeconfig"))}
			output, err := b.try(t, env, "up", "--yes", "--skip-preview")
			require.Error(t, err)
			assert.Contains(t, output, "the cluster does not answer")
			assert.Contains(t, output, "is the VPN up")
			output, err = b.try(t, env, "preview")
			require.NoError(t, err, output)
			assert.Contains(t, output, "This preview shows what the environment consists of")
			assert.Contains(t, output, "seek-web")
		},
		"a wrong passphrase": func(t *testing.T) {
			wrong := filepath.Join(t.TempDir(), "passphrase")
			require.NoError(t, os.WriteFile(wrong, []byte("not it"), 0o600))
			output, err := b.try(t, []string{"PULUMI_CONFIG_PASSPHRASE_FILE=" + wrong}, "up", "--yes")
			require.Error(t, err)
			assert.Contains(t, output, "incorrect passphrase")
		},
		"a protected stack without the policy pack": func(t *testing.T) {
			protected := *b
			protected.options.StackFile = edited(t, b.options.StackFile, "protected: false", "protected: true",
				"selfSigned: true", "issuer: letsencrypt", "seek.localhost", "seek.institute.example")
			protected.reopen(t)
			output, err := protected.try(t, []string{"PULUMI_OPTION_POLICY_PACK="}, "up", "--yes", "--skip-preview")
			require.Error(t, err)
			assert.Contains(t, output, "an update must be checked by the policy pack")
			assert.Contains(t, output, "make policies")
		},
	} {
		t.Run(name, func(t *testing.T) {
			fault(t)
			assert.Empty(t, b.resources(t), "something was made")
		})
	}
}

// edited makes a copy of a stack file with texts replaced, given in pairs.
func edited(t *testing.T, stackFile string, pairs ...string) string {
	t.Helper()
	content, err := os.ReadFile(stackFile)
	require.NoError(t, err)
	for i := 0; i < len(pairs); i += 2 {
		require.Contains(t, string(content), pairs[i])
	}
	changed := filepath.Join(t.TempDir(), "Pulumi.local.yaml")
	require.NoError(t, os.WriteFile(changed, []byte(strings.NewReplacer(pairs...).Replace(string(content))), 0o600))
	return changed
}

// deaf makes a kubeconfig for an address where nobody listens.
func deaf(t *testing.T, kubeconfig string) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	content, err := os.ReadFile(kubeconfig)
	require.NoError(t, err)
	lines := strings.Split(string(content), "\n")
	for i, line := range lines {
		if before, _, ok := strings.Cut(line, "https://"); ok {
			lines[i] = before + "https://" + address
		}
	}
	changed := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(changed, []byte(strings.Join(lines, "\n")), 0o600))
	return changed
}

func TestPolicyStopsWhatTheProgramDoesNotHarden(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.options.Root = planted(t, b.options.Root)
	b.reopen(t)
	output, err := b.try(t, nil, "preview")
	require.Error(t, err)
	assert.Contains(t, output, "[mandatory]  k8s-no-privileged")
	assert.Contains(t, output, "planted")
	output, err = b.try(t, nil, "up", "--yes", "--skip-preview")
	require.Error(t, err, "what a preview refuses an update must refuse too")
	assert.Contains(t, output, "k8s-no-privileged")
	for _, urn := range b.resources(t) {
		assert.NotContains(t, urn, "planted")
	}
}

// copied copies the checkout, so that a test may change it.
func copied(t *testing.T, checkout string) string {
	t.Helper()
	changed := t.TempDir()
	for _, part := range []string{"components", "policies", "stacks", "tests", "go.mod", "go.sum", "Pulumi.yaml"} {
		source := filepath.Join(checkout, part)
		if info, err := os.Stat(source); err == nil && info.IsDir() {
			require.NoError(t, os.CopyFS(filepath.Join(changed, part), os.DirFS(source)))
			continue
		}
		content, err := os.ReadFile(source)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(changed, part), content, 0o600))
	}
	return changed
}

// planted copies the checkout and adds to its program a privileged pod, as a colleague in a hurry would.
func planted(t *testing.T, checkout string) string {
	t.Helper()
	changed := copied(t, checkout)
	const pod = `package deployment

import (
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func plant(ctx *pulumi.Context, provider pulumi.ProviderResource) error {
	_, err := corev1.NewPod(ctx, "planted", &corev1.PodArgs{
		Metadata: &metav1.ObjectMetaArgs{Namespace: pulumi.String("default")},
		Spec: &corev1.PodSpecArgs{Containers: corev1.ContainerArray{corev1.ContainerArgs{
			Name: pulumi.String("c"), Image: pulumi.String("busybox:1.37.0"),
			SecurityContext: corev1.SecurityContextArgs{Privileged: pulumi.Bool(true)},
		}}},
	}, pulumi.Provider(provider))
	return err
}
`
	folder := filepath.Join(changed, "stacks", "deployment")
	require.NoError(t, os.WriteFile(filepath.Join(folder, "planted.go"), []byte(pod), 0o600))
	program := filepath.Join(folder, "deployment.go")
	content, err := os.ReadFile(program)
	require.NoError(t, err)
	const before = "\toutputs := pulumi.Map{}\n"
	require.Contains(t, string(content), before)
	call := "\tif err := plant(ctx, provider); err != nil {\n\t\treturn err\n\t}\n"
	require.NoError(t, os.WriteFile(program, []byte(strings.Replace(string(content), before, call+before, 1)), 0o600))
	return changed
}

func TestPullRequestShowsThePreview(t *testing.T) {
	t.Parallel()
	b := open(t)
	preview := b.bench.Pulumi(t.Context(), "preview")
	result, err := pullrequest.Preview(t.Context(), pullrequest.PreviewOptions{
		Stack: workbench.LocalStack, PolicyPack: filepath.Join("bin", "policies"),
		Dir: b.options.Root, Pulumi: preview.Path, Env: preview.Env, Commit: "0123456789abcdef",
	})
	require.NoError(t, err)
	assert.Zero(t, result.ExitCode, result.Output)
	assert.Contains(t, result.Markdown, "<!-- dmcloud-preview:local -->")
	assert.Contains(t, result.Markdown, "kubernetes:apps/v1:Deployment")
	passphrase, err := os.ReadFile(filepath.Join(b.options.State, "passphrase"))
	require.NoError(t, err)
	assert.NotContains(t, result.Markdown, string(passphrase))
}
