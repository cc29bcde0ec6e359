package pullrequest_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

const root = "../.."

const (
	githubFile = root + "/.github/workflows/ci.yml"
	gitlabFile = root + "/.gitlab-ci.yml"
)

type workflow struct {
	Triggers    map[string]any    `json:"true"` // YAML 1.1 reads the key "on" as a boolean
	Permissions map[string]string `json:"permissions"`
	Jobs        map[string]struct {
		If          string            `json:"if"`
		Permissions map[string]string `json:"permissions"`
		Strategy    struct {
			Matrix struct {
				Stack []string `json:"stack"`
			} `json:"matrix"`
		} `json:"strategy"`
		Steps []struct {
			Uses string            `json:"uses"`
			Run  string            `json:"run"`
			Env  map[string]string `json:"env"`
		} `json:"steps"`
	} `json:"jobs"`
}

type pipeline struct {
	Preview struct {
		Rules []struct {
			If string `json:"if"`
		} `json:"rules"`
		Parallel struct {
			Matrix []struct {
				Stack []string `json:"STACK"`
			} `json:"matrix"`
		} `json:"parallel"`
		Script []string `json:"script"`
	} `json:"preview"`
}

func read[T any](t *testing.T, file string) (parsed T, text string) {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(content, &parsed))
	return parsed, string(content)
}

func TestActionsArePinnedByCommit(t *testing.T) {
	t.Parallel()
	_, text := read[workflow](t, githubFile)
	pinned := regexp.MustCompile(`^ *-? *uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	count := 0
	for _, line := range strings.Split(text, "\n") {
		if strings.Contains(line, "uses:") {
			count++
			assert.Regexp(t, pinned, line)
		}
	}
	assert.Positive(t, count)
}

func TestOnlyTheCommentJobMayWriteAndForksGetNoSecrets(t *testing.T) {
	t.Parallel()
	ci, text := read[workflow](t, githubFile)
	assert.NotContains(t, text, "pull_request_target")
	assert.NotContains(t, text, "workflow_run")
	require.Contains(t, ci.Triggers, "pull_request")
	assert.Equal(t, map[string]string{"contents": "read"}, ci.Permissions)
	for name, job := range ci.Jobs {
		secret := false
		for _, step := range job.Steps {
			assert.NotContains(t, step.Run, "${{", "%s: an expression in a script is an injection; pass it through env", name)
			for _, value := range step.Env {
				secret = secret || strings.Contains(value, "secrets.")
			}
		}
		if secret {
			assert.Contains(t, job.If, "github.event.pull_request.head.repo.full_name == github.repository", name)
		}
		for scope, access := range job.Permissions {
			if access != "read" {
				assert.Equal(t, "comment/pull-requests", name+"/"+scope)
				assert.False(t, secret, "%s writes and holds secrets", name)
			}
		}
	}
	gitlab, _ := read[pipeline](t, gitlabFile)
	require.Len(t, gitlab.Preview.Rules, 1)
	assert.Contains(t, gitlab.Preview.Rules[0].If, "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID")
}

func TestEveryEnvironmentIsPreviewed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(root + "/stacks/Pulumi.*.yaml")
	require.NoError(t, err)
	var stacks []string
	for _, file := range files {
		stack := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml")
		if stack != "local" { // lives in a sandbox of its own on each machine
			stacks = append(stacks, stack)
		}
	}
	require.NotEmpty(t, stacks)
	github, _ := read[workflow](t, githubFile)
	assert.ElementsMatch(t, stacks, github.Jobs["preview"].Strategy.Matrix.Stack)
	gitlab, _ := read[pipeline](t, gitlabFile)
	require.Len(t, gitlab.Preview.Parallel.Matrix, 1)
	assert.ElementsMatch(t, stacks, gitlab.Preview.Parallel.Matrix[0].Stack)
}

// commands are the lines of both files that run preview-comment, in order.
func commands(t *testing.T, forge string) string {
	t.Helper()
	var lines []string
	if forge == "GitHub" {
		ci, _ := read[workflow](t, githubFile)
		for _, job := range []string{"preview", "comment"} {
			for _, step := range ci.Jobs[job].Steps {
				if strings.Contains(step.Run, ".ci/preview-comment") {
					lines = append(lines, "("+step.Run+") || code=$?")
				}
			}
		}
		// The artifact carries the comment from one job to the other.
		move := `mkdir -p "$RUNNER_TEMP/previews" && cp "$RUNNER_TEMP/preview-$STACK.md" "$RUNNER_TEMP/previews/"`
		return strings.Join(append([]string{"code=0"}, append(slices.Insert(lines, 1, move), `exit "$code"`)...), "\n")
	}
	ci, _ := read[pipeline](t, gitlabFile)
	for _, line := range ci.Preview.Script {
		if !strings.Contains(line, "go build") { // the policy pack is for the engine, which is not part of this test
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

func TestTheCommandsOfBothPipelinesPreviewAndComment(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	require.NoError(t, err)
	eachDialect(t, func(t *testing.T, d dialect) {
		f := newForge(t, d)
		script := commands(t, d.name)
		require.Equal(t, 2, strings.Count(script, ".ci/preview-comment"), script)
		for push, run := range []struct {
			output string
			code   int
		}{{changed, 0}, {failed, 255}} {
			program, log := fakePulumi(t, run.output, run.code)
			cmd := exec.CommandContext(t.Context(), bash, "-e", "-c", script)
			cmd.Dir = root
			cmd.Env = append(os.Environ(), d.env(f.URL)...)
			cmd.Env = append(cmd.Env, "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"), "PULUMI=", "STACK=institute",
				"RUNNER_TEMP="+t.TempDir(), "TMPDIR="+t.TempDir(), "COMMIT=abc123", "CI_COMMIT_SHA=abc123",
				"PULUMI_CONFIG_PASSPHRASE="+canary)
			output, err := cmd.CombinedOutput()
			assert.Equal(t, run.code, cmd.ProcessState.ExitCode(), "%v\n%s", err, output)
			assert.Contains(t, string(output), run.output, "the job's log shows the whole preview")

			require.Len(t, f.notes, 1, "%s", output)
			assert.Equal(t, push, f.edits)
			assert.Contains(t, f.notes[0].body, "### Preview of `institute` at abc123\n")
			assert.Contains(t, f.notes[0].body, "Resources:\n")
			assert.NotContains(t, f.notes[0].body+string(output), canary)
			assert.NotContains(t, f.notes[0].body+string(output), token)

			seen, err := os.ReadFile(log)
			require.NoError(t, err)
			assert.Contains(t, string(seen), "/bin/policies\n")
			assert.NotContains(t, string(seen), "COMMENT_TOKEN=", "the previewed program needs no right to comment")
		}
	})
}

func TestTheMainJobRunsMakeTestAndKeepsItsExitCode(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	require.NoError(t, err)
	for _, code := range []int{0, 3} {
		dir := t.TempDir()
		script := fmt.Sprintf("#!/bin/sh\necho \"$CGO_ENABLED $*\"\npwd\nexit %d\n", code)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "make"), []byte(script), 0o700))
		cmd := exec.CommandContext(t.Context(), bash, root+"/.ci/run")
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		output, err := cmd.CombinedOutput()
		absolute, absErr := filepath.Abs(root)
		require.NoError(t, absErr)
		assert.Equal(t, code, cmd.ProcessState.ExitCode(), "%v\n%s", err, output)
		assert.Equal(t, "0 --no-print-directory test\n"+absolute+"\n", string(output), "nothing is printed but make's own")
	}
}
