package workbench

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"time"
)

// quiet is how long compiling may take before something is said about it.
const quiet = 3 * time.Second

// compile builds the program, so that Pulumi finds it up to date, and the policy pack, which the language host does not
// build. Nothing is compiled, and nothing said, when the source did not change.
func (b *Bench) compile(ctx context.Context) error {
	if err := b.build(ctx, "the Pulumi program", b.options.program(), "./stacks"); err != nil {
		return err
	}
	return b.build(ctx, "the policy pack", b.options.policyPack(), "./policies")
}

func (b *Bench) build(ctx context.Context, what, out, source string) error {
	start := time.Now()
	notice := time.AfterFunc(quiet, func() {
		_, _ = fmt.Fprintf(b.options.Progress, "Compiling %s; the first time takes a few minutes …\n", what)
	})
	defer notice.Stop()
	cmd := exec.CommandContext(ctx, "go", "build", "-o", out, source)
	cmd.Dir, cmd.Env = b.options.Root, b.env
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("compile %s (%s): %w\n%s", what, cmd, err, bytes.TrimSpace(output))
	}
	if took := time.Since(start); took > quiet {
		_, _ = fmt.Fprintf(b.options.Progress, "Compiled %s in %s.\n", what, took.Round(time.Second))
	}
	return nil
}
