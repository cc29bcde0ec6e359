package deployment_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	platforms "github.com/dekcd/dmcloud/components/kubernetes"
	"github.com/dekcd/dmcloud/components/kubernetes/manifest"
	"github.com/dekcd/dmcloud/components/problem"
	"github.com/dekcd/dmcloud/stacks/deployment"
	"github.com/dekcd/dmcloud/stacks/environment"
	"github.com/dekcd/dmcloud/tests/recorder"
)

const (
	// canary stands in every kubeconfig, mailCanary is the mail password; neither may be seen outside a secret.
	canary     = "canary-in-the-kubeconfig"
	mailCanary = "canary-of-the-mail-server"
)

const administrator = `"administrator":{"login":"ada","email":"ada@institute.example","firstName":"A","lastName":"B"}`

// seekPlatform is a platform of a stack file; more are further fields, from a comma on.
func seekPlatform(name, version, more string) string {
	return fmt.Sprintf(`{"name":%q,"catalog":"seek","version":%q,"host":"%s.institute.example",%s%s}`,
		name, version, name, administrator, more)
}

// run is a program about to run. It notes what the program says and asks.
type run struct {
	program deployment.Program
	options recorder.Options
	// deployed are the stack's outputs so far.
	deployed resource.PropertyMap
	journal  *journal
	asked    *question
}

// question is what the preflight was asked.
type question struct {
	kubeconfig, context string
	cluster             manifest.Cluster
}

// newRun is a preview or an update of a protected stack with one SEEK, checked by a policy pack, on a cluster that has
// everything.
func newRun(t *testing.T, preview bool) *run {
	t.Helper()
	r := &run{journal: &journal{}, options: recorder.Options{
		Preview: preview, Stack: "institute", Canaries: []string{canary, mailCanary},
	}}
	r.options.Calls = map[string]func(pulumi.MockCallArgs) (resource.PropertyMap, error){
		"pulumi:pulumi:readStackOutputs": func(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
			assert.Equal(t, "organization/dmcloud/institute", args.Args["name"].StringValue(), "the stack's own")
			return resource.PropertyMap{"outputs": resource.NewProperty(r.deployed)}, nil
		},
	}
	r.program = deployment.Program{
		Root: t.TempDir(), PolicyPack: "bin/policies",
		Kubeconfig: write(t, filepath.Join(t.TempDir(), "kubeconfig"), canary),
		Config: map[string]string{
			"dmcloud:cluster":   `{"context":"institute"}`,
			"dmcloud:entry":     `{"class":"traefik","namespace":"ingress","tls":{"issuer":"letsencrypt"}}`,
			"dmcloud:platforms": "[" + seekPlatform("seek", "1.18.1", "") + "]",
		},
		Preflight: r.preflight(nil, nil),
	}
	return r
}

// preflight answers for the cluster.
func (r *run) preflight(found problem.List, err error) func(
	context.Context, []byte, string, manifest.Cluster,
) (problem.List, error) {
	return func(_ context.Context, kubeconfig []byte, name string, c manifest.Cluster) (problem.List, error) {
		r.asked = &question{kubeconfig: string(kubeconfig), context: name, cluster: c}
		return found, err
	}
}

// do runs the program and sees that it shows no secret on the way.
func (r *run) do(t *testing.T) (*recorder.Recording, error) {
	t.Helper()
	r.options.Config, r.options.ConfigSecretKeys = r.program.Config, r.program.SecretKeys
	recording, err := recorder.RunErr(t, r.options, func(ctx *pulumi.Context) error {
		ctx.Log = r.journal
		return deployment.Deploy(ctx, r.program)
	})
	for _, line := range r.journal.lines {
		assert.NotContains(t, line, canary)
		assert.NotContains(t, line, mailCanary)
	}
	return recording, err
}

// mustDo is do for programs that must succeed.
func (r *run) mustDo(t *testing.T) *recorder.Recording {
	t.Helper()
	recording, err := r.do(t)
	require.NoError(t, err)
	require.NotEmpty(t, recording.Resources)
	return recording
}

// refused runs a program that must fail before its first resource, and gives the error.
func (r *run) refused(t *testing.T) error {
	t.Helper()
	recording, err := r.do(t)
	require.Error(t, err)
	assert.Empty(t, recording.Resources, "something was made")
	return err
}

// eachMode runs check for an update and for a preview.
func eachMode(t *testing.T, check func(t *testing.T, r *run)) {
	t.Helper()
	for _, mode := range []string{"update", "preview"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			check(t, newRun(t, mode == "preview"))
		})
	}
}

// journal is a log that can be read.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(level, text string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, level+": "+text)
	return nil
}

func (j *journal) Debug(text string, _ *pulumi.LogArgs) error { return j.add("debug", text) }
func (j *journal) Info(text string, _ *pulumi.LogArgs) error  { return j.add("info", text) }
func (j *journal) Warn(text string, _ *pulumi.LogArgs) error  { return j.add("warning", text) }
func (j *journal) Error(text string, _ *pulumi.LogArgs) error { return j.add("error", text) }

// warnings are the lines at that level.
func (j *journal) warnings() []string {
	return slices.DeleteFunc(slices.Clone(j.lines), func(line string) bool {
		return !strings.HasPrefix(line, "warning: ")
	})
}

// problems takes an error apart.
func problems(t *testing.T, err error) []string {
	t.Helper()
	var listed *problem.Error
	require.ErrorAs(t, err, &listed)
	lines := make([]string, 0, len(listed.Problems))
	for _, p := range listed.Problems {
		lines = append(lines, p.Error())
	}
	return lines
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestCredentialsAreFoundInTheOrderTheEnvironmentDocuments(t *testing.T) {
	t.Parallel()
	const elsewhere = canary + " of the path in the stack file"
	for name, c := range map[string]struct {
		cluster string
		process bool
		want    string
	}{
		"KUBECONFIG wins over the path in the stack file": {
			cluster: `,"kubeconfig":"credentials/kubeconfig"`, process: true, want: canary + " of KUBECONFIG",
		},
		"KUBECONFIG wins over the content in the stack file": {
			cluster: `,"kubeconfigContent":"` + canary + ` of the stack file"`, process: true, want: canary + " of KUBECONFIG",
		},
		"the content in the stack file comes before the home folder": {
			cluster: `,"kubeconfigContent":"` + canary + ` of the stack file"`, want: canary + " of the stack file",
		},
		"a path in the stack file is relative to the project": {
			cluster: `,"kubeconfig":"credentials/kubeconfig"`, want: elsewhere,
		},
		"a path in the stack file may be absolute": {
			cluster: `,"kubeconfig":"{root}/credentials/kubeconfig"`, want: elsewhere,
		},
		"the home folder comes last": {want: canary + " of home"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachMode(t, func(t *testing.T, r *run) {
				t.Helper()
				write(t, filepath.Join(r.program.Root, "credentials", "kubeconfig"), elsewhere)
				r.program.Home = t.TempDir()
				write(t, filepath.Join(r.program.Home, ".kube", "config"), canary+" of home")
				write(t, r.program.Kubeconfig, canary+" of KUBECONFIG")
				if !c.process {
					r.program.Kubeconfig = ""
				}
				r.program.Config["dmcloud:cluster"] = `{"context":"institute"` +
					strings.ReplaceAll(c.cluster, "{root}", r.program.Root) + `}`
				r.program.SecretKeys = []string{"dmcloud:cluster"}

				recording := r.mustDo(t)
				assert.Equal(t, c.want, r.asked.kubeconfig, "the preflight asks with other credentials")
				provider := recording.Get("pulumi:providers:kubernetes", "cluster")
				kubeconfig := provider.Inputs["kubeconfig"]
				require.True(t, kubeconfig.IsSecret())
				assert.Equal(t, c.want, kubeconfig.SecretValue().Element.StringValue())
			})
		})
	}
}

func TestAMissingKubeconfigIsAProblemOfTheStackFile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(p *deployment.Program) (path string)
		rule   string
	}{
		"that KUBECONFIG names": {func(p *deployment.Program) string {
			p.Kubeconfig = filepath.Join(p.Root, "gone")
			return p.Kubeconfig
		}, "must be a kubeconfig file that can be read"},
		"that the stack file names": {func(p *deployment.Program) string {
			p.Kubeconfig = ""
			p.Config["dmcloud:cluster"] = `{"context":"institute","kubeconfig":"gone"}`
			return filepath.Join(p.Root, "gone")
		}, "must be a kubeconfig file that can be read"},
		"in the home folder": {func(p *deployment.Program) string {
			p.Kubeconfig, p.Home = "", p.Root
			return filepath.Join(p.Root, ".kube", "config")
		}, "must be a kubeconfig file that can be read"},
		"of a user without a home folder": {func(p *deployment.Program) string {
			p.Kubeconfig = ""
			return ""
		}, "is missing, and there is no home folder to find one in"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachMode(t, func(t *testing.T, r *run) {
				t.Helper()
				path := c.change(&r.program)
				var listed *problem.Error
				require.ErrorAs(t, r.refused(t), &listed)
				require.Len(t, listed.Problems, 1)
				got := listed.Problems[0]
				assert.Equal(t, "cluster.kubeconfig", got.Path)
				assert.Equal(t, path, got.Value)
				assert.Equal(t, c.rule, got.Rule)
				assert.Contains(t, got.Fix, "set cluster.kubeconfig or the variable KUBECONFIG")
				assert.Nil(t, r.asked, "there are no credentials to ask with")
			})
		})
	}
}

func TestTheProcessSaysWhereTheCredentialsAndThePolicyPackAre(t *testing.T) {
	t.Setenv("KUBECONFIG", "/credentials")
	t.Setenv("PULUMI_OPTION_POLICY_PACK", "bin/policies")
	t.Setenv("HOME", "/home/ada")
	info := pulumi.RunInfo{
		RootDirectory: "/project", Config: map[string]string{"dmcloud:protected": "true"},
		ConfigSecretKeys: []string{"dmcloud:cluster"},
	}
	p := deployment.FromProcess(info)
	require.NotNil(t, p.Preflight)
	p.Preflight = nil
	want := deployment.Program{
		Root: "/project", Config: info.Config, SecretKeys: info.ConfigSecretKeys,
		Kubeconfig: "/credentials", PolicyPack: "bin/policies", Home: "/home/ada",
	}
	assert.Equal(t, want, p)

	t.Setenv("HOME", "")
	assert.Empty(t, deployment.FromProcess(info).Home)
}

func TestTheProjectIsFoundFromTheProgramsFolder(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	write(t, filepath.Join(root, "Pulumi.yaml"), "name: dmcloud\nruntime: go\n")
	program := filepath.Join(root, "stacks")
	require.NoError(t, os.Mkdir(program, 0o700))
	t.Chdir(program)
	assert.Equal(t, root, deployment.FromProcess(pulumi.RunInfo{}).Root)
	assert.Equal(t, "/told", deployment.FromProcess(pulumi.RunInfo{RootDirectory: "/told"}).Root)
}

func TestAProtectedStackIsUpdatedUnderThePolicyPackOnly(t *testing.T) {
	t.Parallel()
	const words, fix = "policy pack", `PULUMI_OPTION_POLICY_PACK="$PWD/bin/policies"`
	t.Run("an update without it is refused", func(t *testing.T) {
		t.Parallel()
		r := newRun(t, false)
		r.program.PolicyPack = ""
		err := r.refused(t)
		require.ErrorContains(t, err, "stack institute is protected: an update must be checked by the policy pack")
		require.ErrorContains(t, err, fix)
		assert.Nil(t, r.asked, "the cluster was asked for nothing")
	})
	t.Run("a preview without it warns", func(t *testing.T) {
		t.Parallel()
		r := newRun(t, true)
		r.program.PolicyPack = ""
		r.mustDo(t)
		require.Len(t, r.journal.warnings(), 1)
		assert.Contains(t, r.journal.warnings()[0], "No policy pack checks this preview, an update would be refused")
		assert.Contains(t, r.journal.warnings()[0], fix)
	})
	t.Run("with it nothing is said", func(t *testing.T) {
		t.Parallel()
		eachMode(t, func(t *testing.T, r *run) {
			t.Helper()
			r.mustDo(t)
			assert.NotContains(t, strings.Join(r.journal.lines, "\n"), words)
		})
	})
	t.Run("a stack that is not protected does without", func(t *testing.T) {
		t.Parallel()
		eachMode(t, func(t *testing.T, r *run) {
			t.Helper()
			r.program.PolicyPack = ""
			r.program.Config["dmcloud:protected"] = "false"
			r.mustDo(t)
			assert.NotContains(t, strings.Join(r.journal.lines, "\n"), words)
		})
	})
}

func TestAnUnreachableClusterStopsAnUpdateOnly(t *testing.T) {
	t.Parallel()
	cause := errors.New("dial tcp 192.0.2.1:6443: i/o timeout")
	unreachable := fmt.Errorf("context institute: %w: %w", platforms.ErrUnreachable, cause)
	t.Run("an update is refused", func(t *testing.T) {
		t.Parallel()
		r := newRun(t, false)
		r.program.Preflight = r.preflight(nil, unreachable)
		err := r.refused(t)
		require.ErrorIs(t, err, platforms.ErrUnreachable)
		require.ErrorIs(t, err, cause)
		require.ErrorContains(t, err, "is the VPN up")
	})
	t.Run("a preview goes on with a warning", func(t *testing.T) {
		t.Parallel()
		online, offline := newRun(t, true), newRun(t, true)
		offline.program.Preflight = offline.preflight(nil, unreachable)
		assert.Equal(t, online.mustDo(t).Inventory(), offline.mustDo(t).Inventory(), "the whole environment is shown")
		assert.Empty(t, online.journal.warnings())
		require.Len(t, offline.journal.warnings(), 1)
		assert.Contains(t, offline.journal.warnings()[0], cause.Error())
		assert.Contains(t, offline.journal.warnings()[0], "what the environment consists of, not what would change")
	})
	t.Run("a cluster that answers with something else stops both", func(t *testing.T) {
		t.Parallel()
		eachMode(t, func(t *testing.T, r *run) {
			t.Helper()
			r.program.Preflight = r.preflight(nil, cause)
			require.ErrorIs(t, r.refused(t), cause)
		})
	})
}

func TestThePreflightIsAskedForWhatTheStackFileCountsOn(t *testing.T) {
	t.Parallel()
	r := newRun(t, false)
	r.program.Config["dmcloud:cluster"] = `{"context":"blue","podSecurityVersion":"v1.35"}`
	r.program.Config["dmcloud:storage"] = `{"class":"fast","shared":"nfs"}`
	r.program.Config["dmcloud:entry"] = `{"class":"public","namespace":"edge","controller":"haproxy",
		"tls":{"secretName":"certificate"}}`
	recording := r.mustDo(t)
	assert.Equal(t, &question{kubeconfig: canary, context: "blue", cluster: manifest.Cluster{
		Environment: "institute", PodSecurityVersion: "v1.35", StorageClass: "fast", SharedStorageClass: "nfs",
		IngressClass: "public", IngressNamespace: "edge", IngressController: "haproxy",
		TLS: manifest.TLS{SecretName: "certificate"}, Protect: true,
	}}, r.asked)
	provider := recording.Get("pulumi:providers:kubernetes", "cluster")
	assert.Equal(t, "blue", provider.At("context").StringValue(), "it deploys to another cluster than it asked")
	assert.Equal(t, "institute/blue", provider.At("clusterIdentifier").StringValue())
}

func TestProblemsOfTheClusterHaveThePathsOfTheStackFile(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, r *run) {
		t.Helper()
		var found problem.List
		found.Addf("context", "institute", "", "is none")
		found.Addf("podSecurityVersion", "v1.37", "write v1.35", "the cluster is older")
		found.Addf("storageClass", "slow", "it has: fast", "is unknown")
		found.Addf("sharedStorageClass", "nfs", "", "is unknown")
		found.Addf("ingressClass", "traefik", "", "is unknown")
		r.program.Preflight = r.preflight(found, nil)
		assert.Equal(t, []string{
			"cluster.context: institute: is none",
			"cluster.podSecurityVersion: v1.37: the cluster is older; write v1.35",
			"storage.class: slow: is unknown; it has: fast",
			"storage.shared: nfs: is unknown",
			"entry.class: traefik: is unknown",
		}, problems(t, r.refused(t)))
	})
}

// Whoever lets the preflight check something new must say where it stands in a stack file.
func TestWhateverThePreflightReportsHasItsPlaceInTheStackFile(t *testing.T) {
	t.Parallel()
	paths := preflightPaths(t)
	require.Subset(t, paths, []string{"kubeconfig", "context", "podSecurityVersion", "ingressClass"}, "they aren't all")
	for field := range reflect.TypeFor[manifest.Cluster]().Fields() {
		// Of these a cluster knows nothing.
		if field.Name != "Environment" && field.Name != "Protect" {
			paths = append(paths, camelCase(field.Name))
		}
	}
	for _, path := range paths {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, false)
			r.program.Preflight = r.preflight(problem.List{{Path: path, Rule: "is wrong"}}, nil)
			var listed *problem.Error
			require.ErrorAs(t, r.refused(t), &listed)
			require.Len(t, listed.Problems, 1)
			place := listed.Problems[0].Path
			assert.True(t, inStackFile(reflect.TypeFor[environment.Environment](), place),
				"the stack file has no %s, where the preflight reports %s", place, path)
		})
	}
}

// preflightPaths reads from the source of the preflight every path that it reports.
func preflightPaths(t *testing.T) []string {
	t.Helper()
	source := filepath.Join("..", "..", "components", "kubernetes", "preflight.go")
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, source, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	var paths []string
	for _, declaration := range parsed.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok {
			continue
		}
		ast.Inspect(function, func(node ast.Node) bool {
			path := pathOf(node)
			literal, isLiteral := path.(*ast.BasicLit)
			switch {
			case path == nil:
			case isLiteral:
				text, err := strconv.Unquote(literal.Value)
				require.NoError(t, err)
				paths = append(paths, text)
			default:
				// unknown passes on the path it is given.
				assert.Equal(t, "unknown", function.Name.Name, "%s: this test can't tell which path is reported",
					files.Position(path.Pos()))
			}
			return true
		})
	}
	return paths
}

// pathOf is the argument of a call that says where a problem is, nil for other calls.
func pathOf(node ast.Node) ast.Expr {
	switch n := node.(type) {
	case *ast.KeyValueExpr:
		if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Path" {
			return n.Value
		}
	case *ast.CallExpr:
		switch called := n.Fun.(type) {
		case *ast.SelectorExpr:
			if called.Sel.Name == "Addf" {
				return n.Args[0]
			}
		case *ast.Ident:
			if called.Name == "unknown" {
				return n.Args[1]
			}
		}
	}
	return nil
}

// camelCase is how paths write the name of a field.
func camelCase(name string) string {
	if name == strings.ToUpper(name) {
		return strings.ToLower(name)
	}
	return strings.ToLower(name[:1]) + name[1:]
}

// inStackFile tells whether the path leads to a field.
func inStackFile(in reflect.Type, path string) bool {
	key, rest, more := strings.Cut(path, ".")
	for field := range in.Fields() {
		if field.Tag.Get("json") == key {
			return !more || field.Type.Kind() == reflect.Struct && inStackFile(field.Type, rest)
		}
	}
	return false
}

// deployed are outputs that name versions of platforms.
func deployed(versions map[string]string) resource.PropertyMap {
	all := resource.PropertyMap{}
	for name, version := range versions {
		all[resource.PropertyKey(name)] = resource.NewProperty(resource.PropertyMap{
			"version": resource.NewProperty(version), "namespace": resource.NewProperty(name),
		})
	}
	return resource.PropertyMap{"platforms": resource.NewProperty(all)}
}

func TestAnUpgradeThatCannotBeIsListedWithEverythingElse(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, r *run) {
		t.Helper()
		r.deployed = deployed(map[string]string{"seek": "1.17.4", "data": "1.18.1", "gone": "1.16.0"})
		r.program.Config["dmcloud:platforms"] = "[" +
			seekPlatform("seek", "1.19.0", `,"image":"registry.institute.example/seek:1.19.0","replicas":2`) + "," +
			seekPlatform("data", "1.17.4", "") + "," +
			seekPlatform("new", "1.17.4", `,"colour":"blue"`) + "]"
		got := problems(t, r.refused(t))
		require.Len(t, got, 4)
		assert.Contains(t, got[0], "platforms[0].replicas: 2: SEEK 1.19 needs shared (RWX) storage")
		assert.Contains(t, got[1], "platforms[0].version: 1.19.0: cannot skip a minor when upgrading from 1.17.4")
		assert.Contains(t, got[2], "platforms[1].version: 1.17.4: cannot go back from 1.18.1")
		assert.Contains(t, got[3], "platforms[2].colour: ")
		assert.Nil(t, r.asked, "the cluster was asked for nothing")
	})
}

func TestTheDeployedVersionIsReadFromOutputsOfAnyShape(t *testing.T) {
	t.Parallel()
	text := resource.NewProperty[string]
	object := resource.NewProperty[resource.PropertyMap]
	list := resource.NewProperty[[]resource.PropertyValue]
	holding := func(all resource.PropertyValue) resource.PropertyMap { return resource.PropertyMap{"platforms": all} }
	platform := func(seek resource.PropertyValue) resource.PropertyMap {
		return holding(object(resource.PropertyMap{"seek": seek}))
	}
	seek := func(version resource.PropertyValue) resource.PropertyMap {
		return platform(object(resource.PropertyMap{"version": version}))
	}
	const tooNew = "platforms[0].version: 1.18.1: cannot go back from 1.19.0"
	for name, c := range map[string]struct {
		outputs resource.PropertyMap
		want    string
	}{
		"nothing is deployed":          {outputs: nil},
		"outputs of another program":   {outputs: resource.PropertyMap{"url": text("https://seek.institute.example")}},
		"no platforms":                 {outputs: holding(resource.NewNullProperty())},
		"text for platforms":           {outputs: holding(text("seek"))},
		"a list for platforms":         {outputs: holding(list([]resource.PropertyValue{text("seek")}))},
		"text for a platform":          {outputs: platform(text("1.19.0"))},
		"a platform without a version": {outputs: platform(object(nil))},
		"a number for a version":       {outputs: seek(resource.NewProperty(1.19))},
		"no version":                   {outputs: seek(resource.NewNullProperty())},
		"an empty version":             {outputs: seek(text(""))},
		"another platform's version":   {outputs: deployed(map[string]string{"data": "1.19.0"})},
		"the same version":             {outputs: seek(text("1.18.1"))},
		"an earlier version":           {outputs: seek(text("1.17.4"))},
		"a later version":              {outputs: seek(text("1.19.0")), want: tooNew},
		"a version that is none": {
			outputs: seek(text("latest")),
			want:    "platforms[0].version: latest: the installed version is not a version of SEEK",
		},
		"a secret version": {outputs: seek(resource.MakeSecret(text("1.19.0"))), want: tooNew},
		"a secret beside it": {
			outputs: func() resource.PropertyMap {
				outputs := seek(text("1.19.0"))
				outputs["token"] = resource.MakeSecret(text(canary))
				return outputs
			}(),
			want: tooNew,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachMode(t, func(t *testing.T, r *run) {
				t.Helper()
				r.deployed = c.outputs
				if c.want == "" {
					r.mustDo(t)
					return
				}
				got := problems(t, r.refused(t))
				require.Len(t, got, 1)
				assert.Contains(t, got[0], c.want)
			})
		})
	}
}

func TestAStackWhoseOutputsCannotBeReadIsLeftAlone(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, r *run) {
		t.Helper()
		broken := errors.New("the state is locked")
		r.options.Calls["pulumi:pulumi:readStackOutputs"] = func(pulumi.MockCallArgs) (resource.PropertyMap, error) {
			return nil, broken
		}
		require.ErrorContains(t, r.refused(t), "read what is deployed: "+broken.Error())
	})
}

func TestTheMailPasswordIsInItsSecretAndNowhereElse(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, r *run) {
		t.Helper()
		r.program.Config["dmcloud:platforms"] = "[" + seekPlatform("seek", "1.18.1",
			`,"mail":{"host":"smtp.institute.example","from":"seek@institute.example","user":"seek",`+
				`"password":"`+mailCanary+`"}`) + "]"
		r.program.SecretKeys = []string{"dmcloud:platforms"}
		recording := r.mustDo(t) // which fails when a canary stands outside a secret

		encoded := base64.StdEncoding.EncodeToString([]byte(mailCanary))
		var holders []string
		for _, res := range recording.Resources {
			inputs, err := json.Marshal(res.Plain()) // secrets laid open
			require.NoError(t, err)
			if strings.Contains(string(inputs), encoded) || strings.Contains(string(inputs), mailCanary) {
				holders = append(holders, res.String())
			}
		}
		assert.Equal(t, []string{`kubernetes:core/v1:Secret "seek-mail-password"`}, holders)
		data := recording.Get("kubernetes:core/v1:Secret", "seek-mail-password").At("data.value")
		require.True(t, data.IsSecret())
		assert.Equal(t, encoded, data.SecretValue().Element.StringValue())
	})
}

func TestMailWithoutALoginNeedsNoSecret(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, r *run) {
		t.Helper()
		r.program.Config["dmcloud:platforms"] = "[" + seekPlatform("seek", "1.18.1",
			`,"mail":{"host":"smtp.institute.example","from":"seek@institute.example"}`) + "]"
		for _, secret := range r.mustDo(t).Of("kubernetes:core/v1:Secret") {
			assert.NotEqual(t, "seek-mail-password", secret.Name)
		}
	})
}

func TestTheStackSaysWhereEachPlatformIs(t *testing.T) {
	t.Parallel()
	r := newRun(t, false)
	r.program.Config["dmcloud:platforms"] = "[" + seekPlatform("seek", "1.18.1", "") + "," +
		strings.Replace(seekPlatform("data", "1.17.4", ""), `"ada"`, `"grace"`, 1) + "]"
	recording := r.mustDo(t)

	require.Len(t, recording.Of("pulumi:providers:kubernetes"), 1)
	var names []string
	for _, platform := range recording.Of("dmcloud:kubernetes:Platform") {
		names = append(names, platform.Name)
	}
	assert.Equal(t, []string{"data", "seek"}, names)
	for _, res := range recording.Resources {
		if namespace := res.At("metadata.namespace"); namespace.IsString() {
			owner := resource.URN(res.Parent).Name()
			assert.Equal(t, owner, namespace.StringValue(), "%s of platform %s", res, owner)
		}
	}

	exported := recording.Exports["platforms"]
	assert.False(t, exported.Secret, "people need to read it")
	require.True(t, exported.Known)
	all, ok := exported.Value.(map[string]any)
	require.True(t, ok, "%T", exported.Value)
	require.Len(t, all, 2)
	for name, want := range map[string]struct{ version, login string }{
		"seek": {"1.18.1", "ada"}, "data": {"1.17.4", "grace"},
	} {
		platform, ok := all[name].(map[string]any)
		require.True(t, ok, "%T", all[name])
		assert.Regexp(t, "^"+name+"-administrator-password-[0-9a-f]{8}$", platform["passwordSecret"])
		delete(platform, "passwordSecret")
		assert.Equal(t, map[string]any{
			"version": want.version, "namespace": name, "urls": []string{"https://" + name + ".institute.example"},
			"login": want.login,
		}, platform)
	}
	assert.Len(t, recording.Exports, 1)
}

func TestAPreviewDescribesTheEnvironment(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, r *run) {
		t.Helper()
		r.mustDo(t)
		assert.Contains(t, r.journal.lines, "info: seek: seek 1.18.1 at https://seek.institute.example, 1 web server")
	})
}
