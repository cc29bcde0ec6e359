// Command dmcloud is the Pulumi program: it reads the environment that the stack file describes and deploys it.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/dekcd/dmcloud/components/compose"
	"github.com/dekcd/dmcloud/stacks/deployment"
)

func main() {
	compose.Quiet()
	var info pulumi.RunInfo
	pulumi.Run(func(ctx *pulumi.Context) error {
		return deployment.Deploy(ctx, deployment.FromProcess(info))
	}, func(i *pulumi.RunInfo) { info = *i })
}
