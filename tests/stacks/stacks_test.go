// Package stacks_test runs the program for every stack file, as a preview and as an update, so that no environment
// rots: what it consists of is compared with a golden inventory, and the compiled policy pack judges all of it.
package stacks_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/components/kubernetes/manifest"
	"github.com/dekcd/dmcloud/components/problem"
	"github.com/dekcd/dmcloud/policies/packtest"
	"github.com/dekcd/dmcloud/policies/rules"
	"github.com/dekcd/dmcloud/stacks/deployment"
	"github.com/dekcd/dmcloud/tests/golden"
	"github.com/dekcd/dmcloud/tests/recorder"
	"github.com/dekcd/dmcloud/tests/stackfile"
)

// pack is the compiled policy pack; set once, before any test.
var pack packtest.Program

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "dmcloud-stacks")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if pack, err = packtest.Build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

const root = "../.."

// canary stands in the kubeconfig, which every program holds and none may show.
const canary = "canary-token-of-the-cluster"

func TestEveryStackFile(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(root, "stacks", "Pulumi.*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		stack, err := stackfile.Read(root, file)
		require.NoError(t, err)
		t.Run(stack.Stack, func(t *testing.T) {
			t.Parallel()
			recorder.EachMode(t, options(stack), program(t, stack), func(t *testing.T, recording *recorder.Recording) {
				t.Helper()
				golden.Equal(t, "testdata/"+stack.Stack+".txt", recording.Inventory())
				judged(t, stack, recording)
				protects(t, stack, recording)
			})
		})
	}
}

func options(stack stackfile.File) recorder.Options {
	return recorder.Options{
		Stack: stack.Stack, Config: stack.Config, ConfigSecretKeys: stack.SecretKeys, Canaries: []string{canary},
		Calls: map[string]func(pulumi.MockCallArgs) (resource.PropertyMap, error){
			// Nothing is deployed yet.
			"pulumi:pulumi:readStackOutputs": func(pulumi.MockCallArgs) (resource.PropertyMap, error) {
				return resource.PropertyMap{"outputs": resource.NewProperty(resource.PropertyMap{})}, nil
			},
		},
	}
}

// program is the real one; only the cluster, which is asked before the first resource, is left out.
func program(t *testing.T, stack stackfile.File) pulumi.RunFunc {
	t.Helper()
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(kubeconfig, []byte("token: "+canary), 0o600))
	return func(ctx *pulumi.Context) error {
		return deployment.Deploy(ctx, deployment.Program{
			Root: root, Config: stack.Config, SecretKeys: stack.SecretKeys, Kubeconfig: kubeconfig, PolicyPack: "bin/policies",
			Preflight: func(context.Context, []byte, string, manifest.Cluster) (problem.List, error) { return nil, nil },
		})
	}
}

// judged lets the pack look at everything the program registered.
func judged(t *testing.T, stack stackfile.File, recording *recorder.Recording) {
	t.Helper()
	running := packtest.Start(t, pack, packtest.Options{Config: stack.Config})
	var resources []rules.Resource
	for _, r := range recording.Resources {
		if r.Custom && !r.Read {
			resources = append(resources, rules.Resource{
				Type: r.Type, Name: r.Name, URN: r.URN, Dependencies: r.DependsOn,
				Properties: resource.FromResourcePropertyMap(r.Inputs),
			})
		}
	}
	require.NotEmpty(t, resources)
	for _, d := range running.Check(t, resources...) {
		assert.NotEqual(t, "MANDATORY", d.GetEnforcementLevel().String(), "%s: %s", d.GetPolicyName(), d.GetMessage())
	}
}

// protects sees that data of a protected stack can't be deleted, and that a sandbox can be taken down.
func protects(t *testing.T, stack stackfile.File, recording *recorder.Recording) {
	t.Helper()
	protected := stack.Config["dmcloud:protected"] != "false"
	for _, r := range recording.Resources {
		switch {
		case strings.HasSuffix(r.Type, ":Namespace"), r.Type == "pulumi:index:Stash",
			strings.HasSuffix(r.Type, ":PersistentVolumeClaim") && (r.At("metadata.name").StringValue() == "filestore" ||
				r.At("metadata.name").StringValue() == "database"):
			assert.Equal(t, protected, r.Protect, r.String())
		default:
			assert.False(t, r.Protect, r.String())
		}
	}
}
