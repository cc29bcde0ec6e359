package pullrequest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/tests/pullrequest"
)

const canary = "canary-4f1c9a7e53"

const changed = `Previewing update (institute):
  pulumi:pulumi:Stack: (same)
    [urn=urn:pulumi:institute::dmcloud::pulumi:pulumi:Stack::dmcloud-institute]
    + kubernetes:core/v1:Namespace: (create)
        metadata  : {
            name: "seek"
        }
    ~ kubernetes:apps/v1:Deployment: (update)
      ~ spec: {
          ~ replicas: 1 => 2
        }
    +-kubernetes:core/v1:Secret: (replace)
        stringData: [secret]
Resources:
    + 1 to create
    ~ 1 to update
    +-1 to replace
    3 changes. 12 unchanged
`

const failed = `Previewing update (institute):
Policies:
    ❌ dmcloud (local: bin/policies)
        - [mandatory]  pods-run-unprivileged
Resources:
    + 1 to create

error: preview failed
`

// fakePulumi writes a program that notes its arguments and environment, prints output and ends with code.
func fakePulumi(t *testing.T, output string, code int) (program, log string) {
	t.Helper()
	dir := t.TempDir()
	program, log = filepath.Join(dir, "pulumi"), filepath.Join(dir, "log")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "output"), []byte(output), 0o600))
	script := fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' \"$@\" > '%s'\nenv >> '%s'\ncat '%s'\nexit %d\n",
		log, log, filepath.Join(dir, "output"), code)
	require.NoError(t, os.WriteFile(program, []byte(script), 0o700))
	return program, log
}

func preview(t *testing.T, output string, code int, env ...string) pullrequest.Result {
	t.Helper()
	program, _ := fakePulumi(t, output, code)
	result, err := pullrequest.Preview(t.Context(), pullrequest.PreviewOptions{
		Stack: "institute", PolicyPack: "bin/policies", Pulumi: program, Env: append(env, "PATH="+os.Getenv("PATH")),
	})
	require.NoError(t, err)
	return result
}

func TestThePreviewRunsUnderThePolicyPackWithoutQuestions(t *testing.T) {
	t.Parallel()
	program, log := fakePulumi(t, changed, 0)
	checkout := t.TempDir()
	_, err := pullrequest.Preview(t.Context(), pullrequest.PreviewOptions{
		Stack: "institute", PolicyPack: "bin/policies", Dir: checkout, Pulumi: program,
		Env: []string{"PATH=" + os.Getenv("PATH"), "PULUMI_BACKEND_URL=file:///state"},
	})
	require.NoError(t, err)
	seen, err := os.ReadFile(log)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(seen), strings.Join([]string{
		"preview", "--diff", "--non-interactive", "--color", "never", "--stack", "institute", "--policy-pack",
		filepath.Join(checkout, "bin", "policies"), // the engine would look for a relative path elsewhere
	}, "\n")+"\n"), string(seen))
	assert.Contains(t, string(seen), "PULUMI_BACKEND_URL=file:///state\n")
}

func TestTheCommentShowsCountsAndDiff(t *testing.T) {
	t.Parallel()
	result := preview(t, changed, 0)
	assert.Equal(t, 0, result.ExitCode)
	assert.Equal(t, changed, result.Output)
	assert.Equal(t, "<!-- dmcloud-preview:institute -->\n"+
		"### Preview of `institute`\n\n"+
		"**Changes:** + 1 to create, ~ 1 to update, +-1 to replace, 3 changes. 12 unchanged\n\n"+
		"<details><summary>Diff</summary>\n\n"+
		"```diff\n"+
		"Previewing update (institute):\n"+
		"  pulumi:pulumi:Stack: (same)\n"+
		"    [urn=urn:pulumi:institute::dmcloud::pulumi:pulumi:Stack::dmcloud-institute]\n"+
		"+     kubernetes:core/v1:Namespace: (create)\n"+
		"        metadata  : {\n"+
		"            name: \"seek\"\n"+
		"        }\n"+
		"~     kubernetes:apps/v1:Deployment: (update)\n"+
		"~       spec: {\n"+
		"~           replicas: 1 => 2\n"+
		"        }\n"+
		"+-    kubernetes:core/v1:Secret: (replace)\n"+
		"        stringData: [secret]\n"+
		"Resources:\n"+
		"+     1 to create\n"+
		"~     1 to update\n"+
		"+-    1 to replace\n"+
		"    3 changes. 12 unchanged\n"+
		"```\n\n</details>\n", result.Markdown)
}

func TestAFailedPreviewKeepsItsExitCodeAndIsShownOpen(t *testing.T) {
	t.Parallel()
	for _, code := range []int{1, 255} {
		result := preview(t, failed, code)
		assert.Equal(t, code, result.ExitCode)
		assert.Contains(t, result.Markdown, fmt.Sprintf("**Failed** with exit code %d. **Changes:** + 1 to create\n", code))
		assert.Contains(t, result.Markdown, "<details open>")
		assert.Contains(t, result.Markdown, "pods-run-unprivileged")
		assert.Contains(t, result.Markdown, "error: preview failed")
	}
}

func TestAPreviewThatNeverGotToASummarySaysSo(t *testing.T) {
	t.Parallel()
	result := preview(t, "error: no stack named 'institute' found\n", 255)
	assert.Contains(t, result.Markdown, "**Failed** with exit code 255. No summary of changes.\n")
}

func TestAPreviewWithoutAnyResourceCountsNone(t *testing.T) {
	t.Parallel()
	result := preview(t, "error: in compiling Go\nResources:\n\nPolicy Packs run:\n    Name  Version\n", 1)
	assert.Contains(t, result.Markdown, "**Failed** with exit code 1. **Changes:** none\n")
}

func TestALongDiffIsCutAtLinesAndKeepsItsEnd(t *testing.T) {
	t.Parallel()
	line := "        label: \"ä" + strings.Repeat("x", 80) + "\"\n"
	result := preview(t, "first\n"+strings.Repeat(line, 2000)+failed, 255)
	assert.LessOrEqual(t, len(result.Markdown), 60_000)
	assert.Greater(t, len(result.Markdown), 59_000)
	assert.Equal(t, 1, strings.Count(result.Markdown, "... cut here;"))
	assert.Contains(t, result.Markdown, "`pulumi preview --diff --stack institute`")
	assert.Contains(t, result.Markdown, "\nfirst\n")
	assert.Contains(t, result.Markdown, "error: preview failed")
	assert.True(t, strings.HasSuffix(result.Markdown, "```\n\n</details>\n"))
	for shown := range strings.Lines(result.Markdown) {
		if strings.Contains(shown, "label:") {
			require.Equal(t, line, shown)
		}
	}
}

func TestOneVeryLongLineIsCutBetweenCharacters(t *testing.T) {
	t.Parallel()
	result := preview(t, strings.Repeat("ä", 60_000), 0)
	assert.LessOrEqual(t, len(result.Markdown), 60_000)
	assert.NotContains(t, result.Markdown, "\uFFFD")
	assert.Equal(t, strings.ToValidUTF8(result.Markdown, "?"), result.Markdown)
}

func TestADiffCannotCloseItsFence(t *testing.T) {
	t.Parallel()
	result := preview(t, "    + x: \"```\n</details>\n````\n@everyone\"\n", 0)
	assert.Contains(t, result.Markdown, "\n`````diff\n")
	assert.True(t, strings.HasSuffix(result.Markdown, "\n`````\n\n</details>\n"))
}

func TestOutputWithACredentialIsWithheld(t *testing.T) {
	t.Parallel()
	kubeconfig := "apiVersion: v1\nusers:\n- name: ci\n  user:\n    token: " + canary + strings.Repeat("k", 32) + "\n"
	tests := map[string]struct{ variable, printed string }{
		"passphrase":      {"PULUMI_CONFIG_PASSPHRASE=" + canary, "error: wrong passphrase " + canary},
		"OpenStack":       {"OS_APPLICATION_CREDENTIAL_SECRET=" + canary, "    + secret: \"" + canary + "\""},
		"kubeconfig line": {"KUBECONFIG=" + kubeconfig, "token: " + canary + strings.Repeat("k", 32)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result := preview(t, changed+test.printed+"\n", 0, test.variable)
			variable, _, _ := strings.Cut(test.variable, "=")
			assert.Contains(t, result.Markdown, "**Withheld:** the output contains the value of "+variable)
			assert.NotContains(t, result.Markdown+result.Output, canary)
			assert.Equal(t, 1, result.ExitCode)
		})
	}
}

func TestCredentialsThatAreNotPrintedWithholdNothing(t *testing.T) {
	t.Parallel()
	result := preview(t, changed, 0, "PULUMI_CONFIG_PASSPHRASE="+canary, "GITHUB_TOKEN=", "TOKEN=seek",
		"KUBECONFIG=/institute", "PULUMI_CONFIG_PASSPHRASE_FILE=institute")
	assert.Contains(t, result.Markdown, "**Changes:**")
	assert.NotContains(t, result.Markdown, canary)
}

func TestAPreviewThatHangsIsStoppedAndReported(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "pulumi")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\necho started\nexec sleep 60\n"), 0o700))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begun := time.Now()
	result, err := pullrequest.Preview(ctx, pullrequest.PreviewOptions{
		Stack: "institute", PolicyPack: "bin/policies", Pulumi: program, Env: os.Environ(),
	})
	require.NoError(t, err)
	assert.Less(t, time.Since(begun), 20*time.Second)
	assert.Equal(t, 1, result.ExitCode)
	assert.Contains(t, result.Markdown, "The preview was stopped: context deadline exceeded.")
}

func TestWhatCannotBePreviewedIsRefused(t *testing.T) {
	t.Parallel()
	program, _ := fakePulumi(t, changed, 0)
	tests := map[string]struct {
		options pullrequest.PreviewOptions
		want    string
	}{
		"no policy pack": {
			pullrequest.PreviewOptions{Stack: "institute", Pulumi: program},
			"no policy pack",
		},
		"a stack name that is an option": {
			pullrequest.PreviewOptions{Stack: "--json", PolicyPack: "p", Pulumi: program},
			`stack name "--json"`,
		},
		"a stack name that closes the marker": {
			pullrequest.PreviewOptions{Stack: "x --> y", PolicyPack: "p", Pulumi: program},
			`stack name "x --> y"`,
		},
		"no such CLI": {
			pullrequest.PreviewOptions{Stack: "institute", PolicyPack: "p", Pulumi: program + "-missing"},
			"running ",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := pullrequest.Preview(t.Context(), test.options)
			require.ErrorContains(t, err, test.want)
		})
	}
}
