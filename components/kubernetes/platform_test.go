package kubernetes_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/components/app"
	platforms "github.com/dekcd/dmcloud/components/kubernetes"
	"github.com/dekcd/dmcloud/components/kubernetes/internal/lab"
	"github.com/dekcd/dmcloud/components/kubernetes/manifest"
	"github.com/dekcd/dmcloud/tests/golden"
	"github.com/dekcd/dmcloud/tests/recorder"
)

const canary = "CANARY-of-the-mail-server"

// withMail is the fixture with several web pods and a secret that the environment provides, used in a variable and as a
// file.
func withMail() app.App {
	a := lab.App()
	a.Service("api").Replicas = 2
	a.Secrets = append(a.Secrets, app.Secret{Name: "mail-password", Purpose: "password of the mail server"})
	worker := a.Service("worker")
	worker.Env = append(worker.Env, app.EnvVar{Name: "MAIL_PASSWORD", Secret: "mail-password"})
	worker.Mounts = append(worker.Mounts, app.Mount{Path: "/run/secrets/mail", Secret: "mail-password"})
	return a
}

func mail() map[string]pulumi.StringInput {
	return map[string]pulumi.StringInput{
		"mail-password": pulumi.ToSecret(pulumi.String(canary)).(pulumi.StringOutput),
	}
}

// selfSigned is a cluster for which certificates are made.
func selfSigned() manifest.Cluster {
	c := lab.Cluster()
	c.TLS = manifest.TLS{SelfSigned: true}
	return c
}

// program registers platforms by their names.
func program(all map[string]platforms.PlatformArgs) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		provider, err := kubernetes.NewProvider(ctx, "cluster", nil)
		if err != nil {
			return err
		}
		for name, args := range all {
			p, err := platforms.NewPlatform(ctx, name, args, pulumi.Provider(provider))
			if err != nil {
				return err
			}
			ctx.Export(name+"-namespace", p.Namespace)
			ctx.Export(name+"-urls", p.URLs)
			ctx.Export(name+"-secrets", p.SecretNames)
		}
		return nil
	}
}

// research is one platform named "research" with everything on.
func research() pulumi.RunFunc {
	return program(map[string]platforms.PlatformArgs{
		"research": {App: withMail(), Cluster: selfSigned(), SecretValues: mail()},
	})
}

func options() recorder.Options { return recorder.Options{Canaries: []string{canary}} }

// managed are the Kubernetes objects that were registered, by the ids that Render gives them.
func managed(t *testing.T, r *recorder.Recording) map[string]recorder.Resource {
	t.Helper()
	found := map[string]recorder.Resource{}
	for _, res := range r.Resources {
		if res.Package() != "kubernetes" || strings.HasPrefix(res.Type, "pulumi:") {
			continue
		}
		kind := res.Type[strings.LastIndex(res.Type, ":")+1:]
		name := strings.TrimPrefix(res.Name, "research-")
		if named := res.At("metadata.name"); named.IsString() {
			name = named.StringValue()
		}
		found[kind+"/"+name] = res
	}
	return found
}

func TestInventory(t *testing.T) {
	t.Parallel()
	recorder.EachMode(t, options(), research(), func(t *testing.T, r *recorder.Recording) {
		golden.Equal(t, "testdata/inventory.txt", r.Inventory())
	})
}

func TestEveryObjectIsRegisteredAsRendered(t *testing.T) {
	t.Parallel()
	m, err := manifest.Render(withMail(), selfSigned())
	require.NoError(t, err)
	recorder.EachMode(t, options(), research(), func(t *testing.T, r *recorder.Recording) {
		objects := managed(t, r)
		assert.Len(t, objects, len(m.Objects))
		urns := func(ids []string) []string {
			list := []string{}
			for _, id := range ids {
				list = append(list, objects[id].URN)
			}
			return list
		}
		platform := r.Get("dmcloud:kubernetes:Platform", "research")
		for _, o := range m.Objects {
			got, ok := objects[o.ID()]
			require.True(t, ok, o.ID())
			assert.Equal(t, platform.URN, got.Parent, o.ID())
			assert.Equal(t, o.Protect, got.Protect, o.ID())
			assert.Subset(t, got.DependsOn, urns(o.After), o.ID())
			assert.ElementsMatch(t, urns(o.ReplaceWith), got.ReplaceWith, o.ID())
			if o.Timeout > 0 {
				assert.Equal(t, o.Timeout.String(), got.Timeouts.Create, o.ID())
				assert.Equal(t, o.Timeout.String(), got.Timeouts.Update, o.ID())
			}
			namespace := objects["Namespace/lab"].URN
			if o.ID() == "Namespace/lab" {
				namespace = ""
			}
			assert.Equal(t, namespace, got.DeletedWith, o.ID())
			gvk := o.Value.GetObjectKind().GroupVersionKind()
			assert.Equal(t, gvk.GroupVersion().String(), got.At("apiVersion").StringValue(), o.ID())
			assert.Equal(t, gvk.Kind, got.At("kind").StringValue(), o.ID())
			assert.False(t, got.Inputs.HasValue("status"), o.ID())
		}
		release := objects["Job/setup"].URN
		assert.Equal(t, []string{release}, objects["Deployment/api"].ReplaceWith)
		assert.Equal(t, []string{release}, objects["Deployment/worker"].ReplaceWith)
	})
}

// TestInputsAreTheObject compares the inputs with the object's own JSON where nothing is put in.
func TestInputsAreTheObject(t *testing.T) {
	t.Parallel()
	m, err := manifest.Render(withMail(), selfSigned())
	require.NoError(t, err)
	got := managed(t, recorder.Run(t, options(), research()))
	compared := 0
	for _, o := range m.Objects {
		text, err := json.Marshal(o.Value)
		require.NoError(t, err)
		if strings.Contains(string(text), "-password") || strings.Contains(string(text), "site-tls") {
			continue
		}
		var want map[string]any
		require.NoError(t, json.Unmarshal(text, &want))
		delete(want, "status")
		if kind := want["kind"]; kind == "Service" {
			want["metadata"].(map[string]any)["annotations"] = map[string]any{"pulumi.com/skipAwait": "true"}
		}
		pruned := withoutNull(want)
		plain, err := json.Marshal(got[o.ID()].Plain())
		require.NoError(t, err)
		wanted, err := json.Marshal(pruned)
		require.NoError(t, err)
		assert.JSONEq(t, string(wanted), string(plain), o.ID())
		compared++
	}
	assert.Greater(t, compared, 20, "most objects")
}

func withoutNull(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			if inner == nil {
				delete(v, key)
				continue
			}
			v[key] = withoutNull(inner)
		}
	case []any:
		for i := range v {
			v[i] = withoutNull(v[i])
		}
	}
	return value
}

func TestSecretsAreNamedByPulumiAndEncrypted(t *testing.T) {
	t.Parallel()
	recorder.EachMode(t, options(), research(), func(t *testing.T, r *recorder.Recording) {
		secrets := r.Of("kubernetes:core/v1:Secret")
		require.Len(t, secrets, 3)
		for _, s := range secrets {
			assert.True(t, s.At("metadata.name").IsNull(), "%s: a new value must be a new Secret", s)
			assert.Equal(t, "lab", s.At("metadata.namespace").StringValue())
			assert.True(t, s.At("immutable").BoolValue())
			data := s.Inputs["data"]
			if data.IsSecret() {
				continue
			}
			for key, value := range data.ObjectValue() {
				assert.True(t, value.IsSecret(), "%s: %s", s, key)
			}
		}
		if value := r.Get("kubernetes:core/v1:Secret", "research-mail-password").At("data.value"); !value.IsComputed() {
			raw, err := base64.StdEncoding.DecodeString(revealed(value))
			require.NoError(t, err)
			assert.Equal(t, canary, string(raw))
		}
		for _, stash := range r.Of("pulumi:index:Stash") {
			assert.True(t, stash.Protect, stash.Name)
			assert.True(t, stash.Inputs["input"].IsSecret(), stash.Name)
		}
	})
}

// revealed is the text of a value, secret or not.
func revealed(v resource.PropertyValue) string {
	for v.IsSecret() {
		v = v.SecretValue().Element
	}
	return v.StringValue()
}

func TestReferencesPointAtTheSecretsThatPulumiNamed(t *testing.T) {
	t.Parallel()
	recorder.EachMode(t, options(), research(), func(t *testing.T, r *recorder.Recording) {
		exported, ok := r.Exports["research-secrets"].Value.(map[string]string)
		require.True(t, ok, "%T", r.Exports["research-secrets"].Value)
		mailName, dbName := exported["mail-password"], exported["db-password"]
		assert.Regexp(t, `^research-mail-password-[0-9a-f]{8}$`, mailName)
		assert.Regexp(t, `^research-db-password-[0-9a-f]{8}$`, dbName)
		assert.Len(t, exported, 2, "the application's only, not the certificate's")

		pod := "spec.template.spec."
		worker := r.Get("kubernetes:apps/v1:Deployment", "research-worker")
		assert.Equal(t, mailName, worker.At(pod+"containers[0].env[0].valueFrom.secretKeyRef.name").StringValue())
		assert.Equal(t, mailName, secretVolume(t, worker, "secret-mail-password"))
		db := r.Get("kubernetes:apps/v1:StatefulSet", "research-db")
		assert.Equal(t, dbName, secretVolume(t, db, "secret-db-password"))
		ingress := r.Get("kubernetes:networking.k8s.io/v1:Ingress", "research-site")
		assert.Regexp(t, `^research-site-tls-[0-9a-f]{8}$`, ingress.At("spec.tls[0].secretName").StringValue())
	})
}

func secretVolume(t *testing.T, r recorder.Resource, name string) string {
	t.Helper()
	for _, v := range r.At("spec.template.spec.volumes").ArrayValue() {
		if v.ObjectValue()["name"].StringValue() == name {
			return v.ObjectValue()["secret"].ObjectValue()["secretName"].StringValue()
		}
	}
	require.Failf(t, "no volume", "%s", name)
	return ""
}

func TestACertificateOfOthersKeepsItsName(t *testing.T) {
	t.Parallel()
	c := lab.Cluster()
	c.TLS = manifest.TLS{SecretName: "wildcard"}
	args := map[string]platforms.PlatformArgs{"research": {App: lab.App(), Cluster: c}}
	recorder.EachMode(t, options(), program(args), func(t *testing.T, r *recorder.Recording) {
		ingress := r.Get("kubernetes:networking.k8s.io/v1:Ingress", "research-site")
		assert.Equal(t, "wildcard", ingress.At("spec.tls[0].secretName").StringValue())
		assert.Len(t, r.Of("kubernetes:core/v1:Secret"), 1)
	})
}

func TestTheSelfSignedCertificateReachesTheIngress(t *testing.T) {
	t.Parallel()
	r := recorder.Run(t, options(), research())
	s := r.Get("kubernetes:core/v1:Secret", "research-site-tls")
	assert.Equal(t, "kubernetes.io/tls", s.At("type").StringValue())
	for key, block := range map[string]string{"tls.crt": "BEGIN CERTIFICATE", "tls.key": "BEGIN PRIVATE KEY"} {
		data := s.Inputs["data"]
		if data.IsSecret() {
			data = data.SecretValue().Element
		}
		text, err := base64.StdEncoding.DecodeString(revealed(data.ObjectValue()[resource.PropertyKey(key)]))
		require.NoError(t, err)
		assert.Contains(t, string(text), block)
	}
	ingress := r.Get("kubernetes:networking.k8s.io/v1:Ingress", "research-site")
	assert.Contains(t, ingress.DependsOn, s.URN)
}

func TestOutputs(t *testing.T) {
	t.Parallel()
	recorder.EachMode(t, options(), research(), func(t *testing.T, r *recorder.Recording) {
		assert.Equal(t, recorder.Export{Value: "lab", Known: true}, r.Exports["research-namespace"])
		assert.Equal(t, recorder.Export{Value: []string{"https://lab.example.org"}, Known: true},
			r.Exports["research-urls"])
		assert.False(t, r.Exports["research-secrets"].Secret, "names are no secrets")
	})
}

func TestTwoPlatformsInOneProgram(t *testing.T) {
	t.Parallel()
	other := withMail()
	other.Name = "archive"
	args := map[string]platforms.PlatformArgs{
		"research": {App: withMail(), Cluster: selfSigned(), SecretValues: mail()},
		"archive":  {App: other, Cluster: selfSigned(), SecretValues: mail()},
	}
	recorder.EachMode(t, options(), program(args), func(t *testing.T, r *recorder.Recording) {
		assert.Len(t, r.Of("kubernetes:core/v1:Namespace"), 2)
		assert.Len(t, r.Of("kubernetes:apps/v1:StatefulSet"), 2)
	})
}

func TestNothingIsProtectedWithoutTheOption(t *testing.T) {
	t.Parallel()
	c := selfSigned()
	c.Protect = false
	args := map[string]platforms.PlatformArgs{"research": {App: withMail(), Cluster: c, SecretValues: mail()}}
	for _, res := range recorder.Run(t, options(), program(args)).Resources {
		assert.False(t, res.Protect, "%s", res)
	}
}

func TestBadArgumentsListEveryProblemAndRegisterNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*platforms.PlatformArgs)
		want   []string
	}{
		"secrets without values, and values without secrets": {
			func(args *platforms.PlatformArgs) {
				args.App.Secrets = append(args.App.Secrets, app.Secret{Name: "nil-password"})
				args.SecretValues = map[string]pulumi.StringInput{
					"nil-password": nil, "b": pulumi.String(canary), "a": pulumi.String(canary),
				}
			},
			[]string{
				"4 problems:", "secretValues.mail-password: the secret must either be generated or have a value",
				"secretValues.nil-password: the secret must", "3. secretValues.a: the application lab has no such secret",
				"4. secretValues.b: the application",
			},
		},
		"a value for what is generated": {
			func(args *platforms.PlatformArgs) { args.SecretValues["db-password"] = pulumi.String(canary) },
			[]string{"secretValues.db-password: the secret must either be generated or have a value"},
		},
		"the application, the cluster and the values together": {
			func(args *platforms.PlatformArgs) {
				args.App.Service("db").User = app.User{}
				args.Cluster.IngressClass = ""
				args.SecretValues = nil
			},
			[]string{
				"platform research: ", "services.db.user", "ingressClass: is required", "secretValues.mail-password",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := platforms.PlatformArgs{App: withMail(), Cluster: lab.Cluster(), SecretValues: mail()}
			c.change(&args)
			r, err := recorder.RunErr(t, options(), program(map[string]platforms.PlatformArgs{"research": args}))
			require.Error(t, err)
			for _, text := range c.want {
				require.ErrorContains(t, err, text)
			}
			assert.Len(t, r.Resources, 1, "the provider")
		})
	}
}

// failing answers like a provider, but not for one type.
type failing struct{ token string }

func (f failing) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	if args.TypeToken == f.token {
		return "", nil, fmt.Errorf("%s is refused", f.token)
	}
	state := args.Inputs.Copy()
	if args.TypeToken == "pulumi:index:Stash" {
		state["output"] = state["input"]
	}
	return args.Name, state, nil
}

func (failing) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) { return nil, nil }

func TestErrorsSayWhatWasBeingMade(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		platform string
		token    string
		want     []string
	}{
		"the component": {"", "", []string{"platform : "}},
		"a workload":    {"research", "kubernetes:apps/v1:StatefulSet", []string{"StatefulSet is refused"}},
		"a kept value":  {"research", "pulumi:index:Stash", []string{"Stash is refused"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := platforms.PlatformArgs{App: withMail(), Cluster: selfSigned(), SecretValues: mail()}
			err := pulumi.RunErr(program(map[string]platforms.PlatformArgs{c.platform: args}),
				pulumi.WithMocks("dmcloud", "test", failing{c.token}))
			require.Error(t, err)
			for _, text := range c.want {
				require.ErrorContains(t, err, text)
			}
			assert.NotContains(t, err.Error(), canary)
		})
	}
}

func TestAChangedFileIsReplacedUnderTheSameName(t *testing.T) {
	t.Parallel()
	var names []string
	for _, content := range []string{"blue", "red"} {
		a := lab.App()
		a.Files[0].Content = content
		args := map[string]platforms.PlatformArgs{"research": {App: a, Cluster: lab.Cluster()}}
		r := recorder.Run(t, options(), program(args))
		names = append(names,
			r.Get("kubernetes:core/v1:ConfigMap", "research-settings").At("metadata.name").StringValue())
	}
	assert.NotEqual(t, names[0], names[1])
}
