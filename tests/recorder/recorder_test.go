package recorder_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	appsv1sdk "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apps/v1"
	corev1sdk "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1sdk "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/tests/recorder"
)

const canary = "canary-4f1c9a7e53"

// fakeTB keeps what the recorder reports instead of failing.
type fakeTB struct {
	testing.TB
	mu       sync.Mutex
	messages []string
}

func (f *fakeTB) Helper() {}

func (f *fakeTB) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.messages = append(f.messages, fmt.Sprintf(format, args...))
}

func (f *fakeTB) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	runtime.Goexit()
}

// attempt runs f against a fake test, on a goroutine that Fatalf may end, and returns what was reported.
func attempt(f func(t testing.TB)) []string {
	fake := &fakeTB{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(fake)
	}()
	<-done
	return fake.messages
}

type component struct{ pulumi.ResourceState }

// inComponent registers a component with an explicit provider, lets build add children and registers its outputs.
func inComponent(build func(ctx *pulumi.Context, parent pulumi.ResourceOption) error) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		provider, err := kubernetes.NewProvider(ctx, "cluster", &kubernetes.ProviderArgs{
			Kubeconfig: pulumi.ToSecret(pulumi.String("apiVersion: v1\nkind: Config\n")).(pulumi.StringOutput),
		})
		if err != nil {
			return err
		}
		var c component
		err = ctx.RegisterComponentResource("dmcloud:test:Component", "site", &c, pulumi.Providers(provider))
		if err != nil {
			return err
		}
		if err := build(ctx, pulumi.Parent(&c)); err != nil {
			return err
		}
		return ctx.RegisterResourceOutputs(&c, pulumi.Map{})
	}
}

// configMap is a child of the component.
func configMap(name string, data pulumi.StringMap) pulumi.RunFunc {
	return inComponent(func(ctx *pulumi.Context, parent pulumi.ResourceOption) error {
		_, err := corev1sdk.NewConfigMap(ctx, name, &corev1sdk.ConfigMapArgs{Data: data}, parent)
		return err
	})
}

// deployment is a child of the component with one container.
func deployment(container corev1sdk.ContainerArgs) pulumi.RunFunc {
	return inComponent(func(ctx *pulumi.Context, parent pulumi.ResourceOption) error {
		_, err := appsv1sdk.NewDeployment(ctx, "site-web", &appsv1sdk.DeploymentArgs{
			Spec: &appsv1sdk.DeploymentSpecArgs{
				Selector: &metav1sdk.LabelSelectorArgs{MatchLabels: pulumi.StringMap{"app": pulumi.String("web")}},
				Template: &corev1sdk.PodTemplateSpecArgs{
					Spec: &corev1sdk.PodSpecArgs{Containers: corev1sdk.ContainerArray{container}},
				},
			},
		}, parent)
		return err
	})
}

// custom registers a resource of any type.
func custom(ctx *pulumi.Context, typ, name string, inputs pulumi.Map, opts ...pulumi.ResourceOption) error {
	var r pulumi.CustomResourceState
	return ctx.RegisterResource(typ, name, inputs, &r, opts...)
}

func child(typ, name string, inputs pulumi.Map) pulumi.RunFunc {
	return inComponent(func(ctx *pulumi.Context, parent pulumi.ResourceOption) error {
		return custom(ctx, typ, name, inputs, parent)
	})
}

func TestEachRuleReportsItsViolation(t *testing.T) {
	t.Parallel()
	canaries := recorder.Options{Canaries: []string{canary}}
	tests := map[string]struct {
		options recorder.Options
		program pulumi.RunFunc
		want    string
	}{
		"two resources share a URN": {
			program: inComponent(func(ctx *pulumi.Context, parent pulumi.ResourceOption) error {
				_, first := corev1sdk.NewConfigMap(ctx, "site-settings", nil, parent)
				_, second := corev1sdk.NewConfigMap(ctx, "site-settings", nil, parent)
				return errors.Join(first, second)
			}),
			want: `kubernetes:core/v1:ConfigMap "site-settings" is registered twice with URN urn:pulumi:test::dmcloud::` +
				`dmcloud:test:Component$kubernetes:core/v1:ConfigMap::site-settings; ` +
				`start its name with the name of its component`,
		},
		"a child forgets its parent": {
			options: recorder.Options{AllowPackages: []string{"random"}},
			program: func(ctx *pulumi.Context) error { return custom(ctx, "random:index:RandomId", "stray", nil) },
			want:    `random:index:RandomId "stray" has the stack as parent; give it pulumi.Parent of its component`,
		},
		"a Kubernetes resource uses the default provider": {
			options: recorder.Options{AllowAtRoot: []string{"kubernetes:core/v1:ConfigMap"}},
			program: func(ctx *pulumi.Context) error {
				_, err := corev1sdk.NewConfigMap(ctx, "stray", nil)
				return err
			},
			want: `kubernetes:core/v1:ConfigMap "stray" uses the default provider; give it or its component an explicit one`,
		},
		"an OpenStack resource uses the default provider": {
			program: child("openstack:networking/network:Network", "site-network", nil),
			want: `openstack:networking/network:Network "site-network" uses the default provider; ` +
				`give it or its component an explicit one`,
		},
		"a type is of an unknown package": {
			program: child("aws:s3/bucket:Bucket", "site-files", nil),
			want: `aws:s3/bucket:Bucket "site-files" is of package "aws", which is none of ` +
				`["dmcloud" "kubernetes" "openstack" "pulumi"]; ` +
				`use one of those or put it into recorder.Options.AllowPackages`,
		},
		"a provider is of an unknown package": {
			program: func(ctx *pulumi.Context) error { return custom(ctx, "pulumi:providers:aws", "cloud", nil) },
			want: `pulumi:providers:aws "cloud" is of package "aws", which is none of ` +
				`["dmcloud" "kubernetes" "openstack" "pulumi"]; ` +
				`use one of those or put it into recorder.Options.AllowPackages`,
		},
		"a password stands in plain text": {
			program: configMap("site-settings", pulumi.StringMap{"db_password": pulumi.String("hunter2")}),
			want: `kubernetes:core/v1:ConfigMap "site-settings" has the secret data.db_password in plain text; ` +
				`wrap it with pulumi.ToSecret`,
		},
		"a client secret stands in plain text in a list": {
			program: child("pulumi:index:Stash", "site-clients", pulumi.Map{
				"input": pulumi.Array{pulumi.Map{"clientSecret": pulumi.String("hunter2")}},
			}),
			want: `pulumi:index:Stash "site-clients" has the secret input[0].clientSecret in plain text; ` +
				`wrap it with pulumi.ToSecret`,
		},
		"a kubeconfig stands in plain text": {
			program: func(ctx *pulumi.Context) error {
				_, err := kubernetes.NewProvider(ctx, "cluster", &kubernetes.ProviderArgs{
					Kubeconfig: pulumi.String("apiVersion: v1\nkind: Config\n"),
				})
				return err
			},
			want: `pulumi:providers:kubernetes "cluster" has the secret kubeconfig in plain text; ` +
				`wrap it with pulumi.ToSecret`,
		},
		"a Kubernetes Secret has plain data": {
			// The typed constructor marks the data secret itself; YAML and generic resources don't.
			program: child("kubernetes:core/v1:Secret", "site-keys", pulumi.Map{
				"stringData": pulumi.StringMap{"value": pulumi.String("hunter2")},
			}),
			want: `kubernetes:core/v1:Secret "site-keys" has stringData.value in plain text; wrap it with pulumi.ToSecret`,
		},
		"a private key hides under a harmless key": {
			program: configMap("site-settings", pulumi.StringMap{
				"tls.pem": pulumi.String("-----BEGIN EC PRIVATE KEY-----\n"),
			}),
			want: `kubernetes:core/v1:ConfigMap "site-settings" has a private key in data.tls.pem in plain text; ` +
				`wrap it with pulumi.ToSecret`,
		},
		"user data sets a credential": {
			program: child("pulumi:index:Stash", "site-machine", pulumi.Map{
				"userData": pulumi.String("#cloud-config\npassword: hunter2\n"),
			}),
			want: `pulumi:index:Stash "site-machine" sets a credential in its user data userData; ` +
				`let the machine fetch it, or mark the whole secret`,
		},
		"an environment variable holds a literal password": {
			program: deployment(corev1sdk.ContainerArgs{
				Name: pulumi.String("web"), Image: pulumi.String("fairdom/seek:1.18.1"),
				Env: corev1sdk.EnvVarArray{corev1sdk.EnvVarArgs{
					Name: pulumi.String("MYSQL_PASSWORD"), Value: pulumi.String("hunter2"),
				}},
			}),
			want: `kubernetes:apps/v1:Deployment "site-web" has the environment variable MYSQL_PASSWORD as a literal in ` +
				`spec.template.spec.containers[0].env[0]; take it from a Secret with valueFrom`,
		},
		"an environment variable holds a literal password marked secret": {
			program: deployment(corev1sdk.ContainerArgs{
				Name: pulumi.String("web"), Image: pulumi.String("fairdom/seek:1.18.1"),
				Env: corev1sdk.EnvVarArray{corev1sdk.EnvVarArgs{
					Name:  pulumi.String("MYSQL_PASSWORD"),
					Value: pulumi.ToSecret(pulumi.String("hunter2")).(pulumi.StringOutput),
				}},
			}),
			want: `kubernetes:apps/v1:Deployment "site-web" has the environment variable MYSQL_PASSWORD as a literal in ` +
				`spec.template.spec.containers[0].env[0]; take it from a Secret with valueFrom`,
		},
		"an image has a moving tag": {
			program: deployment(corev1sdk.ContainerArgs{
				Name: pulumi.String("web"), Image: pulumi.String("localhost:5000/seek:latest"),
			}),
			want: `kubernetes:apps/v1:Deployment "site-web" has image "localhost:5000/seek:latest" in ` +
				`spec.template.spec.containers[0]; name a version or a digest`,
		},
		"an image has no tag behind a registry port": {
			program: deployment(corev1sdk.ContainerArgs{
				Name: pulumi.String("web"), Image: pulumi.String("localhost:5000/seek"),
			}),
			want: `kubernetes:apps/v1:Deployment "site-web" has image "localhost:5000/seek" in ` +
				`spec.template.spec.containers[0]; name a version or a digest`,
		},
		"a component forgets its outputs": {
			program: func(ctx *pulumi.Context) error {
				var c component
				return ctx.RegisterComponentResource("dmcloud:test:Component", "site", &c)
			},
			want: `1 of these components did not register outputs: dmcloud:test:Component "site"; ` +
				`end each constructor with ctx.RegisterResourceOutputs`,
		},
		"a canary stands in an input": {
			options: canaries,
			program: configMap("site-settings", pulumi.StringMap{"url": pulumi.String("https://u:" + canary + "@db")}),
			want: `kubernetes:core/v1:ConfigMap "site-settings" holds canary 0 in plain text in data.url; ` +
				`wrap the value with pulumi.ToSecret`,
		},
		"a canary stands in a key": {
			options: canaries,
			program: configMap("site-settings", pulumi.StringMap{canary: pulumi.String("x")}),
			want:    `kubernetes:core/v1:ConfigMap "site-settings" holds canary 0 in a key; keys are never secret`,
		},
		"a canary stands in a name": {
			options: canaries,
			program: configMap("site-"+canary, nil),
			want:    `the name of a kubernetes:core/v1:ConfigMap holds canary 0; names are never secret`,
		},
		"a canary stands in an export": {
			options: canaries,
			program: func(ctx *pulumi.Context) error {
				ctx.Export("admin", pulumi.String(canary))
				return nil
			},
			want: `export "admin" holds canary 0 in plain text; wrap it with pulumi.ToSecret`,
		},
		"a canary stands in the error": {
			options: canaries,
			program: func(*pulumi.Context) error { return errors.New("cannot log in with " + canary) },
			want:    `the program's error holds canary 0; leave secret values out of errors`,
		},
	}
	for name, test := range tests {
		for _, preview := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, preview %v", name, preview), func(t *testing.T) {
				t.Parallel()
				options := test.options
				options.Preview = preview
				messages := attempt(func(tb testing.TB) {
					_, err := recorder.RunErr(tb, options, test.program)
					assert.Equal(t, strings.HasPrefix(test.want, "the program's error"), err != nil, "%v", err)
				})
				assert.Equal(t, []string{test.want}, messages)
			})
		}
	}
}

func TestCanariesAreFoundInBase64AtEveryOffset(t *testing.T) {
	t.Parallel()
	for _, before := range []string{"", "u", "us", "user:"} {
		t.Run(fmt.Sprintf("%q before it", before), func(t *testing.T) {
			t.Parallel()
			encoded := base64.StdEncoding.EncodeToString([]byte(before + canary + "@db"))
			messages := attempt(func(tb testing.TB) {
				recorder.Run(tb, recorder.Options{Canaries: []string{canary}},
					configMap("site-settings", pulumi.StringMap{"auth": pulumi.String(encoded)}))
			})
			require.Len(t, messages, 1)
			assert.Contains(t, messages[0], "holds canary 0 in plain text in data.auth")
		})
	}
}

func TestMessagesNeverRepeatTheSecret(t *testing.T) {
	t.Parallel()
	messages := attempt(func(tb testing.TB) {
		recorder.Run(tb, recorder.Options{Canaries: []string{canary}},
			configMap("site-"+canary, pulumi.StringMap{"password": pulumi.String(canary)}))
	})
	require.NotEmpty(t, messages)
	for _, message := range messages {
		if strings.Contains(message, "has the secret") {
			continue // names the resource, whose own name is reported as a leak
		}
		assert.NotContains(t, message, canary)
	}
}

func TestRunEndsTheTestWhenTheProgramFails(t *testing.T) {
	t.Parallel()
	returned := false
	messages := attempt(func(tb testing.TB) {
		recorder.Run(tb, recorder.Options{}, func(*pulumi.Context) error { return errors.New("no quota") })
		returned = true
	})
	require.Len(t, messages, 1)
	assert.Contains(t, messages[0], "the program failed")
	assert.Contains(t, messages[0], "no quota")
	assert.False(t, returned)
}

func TestAProgramThatWaitsOnAnUnknownOutputTimesOut(t *testing.T) {
	t.Parallel()
	waiting := inComponent(func(ctx *pulumi.Context, parent pulumi.ResourceOption) error {
		service, err := corev1sdk.NewService(ctx, "site-web", nil, parent)
		if err != nil {
			return err
		}
		done := make(chan struct{})
		service.Status.ApplyT(func(*corev1sdk.ServiceStatus) bool {
			close(done)
			return true
		})
		<-done
		return nil
	})
	_, err := recorder.RunErr(t, recorder.Options{Preview: true, Timeout: time.Second}, waiting)
	require.ErrorContains(t, err, "did not end within 1s")
}

func TestWhatIsNotStubbedIsAnError(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		program pulumi.RunFunc
		want    string
	}{
		"provider function": {
			program: func(ctx *pulumi.Context) error {
				var result map[string]any
				return ctx.Invoke("openstack:images/getImage:getImage", pulumi.Map{}, &result)
			},
			want: "call of openstack:images/getImage:getImage has no answer; put one into recorder.Options.Calls",
		},
		"stack reference": {
			program: func(ctx *pulumi.Context) error {
				_, err := pulumi.NewStackReference(ctx, "organization/dmcloud/network", nil)
				return err
			},
			want: `stack "organization/dmcloud/network" has no outputs; put them into recorder.Options.StackOutputs`,
		},
		"read": {
			program: inComponent(func(ctx *pulumi.Context, parent pulumi.ResourceOption) error {
				_, err := corev1sdk.GetService(ctx, "site-web", pulumi.ID("site/web"), nil, parent)
				return err
			}),
			want: `reading kubernetes:core/v1:Service "site-web" has no answer; put one into recorder.Options.Computed`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := recorder.RunErr(t, recorder.Options{}, test.program)
			require.ErrorContains(t, err, test.want)
		})
	}
}

// site is a program that keeps every rule and uses what the recorder answers.
func site(ctx *pulumi.Context) error {
	network, err := pulumi.NewStackReference(ctx, "organization/dmcloud/network", nil)
	if err != nil {
		return err
	}
	image := ctx.InvokeOutput("openstack:images/getImage:getImage", pulumi.Map{"name": pulumi.String("debian")},
		pulumi.MapOutput{}, pulumi.InvokeOutputOptions{})
	secret, ok := ctx.GetConfig("dmcloud:smtp")
	if !ok || !ctx.IsConfigSecret("dmcloud:smtp") {
		return errors.New("no secret dmcloud:smtp")
	}
	return inComponent(func(ctx *pulumi.Context, parent pulumi.ResourceOption) error {
		namespace, err := corev1sdk.NewNamespace(ctx, "site-namespace", &corev1sdk.NamespaceArgs{
			Metadata: metav1sdk.ObjectMetaArgs{Name: pulumi.String("seek")},
		}, parent, pulumi.Protect(true), pulumi.Timeouts(&pulumi.CustomTimeouts{Create: "20m"}))
		if err != nil {
			return err
		}
		key := pulumi.ToSecret(pulumi.String(canary))
		stash, err := pulumi.NewStash(ctx, "site-keys", &pulumi.StashArgs{Input: key}, parent)
		if err != nil {
			return err
		}
		keys, err := corev1sdk.NewSecret(ctx, "site-keys", &corev1sdk.SecretArgs{
			Metadata: metav1sdk.ObjectMetaArgs{Namespace: pulumi.String("seek")},
			StringData: pulumi.StringMap{
				"value": stash.Output.ApplyT(func(v any) string { return fmt.Sprint(v) }).(pulumi.StringOutput),
				"smtp":  pulumi.String(secret),
			},
		}, parent, pulumi.DeletedWith(namespace), pulumi.DependsOn([]pulumi.Resource{namespace}),
			pulumi.IgnoreChanges([]string{"metadata.annotations"}), pulumi.ReplaceWith([]pulumi.Resource{namespace}),
			pulumi.RetainOnDelete(true), pulumi.Aliases([]pulumi.Alias{{Name: pulumi.String("keys")}}))
		if err != nil {
			return err
		}
		service, err := corev1sdk.NewService(ctx, "site-web", &corev1sdk.ServiceArgs{
			Metadata: metav1sdk.ObjectMetaArgs{Namespace: pulumi.String("seek"), Name: pulumi.String("web")},
		}, parent)
		if err != nil {
			return err
		}
		ctx.Export("secretName", keys.Metadata.Name())
		ctx.Export("serviceID", service.ID())
		ctx.Export("address", service.Status.LoadBalancer().Ingress().Index(pulumi.Int(0)).Hostname())
		ctx.Export("network", network.GetStringOutput(pulumi.String("id")))
		ctx.Export("image", image)
		ctx.Export("key", stash.Output)
		return nil
	})(ctx)
}

func siteOptions() recorder.Options {
	return recorder.Options{
		Config:           map[string]string{"dmcloud:smtp": canary},
		ConfigSecretKeys: []string{"dmcloud:smtp"},
		Canaries:         []string{canary},
		StackOutputs: map[string]resource.PropertyMap{
			"organization/dmcloud/network": {"id": resource.NewProperty("net-1")},
		},
		Calls: map[string]func(pulumi.MockCallArgs) (resource.PropertyMap, error){
			"openstack:images/getImage:getImage": func(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
				return resource.PropertyMap{"id": resource.NewProperty("image-" + args.Args["name"].StringValue())}, nil
			},
		},
		Computed: map[string]func(recorder.Resource) resource.PropertyMap{
			"kubernetes:core/v1:Service": func(recorder.Resource) resource.PropertyMap {
				return resource.NewPropertyMapFromMap(map[string]any{
					"status": map[string]any{"loadBalancer": map[string]any{
						"ingress": []any{map[string]any{"hostname": "lb.example.org"}},
					}},
				})
			},
		},
	}
}

func TestAGoodProgramPassesInBothModes(t *testing.T) {
	t.Parallel()
	recorder.EachMode(t, siteOptions(), site, func(t *testing.T, recording *recorder.Recording) {
		assert.Equal(t, strings.Join([]string{
			"dmcloud:test:Component site -",
			"kubernetes:core/v1:Namespace site-namespace site",
			"kubernetes:core/v1:Secret site-keys site",
			"kubernetes:core/v1:Service site-web site",
			"pulumi:index:Stash site-keys site",
			"pulumi:providers:kubernetes cluster -",
			"pulumi:pulumi:StackReference organization/dmcloud/network -",
			"",
		}, "\n"), recording.Inventory())
		assert.Equal(t, 1, recording.RegisteredOutputs)
	})
}

func TestOptionsAreRecorded(t *testing.T) {
	t.Parallel()
	recording := recorder.Run(t, siteOptions(), site)
	namespace := recording.Get("kubernetes:core/v1:Namespace", "site-namespace")
	assert.True(t, namespace.Protect)
	assert.Equal(t, "20m", namespace.Timeouts.Create)
	assert.Contains(t, namespace.Provider, "pulumi:providers:kubernetes::cluster::")

	secret := recording.Get("kubernetes:core/v1:Secret", "site-keys")
	assert.Equal(t, recording.Get("dmcloud:test:Component", "site").URN, secret.Parent)
	assert.Equal(t, namespace.URN, secret.DeletedWith)
	assert.Contains(t, secret.DependsOn, namespace.URN)
	assert.Equal(t, []string{namespace.URN}, secret.ReplaceWith)
	assert.Equal(t, []string{"metadata.annotations"}, secret.IgnoreChanges)
	assert.Subset(t, secret.AdditionalSecretOutputs, []string{"data", "stringData"})
	assert.True(t, secret.RetainOnDelete)
	assert.False(t, secret.Protect)
	require.NotEmpty(t, secret.Aliases)
	assert.Equal(t, "keys", secret.Aliases[0].GetSpec().GetName())

	assert.True(t, secret.At("stringData").IsSecret())
	assert.Equal(t, canary, secret.At("stringData.smtp").StringValue())
	assert.True(t, secret.At("stringData.absent").IsNull())
	assert.Equal(t, map[string]any{
		"apiVersion": "v1", "kind": "Secret",
		"metadata":   map[string]any{"namespace": "seek"},
		"stringData": map[string]any{"smtp": canary, "value": canary},
	}, secret.Plain())
}

func TestAnUpdateKnowsWhatTheProviderComputes(t *testing.T) {
	t.Parallel()
	exports := recorder.Run(t, siteOptions(), site).Exports
	name, ok := exports["secretName"].Value.(*string)
	require.True(t, ok)
	assert.Regexp(t, `^site-keys-[0-9a-f]{8}$`, *name, "an unnamed object gets a name")
	assert.Equal(t, pulumi.ID("seek/web"), exports["serviceID"].Value)
	assert.Equal(t, "lb.example.org", *exports["address"].Value.(*string))
	assert.Equal(t, "net-1", exports["network"].Value)
	assert.Equal(t, recorder.Export{Value: canary, Known: true, Secret: true}, exports["key"])
	assert.Equal(t, map[string]any{"id": "image-debian"}, exports["image"].Value)

	again := recorder.Run(t, siteOptions(), site).Exports
	assert.Equal(t, exports["secretName"], again["secretName"], "names are the same in every run")
}

func TestAPreviewKnowsOnlyWhatAPreviewKnows(t *testing.T) {
	t.Parallel()
	options := siteOptions()
	options.Preview = true
	exports := recorder.Run(t, options, site).Exports
	assert.True(t, exports["secretName"].Known, "the provider names objects before it creates them")
	assert.False(t, exports["serviceID"].Known)
	assert.False(t, exports["address"].Known)
	assert.True(t, exports["network"].Known, "stack references are read in a preview")
	assert.True(t, exports["key"].Secret)
}

func TestUnknownInputsAreKeptAndMakeTheirOutputUnknown(t *testing.T) {
	t.Parallel()
	program := inComponent(func(ctx *pulumi.Context, parent pulumi.ResourceOption) error {
		namespace, err := corev1sdk.NewNamespace(ctx, "site", nil, parent)
		if err != nil {
			return err
		}
		settings, err := corev1sdk.NewConfigMap(ctx, "site-settings", &corev1sdk.ConfigMapArgs{
			Metadata: metav1sdk.ObjectMetaArgs{Name: pulumi.String("settings")},
			Data:     pulumi.StringMap{"namespace": namespace.ID().ToStringOutput(), "mode": pulumi.String("on")},
		}, parent)
		if err != nil {
			return err
		}
		ctx.Export("data", settings.Data)
		ctx.Export("name", settings.Metadata.Name())
		return nil
	})
	recording := recorder.Run(t, recorder.Options{Preview: true}, program)
	recorded := recording.Get("kubernetes:core/v1:ConfigMap", "site-settings")
	assert.True(t, recorded.At("data.namespace").IsComputed())
	assert.Equal(t, map[string]any{"mode": "on", "namespace": nil}, recorded.Plain()["data"])
	assert.False(t, recording.Exports["data"].Known)
	assert.True(t, recording.Exports["name"].Known)
}

func TestReferencesToSecretsAreNotSecrets(t *testing.T) {
	t.Parallel()
	recorder.EachMode(t, recorder.Options{}, deployment(corev1sdk.ContainerArgs{
		Name: pulumi.String("web"),
		Image: pulumi.String("localhost:5000/seek@sha256:" +
			"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
		Env: corev1sdk.EnvVarArray{
			corev1sdk.EnvVarArgs{Name: pulumi.String("MYSQL_PASSWORD_FILE"), Value: pulumi.String("/run/secrets/db")},
			corev1sdk.EnvVarArgs{Name: pulumi.String("MYSQL_PASSWORD"), ValueFrom: corev1sdk.EnvVarSourceArgs{
				SecretKeyRef: corev1sdk.SecretKeySelectorArgs{Name: pulumi.String("db"), Key: pulumi.String("password")},
			}},
		},
	}), func(t *testing.T, recording *recorder.Recording) {
		assert.Len(t, recording.Of("kubernetes:apps/v1:Deployment"), 1)
	})
}

func TestGetEndsTheTestWithTheNamesThereAre(t *testing.T) {
	t.Parallel()
	messages := attempt(func(tb testing.TB) {
		recorder.Run(tb, recorder.Options{}, configMap("site-settings", nil)).
			Get("kubernetes:core/v1:ConfigMap", "settings")
	})
	assert.Equal(t, []string{`no kubernetes:core/v1:ConfigMap named "settings" was registered; ` +
		`the names of that type are ["site-settings"]`}, messages)
}
