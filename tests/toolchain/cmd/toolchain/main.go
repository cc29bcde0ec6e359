// Command toolchain makes sure that the tools of the given sets (pulumi, sandbox, kubectl, kompose) can be used: it
// finds them on the machine or builds them. It is silent when there is nothing to do.
//
// With -env it prints shell commands that put them on PATH: eval "$(toolchain -env pulumi)".
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/dekcd/dmcloud/tests/toolchain"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "toolchain:", err)
		os.Exit(1)
	}
}

func run() error {
	env := flag.Bool("env", false, "print shell commands that put the tools on PATH")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: toolchain [-env] SET…\nsets: %v\n", toolchain.Sets())
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var sets []toolchain.Set
	for _, arg := range flag.Args() {
		sets = append(sets, toolchain.Set(arg))
	}
	tools, err := toolchain.Ensure(ctx, os.Stderr, sets...)
	if err != nil || !*env {
		return err
	}
	for _, variable := range tools.Env() {
		name, value, _ := strings.Cut(variable, "=")
		fmt.Printf("export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
	}
	return nil
}
