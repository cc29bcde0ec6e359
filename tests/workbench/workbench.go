// Package workbench is what make and the engine tests run Pulumi on: the tools, the compiled program and policy pack,
// and for the local stack a sandbox cluster and a backend of its own, all below one folder of the checkout.
package workbench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/dekcd/dmcloud/tests/sandbox"
	"github.com/dekcd/dmcloud/tests/toolchain"
)

// LocalStack is the stack that brings its own cluster and backend; all others use those of their owner.
const LocalStack = "local"

// Options say which stack the bench is for.
type Options struct {
	// Root is the checkout.
	Root string
	// Stack names the environment: stacks/Pulumi.<Stack>.yaml.
	Stack string
	// StackFile replaces that file; for tests.
	StackFile string
	// State is the folder for everything a local bench keeps; ".dmcloud" below Root by default.
	State string
	// Kubeconfig names an existing cluster; a local stack then starts no sandbox.
	Kubeconfig string
	// Progress is told about work that takes long.
	Progress io.Writer
}

// Bench is ready to run Pulumi commands for one stack.
type Bench struct {
	options Options
	tools   toolchain.Tools
	env     []string
}

// Open brings up what the stack needs; what is there already is left alone, in silence.
func Open(ctx context.Context, o Options) (*Bench, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	b := &Bench{options: o}
	var err error
	if b.tools, err = toolchain.Ensure(ctx, o.Progress, o.toolSets()...); err != nil {
		return nil, err
	}
	b.env = append(os.Environ(), b.tools.Env()...)
	b.env = append(b.env, "CGO_ENABLED=0", "PULUMI_SKIP_UPDATE_CHECK=true", "PULUMI_OPTION_POLICY_PACK="+o.policyPack())
	if err := b.compile(ctx); err != nil {
		return nil, err
	}
	if o.Kubeconfig != "" {
		b.env = append(b.env, "KUBECONFIG="+o.Kubeconfig)
	}
	if !o.local() {
		return b, nil
	}
	if o.usesSandbox() {
		cluster, err := sandbox.Up(ctx, sandbox.Options{Dir: o.sandboxFolder(), Tools: b.tools, Progress: o.Progress})
		if err != nil {
			return nil, fmt.Errorf("start the sandbox: %w", err)
		}
		b.env = append(b.env, "KUBECONFIG="+cluster.Kubeconfig)
	}
	return b, b.openBackend(ctx)
}

func (o Options) withDefaults() Options {
	if o.StackFile == "" {
		o.StackFile = filepath.Join(o.Root, "stacks", "Pulumi."+o.Stack+".yaml")
	}
	if o.State == "" {
		o.State = filepath.Join(o.Root, ".dmcloud")
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	return o
}

func (o Options) validate() error {
	if _, err := os.Stat(o.StackFile); err != nil {
		return fmt.Errorf("STACK: %s: there must be a stack file of that name: %w; there are: %s",
			o.Stack, err, strings.Join(o.stacks(), ", "))
	}
	if o.Kubeconfig != "" {
		if _, err := os.Stat(o.Kubeconfig); err != nil {
			return fmt.Errorf("KUBECONFIG: %s: must be a file that can be read: %w", o.Kubeconfig, err)
		}
	}
	return nil
}

// stacks are the names of all stack files.
func (o Options) stacks() []string {
	files, _ := filepath.Glob(filepath.Join(o.Root, "stacks", "Pulumi.*.yaml"))
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), "Pulumi."), ".yaml"))
	}
	return names
}

func (o Options) local() bool { return o.Stack == LocalStack }

func (o Options) usesSandbox() bool { return o.local() && o.Kubeconfig == "" }

func (o Options) toolSets() []toolchain.Set {
	if o.usesSandbox() {
		return []toolchain.Set{toolchain.Pulumi, toolchain.Sandbox}
	}
	return []toolchain.Set{toolchain.Pulumi}
}

func (o Options) sandboxFolder() string { return filepath.Join(o.State, "sandbox") }
func (o Options) program() string       { return filepath.Join(o.Root, "bin", "dmcloud") }
func (o Options) policyPack() string    { return filepath.Join(o.Root, "bin", "policies") }

// Env is the environment in which Pulumi and kubectl find this stack.
func (b *Bench) Env() []string { return b.env }

// Pulumi makes a Pulumi command for the stack; the caller connects and runs it.
func (b *Bench) Pulumi(ctx context.Context, args ...string) *exec.Cmd {
	return b.command(ctx, b.options.Root, b.tools.Pulumi, args...)
}

func (b *Bench) command(ctx context.Context, dir, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = dir, b.env
	// Pulumi ends an update in good order when it is interrupted; killing it would leave pending operations.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return cmd
}

// Close ends what a local bench started and removes its state. Other stacks have nothing to close.
func Close(ctx context.Context, o Options) error {
	o = o.withDefaults()
	if !o.local() {
		return nil
	}
	if err := sandbox.Down(ctx, o.sandboxFolder()); err != nil {
		return fmt.Errorf("end the sandbox: %w", err)
	}
	if err := os.RemoveAll(o.State); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the state of the local stack: %w", err)
	}
	return nil
}
