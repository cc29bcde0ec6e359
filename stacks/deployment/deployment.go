// Package deployment turns an environment into resources. It is the Pulumi program without its main function, so that
// tests can run it.
package deployment

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/dekcd/dmcloud/components/app"
	platforms "github.com/dekcd/dmcloud/components/kubernetes"
	"github.com/dekcd/dmcloud/components/kubernetes/manifest"
	"github.com/dekcd/dmcloud/components/problem"
	"github.com/dekcd/dmcloud/stacks/environment"
)

// Program is what a deployment takes from the process it runs in.
type Program struct {
	// Root is the project's folder; paths in a stack file are relative to it.
	Root string
	// Config and SecretKeys are the stack's configuration, as in [pulumi.RunInfo].
	Config     map[string]string
	SecretKeys []string
	// Kubeconfig is a path that wins over the stack file's, and PolicyPack the policy pack this run is checked by.
	Kubeconfig string
	PolicyPack string
	// Home is the user's folder, whose .kube/config is the last place to find credentials; empty when there is none.
	Home string
	// Preflight asks the cluster whether it has what the environment counts on.
	Preflight func(ctx context.Context, kubeconfig []byte, contextName string, c manifest.Cluster) (problem.List, error)
}

// FromProcess reads them from Pulumi's run information and the process environment.
func FromProcess(info pulumi.RunInfo) Program {
	home, err := os.UserHomeDir()
	if err != nil {
		home = "" // robots often have none, and need none
	}
	root := info.RootDirectory
	if root == "" { // the language host of 3.66 doesn't tell
		if project, err := workspace.DetectProjectPath(); err == nil {
			root = filepath.Dir(project)
		}
	}
	return Program{
		Root: root, Config: info.Config, SecretKeys: info.ConfigSecretKeys,
		Kubeconfig: os.Getenv("KUBECONFIG"), PolicyPack: os.Getenv("PULUMI_OPTION_POLICY_PACK"),
		Home: home, Preflight: platforms.Preflight,
	}
}

// Deploy registers every resource of the environment, after everything that can be found wrong was found right.
func Deploy(ctx *pulumi.Context, p Program) error {
	deployed, err := deployedVersions(ctx)
	if err != nil {
		return err
	}
	env, apps, err := load(ctx, p, deployed)
	if err != nil {
		return err
	}
	if err := checkedByPolicy(ctx, env, p.PolicyPack); err != nil {
		return err
	}
	kubeconfig, err := p.kubeconfig(env.Cluster)
	if err != nil {
		return err
	}
	if err := preflight(ctx, p, env, kubeconfig); err != nil {
		return err
	}
	lines := env.Describe()
	for _, a := range apps {
		if a.note != "" {
			lines = append(lines, a.note)
		}
	}
	for _, line := range lines {
		if err := ctx.Log.Info(line, nil); err != nil {
			return fmt.Errorf("describe the environment: %w", err)
		}
	}
	return deploy(ctx, env, apps, kubeconfig)
}

// checkedByPolicy refuses to update a protected stack when no policy pack looks on. The engine does not tell a program
// which packs are loaded; the variable that loads one does.
func checkedByPolicy(ctx *pulumi.Context, env environment.Environment, pack string) error {
	if pack != "" || !env.Protected {
		return nil
	}
	const fix = "run it with make, or build the pack with `make policies` and set " +
		`PULUMI_OPTION_POLICY_PACK="$PWD/bin/policies"`
	if ctx.DryRun() {
		if err := ctx.Log.Warn("No policy pack checks this preview, an update would be refused; "+fix, nil); err != nil {
			return fmt.Errorf("warn of the missing policy pack: %w", err)
		}
		return nil
	}
	return fmt.Errorf("stack %s is protected: an update must be checked by the policy pack; %s", env.Stack, fix)
}

// kubeconfig finds the credentials in the order the environment documents.
func (p Program) kubeconfig(c environment.Cluster) ([]byte, error) {
	const fix = "set cluster.kubeconfig or the variable KUBECONFIG"
	path := p.Kubeconfig
	switch {
	case path != "":
	case c.KubeconfigContent.IsSet():
		return []byte(c.KubeconfigContent.Reveal()), nil
	case c.Kubeconfig != "":
		path = c.Kubeconfig
		if !filepath.IsAbs(path) {
			path = filepath.Join(p.Root, path)
		}
	case p.Home != "":
		path = filepath.Join(p.Home, ".kube", "config")
	default:
		return nil, problem.List{{
			Path: "cluster.kubeconfig", Rule: "is missing, and there is no home folder to find one in", Fix: fix,
		}}.Err()
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, problem.List{{
			Path: "cluster.kubeconfig", Value: path, Rule: "must be a kubeconfig file that can be read",
			Fix: fix + " (" + err.Error() + ")",
		}}.Err()
	}
	return content, nil
}

// preflight asks the cluster. A preview is worth having without one; an update is not begun.
func preflight(ctx *pulumi.Context, p Program, env environment.Environment, kubeconfig []byte) error {
	found, err := p.Preflight(ctx.Context(), kubeconfig, env.Cluster.Context, clusterOf(env))
	if errors.Is(err, platforms.ErrUnreachable) && ctx.DryRun() {
		warning := fmt.Sprintf("%s. This preview shows what the environment consists of, not what would change.", err)
		if err := ctx.Log.Warn(warning, nil); err != nil {
			return fmt.Errorf("warn of the unreachable cluster: %w", err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the cluster before the first resource: %w; "+
			"is the VPN up, is the address in the kubeconfig right, does `kubectl version` answer?", err)
	}
	var problems problem.List
	for _, f := range found {
		f.Path = stackFilePath(f.Path)
		problems = append(problems, f)
	}
	return problems.Err()
}

// stackFilePath is where the author of a stack file finds what [manifest.Cluster] calls path.
func stackFilePath(path string) string {
	places := map[string]string{
		"kubeconfig": "cluster.kubeconfig", "context": "cluster.context",
		"podSecurityVersion": "cluster.podSecurityVersion",
		"storageClass":       "storage.class", "sharedStorageClass": "storage.shared",
		"ingressClass": "entry.class", "ingressNamespace": "entry.namespace", "ingressController": "entry.controller",
		"tls": "entry.tls",
	}
	if place, ok := places[path]; ok {
		return place
	}
	return path
}

// clusterOf is the part of the environment that the renderer needs.
func clusterOf(env environment.Environment) manifest.Cluster {
	return manifest.Cluster{
		Environment:        env.Stack,
		PodSecurityVersion: env.Cluster.PodSecurityVersion,
		StorageClass:       env.Storage.Class,
		SharedStorageClass: env.Storage.Shared,
		IngressClass:       env.Entry.Class,
		IngressNamespace:   env.Entry.Namespace,
		IngressController:  manifest.IngressController(env.Entry.Controller),
		TLS:                manifest.TLS(env.Entry.TLS),
		Protect:            env.Protected,
	}
}

// deploy registers the provider and one component per platform, and exports where everything is.
func deploy(ctx *pulumi.Context, env environment.Environment, apps []application, kubeconfig []byte) error {
	provider, err := kubernetes.NewProvider(ctx, "cluster", &kubernetes.ProviderArgs{
		Kubeconfig: pulumi.ToSecret(pulumi.String(string(kubeconfig))).(pulumi.StringOutput),
		Context:    pulumi.String(env.Cluster.Context),
		// Only another cluster is a reason to replace everything; new credentials for the same one are not.
		ClusterIdentifier: pulumi.String(env.Stack + "/" + env.Cluster.Context),
	})
	if err != nil {
		return fmt.Errorf("connect to the cluster: %w", err)
	}
	outputs := pulumi.Map{}
	for _, a := range apps {
		platform, err := platforms.NewPlatform(ctx, a.model.Name, platforms.PlatformArgs{
			App: a.model, Cluster: clusterOf(env), SecretValues: a.secrets,
		}, pulumi.Provider(provider))
		if err != nil {
			return err
		}
		outputs[a.model.Name] = a.outputs(platform)
	}
	ctx.Export(platformsOutput, outputs)
	return nil
}

// application is one platform of the environment as an application.
type application struct {
	model   app.App
	secrets map[string]pulumi.StringInput
	// login is the administrator's, and passwordSecret the application's name for the first password; empty where the
	// platform has no account to begin with.
	login          string
	passwordSecret string
	// note is for the reader of a preview; may be empty.
	note string
}

// outputs is what the stack says about the platform.
func (a application) outputs(p *platforms.Platform) pulumi.Map {
	outputs := pulumi.Map{
		"version":   pulumi.String(a.model.Version),
		"namespace": p.Namespace,
		"urls":      p.URLs,
	}
	if a.passwordSecret != "" {
		outputs["login"] = pulumi.String(a.login)
		outputs["passwordSecret"] = p.SecretNames.MapIndex(pulumi.String(a.passwordSecret))
	}
	return outputs
}
