//go:build integration

package engine_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestPlainPulumiDeploysTheInstituteStack types what the institute's stack file tells its reader to type, without make:
// stack init, policies, preview, up. Only what a reader must change is changed.
func TestPlainPulumiDeploysTheInstituteStack(t *testing.T) {
	t.Parallel()
	b := open(t)
	checkout := copied(t, b.options.Root)
	kubeconfig, err := os.ReadFile(filepath.Join(b.options.State, "sandbox", "kubeconfig"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(checkout, "kubeconfig"), kubeconfig, 0o600))
	stackFile := filepath.Join(checkout, "stacks", "Pulumi.institute.yaml")
	changed := edited(t, stackFile, "context: institute", "kubeconfig: kubeconfig\n    context: sandbox",
		"class: traefik", "class: sandbox", "seek.institute.example", "seek.our-institute.de",
		"data@institute.example", "data@our-institute.de", `shared: ""`, "shared: shared")
	content, err := os.ReadFile(changed)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(stackFile, content, 0o600))

	bench := b.bench.Pulumi(t.Context(), "version")
	var env []string
	for _, v := range bench.Env {
		name, _, _ := strings.Cut(v, "=")
		switch name {
		case "KUBECONFIG", "PULUMI_STACK", "PULUMI_OPTION_CONFIG_FILE", "PULUMI_OPTION_POLICY_PACK", "PULUMI_BACKEND_URL":
		default:
			env = append(env, v)
		}
	}
	backend := t.TempDir()
	env = append(env, "PULUMI_BACKEND_URL=file://"+backend)
	run := func(program string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Dir, cmd.Env = checkout, env
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		output, err := cmd.CombinedOutput()
		return string(output), err
	}
	pulumi := func(args ...string) string {
		output, err := run(bench.Path, append(args, "--non-interactive", "--color=never")...)
		require.NoError(t, err, output)
		return output
	}

	pulumi("stack", "init", "institute")
	preview := pulumi("preview", "-s", "institute")
	assert.Contains(t, preview, "No policy pack checks this preview")
	refused, err := run(bench.Path, "up", "-s", "institute", "--yes", "--non-interactive")
	require.Error(t, err)
	assert.Contains(t, refused, "must be checked by the policy pack")

	output, err := run("go", "build", "-o", "bin/policies", "./policies")
	require.NoError(t, err, output)
	env = append(env, "PULUMI_OPTION_POLICY_PACK="+filepath.Join(checkout, "bin", "policies"))
	assert.NotContains(t, pulumi("preview", "-s", "institute"), "No policy pack")
	assert.Contains(t, pulumi("up", "-s", "institute", "--yes"), "created")
	pulumi("preview", "-s", "institute", "--expect-no-changes")

	// What holds data can't be deleted by mistake.
	refused, err = run(bench.Path, "destroy", "-s", "institute", "--yes", "--non-interactive")
	require.Error(t, err)
	assert.Contains(t, refused, "protect")
	_, err = b.client.CoreV1().PersistentVolumeClaims(namespace).Get(t.Context(), "filestore", metav1.GetOptions{})
	require.NoError(t, err)
}
