// Command policies is the security policy pack of dmcloud, run by the Pulumi engine on every preview and update.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/dekcd/dmcloud/policies/pack"
)

func main() {
	engine := ""
	if len(os.Args) > 1 {
		engine = os.Args[1] // the engine starts its plugins with its own address
	}
	if err := pack.Serve(context.Background(), engine, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "policy pack:", err)
		os.Exit(1)
	}
}
