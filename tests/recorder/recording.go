package recorder

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// Recording is what a program registered.
type Recording struct {
	// Resources are in the order in which they arrived. Only a dependency fixes an order: the SDK registers independent
	// resources at the same time.
	Resources []Resource
	// Exports are the stack's outputs.
	Exports map[string]Export
	// RegisteredOutputs counts the components that registered their outputs.
	RegisteredOutputs int

	tb testing.TB
}

// Export is an output of the stack.
type Export struct {
	// Value is nil when it isn't known.
	Value  any
	Known  bool
	Secret bool
}

// Resource is one registered, or read, resource.
type Resource struct {
	// Type is the type token: "kubernetes:apps/v1:Deployment".
	Type string
	// Name is the logical name.
	Name string
	URN  string
	// Parent is a URN; that of the stack when the program named none.
	Parent string
	// Custom is true for what a provider manages, Remote for a component that a provider makes, Read for a resource
	// that is looked up and not managed.
	Custom bool
	Remote bool
	Read   bool
	// Inputs are as given; secrets are wrapped, unknown values are computed.
	Inputs resource.PropertyMap
	// Provider is "URN::id"; empty when the default provider would be used.
	Provider string
	// The options, as the SDK resolved them: Protect includes what the parent passes on.
	Protect                 bool
	RetainOnDelete          bool
	DeleteBeforeReplace     bool
	DependsOn               []string
	DeletedWith             string
	ReplaceWith             []string
	IgnoreChanges           []string
	ReplaceOnChanges        []string
	AdditionalSecretOutputs []string
	Aliases                 []*pulumirpc.Alias
	Timeouts                pulumi.CustomTimeouts

	importID string
}

// Get returns the resource of that type and name, or ends the test with the names there are.
func (r *Recording) Get(typ, name string) Resource {
	r.tb.Helper()
	var names []string
	for _, candidate := range r.Of(typ) {
		if candidate.Name == name {
			return candidate
		}
		names = append(names, candidate.Name)
	}
	r.tb.Fatalf("no %s named %q was registered; the names of that type are %q", typ, name, names)
	return Resource{}
}

// Of returns the resources of a type, sorted by name.
func (r *Recording) Of(typ string) []Resource {
	var found []Resource
	for _, candidate := range r.Resources {
		if candidate.Type == typ {
			found = append(found, candidate)
		}
	}
	slices.SortFunc(found, func(a, b Resource) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// Inventory lists the resources for a golden file: a sorted line "type name parent" each, the parent being "-" for the
// stack.
func (r *Recording) Inventory() string {
	lines := make([]string, 0, len(r.Resources))
	for _, res := range r.Resources {
		parent := "-"
		if !res.atRoot() {
			parent = resource.URN(res.Parent).Name()
		}
		lines = append(lines, fmt.Sprintf("%s %s %s\n", res.Type, res.Name, parent))
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// Package is the first part of the type token; for a provider it is the package it provides.
func (r Resource) Package() string {
	if provided, ok := strings.CutPrefix(r.Type, providerPrefix); ok {
		return provided
	}
	pkg, _, _ := strings.Cut(r.Type, ":")
	return pkg
}

// At returns the input at a property path, "spec.template.spec.containers[0].image", looking into secrets on the way.
// It is null when there is none. A malformed path is null as well.
func (r Resource) At(path string) resource.PropertyValue {
	parsed, err := resource.ParsePropertyPath(path)
	if err != nil {
		return resource.NewNullProperty()
	}
	value := resource.NewProperty(r.Inputs)
	for _, key := range parsed {
		container, _ := unwrap(value)
		next, ok := resource.PropertyPath{key}.Get(container)
		if !ok {
			return resource.NewNullProperty()
		}
		value = next
	}
	return value
}

// Plain returns the inputs as plain Go values, with secrets laid open, for checks that read a whole object such as the
// Pod Security evaluator. Unknown values are nil.
func (r Resource) Plain() map[string]any {
	var reveal func(resource.PropertyValue) (any, bool)
	reveal = func(v resource.PropertyValue) (any, bool) {
		switch {
		case v.IsComputed():
			return nil, true
		case v.IsSecret():
			return v.SecretValue().Element.MapRepl(nil, reveal), true
		}
		return nil, false
	}
	return r.Inputs.MapRepl(nil, reveal)
}

// String names the resource in messages.
func (r Resource) String() string { return fmt.Sprintf("%s %q", r.Type, r.Name) }

func (r Resource) isProvider() bool { return strings.HasPrefix(r.Type, providerPrefix) }

func (r Resource) isComponent() bool { return !r.Custom && !r.Remote && !r.Read }

// isKubernetesObject leaves out what has no metadata of its own: providers, charts and YAML groups.
func (r Resource) isKubernetesObject() bool {
	return r.Custom && !r.isProvider() && r.Package() == "kubernetes" && !strings.HasSuffix(r.Type, "List")
}

func (r Resource) atRoot() bool {
	return r.Parent == "" || resource.URN(r.Parent).Type() == resource.RootStackType
}

// unwrap opens secrets and tells whether there was one.
func unwrap(v resource.PropertyValue) (_ resource.PropertyValue, secret bool) {
	for v.IsSecret() {
		v, secret = v.SecretValue().Element, true
	}
	return v, secret
}

// text is the string in a value, secret or not; empty for anything else.
func text(v resource.PropertyValue) string {
	if v, _ = unwrap(v); v.IsString() {
		return v.StringValue()
	}
	return ""
}

// digest is 64 hexadecimal digits that stand for a text.
func digest(of string) string {
	sum := sha256.Sum256([]byte(of))
	return hex.EncodeToString(sum[:])
}
