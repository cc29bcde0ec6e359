// Package recorder runs a Pulumi program against the SDK's mocks, records every resource it registers, and fails the
// test when the program breaks a rule that mocks alone let pass: duplicate URNs, stray parents, default providers,
// secrets in plain text, moving image tags, forgotten component outputs.
//
// It answers like the engine where the answer decides what a program does next. In a preview, ids and values that only
// a provider knows are unknown, so Apply bodies that need them don't run. In an update they are what
// [Options.Computed] says; the SDK takes whatever is still missing from the inputs.
//
// Two things the SDK's mocks cannot show: resource transforms aren't run, and remote components (Helm charts,
// Kubernetes YAML groups) have no children. Engine tests cover those.
package recorder

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/internals"
	"google.golang.org/protobuf/types/known/emptypb"
)

// Options say how the program runs and what it may do. The zero value is an update of stack "test" of project
// "dmcloud".
type Options struct {
	// Preview runs the program as `pulumi preview` does: ids and computed values are unknown.
	Preview bool
	// Project is "dmcloud" unless set.
	Project string
	// Stack is "test" unless set.
	Stack string
	// Config are configuration values by full key: "dmcloud:environment".
	Config map[string]string
	// ConfigSecretKeys are the keys of Config that hold secrets.
	ConfigSecretKeys []string
	// Timeout is how long the program may take, 2 minutes unless set. A program that waits on an output never ends in a
	// preview.
	Timeout time.Duration

	// Calls answer provider functions by token: "openstack:images/getImage:getImage". A call of any other is an error.
	Calls map[string]func(pulumi.MockCallArgs) (resource.PropertyMap, error)
	// Computed gives, by type token, the outputs only the provider knows, such as a load balancer's address. In a
	// preview it is asked for resources that are read, never for those registered.
	Computed map[string]func(Resource) resource.PropertyMap
	// StackOutputs are the outputs of other stacks by full name, "organization/dmcloud/network". A reference to any
	// other stack is an error.
	StackOutputs map[string]resource.PropertyMap

	// Canaries are strings that must never appear outside secrets: not in an input, a name, an export or an error,
	// neither as they are nor in base64.
	Canaries []string
	// AllowPackages are packages the program may use besides dmcloud, kubernetes, openstack and pulumi.
	AllowPackages []string
	// AllowAtRoot are type tokens of resources that may have the stack as parent. Components, providers and stack
	// references always may.
	AllowAtRoot []string
}

const (
	organization   = "organization" // the one name a self-managed backend has
	defaultProject = "dmcloud"
	defaultStack   = "test"
	defaultTimeout = 2 * time.Minute
)

// Run runs the program, fails the test when the program returns an error or breaks a rule, and returns what it
// registered.
func Run(tb testing.TB, options Options, program pulumi.RunFunc) *Recording {
	tb.Helper()
	recording, err := RunErr(tb, options, program)
	if err != nil {
		tb.Fatalf("the program failed: %v", err)
	}
	return recording
}

// RunErr is [Run] for programs that may fail: it returns the program's error. The rules hold for what was registered
// until then, and for the error's text.
func RunErr(tb testing.TB, options Options, program pulumi.RunFunc) (*Recording, error) {
	tb.Helper()
	m := newMonitor(options)
	exports, err := m.run(program)
	recording := m.recording(tb)
	recording.Exports = exports
	for _, violation := range violations(m.options, recording, err) {
		tb.Errorf("%s", violation)
	}
	return recording, err
}

// EachMode runs the program as an update and as a preview, each in a parallel subtest, and hands both recordings to
// check. options.Preview is ignored.
func EachMode(t *testing.T, options Options, program pulumi.RunFunc, check func(*testing.T, *Recording)) {
	t.Helper()
	for _, mode := range []string{"update", "preview"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			o := options
			o.Preview = mode == "preview"
			check(t, Run(t, o, program))
		})
	}
}

// monitor answers the SDK's resource registrations.
type monitor struct {
	options Options

	mu        sync.Mutex
	resources []Resource
	outputs   int
}

func newMonitor(options Options) *monitor {
	if options.Project == "" {
		options.Project = defaultProject
	}
	if options.Stack == "" {
		options.Stack = defaultStack
	}
	if options.Timeout == 0 {
		options.Timeout = defaultTimeout
	}
	return &monitor{options: options}
}

// run runs the program to its end or to the timeout.
func (m *monitor) run(program pulumi.RunFunc) (map[string]Export, error) {
	ctx, cancel := context.WithTimeout(context.Background(), m.options.Timeout)
	defer cancel()

	var exported map[string]pulumi.Input
	err := errors.New("the program ended its goroutine, as require does when it fails")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err = pulumi.RunErr(func(pc *pulumi.Context) error {
			defer func() { exported = maps.Clone(pc.GetCurrentExportMap()) }()
			return program(pc)
		}, func(info *pulumi.RunInfo) {
			info.Organization, info.Project, info.Stack = organization, m.options.Project, m.options.Stack
			info.Mocks = m
			info.DryRun = m.options.Preview
			info.Config = m.options.Config
			info.ConfigSecretKeys = m.options.ConfigSecretKeys
		})
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		return nil, fmt.Errorf("the program did not end within %v: something waits on an output that never resolves",
			m.options.Timeout)
	}
	if err != nil {
		return nil, err
	}
	exports := map[string]Export{}
	for name, input := range exported {
		e, awaitErr := await(ctx, input)
		if awaitErr != nil {
			return exports, fmt.Errorf("export %q: %w", name, awaitErr)
		}
		exports[name] = e
	}
	return exports, nil
}

// recording is what has been registered so far; a program that timed out may go on registering.
func (m *monitor) recording(tb testing.TB) *Recording {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &Recording{
		Resources:         slices.Clone(m.resources),
		RegisteredOutputs: max(m.outputs-1, 0), // one registration is the stack's own
		tb:                tb,
	}
}

func await(ctx context.Context, input pulumi.Input) (Export, error) {
	result, err := internals.UnsafeAwaitOutput(ctx, pulumi.ToOutput(input))
	if err != nil {
		return Export{}, fmt.Errorf("awaiting the value: %w", err)
	}
	return Export{Value: result.Value, Known: result.Known, Secret: result.Secret}, nil
}

// NewResource implements [pulumi.MockResourceMonitor]: it records the resource and answers as its provider would.
func (m *monitor) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	r, err := newResource(m.options, args)
	if err != nil {
		return "", nil, err
	}
	m.mu.Lock()
	m.resources = append(m.resources, r)
	m.mu.Unlock()

	if r.isComponent() || r.Remote {
		return "", resource.PropertyMap{}, nil
	}
	state, err := m.state(r)
	if err != nil {
		return "", nil, err
	}
	if m.options.Preview {
		return r.importID, withoutUnknown(state), nil
	}
	return id(r, state), state, nil
}

// Call implements [pulumi.MockResourceMonitor]: provider functions answer from [Options.Calls].
func (m *monitor) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	answer, ok := m.options.Calls[args.Token]
	if !ok {
		return nil, fmt.Errorf("call of %s has no answer; put one into recorder.Options.Calls", args.Token)
	}
	return answer(args)
}

// MethodCall answers methods of resources from [Options.Calls] as well.
func (m *monitor) MethodCall(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	return m.Call(args)
}

// RegisterResourceOutputs counts; the SDK's mocks don't tell whose outputs they are.
func (m *monitor) RegisterResourceOutputs() (*emptypb.Empty, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.outputs++
	return &emptypb.Empty{}, nil
}

const (
	stashType          = "pulumi:index:Stash"
	stackReferenceType = "pulumi:pulumi:StackReference"
	providerPrefix     = "pulumi:providers:"
)

// state is what the provider would answer.
func (m *monitor) state(r Resource) (resource.PropertyMap, error) {
	state := resource.PropertyMap{}
	switch {
	case r.Type == stashType:
		// The engine keeps the value of the first update as output; without earlier state that is the input.
		state["input"], state["output"] = r.Inputs["input"], r.Inputs["input"]
	case r.Type == stackReferenceType:
		stack := text(r.Inputs["name"])
		outputs, ok := m.options.StackOutputs[stack]
		if !ok {
			return nil, fmt.Errorf("stack %q has no outputs; put them into recorder.Options.StackOutputs", stack)
		}
		state["name"], state["outputs"] = resource.NewProperty(stack), resource.NewProperty(outputs)
	case r.Read:
		if m.options.Computed[r.Type] == nil {
			return nil, fmt.Errorf("reading %s %q has no answer; put one into recorder.Options.Computed", r.Type, r.Name)
		}
	case r.isKubernetesObject():
		// The provider answers a create with the object it sent, named by itself when the program didn't.
		state = r.Inputs.Copy()
		state["metadata"] = named(r)
	case r.Package() == "openstack" && !r.isProvider() && !r.Inputs.HasValue("name"):
		// The bridge names what the program leaves unnamed; types without a name ignore it.
		state["name"] = resource.NewProperty(autoname(r))
	}
	if compute, ok := m.options.Computed[r.Type]; ok && (!m.options.Preview || r.Read) {
		maps.Copy(state, compute(r))
	}
	return state, nil
}

// named is the object's metadata with the name the Kubernetes provider gives to objects without one.
func named(r Resource) resource.PropertyValue {
	given, secret := unwrap(r.Inputs["metadata"])
	metadata := resource.PropertyMap{}
	switch {
	case given.IsComputed():
		return given
	case given.IsObject():
		metadata = given.ObjectValue().Copy()
	}
	if !metadata.HasValue("name") && !metadata.HasValue("generateName") {
		metadata["name"] = resource.NewProperty(autoname(r))
	}
	if secret {
		return resource.MakeSecret(resource.NewProperty(metadata))
	}
	return resource.NewProperty(metadata)
}

// autoname is the resource's name with a suffix that, unlike the providers', is the same in every run.
func autoname(r Resource) string { return r.Name + "-" + digest(r.URN)[:8] }

// id is the identifier an update gives to the resource.
func id(r Resource, state resource.PropertyMap) string {
	switch {
	case r.importID != "":
		return r.importID
	case r.isKubernetesObject():
		metadata, _ := unwrap(state["metadata"])
		if !metadata.IsObject() {
			return r.Name
		}
		name, namespace := text(metadata.ObjectValue()["name"]), text(metadata.ObjectValue()["namespace"])
		return strings.TrimPrefix(namespace+"/"+name, "/")
	default:
		d := digest(r.URN)
		return strings.Join([]string{d[:8], d[8:12], d[12:16], d[16:20], d[20:32]}, "-")
	}
}

// withoutUnknown leaves out properties that are unknown anywhere. The SDK reads an unknown field inside a known
// property as that field's zero value; left out, the whole property is unknown.
func withoutUnknown(state resource.PropertyMap) resource.PropertyMap {
	known := resource.PropertyMap{}
	for k, v := range state {
		if !v.ContainsUnknowns() {
			known[k] = v
		}
	}
	return known
}

// newResource reads a registration or a read.
func newResource(options Options, args pulumi.MockResourceArgs) (Resource, error) {
	r := Resource{
		Type: args.TypeToken, Name: args.Name, Provider: args.Provider, Inputs: args.Inputs, importID: args.ID,
	}
	if rpc := args.RegisterRPC; rpc != nil {
		// The mocks' own reading of the inputs drops unknown values.
		inputs, err := plugin.UnmarshalProperties(rpc.GetObject(), plugin.MarshalOptions{
			KeepUnknowns: true, KeepSecrets: true, KeepResources: true,
		})
		if err != nil {
			return Resource{}, fmt.Errorf("reading the inputs of %s %q: %w", args.TypeToken, args.Name, err)
		}
		r.Inputs = inputs
		r.Parent = rpc.GetParent()
		r.Custom, r.Remote = rpc.GetCustom(), rpc.GetRemote()
		if r.Remote && r.Provider == "" {
			r.Provider = rpc.GetProviders()[r.Package()]
		}
		r.Protect, r.RetainOnDelete = rpc.GetProtect(), rpc.GetRetainOnDelete()
		r.DeleteBeforeReplace = rpc.GetDeleteBeforeReplace()
		r.DependsOn, r.DeletedWith, r.ReplaceWith = rpc.GetDependencies(), rpc.GetDeletedWith(), rpc.GetReplaceWith()
		r.IgnoreChanges, r.ReplaceOnChanges = rpc.GetIgnoreChanges(), rpc.GetReplaceOnChanges()
		r.AdditionalSecretOutputs = rpc.GetAdditionalSecretOutputs()
		r.Aliases = rpc.GetAliases()
		r.Timeouts = pulumi.CustomTimeouts{
			Create: rpc.GetCustomTimeouts().GetCreate(),
			Update: rpc.GetCustomTimeouts().GetUpdate(),
			Delete: rpc.GetCustomTimeouts().GetDelete(),
		}
	} else {
		r.Read = true
		r.Parent = args.ReadRPC.GetParent()
	}
	parentType := tokens.Type("")
	if parent := resource.URN(r.Parent); r.Parent != "" && parent.QualifiedType() != resource.RootStackType {
		parentType = parent.QualifiedType()
	}
	r.URN = string(resource.NewURN(tokens.QName(options.Stack), tokens.PackageName(options.Project), parentType,
		tokens.Type(r.Type), r.Name))
	return r, nil
}
