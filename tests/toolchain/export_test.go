package toolchain

import (
	"context"
	"io"
	"path/filepath"
)

// What the tests reach into.
var (
	Fits         = fits
	FixFor       = fixFor
	StampVersion = stampVersion
	BuildEnv     = buildEnv
	Clock        = clock
)

// Builds are all builds: name, version and module folder.
func Builds() []build {
	return []build{
		pulumiBuild(), languageHostBuild(), kubernetesPluginBuild(), etcdBuild(), kubernetesBuild(), kubectlBuild(),
		kwokBuild(), komposeBuild(),
	}
}

// Named is a build for tests.
func Named(name, module string, packages, programs []string) build {
	return build{
		name: name, version: "1.0.0", purpose: "for a test", module: module, packages: packages, programs: programs,
	}
}

func (b build) Name() string       { return b.name }
func (b build) Version() string    { return b.version }
func (b build) Module() string     { return b.module }
func (b build) Packages() []string { return b.packages }

func (b build) Key(modules, target string) (string, error) { return b.key(modules, target) }

func (b build) Flagged(ldflags string) build {
	b.ldflags = ldflags
	return b
}

// Make builds in the cache unless it is there, as Ensure does, with the go command at path.
func (b build) Make(ctx context.Context, path, modules, cache string, to io.Writer) error {
	c := compiler{path: path, target: "test"}
	missing, err := absent([]build{b}, cache, modules, c.target)
	if err != nil || len(missing) == 0 {
		return err
	}
	return makeLocked(ctx, c, modules, cache, missing, to)
}

// Bundled are tools with the language host put beside the command, both built.
func Bundled(command, host string) (Tools, error) {
	t := Tools{
		Pulumi: command, PulumiLanguageGo: host, built: []string{filepath.Dir(command), filepath.Dir(host)},
	}
	return t, t.bundle()
}

// FindPulumi gives the tools found on the machine, and the names of what would have to be built.
func FindPulumi(ctx context.Context, to io.Writer) (Tools, []string) {
	tools, builds := findPulumi(ctx, Tools{}, nil, to)
	var names []string
	for _, b := range builds {
		names = append(names, b.name)
	}
	return tools, names
}
