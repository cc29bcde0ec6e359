// Command sandbox runs the local Kubernetes cluster of a checkout: up, down, status.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/dekcd/dmcloud/tests/sandbox"
	"github.com/dekcd/dmcloud/tests/toolchain"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "sandbox:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir := flag.String("dir", "", "the sandbox's folder (default .dmcloud/sandbox of the checkout)")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), `usage: sandbox [-dir FOLDER] COMMAND
  up      start the cluster, or what has ended of it; says nothing when all runs
  down    end it and remove its folder
  status  list its processes
`)
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		return errors.New("exactly one command is needed")
	}
	if *dir == "" {
		checkout, err := toolchain.Checkout()
		if err != nil {
			return err
		}
		*dir = filepath.Join(checkout, ".dmcloud", "sandbox")
	}
	switch command := flag.Arg(0); command {
	case "up":
		tools, err := toolchain.Ensure(ctx, os.Stderr, toolchain.Sandbox)
		if err != nil {
			return err
		}
		_, err = sandbox.Up(ctx, sandbox.Options{Dir: *dir, Tools: tools, Progress: os.Stderr})
		return err
	case "down":
		return sandbox.Down(ctx, *dir)
	case "status":
		return status(*dir)
	default:
		flag.Usage()
		return fmt.Errorf("unknown command %q", command)
	}
}

func status(dir string) error {
	processes, err := sandbox.Status(dir)
	if err != nil {
		return err
	}
	if len(processes) == 0 {
		fmt.Println("no sandbox in", dir)
		return nil
	}
	const mebibyte = 1 << 20
	var total int64
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PROCESS\tPID\tPORT\tRSS\tUPTIME")
	for _, p := range processes {
		total += p.ResidentBytes
		if p.PID == 0 {
			fmt.Fprintf(w, "%s\t-\t-\t-\tended\n", p.Name)
			continue
		}
		port := "-"
		if p.Port != 0 {
			port = strconv.Itoa(p.Port)
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%d MiB\t%v\n",
			p.Name, p.PID, port, p.ResidentBytes/mebibyte, p.Uptime.Truncate(time.Second))
	}
	fmt.Fprintf(w, "total\t\t\t%d MiB\t\n", total/mebibyte)
	return w.Flush()
}
