package pack_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/dekcd/dmcloud/policies/pack"
	"github.com/dekcd/dmcloud/policies/rules"
	"github.com/dekcd/dmcloud/policies/settings"
)

const (
	mandatory = pulumirpc.EnforcementLevel_MANDATORY
	advisory  = pulumirpc.EnforcementLevel_ADVISORY
	disabled  = pulumirpc.EnforcementLevel_DISABLED
	remediate = pulumirpc.EnforcementLevel_REMEDIATE

	// advice is the one advisory rule of the table.
	advice = "k8s-read-only-rootfs"
)

func newServer(t *testing.T, config string) *pack.Server {
	t.Helper()
	s := &pack.Server{}
	_, err := s.ConfigureStack(t.Context(), &pulumirpc.AnalyzerStackConfigureRequest{
		Project: "another", Stack: "test", Config: map[string]string{settings.Key: config},
	})
	require.NoError(t, err)
	return s
}

func levels(t *testing.T, s *pack.Server) map[string]pulumirpc.EnforcementLevel {
	t.Helper()
	info, err := s.GetAnalyzerInfo(t.Context(), &emptypb.Empty{})
	require.NoError(t, err)
	list := map[string]pulumirpc.EnforcementLevel{}
	for _, p := range info.GetPolicies() {
		assert.NotContains(t, list, p.GetName())
		list[p.GetName()] = p.GetEnforcementLevel()
	}
	assert.Len(t, list, len(rules.Table())+1)
	return list
}

// configure does what the engine does: it sends a level for every policy it was told, with some changed.
func configure(t *testing.T, s *pack.Server, changed map[string]pulumirpc.EnforcementLevel) error {
	t.Helper()
	request := &pulumirpc.ConfigureAnalyzerRequest{PolicyConfig: map[string]*pulumirpc.PolicyConfig{}}
	for policy, level := range levels(t, s) {
		if other, ok := changed["all"]; ok && policy != pack.ExceptionsPolicy {
			level = other
		}
		if other, ok := changed[policy]; ok {
			level = other
		}
		request.PolicyConfig[policy] = &pulumirpc.PolicyConfig{EnforcementLevel: level}
	}
	if level, ok := changed["all"]; ok {
		request.PolicyConfig["all"] = &pulumirpc.PolicyConfig{EnforcementLevel: level}
	}
	_, err := s.Configure(t.Context(), request)
	return err
}

// pod violates the advisory rule and, in another container, two rules of the mandatory ones.
func pod(t *testing.T) *structpb.Struct {
	t.Helper()
	secure := map[string]any{
		"allowPrivilegeEscalation": false, "runAsNonRoot": true, "capabilities": map[string]any{"drop": []any{"ALL"}},
		"seccompProfile": map[string]any{"type": "RuntimeDefault"},
	}
	container := func(image string) map[string]any {
		return map[string]any{
			"image": image, "securityContext": secure,
			"resources": map[string]any{"limits": map[string]any{"memory": "1Gi"}},
		}
	}
	properties, err := plugin.MarshalProperties(resource.NewPropertyMapFromMap(map[string]any{"spec": map[string]any{
		"automountServiceAccountToken": false, "hostPID": true,
		"containers": []any{container("seek:1.18.1"), container("seek:main")},
	}}), plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true})
	require.NoError(t, err)
	return properties
}

// analyze is what is said of the pod, as "policy level".
func analyze(t *testing.T, s *pack.Server) []*pulumirpc.AnalyzeDiagnostic {
	t.Helper()
	response, err := s.Analyze(t.Context(), &pulumirpc.AnalyzeRequest{
		Type: "kubernetes:core/v1:Pod", Name: "web", Urn: "urn:pulumi:test::test::kubernetes:core/v1:Pod::web",
		Properties: pod(t),
	})
	require.NoError(t, err)
	return response.GetDiagnostics()
}

func told(diagnostics []*pulumirpc.AnalyzeDiagnostic) map[string]pulumirpc.EnforcementLevel {
	list := map[string]pulumirpc.EnforcementLevel{}
	for _, d := range diagnostics {
		list[d.GetPolicyName()] = d.GetEnforcementLevel()
	}
	return list
}

func TestLevelsFromEachSource(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		// settings are those of the stack; config is what --policy-pack-config changes.
		settings string
		config   map[string]pulumirpc.EnforcementLevel
		// want is the level of the advisory rule; refused are what the error says.
		want    pulumirpc.EnforcementLevel
		refused []string
	}{
		"the table's":        {want: advisory},
		"raised in settings": {settings: `{"levels":{"` + advice + `":"mandatory"}}`, want: mandatory},
		"disabled in settings": {
			settings: `{"levels":{"` + advice + `":"disabled"}}`, want: disabled,
		},
		"raised by the engine":        {config: map[string]pulumirpc.EnforcementLevel{advice: mandatory}, want: mandatory},
		"disabled by the engine":      {config: map[string]pulumirpc.EnforcementLevel{advice: disabled}, want: disabled},
		"all raised by the engine":    {config: map[string]pulumirpc.EnforcementLevel{"all": mandatory}, want: mandatory},
		"remediate is like mandatory": {config: map[string]pulumirpc.EnforcementLevel{advice: remediate}, want: mandatory},
		"mandatory rules can't be lowered": {
			config: map[string]pulumirpc.EnforcementLevel{
				advice: disabled, "k8s-image-pinned": advisory, "k8s-seccomp": disabled, pack.ExceptionsPolicy: disabled,
			},
			want:    advisory,
			refused: []string{"3 problems", "k8s-image-pinned: advisory", "k8s-seccomp: disabled", "exceptions: disabled"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, test.settings)
			err := configure(t, s, test.config)
			if test.refused == nil {
				require.NoError(t, err)
			} else {
				assert.Equal(t, codes.InvalidArgument, status.Code(err))
			}
			for _, text := range test.refused {
				require.ErrorContains(t, err, text)
			}
			want := map[string]pulumirpc.EnforcementLevel{pack.ExceptionsPolicy: advisory}
			for _, rule := range rules.Table() {
				want[rule.ID] = mandatory
			}
			want[advice] = test.want
			assert.Equal(t, want, levels(t, s))

			violations := map[string]pulumirpc.EnforcementLevel{
				"k8s-no-host-namespaces": mandatory, "k8s-image-pinned": mandatory, advice: test.want,
			}
			if test.want == disabled {
				delete(violations, advice)
			}
			assert.Equal(t, violations, told(analyze(t, s)))
		})
	}
}

func TestConfiguringAnUnknownPolicyIsAnError(t *testing.T) {
	t.Parallel()
	_, err := newServer(t, "").Configure(t.Context(), &pulumirpc.ConfigureAnalyzerRequest{
		PolicyConfig: map[string]*pulumirpc.PolicyConfig{"k8s-none": {EnforcementLevel: mandatory}},
	})
	assert.ErrorContains(t, err, "k8s-none: names no rule")
}

func TestEngineSettingsKeepTheExceptionsOfTheStack(t *testing.T) {
	t.Parallel()
	s := newServer(t, `{"exceptions":[{"rule":"k8s-image-pinned","resource":"-/web","reason":"waiting",`+
		`"owner":"platform","expires":"2999-01-01"}]}`)
	require.NoError(t, configure(t, s, nil))
	assert.NotContains(t, told(analyze(t, s)), "k8s-image-pinned")
}

func TestMessagesFitTheDisplayOfTheCLI(t *testing.T) {
	t.Parallel()
	const container = " spec.containers[%d].%s\n"
	var text strings.Builder
	for _, d := range analyze(t, newServer(t, "")) {
		text.WriteString(d.GetMessage() + "\n")
	}
	assert.Equal(t, ` spec.hostPID: must not be true
 Fix:
   hostNetwork: false
   hostPID: false
   hostIPC: false
`+fmt.Sprintf(container, 0, "securityContext.readOnlyRootFilesystem: must be true (fix: policies/README.md)")+
		fmt.Sprintf(container, 1, "securityContext.readOnlyRootFilesystem: must be true (fix: policies/README.md)")+
		fmt.Sprintf(container, 1, "image: must not follow a branch or release channel")+` Fix:
   image: docker.io/fairdom/seek:1.18.1 # or …@sha256:<digest>
`, text.String())
}

func TestNothingIsCheckedWithoutTheSettingsOfAStack(t *testing.T) {
	t.Parallel()
	s := &pack.Server{}
	_, err := s.Analyze(t.Context(), &pulumirpc.AnalyzeRequest{})
	assert.Equal(t, codes.FailedPrecondition, status.Code(err))
	_, err = s.AnalyzeStack(t.Context(), &pulumirpc.AnalyzeStackRequest{})
	assert.Equal(t, codes.FailedPrecondition, status.Code(err), "the engine ignores Unimplemented")
	_, err = s.Configure(t.Context(), &pulumirpc.ConfigureAnalyzerRequest{})
	assert.Equal(t, codes.FailedPrecondition, status.Code(err))
	assert.Equal(t, mandatory, levels(t, s)["k8s-seccomp"])
}

func TestExceptionsThatCoverNothingAreTold(t *testing.T) {
	t.Parallel()
	s := newServer(t, `{"exceptions":[{"rule":"k8s-seccomp","resource":"seek/gone","reason":"was needed",`+
		`"owner":"platform","expires":"2999-01-01"}]}`)
	response, err := s.AnalyzeStack(t.Context(), &pulumirpc.AnalyzeStackRequest{})
	require.NoError(t, err)
	require.Len(t, response.GetDiagnostics(), 1)
	d := response.GetDiagnostics()[0]
	assert.Equal(t, pack.ExceptionsPolicy, d.GetPolicyName())
	assert.Equal(t, advisory, d.GetEnforcementLevel())
	assert.Equal(t, " the exception from k8s-seccomp for seek/gone (owner platform) covers nothing; remove it",
		d.GetMessage())
}

func TestUnreadablePropertiesAreAnErrorThatTellsNoValue(t *testing.T) {
	t.Parallel()
	broken := &structpb.Struct{Fields: map[string]*structpb.Value{"password": structpb.NewStructValue(&structpb.Struct{
		Fields: map[string]*structpb.Value{
			resource.SigKey: structpb.NewStringValue(resource.AssetSig), "text": structpb.NewNumberValue(4711),
		},
	})}}
	_, err := newServer(t, "").Analyze(t.Context(), &pulumirpc.AnalyzeRequest{Urn: "urn:web", Properties: broken})
	require.Error(t, err)
	require.ErrorContains(t, err, "urn:web")
	assert.NotContains(t, err.Error(), "4711")
}

func TestCrashesOutsideOfRulesAreErrorsThatTellNoValue(t *testing.T) {
	t.Parallel()
	const value = "canary"
	response, err := pack.FailClosed(t.Context(), nil, &grpc.UnaryServerInfo{FullMethod: "/pulumirpc.Analyzer/Analyze"},
		func(context.Context, any) (any, error) { panic("bad value " + value) })
	assert.Nil(t, response)
	assert.Equal(t, codes.Internal, status.Code(err))
	require.ErrorContains(t, err, "crashed at pack_test.go:")
	require.ErrorContains(t, err, "/pulumirpc.Analyzer/Analyze")
	assert.NotContains(t, err.Error(), value)
}
