// Package packtest runs the compiled policy pack in tests as the Pulumi engine does: as a process spoken to over gRPC.
package packtest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/dekcd/dmcloud/policies/rules"
)

const (
	// packPackage is the program that is the pack.
	packPackage = "github.com/dekcd/dmcloud/policies"
	// buildTime, startTime and callTime are the most that building, starting and one call may take.
	buildTime = 10 * time.Minute
	startTime = 30 * time.Second
	callTime  = time.Minute
)

// Program is the compiled pack.
type Program struct {
	path    string
	sources []string
}

// Build compiles the pack into a directory. Call it from TestMain, once per test binary. The working directory must lie
// in the module.
func Build(dir string) (Program, error) {
	ctx, cancel := context.WithTimeout(context.Background(), buildTime)
	defer cancel()
	p := Program{path: filepath.Join(dir, "policies")}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", p.path, packPackage)
	if output, err := cmd.CombinedOutput(); err != nil {
		return Program{}, fmt.Errorf("build the policy pack: %w\n%s", err, output)
	}
	output, err := exec.CommandContext(ctx, "go", "list", "-deps", "-f",
		"{{with .Module}}{{if .Main}}{{$.Dir}}{{end}}{{end}}", packPackage).Output()
	if err != nil {
		return Program{}, fmt.Errorf("list the packages of the policy pack: %w", err)
	}
	for line := range strings.Lines(string(output)) {
		files, err := filepath.Glob(filepath.Join(strings.TrimSpace(line), "*.go"))
		if err != nil {
			return Program{}, fmt.Errorf("list the sources of the policy pack: %w", err)
		}
		p.sources = append(p.sources, files...)
	}
	return p, nil
}

// watch looks at every source of the pack. The go command repeats a test when a file changed that the test itself has
// looked at; it does not know what a build in another process has read.
func (p Program) watch() error {
	for _, file := range p.sources {
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("look at the sources of the policy pack: %w", err)
		}
	}
	return nil
}

// Options are what the engine tells a pack about the operation.
type Options struct {
	// Config is the stack's configuration by full key; structured values are JSON.
	Config map[string]string
	// Preview says that nothing will be changed.
	Preview bool
	// Engine is the engine's address, which it starts its plugins with; none unless set.
	Engine string
}

// Pack is a running pack.
type Pack struct {
	client pulumirpc.AnalyzerClient
	// StartTime is from starting the process until the pack was configured and had told its policies.
	StartTime time.Duration
	// Info is what the pack says of itself.
	Info *pulumirpc.AnalyzerInfo

	process *os.Process
}

// Start starts the pack and ends it with the test. A pack that can't be started or configured fails the test.
func Start(tb testing.TB, program Program, options Options) *Pack {
	tb.Helper()
	p, err := TryStart(tb, program, options)
	if err != nil {
		tb.Fatalf("start policy pack: %v", err)
	}
	return p
}

// TryStart is Start for packs that are expected to refuse.
func TryStart(tb testing.TB, program Program, options Options) (*Pack, error) {
	tb.Helper()
	if err := program.watch(); err != nil {
		return nil, err
	}
	begin := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	// The process must outlive ctx, which is for starting; the cleanup below ends it.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), program.path)
	if options.Engine != "" {
		cmd.Args = append(cmd.Args, options.Engine)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("open stdout: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(program.path), err)
	}
	tb.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			tb.Errorf("end policy pack: %v", err)
		}
		// The error of Wait says that it was killed.
		_ = cmd.Wait()
		if tb.Failed() && stderr.Len() > 0 {
			tb.Logf("stderr of the policy pack:\n%s", stderr.String())
		}
	})
	lines := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		lines <- strings.TrimSpace(line)
	}()
	var port int
	select {
	case line := <-lines:
		if port, err = strconv.Atoi(line); err != nil {
			return nil, fmt.Errorf("read port from stdout: %w", err)
		}
	case <-ctx.Done():
		return nil, fmt.Errorf("read port from stdout: %w", ctx.Err())
	}
	conn, err := grpc.NewClient(fmt.Sprintf("127.0.0.1:%d", port),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		// The limit of the engine and of the pack's server.
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(400<<20)))
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	p := &Pack{client: pulumirpc.NewAnalyzerClient(conn), process: cmd.Process}
	if _, err := p.client.Handshake(ctx, &pulumirpc.AnalyzerHandshakeRequest{}); err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	if _, err := p.client.ConfigureStack(ctx, &pulumirpc.AnalyzerStackConfigureRequest{
		Stack: "test", Project: "test", DryRun: options.Preview, Config: options.Config,
	}); err != nil {
		return nil, fmt.Errorf("configure stack: %w", err)
	}
	if p.Info, err = p.client.GetAnalyzerInfo(ctx, &emptypb.Empty{}); err != nil {
		return nil, fmt.Errorf("get analyzer info: %w", err)
	}
	p.StartTime = time.Since(begin)
	return p, nil
}

// PID is the id of the pack's process.
func (p *Pack) PID() int {
	return p.process.Pid
}

// Analyze is what the pack says of each resource, in the order of the resources.
func (p *Pack) Analyze(tb testing.TB, resources ...rules.Resource) []*pulumirpc.AnalyzeDiagnostic {
	tb.Helper()
	var diagnostics []*pulumirpc.AnalyzeDiagnostic
	for _, r := range resources {
		ctx, cancel := context.WithTimeout(context.Background(), callTime)
		response, err := p.client.Analyze(ctx, &pulumirpc.AnalyzeRequest{
			Type: r.Type, Urn: r.URN, Name: r.Name, Properties: marshal(tb, r),
		})
		cancel()
		if err != nil {
			tb.Fatalf("analyze %s %s: %v", r.Type, r.Name, err)
		}
		diagnostics = append(diagnostics, response.GetDiagnostics()...)
	}
	return diagnostics
}

// AnalyzeStack is what the pack says of all resources together.
func (p *Pack) AnalyzeStack(tb testing.TB, resources ...rules.Resource) []*pulumirpc.AnalyzeDiagnostic {
	tb.Helper()
	request := &pulumirpc.AnalyzeStackRequest{}
	for _, r := range resources {
		request.Resources = append(request.Resources, &pulumirpc.AnalyzerResource{
			Type: r.Type, Urn: r.URN, Name: r.Name, Properties: marshal(tb, r), Dependencies: r.Dependencies,
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	response, err := p.client.AnalyzeStack(ctx, request)
	if err != nil {
		tb.Fatalf("analyze stack: %v", err)
	}
	return response.GetDiagnostics()
}

// Check is what the pack says of resources one by one and together: what a preview or an update would show.
func (p *Pack) Check(tb testing.TB, resources ...rules.Resource) []*pulumirpc.AnalyzeDiagnostic {
	tb.Helper()
	return append(p.Analyze(tb, resources...), p.AnalyzeStack(tb, resources...)...)
}

// marshal encodes properties as the engine does for packs.
func marshal(tb testing.TB, r rules.Resource) *structpb.Struct {
	tb.Helper()
	properties, err := plugin.MarshalProperties(resource.ToResourcePropertyMap(r.Properties),
		plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, SkipInternalKeys: true})
	if err != nil {
		tb.Fatalf("marshal properties of %s: %v", r.Name, err)
	}
	return properties
}
