package deployment

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// platformsOutput is the stack output that says what is deployed.
const platformsOutput = "platforms"

// readStackOutputs is the engine's own function behind stack references. A reference would be a resource in the state
// and, pointing at its own stack, change in every refresh.
const readStackOutputs = "pulumi:pulumi:readStackOutputs"

// deployedVersions reads from the stack's own outputs which version of each platform the last successful update left
// behind; an update that failed does not count, so the same step can be tried again.
func deployedVersions(ctx *pulumi.Context) (map[string]string, error) {
	args := struct {
		Name string `pulumi:"name"`
	}{fmt.Sprintf("%s/%s/%s", ctx.Organization(), ctx.Project(), ctx.Stack())}
	var result struct {
		Outputs map[string]any `pulumi:"outputs"`
	}
	// Invoke would fail as soon as any output of the stack is a secret; none of what is read here is one.
	if _, err := ctx.InvokePackageRaw(readStackOutputs, &args, &result, ""); err != nil {
		return nil, fmt.Errorf("read what is deployed: %w", err)
	}
	versions := map[string]string{}
	platforms, _ := result.Outputs[platformsOutput].(map[string]any)
	for name, p := range platforms {
		platform, _ := p.(map[string]any)
		if version, ok := platform["version"].(string); ok {
			versions[name] = version
		}
	}
	return versions, nil
}
