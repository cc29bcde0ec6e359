package packtest_test

import (
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/property"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/dekcd/dmcloud/policies/pack"
	"github.com/dekcd/dmcloud/policies/packtest"
	"github.com/dekcd/dmcloud/policies/rules"
	"github.com/dekcd/dmcloud/policies/settings"
)

// program is the pack under test, built once.
var program packtest.Program

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "policy-pack")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if program, err = packtest.Build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func str(s string) property.Value             { return property.New(s) }
func list(v ...property.Value) property.Value { return property.New(v) }
func obj(pairs ...any) property.Value {
	m := map[string]property.Value{}
	key := ""
	for _, part := range pairs {
		switch part := part.(type) {
		case string:
			key = part
		case property.Value:
			m[key] = part
		}
	}
	return property.New(m)
}

// deployment is a compliant Deployment whose container has one more field.
func deployment(name, key string, v property.Value) rules.Resource {
	container := obj("name", str("web"), "image", str("docker.io/fairdom/seek:1.18.1"),
		"resources", obj("limits", obj("memory", str("1Gi"))),
		"securityContext", obj(
			"allowPrivilegeEscalation", property.New(false), "readOnlyRootFilesystem", property.New(true),
			"runAsNonRoot", property.New(true), "capabilities", obj("drop", list(str("ALL"))),
			"seccompProfile", obj("type", str("RuntimeDefault")))).AsMap().Set(key, v)
	return rules.Resource{
		Type: "kubernetes:apps/v1:Deployment", Name: name,
		URN: "urn:pulumi:test::test::kubernetes:apps/v1:Deployment::" + name,
		Properties: obj("metadata", obj("name", str(name), "namespace", str("seek")),
			"spec", obj("template", obj("spec", obj(
				"automountServiceAccountToken", property.New(false), "containers", list(property.New(container)))))).AsMap(),
	}
}

func namespace() rules.Resource {
	return rules.Resource{
		Type: "kubernetes:core/v1:Namespace", Name: "seek", URN: "urn:pulumi:test::test::kubernetes:core/v1:Namespace::seek",
		Properties: obj("metadata", obj("name", str("seek"))).AsMap(),
	}
}

func names(diagnostics []*pulumirpc.AnalyzeDiagnostic) []string {
	var list []string
	for _, d := range diagnostics {
		list = append(list, fmt.Sprintf("%s %s", d.GetPolicyName(), strings.ToLower(d.GetEnforcementLevel().String())))
	}
	return list
}

func TestPackTellsEveryRuleWithItsLevel(t *testing.T) {
	t.Parallel()
	p := packtest.Start(t, program, packtest.Options{})
	want := map[string]pulumirpc.EnforcementLevel{pack.ExceptionsPolicy: pulumirpc.EnforcementLevel_ADVISORY}
	for _, r := range rules.Table() {
		want[r.ID] = map[settings.Level]pulumirpc.EnforcementLevel{
			settings.Mandatory: pulumirpc.EnforcementLevel_MANDATORY, settings.Advisory: pulumirpc.EnforcementLevel_ADVISORY,
		}[r.Level]
	}
	got := map[string]pulumirpc.EnforcementLevel{}
	for _, policy := range p.Info.GetPolicies() {
		got[policy.GetName()] = policy.GetEnforcementLevel()
	}
	assert.Equal(t, want, got)
	assert.Equal(t, pack.Name, p.Info.GetName())
	assert.Equal(t, pack.Version, p.Info.GetVersion())
}

func TestPackOverGRPC(t *testing.T) {
	t.Parallel()
	exception := func(expires string) map[string]string {
		return map[string]string{settings.Key: `{"exceptions":[{"rule":"k8s-image-pinned","resource":"seek/web","reason":` +
			`"waiting for the release","owner":"platform team","expires":"` + expires + `"}]}`}
	}
	tests := map[string]struct {
		options   packtest.Options
		resources []rules.Resource
		want      []string
	}{
		"compliant resources pass": {
			resources: []rules.Resource{deployment("web", "tty", property.New(false))},
		},
		"a violation is reported at the level of its rule": {
			resources: []rules.Resource{deployment("web", "image", str("seek:main"))},
			want:      []string{"k8s-image-pinned mandatory"},
		},
		"several violations are reported together": {
			resources: []rules.Resource{
				deployment("web", "securityContext", obj("privileged", property.New(true))),
				namespace(),
			},
			want: []string{
				"k8s-no-privileged mandatory", "k8s-run-as-non-root mandatory", "k8s-no-privilege-escalation mandatory",
				"k8s-drop-all-caps mandatory", "k8s-seccomp mandatory", "k8s-read-only-rootfs advisory",
				"k8s-ns-default-deny mandatory", "k8s-ns-default-deny mandatory",
			},
		},
		"an unknown value does not stop a preview": {
			options:   packtest.Options{Preview: true},
			resources: []rules.Resource{deployment("web", "image", property.New(property.Computed))},
		},
		"a value still unknown in an update stops it": {
			resources: []rules.Resource{deployment("web", "image", property.New(property.Computed))},
			want:      []string{"k8s-image-pinned mandatory"},
		},
		"a secret value is checked like any other": {
			resources: []rules.Resource{deployment("web", "image", str("seek:main").WithSecret(true))},
			want:      []string{"k8s-image-pinned mandatory"},
		},
		"an exception turns a violation into advice": {
			options:   packtest.Options{Config: exception("2999-12-31")},
			resources: []rules.Resource{deployment("web", "image", str("seek:main"))},
			want:      []string{"exceptions advisory"},
		},
		"an exception is for its resource only": {
			options:   packtest.Options{Config: exception("2999-12-31")},
			resources: []rules.Resource{deployment("worker", "image", str("seek:main"))},
			want:      []string{"k8s-image-pinned mandatory", "exceptions advisory"},
		},
		"an expired exception does not count": {
			options:   packtest.Options{Config: exception("2020-01-01")},
			resources: []rules.Resource{deployment("web", "image", str("seek:main"))},
			want:      []string{"k8s-image-pinned mandatory"},
		},
		"an advisory rule can be made mandatory": {
			options: packtest.Options{Config: map[string]string{
				settings.Key: `{"levels":{"k8s-read-only-rootfs":"mandatory"}}`,
			}},
			resources: []rules.Resource{deployment("web", "securityContext", obj(
				"allowPrivilegeEscalation", property.New(false), "runAsNonRoot", property.New(true),
				"capabilities", obj("drop", list(str("ALL"))), "seccompProfile", obj("type", str("Localhost"))))},
			want: []string{"k8s-read-only-rootfs mandatory"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := packtest.Start(t, program, test.options)
			diagnostics := p.Check(t, test.resources...)
			assert.Equal(t, test.want, names(diagnostics))
			for _, d := range diagnostics {
				if d.GetPolicyName() != pack.ExceptionsPolicy {
					mandatory := d.GetEnforcementLevel() == pulumirpc.EnforcementLevel_MANDATORY
					assert.Equal(t, mandatory, strings.Contains(d.GetMessage(), "\n Fix:\n   "), d.GetMessage())
					assert.NotContains(t, d.GetMessage(), d.GetPolicyName())
					assert.NotEmpty(t, d.GetUrn())
				}
			}
		})
	}
}

func TestPackRefusesBadSettingsWithEveryProblem(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		config string
		want   []string
	}{
		"not JSON":    {config: "yes", want: []string{settings.Key}},
		"unknown key": {config: `{"exemptions":[]}`, want: []string{settings.Key, `"exemptions"`}},
		"four problems": {
			config: `{"exceptions":[{"rule":"k8s-none","resource":"seek","reason":"x","owner":"y","expires":"soon"}],` +
				`"levels":{"k8s-seccomp":"advisory"}}`,
			want: []string{
				"4 problems", "exceptions[0].rule: k8s-none", "exceptions[0].resource: seek", "exceptions[0].expires: soon",
				"levels.k8s-seccomp: advisory",
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := packtest.TryStart(t, program, packtest.Options{Config: map[string]string{settings.Key: test.config}})
			require.Error(t, err)
			for _, want := range test.want {
				assert.ErrorContains(t, err, want)
			}
		})
	}
}

// TestPackStartsFast guards the time every preview and update waits for the pack, at ten times the target, because
// tests share their machine.
func TestPackStartsFast(t *testing.T) {
	t.Parallel()
	p := packtest.Start(t, program, packtest.Options{})
	assert.Less(t, p.StartTime, 1500*time.Millisecond)
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		packtest.Start(b, program, packtest.Options{})
	}
}

func BenchmarkAnalyze(b *testing.B) {
	for _, count := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("%d resources", count), func(b *testing.B) {
			var resources []rules.Resource
			for i := range count {
				resources = append(resources, deployment(fmt.Sprintf("web-%d", i), "tty", property.New(false)))
			}
			p := packtest.Start(b, program, packtest.Options{})
			b.ResetTimer()
			for b.Loop() {
				p.Analyze(b, resources...)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N*count), "ms/resource")
			b.StopTimer()
			b.ReportMetric(residentMiB(b, p.PID()), "MiB")
		})
	}
}

// residentMiB is the memory of a process, where the system tells.
func residentMiB(tb testing.TB, pid int) float64 {
	tb.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	var size, resident int
	if _, err := fmt.Sscan(string(data), &size, &resident); err != nil {
		tb.Fatalf("read memory of process %d: %v", pid, err)
	}
	return float64(resident*os.Getpagesize()) / (1 << 20)
}

func TestPackEndsWithItsEngine(t *testing.T) {
	t.Parallel()
	var listen net.ListenConfig
	listener, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	engine := grpc.NewServer()
	go func() { _ = engine.Serve(listener) }()
	running := packtest.Start(t, program, packtest.Options{Engine: listener.Addr().String()})
	executable := fmt.Sprintf("/proc/%d/exe", running.PID())
	_, err = os.Readlink(executable)
	require.NoError(t, err, "the engine lives")
	engine.Stop()
	assert.Eventually(t, func() bool {
		_, err := os.Readlink(executable)
		return err != nil
	}, 30*time.Second, 100*time.Millisecond, "the engine is gone, its policy pack is not")
}
