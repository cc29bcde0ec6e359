package toolchain

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	// stopGrace is how long an interrupted `go build` may take to remove its temporary files.
	stopGrace = 10 * time.Second
	// shownLines is how much of the go command's output an error repeats.
	shownLines = 12
	// shortHash is the number of hexadecimal digits that tell builds apart.
	shortHash = 12
)

// BuildError says which tool could not be built, by which command, why, and what to do about it.
type BuildError struct {
	// Tool is name and version.
	Tool string
	// Command is what was run, and Folder where.
	Command, Folder string
	// Output is the end of what the command printed.
	Output string
	// Fix is what to do; empty when the output has to speak for itself.
	Fix string
	// Err is how the command ended.
	Err error
}

// Error renders everything the error knows, on several lines.
func (e *BuildError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "build %s: %v\n  command: %s\n  folder: %s", e.Tool, e.Err, e.Command, e.Folder)
	if e.Output != "" {
		fmt.Fprintf(&b, "\n  output: %s", strings.ReplaceAll(e.Output, "\n", "\n    "))
	}
	if e.Fix != "" {
		fmt.Fprintf(&b, "\n  fix: %s", e.Fix)
	}
	return b.String()
}

// Unwrap gives how the command ended.
func (e *BuildError) Unwrap() error { return e.Err }

// compiler is the go command and what distinguishes its builds.
type compiler struct {
	path string
	// target is go version, operating system and architecture.
	target string
}

// findCompiler needs one of the module folders, because the go command chooses its version by the module.
func findCompiler(ctx context.Context, modules string) (compiler, error) {
	path, err := exec.LookPath("go")
	if err != nil {
		return compiler{}, fmt.Errorf("the tools are built from source, and no go command is on PATH: "+
			"install the Go release that go.mod names from https://go.dev/dl: %w", err)
	}
	c := compiler{path: path}
	out, err := c.run(ctx, filepath.Join(modules, "etcd"), "env", "GOVERSION", "GOOS", "GOARCH")
	if err != nil {
		return compiler{}, commandError("the Go toolchain", path+" env", modules, out, err)
	}
	c.target = strings.Join(strings.Fields(string(out)), " ")
	return c, nil
}

// run gives what the go command printed, all of it when it failed. When ctx is done, it and all it started are ended.
func (c compiler) run(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, c.path, args...)
	cmd.Dir = dir
	cmd.Env = buildEnv(os.Environ())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	signal := func(s syscall.Signal) error { return syscall.Kill(-cmd.Process.Pid, s) }
	// Run returns once the group has closed its ends of the pipes, so the group's number is still its own here.
	var kill *time.Timer
	cmd.Cancel = func() error {
		kill = time.AfterFunc(stopGrace, func() { _ = signal(syscall.SIGKILL) })
		return signal(syscall.SIGINT)
	}
	cmd.WaitDelay = 2 * stopGrace
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if kill != nil {
		kill.Stop()
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("interrupted; what is compiled so far is kept: %w", context.Cause(ctx))
	}
	if err != nil {
		return append(stderr.Bytes(), stdout.Bytes()...), err
	}
	return stdout.Bytes(), nil
}

// buildEnv is the user's environment without what would change or break the builds. GOTOOLCHAIN, GOPROXY and the
// folders of Go's caches stay the user's business.
func buildEnv(environ []string) []string {
	ours := []string{"CGO_ENABLED=0", "GO111MODULE=on", "GOFLAGS=-mod=readonly", "GOWORK=off"}
	dropped := []string{"CGO_ENABLED", "GO111MODULE", "GOFLAGS", "GOWORK", "GOOS", "GOARCH"}
	env := slices.DeleteFunc(slices.Clone(environ), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(dropped, name)
	})
	return append(env, ours...)
}

// args is the go command line of a build.
func (b build) args(output string) []string {
	// Programs built from another module's packages carry no version control stamp worth failing for.
	args := []string{"build", "-buildvcs=false", "-ldflags", strings.TrimSpace("-s -w " + b.ldflags), "-o", output}
	return append(args, b.packages...)
}

// key names the build's folder in the cache. It changes with everything that changes the result.
func (b build) key(modules, target string) (string, error) {
	hash := sha256.New()
	fmt.Fprintf(hash, "%q %q\n", target, b.args(""))
	root, err := os.OpenRoot(filepath.Join(modules, b.module))
	if err != nil {
		return "", fmt.Errorf("open the module of %s: %w", b.name, err)
	}
	defer func() { _ = root.Close() }()
	// WalkDir goes in lexical order.
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(root.FS(), name)
		if err != nil {
			return err
		}
		fmt.Fprintf(hash, "%q %d\n", name, len(content))
		hash.Write(content)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("read the module of %s: %w", b.name, err)
	}
	return fmt.Sprintf("%s-%s-%s", b.name, b.version, hex.EncodeToString(hash.Sum(nil))[:shortHash]), nil
}

// present tells whether folder holds the finished build: it is renamed into place, so it is complete or not there.
func (b build) present(folder string) bool {
	for _, program := range b.programs {
		if info, err := os.Stat(filepath.Join(folder, program)); err != nil || !info.Mode().IsRegular() {
			return false
		}
	}
	return true
}

// make builds into folder: all of it or nothing.
func (b build) make(ctx context.Context, c compiler, modules, folder string) (err error) {
	tool := b.name + " " + b.version
	work := folder + ".tmp"
	// Left over when the machine went down in the middle; we hold the lock.
	if err := os.RemoveAll(work); err != nil {
		return fmt.Errorf("remove an unfinished build of %s: %w", tool, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()

	output := filepath.Join(work, "programs")
	destination := output + string(filepath.Separator)
	if len(b.programs) == 1 {
		destination = filepath.Join(output, b.programs[0])
	}
	if err := os.MkdirAll(filepath.Dir(destination), 0o755); err != nil {
		return diskError(tool, folder, err)
	}
	source := filepath.Join(modules, b.module)
	if b.embeds != nil {
		source, err = b.generate(ctx, c, source, filepath.Join(work, "source"))
		if err != nil {
			return err
		}
	}
	args := b.args(destination)
	if out, err := c.run(ctx, source, args...); err != nil {
		return commandError(tool, "go "+strings.Join(args, " "), source, out, err)
	}
	if err := os.RemoveAll(folder); err != nil {
		return fmt.Errorf("remove an incomplete %s: %w", folder, err)
	}
	if err := os.Rename(output, folder); err != nil {
		return diskError(tool, folder, err)
	}
	return nil
}

// generate copies the module to work and adds the files it embeds.
func (b build) generate(ctx context.Context, c compiler, source, work string) (string, error) {
	tool := b.name + " " + b.version
	out, err := c.run(ctx, source, "mod", "download", "-json", b.embeds.dependency)
	if err != nil {
		return "", commandError(tool, "go mod download "+b.embeds.dependency, source, out, err)
	}
	var dependency struct{ Dir string }
	if err := json.Unmarshal(out, &dependency); err != nil {
		return "", fmt.Errorf("find the folder of %s: %w", b.embeds.dependency, err)
	}
	schema, err := os.ReadFile(filepath.Join(dependency.Dir, b.embeds.schema))
	if err != nil {
		return "", fmt.Errorf("read the schema of %s: %w", tool, err)
	}
	if schema, err = stampVersion(schema, b.version); err != nil {
		return "", fmt.Errorf("stamp the schema of %s: %w", tool, err)
	}
	copied, err := os.ReadFile(filepath.Join(dependency.Dir, b.embeds.copied))
	if err != nil {
		return "", fmt.Errorf("read a file of %s: %w", tool, err)
	}
	if err := os.CopyFS(work, os.DirFS(source)); err != nil {
		return "", diskError(tool, work, err)
	}
	for name, content := range map[string][]byte{"schema-embed.json": schema, filepath.Base(b.embeds.copied): copied} {
		if err := os.WriteFile(filepath.Join(work, name), content, 0o644); err != nil {
			return "", diskError(tool, work, err)
		}
	}
	return work, nil
}

// stampVersion adds a version to a Pulumi package schema that has none. The text stays as it is otherwise: the plugin
// serves it, and it is too large to be worth encoding anew.
func stampVersion(schema []byte, version string) ([]byte, error) {
	var head struct{ Name, Version string }
	if err := json.Unmarshal(schema, &head); err != nil {
		return nil, err
	}
	if head.Name == "" || head.Version != "" {
		return nil, fmt.Errorf("want a schema with a name and without a version, got name %q, version %q",
			head.Name, head.Version)
	}
	opening := bytes.IndexByte(schema, '{') + 1
	return slices.Concat(schema[:opening], fmt.Appendf(nil, "%q: %q,", "version", version), schema[opening:]), nil
}

func commandError(tool, command, folder string, output []byte, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("build %s: %w", tool, err)
	}
	text := strings.TrimSpace(string(output))
	return &BuildError{
		Tool: tool, Command: command, Folder: folder, Output: lastLines(text, shownLines), Fix: fixFor(text), Err: err,
	}
}

func diskError(tool, folder string, err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("build %s in %s: %w; %s", tool, folder, err, diskFix)
	}
	return fmt.Errorf("build %s in %s: %w", tool, folder, err)
}

const diskFix = "a build of everything needs about 14 GB: 8 GB for Go's build cache (moved by GOCACHE), 4.5 GB for " +
	"sources (GOMODCACHE), 1 GB for the programs (XDG_CACHE_HOME, which moves Go's build cache too unless GOCACHE is " +
	"set) and up to 1 GB while linking (TMPDIR)"

// fixFor reads the go command's output the way a person who has seen it before would.
func fixFor(output string) string {
	fixes := []struct {
		signs []string
		fix   string
	}{
		{[]string{"no space left on device", "disk quota exceeded"}, diskFix},
		{
			[]string{"checksum mismatch", "SECURITY ERROR", "missing go.sum entry"},
			"what the module proxy serves is not what go.sum records: check GOPROXY, and do not build from it",
		},
		{
			[]string{"signal: killed", "cannot allocate memory", "out of memory"},
			"compiling the Kubernetes plugin needs about 5 GB of memory: close something, or set GOMAXPROCS=1",
		},
		{
			[]string{"requires go >=", "toolchain not available", "invalid GOTOOLCHAIN"},
			"install the Go release that go.mod names, or leave GOTOOLCHAIN at auto",
		},
		{
			[]string{
				"dial tcp", "no such host", "i/o timeout", "connection re", "TLS handshake", "proxyconnect",
				"module lookup disabled", "Forbidden", "Bad Gateway", "Service Unavailable", "x509:", "unexpected EOF",
			},
			"sources come from the Go module proxy: check the network, HTTPS_PROXY and GOPROXY " +
				"(`go env GOPROXY`), then run the command again; it continues",
		},
	}
	for _, f := range fixes {
		if slices.ContainsFunc(f.signs, func(sign string) bool { return strings.Contains(output, sign) }) {
			return f.fix
		}
	}
	return ""
}

func lastLines(text string, n int) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// makeAll builds what is missing, one after another: each go build uses all processors by itself.
func makeAll(ctx context.Context, c compiler, modules, cache string, missing []build, to io.Writer) error {
	p := newProgress(to)
	p.say("Building %s, once; kept in %s. Expect up to %d minutes. Interrupting is fine, the next run continues.",
		plural(len(missing), "tool"), cache, expectedMinutes(missing))
	for i, b := range missing {
		folder, err := b.folder(cache, modules, c.target)
		if err != nil {
			return err
		}
		done := p.step(fmt.Sprintf("[%d/%d] %s %s: %s", i+1, len(missing), b.name, b.version, b.purpose))
		err = b.make(ctx, c, modules, folder)
		done(err)
		if err != nil {
			return err
		}
	}
	return nil
}
