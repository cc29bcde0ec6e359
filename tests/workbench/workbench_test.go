package workbench_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/tests/workbench"
)

func TestOpenRefusesWhatItCannotServe(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "stacks"), 0o750))
	for _, stack := range []string{"local", "institute"} {
		require.NoError(t, os.WriteFile(filepath.Join(root, "stacks", "Pulumi."+stack+".yaml"), nil, 0o600))
	}
	for name, c := range map[string]struct {
		options workbench.Options
		want    string
	}{
		"a stack without a file names those that have one": {
			workbench.Options{Root: root, Stack: "prodution"},
			"STACK: prodution: there must be a stack file of that name",
		},
		"a kubeconfig that is not there": {
			workbench.Options{Root: root, Stack: "institute", Kubeconfig: filepath.Join(root, "kubeconfig")},
			"must be a file that can be read",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := workbench.Open(t.Context(), c.options)
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := workbench.Open(t.Context(), workbench.Options{Root: root, Stack: "x"})
	require.ErrorContains(t, err, "there are: institute, local")
}

func TestReportSaysWhereEverythingIs(t *testing.T) {
	t.Parallel()
	var outputs workbench.Outputs
	require.NoError(t, json.Unmarshal([]byte(`{"platforms":{"seek":{"version":"1.18.1","namespace":"seek",
		"urls":["https://seek.localhost"],"login":"admin","passwordSecret":"seek-administrator-password-1a2b"}}}`), &outputs))

	var local bytes.Buffer
	workbench.BenchWith(workbench.Options{Stack: "local"}, []string{"KUBECONFIG=/a", "KUBECONFIG=/b/kubeconfig"}).
		Report(&local, outputs)
	for _, want := range []string{
		"seek 1.18.1", "https://seek.localhost", "admin",
		"kubectl -n seek get secret seek-administrator-password-1a2b -o jsonpath='{.data.value}' | base64 -d",
		"export KUBECONFIG=/b/kubeconfig", "simulated",
	} {
		assert.Contains(t, local.String(), want)
	}

	var institute bytes.Buffer
	workbench.BenchWith(workbench.Options{Stack: "institute"}, nil).Report(&institute, outputs)
	assert.NotContains(t, institute.String(), "simulated")
}

func TestEnvCanBeEvaluatedByAShell(t *testing.T) {
	t.Parallel()
	value := `it's "$HOME" \ and more`
	var script bytes.Buffer
	require.NoError(t, workbench.BenchWith(workbench.Options{Stack: "local"}, append(os.Environ(),
		"DMCLOUD_TEST=first", "DMCLOUD_TEST="+value)).PrintEnv(&script))
	script.WriteString("printf %s \"$DMCLOUD_TEST\"\n")
	printed, err := exec.CommandContext(t.Context(), "sh", "-c", script.String()).Output()
	require.NoError(t, err)
	assert.Equal(t, value, string(printed))
	assert.NotContains(t, script.String(), "export PATH=", "what does not differ is left out")
}

func TestCloseOfAnythingButTheLocalStackRemovesNothing(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	require.NoError(t, workbench.Close(t.Context(), workbench.Options{Stack: "institute", State: state}))
	assert.DirExists(t, state)
	require.NoError(t, workbench.Close(t.Context(), workbench.Options{Stack: workbench.LocalStack, State: state}))
	assert.NoDirExists(t, state)
	require.NoError(t, workbench.Close(t.Context(), workbench.Options{Stack: workbench.LocalStack, State: state}))
}
