//go:build integration

package compose_test

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/tests/compose/corpus"
	"github.com/dekcd/dmcloud/tests/toolchain"
)

// pairsPerLoop is how often each file is converted by both programs in one turn of a benchmark.
const pairsPerLoop = 3

// BenchmarkConvertAgainstKompose converts the accepted projects of the corpus with bin/compose and with kompose, as
// whole processes in turn. A ratio is how many times longer kompose takes; x-kompose-min is that of the worst file.
func BenchmarkConvertAgainstKompose(b *testing.B) {
	tools, err := toolchain.Ensure(b.Context(), os.Stderr, toolchain.Kompose)
	require.NoError(b, err)
	program := buildProgram(b)
	var compared []*comparison
	var beyond []string
	for _, one := range cases(b) {
		if one.Kind != "projects" || !one.Accepted() {
			continue
		}
		c := &comparison{Case: one}
		elapsed(b, c.ours(b, program))
		// Some of the files are more than kompose can convert.
		if c.theirs(b, tools.Kompose).Run() != nil {
			beyond = append(beyond, c.Name)
			continue
		}
		compared = append(compared, c)
	}
	require.NotEmpty(b, compared)
	b.Logf("%d files; kompose can't convert %s", len(compared), strings.Join(beyond, ", "))
	for b.Loop() {
		for _, c := range compared {
			for range pairsPerLoop {
				c.compose = append(c.compose, elapsed(b, c.ours(b, program)))
				c.kompose = append(c.kompose, elapsed(b, c.theirs(b, tools.Kompose)))
			}
		}
	}
	slices.SortFunc(compared, func(x, y *comparison) int { return cmp.Compare(x.ratio(), y.ratio()) })
	b.Logf("the worst is %s", compared[0].Name)
	b.ReportMetric(compared[len(compared)/2].ratio(), "x-kompose-median")
	b.ReportMetric(compared[0].ratio(), "x-kompose-min")
	var ours, theirs []time.Duration
	for _, c := range compared {
		ours, theirs = append(ours, c.compose...), append(theirs, c.kompose...)
	}
	b.ReportMetric(median(ours).Seconds()*1e3, "ms-compose")
	b.ReportMetric(median(theirs).Seconds()*1e3, "ms-kompose")
}

// BenchmarkThousandServices converts generated files. Time and memory are those of the whole process; KiB/service is
// what a service adds beyond 500 of them, so it stays as it is when memory grows in proportion.
func BenchmarkThousandServices(b *testing.B) {
	program := buildProgram(b)
	sizes := []int{100, 500, 1000}
	times, peaks := map[int][]time.Duration{}, map[int][]int64{}
	files := map[int]string{}
	for _, services := range sizes {
		files[services] = filepath.Join(b.TempDir(), "compose.yaml")
		require.NoError(b, os.WriteFile(files[services], []byte(manyServices(services)), 0o600))
	}
	for b.Loop() {
		for _, services := range sizes {
			cmd := exec.CommandContext(b.Context(), program,
				"convert", "-name", "many", "-o", b.TempDir(), files[services])
			times[services] = append(times[services], elapsed(b, cmd))
			usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
			require.True(b, ok)
			peaks[services] = append(peaks[services], usage.Maxrss) // in KiB on Linux
		}
	}
	for _, services := range sizes {
		b.ReportMetric(median(times[services]).Seconds(), fmt.Sprintf("s/%d", services))
		b.ReportMetric(float64(median(peaks[services]))/(1<<10), fmt.Sprintf("MiB/%d", services))
	}
	b.ReportMetric(float64(median(peaks[1000])-median(peaks[500]))/500, "KiB/service")
}

// comparison is a case that both programs convert, with how long they took.
type comparison struct {
	corpus.Case
	compose, kompose []time.Duration
}

func (c *comparison) ratio() float64 { return float64(median(c.kompose)) / float64(median(c.compose)) }

// ours converts the case with bin/compose into a new folder.
func (c *comparison) ours(b *testing.B, program string) *exec.Cmd {
	b.Helper()
	args := append([]string{"convert", "-o", b.TempDir()}, c.Flags()...)
	cmd := exec.CommandContext(b.Context(), program, append(args, c.Files...)...)
	cmd.Dir, cmd.Env = c.Dir, []string{}
	return cmd
}

// theirs converts it with kompose.
func (c *comparison) theirs(b *testing.B, program string) *exec.Cmd {
	b.Helper()
	args := []string{"convert", "-o", b.TempDir()}
	for _, file := range c.Files {
		args = append(args, "-f", file)
	}
	for _, profile := range c.Profiles {
		args = append(args, "--profile", profile)
	}
	cmd := exec.CommandContext(b.Context(), program, args...)
	cmd.Dir, cmd.Env = c.Dir, []string{}
	for name, value := range c.Environment {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

func elapsed(b *testing.B, cmd *exec.Cmd) time.Duration {
	b.Helper()
	start := time.Now()
	output, err := cmd.CombinedOutput()
	took := time.Since(start)
	require.NoError(b, err, "%s: %s", cmd, output)
	return took
}

// buildProgram builds bin/compose, as make does.
func buildProgram(b *testing.B) string {
	b.Helper()
	program := filepath.Join(b.TempDir(), "compose")
	cmd := exec.CommandContext(b.Context(), "go", "build", "-o", program,
		"github.com/dekcd/dmcloud/components/compose/cmd/compose")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	output, err := cmd.CombinedOutput()
	require.NoError(b, err, "%s", output)
	return program
}

func median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// manyServices is a Compose file of web servers, workers and databases, three to a network.
func manyServices(count int) string {
	var services, rest strings.Builder
	rest.WriteString("volumes:\n")
	for i := range count {
		group := i / 3
		switch i % 3 {
		case 0:
			fmt.Fprintf(&services, databaseService, i, group)
			fmt.Fprintf(&rest, "  data-%d: {}\n", group)
		case 1:
			fmt.Fprintf(&services, webService, i, group)
			fmt.Fprintf(&rest, "  uploads-%d: {}\n", group)
		default:
			fmt.Fprintf(&services, workerService, i, group)
		}
	}
	rest.WriteString("networks:\n")
	for group := range (count + 2) / 3 {
		fmt.Fprintf(&rest, "  net-%d: {}\n", group)
	}
	return "services:\n" + services.String() + rest.String()
}

// The services of a group. The first number is the service's own, the second that of its group.
const (
	databaseService = `  db-%[2]d:
    image: postgres:17.2
    environment:
      POSTGRES_USER: app
      POSTGRES_DB: app%[1]d
      POSTGRES_PASSWORD: placeholder-password-%[2]d
    volumes: ['data-%[2]d:/var/lib/postgresql/data']
    networks: [net-%[2]d]
    healthcheck:
      test: [CMD-SHELL, pg_isready -U app]
      interval: 10s
      retries: 6
`
	webService = `  web-%[2]d:
    image: registry.example/shop/web:1.4.%[2]d
    user: '1000:1000'
    command: [serve, --port, '8080']
    ports: ['%[1]d:8080']
    environment:
      DATABASE_HOST: db-%[2]d
      DATABASE_PASSWORD: placeholder-password-%[2]d
      LOG_LEVEL: info
      WORKERS: '%[1]d'
    depends_on:
      db-%[2]d: {condition: service_healthy}
    volumes: ['uploads-%[2]d:/srv/uploads']
    networks: [net-%[2]d]
    healthcheck:
      test: [CMD, curl, -fsS, 'http://localhost:8080/health']
      start_period: 30s
`
	workerService = `  worker-%[2]d:
    image: registry.example/shop/worker:1.4.%[2]d
    user: '1000:1000'
    command: work --queue default
    environment: [DATABASE_HOST=db-%[2]d, DATABASE_PASSWORD=placeholder-password-%[2]d, QUEUE=queue-%[1]d]
    depends_on: [db-%[2]d, web-%[2]d]
    volumes: ['uploads-%[2]d:/srv/uploads']
    networks: [net-%[2]d]
`
)
