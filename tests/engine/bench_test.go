//go:build integration

package engine_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/dekcd/dmcloud/components/catalog/seek"
	"github.com/dekcd/dmcloud/components/kubernetes/manifest"
	"github.com/dekcd/dmcloud/tests/sandbox"
	"github.com/dekcd/dmcloud/tests/toolchain"
)

// BenchmarkUp deploys SEEK with Pulumi and with kubectl in turn. kubectl applies the same objects at once and waits for
// them; Pulumi's own start, which an update without changes shows, is taken off.
func BenchmarkUp(b *testing.B) {
	bed := open(b)
	tools, err := toolchain.Ensure(b.Context(), os.Stderr, toolchain.Kubectl)
	require.NoError(b, err)
	kubectl := func(args ...string) {
		cmd := exec.CommandContext(b.Context(), tools.Kubectl, args...)
		cmd.Env = bed.bench.Env()
		output, err := cmd.CombinedOutput()
		require.NoError(b, err, "%s", output)
	}
	objects := manifests(b)
	var up, start, apply time.Duration
	for b.Loop() {
		up += timed(func() { bed.pulumi(b, "up", "--yes", "--skip-preview") })
		start += timed(func() { bed.pulumi(b, "up", "--yes", "--skip-preview", "--expect-no-changes") })
		bed.pulumi(b, "destroy", "--yes", "--skip-preview")
		apply += timed(func() {
			kubectl("apply", "--server-side", "-f", objects)
			kubectl("wait", "-n", namespace, "--for=condition=Available", "--timeout=120s", "deployment", "--all")
			kubectl("wait", "-n", namespace, "--for=condition=Complete", "--timeout=120s", "job", "--all")
			for _, set := range []string{"db", "solr"} {
				kubectl("rollout", "status", "-n", namespace, "--timeout=120s", "statefulset/"+set)
			}
		})
		kubectl("delete", "namespace", namespace, "--timeout=120s")
	}
	b.ReportMetric((up-start).Seconds()/apply.Seconds(), "up/kubectl")
	b.ReportMetric(up.Seconds()/float64(b.N), "s/up")
	b.ReportMetric(start.Seconds()/float64(b.N), "s/start")
	b.ReportMetric(apply.Seconds()/float64(b.N), "s/kubectl")
}

// BenchmarkNoopPreview is what everybody waits for most often: nothing changed, and the policy pack looks at all of it.
func BenchmarkNoopPreview(b *testing.B) {
	bed := open(b)
	bed.pulumi(b, "up", "--yes", "--skip-preview")
	peak := watch(b, filepath.Join(bed.options.Root, "bin", "dmcloud"))
	for b.Loop() {
		bed.pulumi(b, "preview", "--expect-no-changes")
	}
	b.ReportMetric(float64(peak())/(1<<20), "MiB-program")
	processes, err := sandbox.Status(filepath.Join(bed.options.State, "sandbox"))
	require.NoError(b, err)
	var resident int64
	for _, p := range processes {
		resident += p.ResidentBytes
	}
	b.ReportMetric(float64(resident)/(1<<20), "MiB-sandbox")
}

func timed(do func()) time.Duration {
	start := time.Now()
	do()
	return time.Since(start)
}

// watch notes the highest resident memory of any process that runs the program, until the result is asked for.
func watch(b *testing.B, program string) func() uint64 {
	b.Helper()
	ctx, stop := context.WithCancel(b.Context())
	result := make(chan uint64)
	go func() {
		var peak uint64
		for ctx.Err() == nil {
			links, _ := filepath.Glob("/proc/[0-9]*/exe")
			for _, link := range links {
				if target, err := os.Readlink(link); err == nil && target == program {
					peak = max(peak, highWater(filepath.Dir(link)))
				}
			}
			time.Sleep(20 * time.Millisecond)
		}
		result <- peak
	}()
	return func() uint64 {
		stop()
		return <-result
	}
}

// highWater is the peak resident memory of a process in bytes, VmHWM of proc_pid_status(5).
func highWater(proc string) uint64 {
	status, err := os.ReadFile(filepath.Join(proc, "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kibibytes, _ := strconv.ParseUint(strings.Fields(rest)[0], 10, 64)
			return kibibytes << 10
		}
	}
	return 0
}

// manifests writes what the local stack deploys as one file, with values for its secrets.
func manifests(b *testing.B) string {
	b.Helper()
	model, err := seek.New(b.Context(), seek.Options{
		Name: namespace, Version: seek.Default, Host: "seek.localhost", SharedStorage: true,
		Administrator: seek.Administrator{Email: "admin@institute.example"},
	})
	require.NoError(b, err)
	rendered, err := manifest.Render(model, manifest.Cluster{
		Environment: "local", PodSecurityVersion: "v1.37", StorageClass: "standard", SharedStorageClass: "shared",
		IngressClass: "sandbox", IngressNamespace: "ingress", IngressController: manifest.OtherController,
		TLS: manifest.TLS{SelfSigned: true},
	})
	require.NoError(b, err)
	var text strings.Builder
	for _, o := range rendered.Objects {
		if secret, ok := o.Value.(*corev1.Secret); ok {
			value := []byte(base64.StdEncoding.EncodeToString([]byte(secret.Name)))
			secret.Data = map[string][]byte{"value": value}
			if secret.Type == corev1.SecretTypeTLS {
				secret.Data = map[string][]byte{corev1.TLSCertKey: value, corev1.TLSPrivateKeyKey: value}
			}
		}
		document, err := yaml.Marshal(o.Value)
		require.NoError(b, err)
		fmt.Fprintf(&text, "---\n%s", document)
	}
	path := filepath.Join(b.TempDir(), "seek.yaml")
	require.NoError(b, os.WriteFile(path, []byte(text.String()), 0o600))
	return path
}
