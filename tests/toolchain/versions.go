package toolchain

// The versions of everything that is built, in one place. A version here and the one its module's go.mod requires are
// the same; a test holds them together, so raising one means running `go get` and `go mod tidy` in that folder.
const (
	// renovate: datasource=go depName=github.com/pulumi/pulumi/pkg/v3
	pulumiVersion = "3.259.0"

	// The last sdk whose module contains the Go language host; later ones moved it to a nested module that has no
	// tagged releases. It speaks the engine's present protocol for everything but running a policy pack from source,
	// which is why policy packs are handed over as executables.
	// renovate: datasource=go depName=github.com/pulumi/pulumi/sdk/v3
	languageHostVersion = "3.66.0"

	// What the Kubernetes plugin says it is, equal to the sdk the program uses: the engine accepts no other version.
	// The code it is built from is older (kubernetesProviderModule), because the module proxy has no provider module
	// that goes with this sdk. That is why it lives in a PULUMI_HOME of its own and never in ~/.pulumi.
	// renovate: datasource=go depName=github.com/pulumi/pulumi-kubernetes/sdk/v4
	kubernetesPluginVersion = "4.32.0"

	// renovate: datasource=go depName=go.etcd.io/etcd/server/v3
	etcdVersion = "3.7.3"

	// renovate: datasource=go depName=k8s.io/kubernetes
	kubernetesVersion = "1.37.2"
	kubernetesMinor   = "37"

	// renovate: datasource=go depName=sigs.k8s.io/kwok
	kwokVersion = "0.8.0"

	// renovate: datasource=go depName=github.com/kubernetes/kompose
	komposeVersion = "1.38.0"
)

// kubernetesProviderModule holds the code and the schema of the Kubernetes plugin.
const kubernetesProviderModule = "github.com/pulumi/pulumi-kubernetes/provider/v4"

// kubernetesStamp makes Kubernetes report its version, as its own build does; clients decide by it what they can use.
const kubernetesStamp = "-X k8s.io/component-base/version.gitVersion=v" + kubernetesVersion +
	" -X k8s.io/component-base/version.gitMajor=1" +
	" -X k8s.io/component-base/version.gitMinor=" + kubernetesMinor +
	" -X k8s.io/component-base/version.gitTreeState=clean"

// The engine versions that fit: the first with everything the program uses, and before the next major.
const pulumiVersionRange = ">=" + pulumiVersion + " <4.0.0"

// kubernetesPluginPath is where the engine looks for the plugin below a PULUMI_HOME.
const kubernetesPluginPath = "plugins/resource-kubernetes-v" + kubernetesPluginVersion + "/pulumi-resource-kubernetes"

// build is one `go build` call in one module of ./modules.
type build struct {
	// name says what is built; part of the folder name in the cache.
	name    string
	version string
	// purpose is shown while it builds.
	purpose string
	// module is the folder below modules.
	module   string
	packages []string
	// programs are the executables, as paths below the build's folder in the cache; one per package.
	programs []string
	ldflags  string
	// cpuSeconds is what a build with empty caches takes on one core of about 3 GHz, for the expected time.
	cpuSeconds int
	// embeds are generated before building; nil for none.
	embeds *embeds
}

// embeds are files of a dependency that the module's main package embeds.
type embeds struct {
	dependency string
	// schema is stamped with the build's version and written as schema-embed.json; copied is written as it is.
	schema, copied string
}

func pulumiBuild() build {
	return build{
		name: "pulumi", version: pulumiVersion, purpose: "the Pulumi command and engine",
		module:     "pulumi",
		packages:   []string{"github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"},
		programs:   []string{"pulumi"},
		ldflags:    "-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=" + pulumiVersion,
		cpuSeconds: 700,
	}
}

func languageHostBuild() build {
	return build{
		name: "pulumi-language-go", version: languageHostVersion, purpose: "runs Pulumi programs written in Go",
		module:     "pulumi-language-go",
		packages:   []string{"github.com/pulumi/pulumi/sdk/v3/go/pulumi-language-go"},
		programs:   []string{"pulumi-language-go"},
		ldflags:    "-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=" + languageHostVersion,
		cpuSeconds: 60,
	}
}

func kubernetesPluginBuild() build {
	return build{
		name: "pulumi-resource-kubernetes", version: kubernetesPluginVersion,
		purpose:    "Pulumi's plugin for Kubernetes",
		module:     "pulumi-resource-kubernetes",
		packages:   []string{"."},
		programs:   []string{kubernetesPluginPath},
		ldflags:    "-X " + kubernetesProviderModule + "/pkg/version.Version=" + kubernetesPluginVersion,
		cpuSeconds: 1050,
		embeds: &embeds{
			dependency: kubernetesProviderModule,
			schema:     "cmd/pulumi-resource-kubernetes/schema.json",
			copied:     "cmd/pulumi-resource-kubernetes/terraform-mapping.json",
		},
	}
}

func etcdBuild() build {
	return build{
		name: "etcd", version: etcdVersion, purpose: "the database of the Kubernetes API",
		module: "etcd", packages: []string{"go.etcd.io/etcd/server/v3"}, programs: []string{"etcd"},
		cpuSeconds: 80,
	}
}

// kubernetesBuild makes all three in one call, because they share nearly all their packages.
func kubernetesBuild() build {
	return build{
		name: "kubernetes", version: kubernetesVersion,
		purpose: "the Kubernetes control plane",
		module:  "kubernetes",
		packages: []string{
			"k8s.io/kubernetes/cmd/kube-apiserver",
			"k8s.io/kubernetes/cmd/kube-controller-manager",
			"k8s.io/kubernetes/cmd/kube-scheduler",
		},
		programs:   []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"},
		ldflags:    kubernetesStamp,
		cpuSeconds: 1240,
	}
}

func kubectlBuild() build {
	return build{
		name: "kubectl", version: kubernetesVersion, purpose: "the Kubernetes command",
		module: "kubernetes", packages: []string{"k8s.io/kubernetes/cmd/kubectl"}, programs: []string{"kubectl"},
		ldflags: kubernetesStamp, cpuSeconds: 200,
	}
}

func kwokBuild() build {
	return build{
		name: "kwok", version: kwokVersion, purpose: "simulates nodes and what runs on them",
		module: "kwok", packages: []string{"sigs.k8s.io/kwok/cmd/kwok"}, programs: []string{"kwok"},
		cpuSeconds: 280,
	}
}

func komposeBuild() build {
	return build{
		name: "kompose", version: komposeVersion, purpose: "converts Compose files, for benchmarks",
		module: "kompose", packages: []string{"github.com/kubernetes/kompose"}, programs: []string{"kompose"},
		cpuSeconds: 80,
	}
}
