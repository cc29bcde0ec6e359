// Command workbench is what the Makefile calls: it prepares the tools, the sandbox and the backend a stack needs, and
// runs Pulumi there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/dekcd/dmcloud/tests/toolchain"
	"github.com/dekcd/dmcloud/tests/workbench"
)

const usage = `usage: workbench [-stack NAME] [-kubeconfig FILE] COMMAND [PULUMI ARGUMENTS]

  up        prepare what the stack needs, deploy it, and say where it is
  preview   prepare what the stack needs, show what up would change
  down      local: end the sandbox and remove its state; other stacks: pulumi destroy
  pulumi    any other Pulumi command, for this stack
  env       print the environment of the stack, for: eval "$(make -s env)"
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			// Pulumi has said what is wrong.
			os.Exit(max(exit.ExitCode(), 1))
		}
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("workbench", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	stack := flags.String("stack", workbench.LocalStack, "")
	kubeconfig := flags.String("kubeconfig", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	options, err := optionsFor(*stack, *kubeconfig)
	if err != nil {
		return err
	}
	command, rest := flags.Arg(0), flags.Args()
	if len(rest) > 0 {
		rest = rest[1:]
	}
	if command == "down" && *stack == workbench.LocalStack {
		return workbench.Close(ctx, options)
	}
	switch command {
	case "up", "preview", "down", "pulumi", "env":
	default:
		flags.Usage()
		return fmt.Errorf("unknown command %q", command)
	}
	bench, err := workbench.Open(ctx, options)
	if err != nil {
		return err
	}
	switch command {
	case "up":
		return bench.Up(ctx, os.Stdout, rest...)
	case "env":
		return bench.PrintEnv(os.Stdout)
	case "down":
		return bench.Attached(ctx, append([]string{"destroy"}, rest...)...)
	case "pulumi":
		return bench.Attached(ctx, rest...)
	default:
		return bench.Attached(ctx, append([]string{command}, rest...)...)
	}
}

func optionsFor(stack, kubeconfig string) (workbench.Options, error) {
	root, err := toolchain.Checkout()
	if err != nil {
		return workbench.Options{}, err
	}
	if kubeconfig != "" {
		if kubeconfig, err = filepath.Abs(kubeconfig); err != nil {
			return workbench.Options{}, fmt.Errorf("find the kubeconfig: %w", err)
		}
	}
	return workbench.Options{Root: root, Stack: stack, Kubeconfig: kubeconfig, Progress: os.Stderr}, nil
}
