package workbench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"golang.org/x/term"
)

// Attached runs a Pulumi command on this process's terminal and waits for it. When ctx is done, Pulumi is told once,
// and ends what it does in good order; told twice it would leave things half done.
func (b *Bench) Attached(ctx context.Context, args ...string) error {
	cmd := b.Pulumi(ctx, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if term.IsTerminal(int(os.Stdin.Fd())) {
		// Ctrl-C reaches every process of the terminal's foreground, Pulumi among them.
		cmd.Cancel = func() error { return nil }
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("pulumi %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// Up deploys the stack and says where everything is. A local stack is not asked about: nothing of it is lost.
func (b *Bench) Up(ctx context.Context, to io.Writer, args ...string) error {
	up := append([]string{"up", "--suppress-outputs"}, args...)
	if b.options.local() {
		up = append(up, "--yes")
	}
	if err := b.Attached(ctx, up...); err != nil {
		return err
	}
	outputs, err := b.Outputs(ctx)
	if err != nil {
		return err
	}
	b.report(to, outputs)
	return nil
}

// Outputs are what a deployed stack tells; the shape is that of stacks/deployment.
type Outputs struct {
	Platforms map[string]struct {
		Version   string   `json:"version"`
		Namespace string   `json:"namespace"`
		URLs      []string `json:"urls"`
		Login     string   `json:"login"`
		// PasswordSecret is the Kubernetes Secret with the administrator's first password; empty when there is none.
		PasswordSecret string `json:"passwordSecret"`
	} `json:"platforms"`
}

// Outputs asks Pulumi for the outputs of the last update.
func (b *Bench) Outputs(ctx context.Context) (Outputs, error) {
	var outputs Outputs
	text, err := b.Pulumi(ctx, "stack", "output", "--json").Output()
	if err != nil {
		return outputs, fmt.Errorf("read the outputs of stack %s: %w", b.options.Stack, err)
	}
	if err := json.Unmarshal(text, &outputs); err != nil {
		return outputs, fmt.Errorf("read the outputs of stack %s: %w", b.options.Stack, err)
	}
	return outputs, nil
}

func (b *Bench) report(to io.Writer, outputs Outputs) {
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	for _, name := range slices.Sorted(maps.Keys(outputs.Platforms)) {
		p := outputs.Platforms[name]
		_, _ = fmt.Fprintf(table, "\n%s\n", strings.TrimSpace(name+" "+p.Version))
		if len(p.URLs) > 0 {
			_, _ = fmt.Fprintf(table, "  URL\t%s\n", strings.Join(p.URLs, " "))
		}
		_, _ = fmt.Fprintf(table, "  namespace\t%s\n", p.Namespace)
		if p.PasswordSecret == "" {
			continue // the platform's own files say how one gets in
		}
		_, _ = fmt.Fprintf(table, "  first login\t%s\n", p.Login)
		_, _ = fmt.Fprintf(table, "  first password\tkubectl -n %s get secret %s -o jsonpath='{.data.value}' | base64 -d\n",
			p.Namespace, p.PasswordSecret)
	}
	_ = table.Flush()
	if b.options.usesSandbox() {
		_, _ = fmt.Fprintf(to, "\nThe sandbox's Kubernetes API is real, its nodes and containers are simulated: "+
			"nothing answers at\nthese URLs. Look around with\n  export KUBECONFIG=%s\n  kubectl get all --all-namespaces\n",
			b.kubeconfig())
	}
}

func (b *Bench) kubeconfig() string {
	for _, v := range slices.Backward(b.env) {
		if path, ok := strings.CutPrefix(v, "KUBECONFIG="); ok {
			return path
		}
	}
	return ""
}

// PrintEnv prints, as shell commands, the variables that differ from this process's environment.
func (b *Bench) PrintEnv(to io.Writer) error {
	present := os.Environ()
	values := map[string]string{}
	for _, v := range b.env {
		name, value, _ := strings.Cut(v, "=")
		values[name] = value
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if slices.Contains(present, name+"="+values[name]) {
			continue
		}
		quoted := strings.ReplaceAll(values[name], "'", `'\''`)
		if _, err := fmt.Fprintf(to, "export %s='%s'\n", name, quoted); err != nil {
			return fmt.Errorf("print the environment: %w", err)
		}
	}
	return nil
}
