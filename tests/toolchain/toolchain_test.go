package toolchain_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/tests/toolchain"
)

func TestPulumiFits(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{
		"v3.259.0":                   true,
		"3.259.0":                    true,
		"v3.260.0-alpha.1+gabcdef":   true,
		"v3.999.9":                   true,
		"v3.258.9":                   false,
		"v3.66.0":                    false,
		"v4.0.0":                     false,
		"v4.0.0-beta.1":              false,
		"":                           false,
		"Current Operation: nothing": false,
	} {
		assert.Equal(t, want, toolchain.Fits(version), "version %q", version)
	}
}

// The table and the modules both say which version is built.
func TestModulesRequireTheVersionsOfTheTable(t *testing.T) {
	t.Parallel()
	modules := map[string]string{
		"pulumi":             "github.com/pulumi/pulumi/pkg/v3",
		"pulumi-language-go": "github.com/pulumi/pulumi/sdk/v3",
		"etcd":               "go.etcd.io/etcd/server/v3",
		"kubernetes":         "k8s.io/kubernetes",
		"kubectl":            "k8s.io/kubernetes",
		"kwok":               "sigs.k8s.io/kwok",
		"kompose":            "github.com/kubernetes/kompose",
	}
	for _, b := range toolchain.Builds() {
		goMod, err := os.ReadFile(filepath.Join("modules", b.Module(), "go.mod"))
		require.NoError(t, err)
		assert.FileExists(t, filepath.Join("modules", b.Module(), "go.sum"))
		if b.Name() == "pulumi-resource-kubernetes" {
			// Its version is the sdk's, on purpose; see the table.
			continue
		}
		require.Contains(t, modules, b.Name())
		assert.Regexp(t, `(?m)^\s*`+modules[b.Name()]+` v`+strings.ReplaceAll(b.Version(), ".", `\.`)+`\b`, string(goMod),
			"modules/%s/go.mod and the table disagree", b.Module())
	}
}

// The plugin passes for the version that the program's sdk asks for.
func TestKubernetesPluginHasTheVersionOfTheSDK(t *testing.T) {
	t.Parallel()
	goMod, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	require.NoError(t, err)
	for _, b := range toolchain.Builds() {
		if b.Name() == "pulumi-resource-kubernetes" {
			assert.Contains(t, string(goMod), "github.com/pulumi/pulumi-kubernetes/sdk/v4 v"+b.Version())
		}
		if b.Name() == "pulumi" {
			assert.Contains(t, string(goMod), "github.com/pulumi/pulumi/sdk/v3 v"+b.Version())
		}
	}
}

func TestKeyChangesWithWhatChangesTheResult(t *testing.T) {
	t.Parallel()
	const target = "go1.26.0 linux amd64"
	modules := t.TempDir()
	write(t, filepath.Join(modules, "tool", "go.mod"), "module tool\n")
	write(t, filepath.Join(modules, "tool", "go.sum"), "")
	tool := toolchain.Named("tool", "tool", []string{"."}, []string{"tool"})
	key, err := tool.Key(modules, target)
	require.NoError(t, err)
	assert.Regexp(t, `^tool-1\.0\.0-[0-9a-f]{12}$`, key)

	again, err := tool.Key(modules, target)
	require.NoError(t, err)
	assert.Equal(t, key, again, "nothing changed")

	otherTarget, err := tool.Key(modules, "go1.26.1 linux amd64")
	require.NoError(t, err)
	otherFlags, err := tool.Flagged("-X main.version=2").Key(modules, target)
	require.NoError(t, err)
	otherPackages, err := toolchain.Named("tool", "tool", []string{"./cmd"}, []string{"tool"}).Key(modules, target)
	require.NoError(t, err)
	write(t, filepath.Join(modules, "tool", "go.sum"), "one line\n")
	otherSum, err := tool.Key(modules, target)
	require.NoError(t, err)
	write(t, filepath.Join(modules, "tool", "go.sum"), "")
	write(t, filepath.Join(modules, "tool", "sub", "main.go"), "")
	otherFiles, err := tool.Key(modules, target)
	require.NoError(t, err)

	seen := map[string]string{key: "the first key"}
	for what, k := range map[string]string{
		"go version": otherTarget, "flags": otherFlags, "packages": otherPackages, "go.sum": otherSum, "files": otherFiles,
	} {
		assert.NotContains(t, seen, k, "%s is not part of the key", what)
		seen[k] = what
	}
}

func TestBuildEnvironmentDoesNotDependOnTheUsersFlags(t *testing.T) {
	t.Parallel()
	env := toolchain.BuildEnv([]string{
		"HOME=/home/me", "GOFLAGS=-mod=vendor -tags=x", "GOWORK=/somewhere/go.work", "CGO_ENABLED=1", "GOOS=windows",
		"GOARCH=arm", "GO111MODULE=off", "GOTOOLCHAIN=local", "GOPROXY=https://proxy.example", "GOCACHE=/c",
	})
	assert.ElementsMatch(t, []string{
		"HOME=/home/me", "GOTOOLCHAIN=local", "GOPROXY=https://proxy.example", "GOCACHE=/c",
		"CGO_ENABLED=0", "GO111MODULE=on", "GOFLAGS=-mod=readonly", "GOWORK=off",
	}, env)
}

func TestFixFollowsFromTheOutput(t *testing.T) {
	t.Parallel()
	for output, want := range map[string]string{
		"write /tmp/go-build1/b001/_pkg_.a: no space left on device":                               "14 GB",
		"go: github.com/x/y@v1.0.0: Get \"https://proxy/x\": dial tcp: lookup proxy: no such host": "GOPROXY",
		"verifying github.com/x/y@v1.0.0: checksum mismatch":                                       "go.sum",
		"go: go.mod requires go >= 1.26.0 (running go 1.24.1; GOTOOLCHAIN=local)":                  "GOTOOLCHAIN",
		"google.golang.org/x: /usr/lib/go/compile: signal: killed":                                 "memory",
		"./main.go:3:1: syntax error":                                                              "",
	} {
		fix := toolchain.FixFor(output)
		if want == "" {
			assert.Empty(t, fix, output)
			continue
		}
		assert.Contains(t, fix, want, output)
	}
}

func TestStampVersion(t *testing.T) {
	t.Parallel()
	stamped, err := toolchain.StampVersion([]byte(`{"name": "kubernetes", "types": {"a": {"version": "v1"}}}`), "4.32.0")
	require.NoError(t, err)
	assert.JSONEq(t, `{"version": "4.32.0", "name": "kubernetes", "types": {"a": {"version": "v1"}}}`, string(stamped))

	for what, schema := range map[string]string{
		"a schema with a version": `{"name": "kubernetes", "version": "1.0.0"}`,
		"no schema":               `{}`,
		"no JSON":                 `<html>`,
	} {
		_, err := toolchain.StampVersion([]byte(schema), "4.32.0")
		assert.Error(t, err, what)
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "00:41", toolchain.Clock(41*time.Second+900*time.Millisecond))
	assert.Equal(t, "75:00", toolchain.Clock(75*time.Minute))
}

func TestUnknownSetIsRefused(t *testing.T) {
	t.Parallel()
	_, err := toolchain.Ensure(t.Context(), os.Stderr, "docker")
	require.ErrorContains(t, err, `"docker"`)
}

func TestCheckoutIsFoundFromAFolderBelow(t *testing.T) {
	t.Parallel()
	checkout, err := toolchain.Checkout()
	require.NoError(t, err)
	assert.FileExists(t, filepath.Join(checkout, "tests", "toolchain", "toolchain_test.go"))
}

// A program without dependencies, built by the real go command.
func TestMakeBuildsOnceAndIsSilentAfterwards(t *testing.T) {
	t.Parallel()
	compiler, err := exec.LookPath("go")
	require.NoError(t, err)
	modules, cache := t.TempDir(), t.TempDir()
	write(t, filepath.Join(modules, "hello", "go.mod"), "module example.org/hello\n\ngo 1.26\n")
	write(t, filepath.Join(modules, "hello", "main.go"), "package main\n\nfunc main() { println(\"hello\") }\n")
	hello := toolchain.Named("hello", "hello", []string{"."}, []string{"bin/hello"})

	var progress bytes.Buffer
	require.NoError(t, hello.Make(t.Context(), compiler, modules, cache, &progress))
	assert.Contains(t, progress.String(), "[1/1] hello 1.0.0: for a test … 00:00\n")
	assert.Contains(t, progress.String(), "[1/1] hello 1.0.0: for a test done in 00:")
	program := only(t, filepath.Join(cache, "hello-1.0.0-*", "bin", "hello"))
	output, err := exec.CommandContext(t.Context(), program).CombinedOutput()
	require.NoError(t, err)
	assert.Equal(t, "hello\n", string(output))

	before, err := os.Stat(program)
	require.NoError(t, err)
	progress.Reset()
	require.NoError(t, hello.Make(t.Context(), compiler, modules, cache, &progress))
	assert.Empty(t, progress.String())
	after, err := os.Stat(program)
	require.NoError(t, err)
	assert.Equal(t, before.ModTime(), after.ModTime(), "it was built again")
}

func TestMakeSaysWhatFailedAndLeavesNothing(t *testing.T) {
	t.Parallel()
	modules, cache := t.TempDir(), t.TempDir()
	write(t, filepath.Join(modules, "tool", "go.mod"), "module tool\n")
	compiler := script(t, `echo "go: downloading x"; echo "b001: write: no space left on device" >&2; exit 1`)
	tool := toolchain.Named("tool", "tool", []string{"./cmd/tool"}, []string{"tool"})

	var progress bytes.Buffer
	err := tool.Make(t.Context(), compiler, modules, cache, &progress)
	var failed *toolchain.BuildError
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, "tool 1.0.0", failed.Tool)
	assert.Contains(t, failed.Command, "go build")
	assert.Contains(t, failed.Command, "./cmd/tool")
	assert.Contains(t, failed.Output, "no space left on device")
	assert.Contains(t, failed.Fix, "GOCACHE")
	for _, part := range []string{failed.Tool, failed.Command, failed.Folder, failed.Fix, "exit status 1"} {
		assert.Contains(t, failed.Error(), part)
	}
	assert.Contains(t, progress.String(), "failed after")
	assert.Equal(t, []string{"lock"}, names(t, cache))
}

func TestInterruptedBuildEndsItsProcessesAndIsContinuedByTheNext(t *testing.T) {
	t.Parallel()
	modules, cache, notes := t.TempDir(), t.TempDir(), t.TempDir()
	write(t, filepath.Join(modules, "tool", "go.mod"), "module tool\n")
	child := filepath.Join(notes, "child")
	compiler := script(t, fmt.Sprintf(`sh -c 'echo $$ > %s.new; mv %s.new %s; exec sleep 300'`, child, child, child))
	tool := toolchain.Named("tool", "tool", []string{"."}, []string{"tool"})

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan error, 1)
	go func() { result <- tool.Make(ctx, compiler, modules, cache, &bytes.Buffer{}) }()
	require.Eventually(t, func() bool { _, err := os.Stat(child); return err == nil }, 10*time.Second, 10*time.Millisecond)
	cancel()
	select {
	case err := <-result:
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorContains(t, err, "interrupted")
	case <-time.After(8 * time.Second):
		require.Fail(t, "the build was not interrupted")
	}
	content, err := os.ReadFile(child)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	require.NoError(t, err)
	// Its parent is gone as well, so whoever adopts orphans here has to notice first.
	require.Eventually(t, func() bool { return ended(pid) }, 5*time.Second, 10*time.Millisecond, "process %d runs on", pid)
	assert.Equal(t, []string{"lock"}, names(t, cache))

	require.NoError(t, tool.Make(t.Context(), script(t, writeOutput), modules, cache, &bytes.Buffer{}))
	only(t, filepath.Join(cache, "tool-1.0.0-*", "tool"))
}

func TestTwoBuildsAtOnceAreOne(t *testing.T) {
	t.Parallel()
	modules, cache, notes := t.TempDir(), t.TempDir(), t.TempDir()
	write(t, filepath.Join(modules, "tool", "go.mod"), "module tool\n")
	runs := filepath.Join(notes, "runs")
	compiler := script(t, fmt.Sprintf("echo run >> %s; sleep 1\n%s", runs, writeOutput))
	tool := toolchain.Named("tool", "tool", []string{"."}, []string{"tool"})

	var group sync.WaitGroup
	var progress [2]bytes.Buffer
	var failed [2]error
	for i := range progress {
		group.Go(func() { failed[i] = tool.Make(t.Context(), compiler, modules, cache, &progress[i]) })
	}
	group.Wait()
	require.NoError(t, errors.Join(failed[:]...))
	count, err := os.ReadFile(runs)
	require.NoError(t, err)
	assert.Equal(t, "run\n", string(count))
	said := progress[0].String() + progress[1].String()
	assert.Equal(t, 1, strings.Count(said, "Another dmcloud is building"), said)
	assert.Equal(t, 1, strings.Count(said, "done in"), said)
}

// writeOutput is a go command that makes an empty program where it is told to.
const writeOutput = `while [ "$1" != -o ]; do shift; done; : > "$2"`

// script is a stand-in for the go command.
func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "go")
	// A process forked by another test in this moment would keep the file open for writing, so that it cannot be run.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700))
	return path
}

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

// only is the one file that matches the pattern.
func only(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.Len(t, found, 1, pattern)
	return found[0]
}

func names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	var found []string
	for _, entry := range entries {
		found = append(found, entry.Name())
	}
	return found
}

// ended tells whether a process is gone, or only waits for its parent to notice.
func ended(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err != nil || strings.Contains(string(status), "State:\tZ")
}

func TestLanguageHostIsBesideTheCommand(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	command, host := filepath.Join(cache, "pulumi-1", "pulumi"), filepath.Join(cache, "host-1", "pulumi-language-go")
	write(t, command, "")
	write(t, host, "#!/bin/sh\necho \"$@\"\n")
	require.NoError(t, os.Chmod(host, 0o700))
	for range 2 {
		tools, err := toolchain.Bundled(command, host)
		require.NoError(t, err)
		assert.Equal(t, filepath.Join(cache, "pulumi-1", "pulumi-language-go"), tools.PulumiLanguageGo)
		said, err := exec.CommandContext(t.Context(), tools.PulumiLanguageGo, "127.0.0.1:1").Output()
		require.NoError(t, err)
		assert.Equal(t, "-buildTarget "+toolchain.BuildTarget+" 127.0.0.1:1\n", string(said))
		path, _, _ := strings.Cut(strings.TrimPrefix(tools.Env()[0], "PATH="), string(os.PathListSeparator))
		assert.Equal(t, filepath.Dir(command), path)
		assert.NotContains(t, tools.Env()[0], filepath.Dir(host))
	}
}

func TestBuildTargetIsThatOfTheProject(t *testing.T) {
	t.Parallel()
	project, err := os.ReadFile(filepath.Join("..", "..", "Pulumi.yaml"))
	require.NoError(t, err)
	assert.Contains(t, string(project), "buildTarget: "+toolchain.BuildTarget+"\n")
}

func TestWhatTheMachineHasIsUsed(t *testing.T) {
	const plugin = `mkdir -p "$PULUMI_HOME/plugins/resource-kubernetes-v4.32.0" && ` +
		`: > "$PULUMI_HOME/plugins/resource-kubernetes-v4.32.0/pulumi-resource-kubernetes"`
	everything := []string{"pulumi", "pulumi-language-go", "pulumi-resource-kubernetes"}
	for name, c := range map[string]struct {
		version, install string
		built            []string
	}{
		"an installed Pulumi that fits fetches its plugin":  {"v3.260.1", plugin, nil},
		"one that can't fetch has the plugin built":         {"v3.259.0", "exit 1", []string{"pulumi-resource-kubernetes"}},
		"an old one is left alone, and everything is built": {"v3.258.0", plugin, everything},
		"the next major is left alone, everything is built": {"v4.0.0", plugin, everything},
		"one that says nothing is left alone, all is built": {"", plugin, everything},
	} {
		t.Run(name, func(t *testing.T) {
			bin := t.TempDir()
			script := fmt.Sprintf("#!/bin/sh\nif [ \"$1\" = version ]; then echo %s; else %s; fi\n", c.version, c.install)
			for program, content := range map[string]string{"pulumi": script, "pulumi-language-go": "#!/bin/sh\n"} {
				write(t, filepath.Join(bin, program), content)
				require.NoError(t, os.Chmod(filepath.Join(bin, program), 0o700))
			}
			t.Setenv("PATH", bin+":/usr/bin:/bin")
			t.Setenv("PULUMI_HOME", t.TempDir())
			tools, built := toolchain.FindPulumi(t.Context(), io.Discard)
			assert.Equal(t, c.built, built)
			if len(c.built) < len(everything) {
				assert.Equal(t, filepath.Join(bin, "pulumi"), tools.Pulumi)
			} else {
				assert.Empty(t, tools.Pulumi)
			}
		})
	}
}
