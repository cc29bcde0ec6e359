// Command preview-comment runs `pulumi preview` and keeps its result in one comment per stack on a pull request.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/dekcd/dmcloud/tests/pullrequest"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return pullrequest.Command(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
}
