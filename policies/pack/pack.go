// Package pack serves the rules as a Pulumi policy pack: one policy per rule under the rule's id, so that output and
// configuration of the engine speak of rules.
//
// It implements the engine's protocol, pulumirpc.AnalyzerServer, itself. The SDK's policyx would decode a resource once
// for every policy, takes a missing level for advisory, and knows no level per violation, which the crash of an
// advisory rule needs.
package pack

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/dekcd/dmcloud/components/problem"
	"github.com/dekcd/dmcloud/policies/rules"
	"github.com/dekcd/dmcloud/policies/settings"
)

const (
	// Name is the name of the pack.
	Name = "dmcloud-security"
	// Version is the version of the pack and of its table of rules.
	Version = "0.1.0"
	// ExceptionsPolicy is the advisory policy that shows the exceptions an environment grants. Its level is fixed.
	ExceptionsPolicy = "exceptions"
)

// everyPolicy is the key of the engine's configuration that stands for every policy. The engine has applied it to each
// before it sends them, but sends it as well.
const everyPolicy = "all"

// engineCheck is how often the pack asks whether the engine still lives.
const engineCheck = 5 * time.Second

// Serve runs the pack as the engine expects of a plugin: it listens on a free port of the loopback interface, writes
// the port to stdout and serves until the engine ends the process. With the engine's address it also ends when the
// engine is gone without having said so, for example killed.
func Serve(ctx context.Context, engine string, stdout io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if engine != "" {
		if err := rpcutil.Healthcheck(ctx, engine, engineCheck, cancel); err != nil {
			return fmt.Errorf("watch the engine at %s: %w", engine, err)
		}
	}
	stop := make(chan bool)
	context.AfterFunc(ctx, func() { close(stop) })
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: stop,
		Init: func(srv *grpc.Server) error {
			pulumirpc.RegisterAnalyzerServer(srv, &Server{})
			return nil
		},
		Options: []grpc.ServerOption{grpc.UnaryInterceptor(failClosed)},
	})
	if err != nil {
		return fmt.Errorf("serve policy pack %s: %w", Name, err)
	}
	if _, err := fmt.Fprintln(stdout, handle.Port); err != nil {
		return fmt.Errorf("tell the engine the port: %w", err)
	}
	if err := <-handle.Done; err != nil {
		return fmt.Errorf("serve policy pack %s: %w", Name, err)
	}
	return nil
}

// failClosed makes an error of a crash outside of a rule; the engine then ends the preview or update. The text of a
// panic is left out, because it may quote values.
func failClosed(
	ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler,
) (response any, err error) {
	defer func() {
		if recover() != nil {
			response, err = nil, status.Errorf(codes.Internal,
				"policy pack %s crashed at %s in %s, nothing was checked; please report this",
				Name, rules.CrashSite(), info.FullMethod)
		}
	}()
	return handler(ctx, request)
}

// Server answers the engine for one operation. The zero value is ready to be configured.
//
// The engine calls Handshake and ConfigureStack, then GetAnalyzerInfo, then Configure with a level for every policy it
// was told, then Analyze per resource, then AnalyzeStack. Analyze and AnalyzeStack are refused before ConfigureStack:
// without the settings of the stack there is no answer.
type Server struct {
	pulumirpc.UnimplementedAnalyzerServer

	mu         sync.Mutex
	configured bool
	operation  operation
}

// operation is what is known of the preview or update. It is not changed once made.
type operation struct {
	settings settings.Settings
	checker  *rules.Checker
	preview  bool
}

// Handshake agrees to everything: the pack needs nothing of the engine.
func (s *Server) Handshake(
	context.Context, *pulumirpc.AnalyzerHandshakeRequest,
) (*pulumirpc.AnalyzerHandshakeResponse, error) {
	return &pulumirpc.AnalyzerHandshakeResponse{}, nil
}

// Cancel agrees: no call takes long.
func (s *Server) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

// GetPluginInfo tells the version.
func (s *Server) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: Version}, nil
}

// ConfigureStack prepares the rules with the settings in the stack's configuration ([settings.Key]). Settings that are
// not valid are an error that lists every problem.
func (s *Server) ConfigureStack(
	_ context.Context, request *pulumirpc.AnalyzerStackConfigureRequest,
) (*pulumirpc.AnalyzerStackConfigureResponse, error) {
	decoded, err := settings.Decode([]byte(request.GetConfig()[settings.Key]))
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "stack configuration %s: %v", settings.Key, err)
	}
	checker, err := rules.NewChecker(decoded, nil)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "stack configuration: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.configured = true
	s.operation = operation{settings: decoded, checker: checker, preview: request.GetDryRun()}
	return &pulumirpc.AnalyzerStackConfigureResponse{}, nil
}

// Configure takes the levels of `--policy-pack-config`, under the same conditions as those in the settings: a mandatory
// rule that would be lowered is an error. "remediate" counts as mandatory, as the engine counts what was not
// remediated.
func (s *Server) Configure(
	_ context.Context, request *pulumirpc.ConfigureAnalyzerRequest,
) (*emptypb.Empty, error) {
	op, err := s.current()
	if err != nil {
		return nil, err
	}
	var problems problem.List
	wanted := map[string]settings.Level{}
	for policy, config := range request.GetPolicyConfig() {
		level := levelOf(config.GetEnforcementLevel())
		switch {
		case policy == everyPolicy:
		case policy != ExceptionsPolicy:
			wanted[policy] = level
		case level != settings.Advisory:
			problems.Addf("levels."+policy, string(level), "set it to advisory", "exceptions are always shown, as advisory")
		}
	}
	own := map[string]settings.Level{}
	for _, rule := range rules.Table() {
		own[rule.ID] = rule.Level
	}
	op.settings.Levels = wanted
	problems = append(problems, op.settings.Problems(own)...)
	if err := problems.Err(); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "configuration of policy pack %s: %v", Name, err)
	}
	if op.checker, err = rules.NewChecker(op.settings, nil); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "configuration of policy pack %s: %v", Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.operation = op
	return &emptypb.Empty{}, nil
}

// GetAnalyzerInfo tells the policies with the levels in force, or, before ConfigureStack, with those of the table.
func (s *Server) GetAnalyzerInfo(context.Context, *emptypb.Empty) (*pulumirpc.AnalyzerInfo, error) {
	table := rules.Table()
	if op, err := s.current(); err == nil {
		table = op.checker.Rules()
	}
	policies := make([]*pulumirpc.PolicyInfo, 0, len(table)+1)
	for _, rule := range table {
		scope := pulumirpc.PolicyType_POLICY_TYPE_RESOURCE
		if rule.Scope == rules.StackScope {
			scope = pulumirpc.PolicyType_POLICY_TYPE_STACK
		}
		policies = append(policies, &pulumirpc.PolicyInfo{
			Name: rule.ID, DisplayName: rule.Title, Description: rule.Checks, RemediationSteps: rule.Fix,
			EnforcementLevel: enforcement(rule.Level), PolicyType: scope,
		})
	}
	return &pulumirpc.AnalyzerInfo{
		Name: Name, Version: Version, SupportsConfig: true,
		Policies: append(policies, &pulumirpc.PolicyInfo{
			Name: ExceptionsPolicy, DisplayName: "Exceptions", Description: "The exceptions the environment grants.",
			EnforcementLevel: pulumirpc.EnforcementLevel_ADVISORY, PolicyType: pulumirpc.PolicyType_POLICY_TYPE_STACK,
		}),
	}, nil
}

// Analyze checks one resource before it is created or changed.
func (s *Server) Analyze(
	_ context.Context, request *pulumirpc.AnalyzeRequest,
) (*pulumirpc.AnalyzeResponse, error) {
	op, err := s.current()
	if err != nil {
		return nil, err
	}
	r, err := decode(request)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.AnalyzeResponse{Diagnostics: op.diagnostics(op.checker.CheckResource(r))}, nil
}

// AnalyzeStack checks all resources of the stack together, and shows the exceptions.
func (s *Server) AnalyzeStack(
	_ context.Context, request *pulumirpc.AnalyzeStackRequest,
) (*pulumirpc.AnalyzeResponse, error) {
	op, err := s.current()
	if err != nil {
		return nil, err
	}
	resources := make([]rules.Resource, len(request.GetResources()))
	for i, r := range request.GetResources() {
		if resources[i], err = decode(r); err != nil {
			return nil, err
		}
		resources[i].Dependencies = r.GetDependencies()
	}
	diagnostics := op.diagnostics(op.checker.CheckStack(resources...))
	return &pulumirpc.AnalyzeResponse{Diagnostics: append(diagnostics, op.exceptions(resources)...)}, nil
}

// current is the operation the engine has configured.
func (s *Server) current() (operation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.configured {
		return operation{}, status.Errorf(codes.FailedPrecondition, "policy pack %s was not configured for a stack", Name)
	}
	return s.operation, nil
}

// diagnostics tells the engine what was found, except exceptions, which have a policy of their own. In a preview, what
// can't be determined is not told: the update checks it again, and there it counts as violated.
func (op operation) diagnostics(findings []rules.Finding) []*pulumirpc.AnalyzeDiagnostic {
	var list []*pulumirpc.AnalyzeDiagnostic
	for _, f := range findings {
		if f.Outcome == rules.Excepted || f.Outcome == rules.Undetermined && op.preview {
			continue
		}
		list = append(list, diagnostic(f.Rule, f.Level, f.Message(), f.URN))
	}
	return list
}

// exceptions shows each exception that is granted, with what it covers, and after an update those that cover nothing.
func (op operation) exceptions(resources []rules.Resource) []*pulumirpc.AnalyzeDiagnostic {
	granted := op.checker.Exceptions()
	if len(granted) == 0 {
		return nil
	}
	var list []*pulumirpc.AnalyzeDiagnostic
	used := map[settings.Exception]bool{}
	for _, f := range op.checker.Check(resources...) {
		if f.Exception == nil {
			continue
		}
		used[*f.Exception] = true
		if f.Outcome == rules.Excepted {
			list = append(list, diagnostic(ExceptionsPolicy, settings.Advisory, f.Message(), f.URN))
		}
	}
	for _, e := range granted {
		if !used[e] && !op.preview {
			list = append(list, diagnostic(ExceptionsPolicy, settings.Advisory, fmt.Sprintf(
				"the exception from %s for %s (owner %s) covers nothing; remove it", e.Rule, e.Resource, e.Owner), ""))
		}
	}
	return list
}

// diagnostic is a violation as the engine takes it. An empty URN is the stack. The message is indented because
// "pulumi preview --diff" puts it right behind the name of the resource, without a space.
func diagnostic(policy string, level settings.Level, message, urn string) *pulumirpc.AnalyzeDiagnostic {
	return &pulumirpc.AnalyzeDiagnostic{
		PolicyName: policy, PolicyPackName: Name, PolicyPackVersion: Version,
		Message: " " + strings.ReplaceAll(message, "\n", "\n "), EnforcementLevel: enforcement(level), Urn: urn,
	}
}

// enforcement translates a level; one that is not known stops deployments.
func enforcement(level settings.Level) pulumirpc.EnforcementLevel {
	switch level {
	case settings.Advisory:
		return pulumirpc.EnforcementLevel_ADVISORY
	case settings.Disabled:
		return pulumirpc.EnforcementLevel_DISABLED
	case settings.Mandatory:
		return pulumirpc.EnforcementLevel_MANDATORY
	}
	return pulumirpc.EnforcementLevel_MANDATORY
}

// levelOf translates back, likewise.
func levelOf(level pulumirpc.EnforcementLevel) settings.Level {
	levels := []settings.Level{settings.Advisory, settings.Disabled}
	if i := slices.IndexFunc(levels, func(l settings.Level) bool { return enforcement(l) == level }); i >= 0 {
		return levels[i]
	}
	return settings.Mandatory
}

// message is a resource as the engine sends it, alone or in a stack.
type message interface {
	GetType() string
	GetName() string
	GetUrn() string
	GetProperties() *structpb.Struct
}

func decode(m message) (rules.Resource, error) {
	properties, err := plugin.UnmarshalProperties(m.GetProperties(), plugin.MarshalOptions{
		KeepUnknowns: true, KeepSecrets: true, KeepResources: true, KeepOutputValues: true,
	})
	if err != nil {
		// The error of the decoder may quote values.
		return rules.Resource{}, status.Errorf(codes.InvalidArgument, "the properties of %s can't be decoded", m.GetUrn())
	}
	return rules.Resource{
		Type: m.GetType(), Name: m.GetName(), URN: m.GetUrn(), Properties: resource.FromResourcePropertyMap(properties),
	}, nil
}
