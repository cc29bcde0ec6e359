package kubernetes

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1sdk "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	corev1 "k8s.io/api/core/v1"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/kubernetes/manifest"
	"github.com/dekcd/dmcloud/components/problem"
	"github.com/dekcd/dmcloud/components/secret"
)

// PlatformArgs describe one platform on one cluster. All of it is decided before the first resource.
type PlatformArgs struct {
	// App is what runs. A new image of a release Job stops the services that wait for it, runs the Job, starts them.
	App app.App
	// Cluster is where it runs.
	Cluster manifest.Cluster
	// SecretValues are the values of the application's secrets that are not generated, by name.
	SecretValues map[string]pulumi.StringInput
}

// Platform is an application on a Kubernetes cluster. It needs an explicit Kubernetes provider among its options.
//
// Data is safe from changes of the platform: claims, their namespace and generated secrets are resources of their own,
// protected when the cluster says so, and no other change replaces them.
type Platform struct {
	pulumi.ResourceState

	// Namespace is the namespace everything is in.
	Namespace pulumi.StringOutput `pulumi:"namespace"`
	// URLs are the public addresses.
	URLs pulumi.StringArrayOutput `pulumi:"urls"`
	// SecretNames maps the application's names of secrets to the names of the Kubernetes Secrets that hold them, each
	// under the key "value".
	SecretNames pulumi.StringMapOutput `pulumi:"secretNames"`
}

// NewPlatform registers every object that [manifest.Render] makes as a resource.
func NewPlatform(
	ctx *pulumi.Context, name string, args PlatformArgs, opts ...pulumi.ResourceOption,
) (*Platform, error) {
	manifests, err := manifest.Render(args.App, args.Cluster)
	if err := errors.Join(err, args.validate()); err != nil {
		return nil, fmt.Errorf("platform %s: %w", name, err)
	}
	p := &Platform{}
	if err := ctx.RegisterComponentResource("dmcloud:kubernetes:Platform", name, p, opts...); err != nil {
		return nil, fmt.Errorf("platform %s: %w", name, err)
	}
	for _, note := range manifests.Notes {
		if err := ctx.Log.Info(note, &pulumi.LogArgs{Resource: p}); err != nil {
			return nil, fmt.Errorf("platform %s: %w", name, err)
		}
	}
	r := &registrar{ctx: ctx, name: name, args: args, parent: p, done: map[string]pulumi.Resource{}}
	for _, o := range manifests.Objects {
		if err := r.register(o); err != nil {
			return nil, fmt.Errorf("platform %s: %s: %w", name, o.ID(), err)
		}
	}
	p.Namespace = pulumi.String(args.App.Name).ToStringOutput()
	p.URLs = pulumi.ToStringArray(manifest.URLs(args.App)).ToStringArrayOutput()
	p.SecretNames = r.secretNames().ToStringMapOutput()
	if err := ctx.RegisterResourceOutputs(p, pulumi.Map{
		"namespace": p.Namespace, "urls": p.URLs, "secretNames": p.SecretNames,
	}); err != nil {
		return nil, fmt.Errorf("platform %s: %w", name, err)
	}
	return p, nil
}

// validate sees that every secret has a value, and no value is without a secret.
func (args PlatformArgs) validate() error {
	var problems problem.List
	for _, s := range args.App.Secrets {
		if given := args.SecretValues[s.Name] != nil; given == (s.Generate != nil) {
			problems.Addf("secretValues."+s.Name, nil, "", "the secret must either be generated or have a value")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(args.SecretValues)) {
		if args.App.Secret(name) == nil {
			problems.Addf("secretValues."+name, nil, "", "the application %s has no such secret", args.App.Name)
		}
	}
	return problems.Err()
}

// registrar registers the objects of one platform.
type registrar struct {
	ctx    *pulumi.Context
	name   string
	args   PlatformArgs
	parent *Platform
	// done holds the resources made so far by the ids of their objects.
	done map[string]pulumi.Resource
}

func (r *registrar) register(o manifest.Object) error {
	inputs, err := inputsOf(o.Value, r.secretName)
	if err != nil {
		return err
	}
	logical := r.name + "-" + cmp.Or(o.Logical, o.Value.GetName())
	switch value := o.Value.(type) {
	case *corev1.Namespace:
		logical = r.name
	case *corev1.Service:
		// What waits for a service waits for its workload too. Pulumi's own waiting takes ten seconds at the least:
		// it lets endpoints settle.
		inputs["metadata"].(pulumi.Map)["annotations"] = pulumi.StringMap{"pulumi.com/skipAwait": pulumi.String("true")}
	case *corev1.Secret:
		data, err := r.secretData(value)
		if err != nil {
			return err
		}
		inputs["data"] = data
		// Pulumi names Secrets: a new value then is a new Secret, and pods that use it roll.
		delete(inputs["metadata"].(pulumi.Map), "name")
	}
	typed, token, err := typedResource(o.Value)
	if err != nil {
		return err
	}
	if err := r.ctx.RegisterResource(token, logical, inputs, typed, r.options(o)...); err != nil {
		return fmt.Errorf("register %s: %w", token, err)
	}
	r.done[o.ID()] = typed
	return nil
}

func (r *registrar) options(o manifest.Object) []pulumi.ResourceOption {
	opts := []pulumi.ResourceOption{pulumi.Parent(r.parent)}
	if after := r.resources(o.After); len(after) > 0 {
		opts = append(opts, pulumi.DependsOn(after))
	}
	if with := r.resources(o.ReplaceWith); len(with) > 0 {
		opts = append(opts, pulumi.ReplaceWith(with))
	}
	if o.Protect {
		opts = append(opts, pulumi.Protect(true))
	}
	if o.Timeout > 0 {
		limit := o.Timeout.Round(time.Second).String()
		opts = append(opts, pulumi.Timeouts(&pulumi.CustomTimeouts{Create: limit, Update: limit, Delete: limit}))
	}
	// Deleting the namespace deletes what is in it; asking for each object again would only take longer.
	if namespace, ok := r.done[manifest.ID("Namespace", r.args.App.Name)]; ok {
		opts = append(opts, pulumi.DeletedWith(namespace))
	}
	return opts
}

func (r *registrar) resources(ids []string) []pulumi.Resource {
	var resources []pulumi.Resource
	for _, id := range ids {
		if done, ok := r.done[id]; ok {
			resources = append(resources, done)
		}
	}
	return resources
}

// secretName is the name Pulumi gave to the application's Secret; ok is false for Secrets of others.
func (r *registrar) secretName(name string) (pulumi.StringPtrOutput, bool) {
	made, ok := r.done[manifest.ID("Secret", name)].(*corev1sdk.Secret)
	if !ok {
		return pulumi.StringPtrOutput{}, false
	}
	return made.Metadata.Name(), true
}

func (r *registrar) secretNames() pulumi.StringMap {
	names := pulumi.StringMap{}
	for _, s := range r.args.App.Secrets {
		if name, ok := r.secretName(s.Name); ok {
			names[s.Name] = name.Elem()
		}
	}
	return names
}

// secretData makes the data of a Secret: from a generated value, from a given one, or from a certificate.
func (r *registrar) secretData(o *corev1.Secret) (pulumi.StringMap, error) {
	opts := []pulumi.ResourceOption{pulumi.Parent(r.parent)}
	if r.args.Cluster.Protect {
		opts = append(opts, pulumi.Protect(true))
	}
	stash := r.name + "-" + o.Name
	if o.Type == corev1.SecretTypeTLS {
		host := o.Annotations[manifest.AnnotationHost]
		certificate, err := secret.SelfSigned(r.ctx, stash, host, opts...)
		if err != nil {
			return nil, err
		}
		return pulumi.StringMap{
			corev1.TLSCertKey: encoded(certificate.Certificate), corev1.TLSPrivateKeyKey: encoded(certificate.Key),
		}, nil
	}
	if value, given := r.args.SecretValues[o.Name]; given {
		return pulumi.StringMap{manifest.SecretKey: encoded(value)}, nil
	}
	value, err := secret.Text(r.ctx, stash, *r.args.App.Secret(o.Name).Generate, opts...)
	if err != nil {
		return nil, err
	}
	return pulumi.StringMap{manifest.SecretKey: encoded(value)}, nil
}

// encoded is the form in which the API holds a secret value.
func encoded(value pulumi.StringInput) pulumi.StringOutput {
	return pulumi.ToSecret(value.ToStringOutput().ApplyT(func(v string) string {
		return base64.StdEncoding.EncodeToString([]byte(v))
	})).(pulumi.StringOutput)
}
