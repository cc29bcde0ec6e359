// Package toolchain provides the programs that dmcloud runs: the Pulumi command with its Go language host and
// Kubernetes plugin, and the parts of the sandbox cluster.
//
// Pulumi's programs are taken from the machine when their versions fit. Everything else is built from the Go module
// proxy, from the small modules in ./modules whose go.sum files say exactly what goes in, into the user's cache. That
// takes long once, and nothing from then on.
package toolchain

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/blang/semver"

	"github.com/dekcd/dmcloud/tests/toolchain/filelock"
)

// Set is a group of tools that are needed together.
type Set string

const (
	// Pulumi is the command with the engine, the Go language host and the Kubernetes plugin.
	Pulumi Set = "pulumi"
	// Sandbox is a Kubernetes control plane with simulated nodes.
	Sandbox Set = "sandbox"
	// Kubectl is the Kubernetes command; any found on PATH will do.
	Kubectl Set = "kubectl"
	// Kompose is what benchmarks compare bin/compose with. It is never taken from PATH: figures are of one version.
	Kompose Set = "kompose"
)

// Sets are all sets.
func Sets() []Set { return []Set{Pulumi, Sandbox, Kubectl, Kompose} }

// Tools are the absolute paths of the programs of the sets asked for; the others are empty.
type Tools struct {
	Pulumi, PulumiLanguageGo string
	// PulumiHome holds the Kubernetes plugin. Empty means the user's own, which has it already.
	PulumiHome string

	Etcd                  string
	KubeAPIServer         string
	KubeControllerManager string
	KubeScheduler         string
	Kwok                  string

	Kubectl string

	Kompose string

	// built are the folders of what was not found on PATH.
	built []string
}

// Env gives the variables that make the tools findable, as "NAME=value": PATH with the folders of those that are built
// in front of the present one and, if set, PULUMI_HOME. Add them behind os.Environ().
func (t Tools) Env() []string {
	path := append(slices.Clone(t.built), os.Getenv("PATH"))
	env := []string{"PATH=" + strings.Join(path, string(os.PathListSeparator))}
	if t.PulumiHome != "" {
		env = append(env, "PULUMI_HOME="+t.PulumiHome)
	}
	return env
}

// Ensure finds or builds the tools of the sets. It writes to progress only when it builds or waits for another process
// that does; ending ctx stops a build, and the next call continues it. Processes may call it at the same time.
func Ensure(ctx context.Context, progress io.Writer, sets ...Set) (Tools, error) {
	checkout, err := Checkout()
	if err != nil {
		return Tools{}, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return Tools{}, fmt.Errorf("find the folder for built tools: %w", err)
	}
	cache = filepath.Join(cache, "dmcloud", "toolchain")

	var tools Tools
	var builds []build
	for _, set := range sets {
		switch set {
		case Pulumi:
			tools, builds = findPulumi(ctx, tools, builds, progress)
		case Sandbox:
			builds = append(builds, etcdBuild(), kubernetesBuild(), kwokBuild())
		case Kubectl:
			if tools.Kubectl = lookPath("kubectl"); tools.Kubectl == "" {
				builds = append(builds, kubectlBuild())
			}
		case Kompose:
			builds = append(builds, komposeBuild())
		default:
			return Tools{}, fmt.Errorf("unknown set of tools %q; the sets are %v", set, Sets())
		}
	}
	if len(builds) == 0 {
		return tools, nil
	}

	modules := filepath.Join(checkout, "tests", "toolchain", "modules")
	c, err := findCompiler(ctx, modules)
	if err != nil {
		return Tools{}, err
	}
	missing, err := absent(builds, cache, modules, c.target)
	if err != nil {
		return Tools{}, err
	}
	if len(missing) > 0 {
		if err := makeLocked(ctx, c, modules, cache, builds, progress); err != nil {
			return Tools{}, err
		}
	}
	for _, b := range builds {
		folder, err := b.folder(cache, modules, c.target)
		if err != nil {
			return Tools{}, err
		}
		tools.add(b, folder)
	}
	if slices.ContainsFunc(builds, func(b build) bool { return b.name == pulumiBuild().name }) {
		if err := tools.bundle(); err != nil {
			return Tools{}, err
		}
	}
	return tools, nil
}

// hostScript starts the language host, which lies at %s. Hosts of later versions read the option buildTarget of
// Pulumi.yaml themselves; the one we build is given it as a flag, or it would link the program anew in every run.
const hostScript = "#!/bin/sh\nexec '%s' -buildTarget " + BuildTarget + " \"$@\"\n"

// BuildTarget is where the language host puts the compiled program, relative to the program's folder; as in
// Pulumi.yaml.
const BuildTarget = "../bin/dmcloud"

// bundle puts the language host into the folder of the command we built. There the engine expects it; when it finds it
// elsewhere on PATH, it warns in every run.
func (t *Tools) bundle() error {
	script := fmt.Sprintf(hostScript, t.PulumiLanguageGo)
	t.built = slices.DeleteFunc(t.built, func(folder string) bool { return folder == filepath.Dir(t.PulumiLanguageGo) })
	t.PulumiLanguageGo = filepath.Join(filepath.Dir(t.Pulumi), filepath.Base(t.PulumiLanguageGo))
	if present, err := os.ReadFile(t.PulumiLanguageGo); err == nil && string(present) == script {
		return nil
	}
	// By way of another name, because somebody may be using the present one, or be making the same one.
	temporary := fmt.Sprintf("%s.%d", t.PulumiLanguageGo, os.Getpid())
	if err := os.WriteFile(temporary, []byte(script), 0o755); err != nil { //nolint:gosec // a program
		return fmt.Errorf("install the Go language host: %w", err)
	}
	if err := os.Rename(temporary, t.PulumiLanguageGo); err != nil {
		return fmt.Errorf("install the Go language host: %w", err)
	}
	return nil
}

// makeLocked builds what is missing while no other process does.
func makeLocked(
	ctx context.Context, c compiler, modules, cache string, builds []build, to io.Writer,
) (err error) {
	lock, err := filelock.Acquire(ctx, filepath.Join(cache, "lock"), func() {
		newProgress(to).say("Another dmcloud is building tools in %s; waiting for it.", cache)
	})
	if err != nil {
		return fmt.Errorf("lock the folder for built tools, which XDG_CACHE_HOME moves: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	// Whoever had the lock may have built them.
	missing, err := absent(builds, cache, modules, c.target)
	if err != nil || len(missing) == 0 {
		return err
	}
	return makeAll(ctx, c, modules, cache, missing, to)
}

func absent(builds []build, cache, modules, target string) ([]build, error) {
	var missing []build
	for _, b := range builds {
		folder, err := b.folder(cache, modules, target)
		if err != nil {
			return nil, err
		}
		if !b.present(folder) {
			missing = append(missing, b)
		}
	}
	return missing, nil
}

// folder is where the build lives in the cache.
func (b build) folder(cache, modules, target string) (string, error) {
	key, err := b.key(modules, target)
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, key), nil
}

func (t *Tools) add(b build, folder string) {
	if b.name == kubernetesPluginBuild().name {
		t.PulumiHome = folder
		return
	}
	places := map[string]*string{
		"pulumi":                  &t.Pulumi,
		"pulumi-language-go":      &t.PulumiLanguageGo,
		"etcd":                    &t.Etcd,
		"kube-apiserver":          &t.KubeAPIServer,
		"kube-controller-manager": &t.KubeControllerManager,
		"kube-scheduler":          &t.KubeScheduler,
		"kwok":                    &t.Kwok,
		"kubectl":                 &t.Kubectl,
		"kompose":                 &t.Kompose,
	}
	t.built = append(t.built, folder)
	for _, program := range b.programs {
		*places[program] = filepath.Join(folder, program)
	}
}

// findPulumi takes what fits from the machine and adds a build for what does not.
func findPulumi(ctx context.Context, tools Tools, builds []build, to io.Writer) (Tools, []build) {
	if path := lookPath("pulumi"); path != "" && fits(pulumiVersionOf(ctx, path)) {
		tools.Pulumi = path
		tools.PulumiLanguageGo = lookPath("pulumi-language-go")
	}
	if tools.Pulumi == "" {
		builds = append(builds, pulumiBuild())
	}
	if tools.PulumiLanguageGo == "" {
		builds = append(builds, languageHostBuild())
	}
	if tools.Pulumi != "" && !hasKubernetesPlugin() {
		installKubernetesPlugin(ctx, tools.Pulumi, to)
	}
	if !hasKubernetesPlugin() {
		builds = append(builds, kubernetesPluginBuild())
	}
	return tools, builds
}

// installKubernetesPlugin has an installed Pulumi fetch its plugin, which takes a minute where building takes ten. On a
// machine that can't reach Pulumi's downloads it fails, and the plugin is built.
func installKubernetesPlugin(ctx context.Context, pulumi string, to io.Writer) {
	newProgress(to).say("Installing Pulumi's Kubernetes plugin %s …", kubernetesPluginVersion)
	ctx, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, pulumi, "plugin", "install", "resource", "kubernetes", kubernetesPluginVersion)
	cmd.Env = append(os.Environ(), "PULUMI_SKIP_UPDATE_CHECK=true")
	if err := cmd.Run(); err != nil {
		newProgress(to).say("It can't be fetched (%v); it will be built.", err)
	}
}

// installTimeout is how long fetching the plugin, some 30 MB, may take.
const installTimeout = 3 * time.Minute

// pulumiVersionOf asks a Pulumi command for its version: "v3.259.0". Empty when it does not say.
func pulumiVersionOf(ctx context.Context, path string) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "version")
	cmd.Env = append(os.Environ(), "PULUMI_SKIP_UPDATE_CHECK=true")
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// fits tells whether a Pulumi command of this version can be used. Development versions are judged by their number.
func fits(version string) bool {
	found, err := semver.ParseTolerant(version)
	if err != nil {
		return false
	}
	found.Pre, found.Build = nil, nil
	accepted, err := semver.ParseRange(pulumiVersionRange)
	return err == nil && accepted(found)
}

// hasKubernetesPlugin looks where the engine does: it takes exactly the version that the program's sdk asks for.
func hasKubernetesPlugin() bool {
	home := os.Getenv("PULUMI_HOME")
	if home == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			return false
		}
		home = filepath.Join(user, ".pulumi")
	}
	info, err := os.Stat(filepath.Join(home, kubernetesPluginPath))
	return err == nil && info.Mode().IsRegular()
}

func lookPath(program string) string {
	path, err := exec.LookPath(program)
	if err != nil {
		return ""
	}
	if path, err = filepath.Abs(path); err != nil {
		return ""
	}
	return path
}

// Checkout is the folder of dmcloud's source that the working directory is in.
func Checkout() (string, error) {
	const module = "module github.com/dekcd/dmcloud"
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the checkout: %w", err)
	}
	for folder := start; ; folder = filepath.Dir(folder) {
		if firstLine(filepath.Join(folder, "go.mod")) == module {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", fmt.Errorf("find the checkout: neither %s nor a folder above it is one of dmcloud", start)
		}
	}
}

func firstLine(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }()
	scanner := bufio.NewScanner(file)
	scanner.Scan()
	return scanner.Text()
}

// expectedMinutes is how long building takes with empty caches. Linking and downloading do not scale with processors.
func expectedMinutes(builds []build) int {
	const overhead = 1.2
	var cpu int
	for _, b := range builds {
		cpu += b.cpuSeconds
	}
	return 1 + int(overhead*float64(cpu)/float64(runtime.NumCPU())/60)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
