package command_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/components/compose/command"
)

// The shop is what most tests convert. What starts with CANARY is secret.
const (
	shop = `services:
  web:
    image: registry.example/shop:1.4.2
    user: "1000:1000"
    command: [serve, --api-token, CANARY-argument]
    ports: ["80", "9000"]
    environment:
      LOG_LEVEL: info
      DB_PASSWORD: CANARY-literal
      SESSION_SECRET: ${SESSION_SECRET}
      MAIL_PASSWORD: ${MAIL_PASSWORD}
    secrets: [licence, smtp]
    configs: [{source: app, target: /etc/app.ini}]
    depends_on: [db]
    restart: always
  db:
    image: postgres:17.2
    environment:
      POSTGRES_PASSWORD: CANARY-literal
    volumes: ["data:/var/lib/postgresql/data"]
volumes:
  data: {}
secrets:
  licence: {file: ./licence.txt}
  smtp: {external: true}
configs:
  app: {file: ./app.ini}
`
	refused = `services:
  web:
    image: nginx:1.27.3
    privileged: true
    ports: ["80"]
    volumes:
      - /etc:/host
`
)

// shopFiles are the files of the shop.
func shopFiles() map[string]string {
	return map[string]string{
		"compose.yaml": shop, "licence.txt": "CANARY-file", "app.ini": "mode = fast\npassword = CANARY-config\n",
		".env": "MAIL_PASSWORD=CANARY-variable\n",
	}
}

// folder makes a folder of this name with files, and gives its path.
func folder(t *testing.T, name string, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.Mkdir(dir, 0o700))
	for file, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600))
	}
	return dir
}

// file makes a folder with this one Compose file, and gives its path.
func file(t *testing.T, content string) string {
	t.Helper()
	return filepath.Join(folder(t, "shop", map[string]string{"compose.yaml": content}), "compose.yaml")
}

// said is what a call printed, and its exit code.
type said struct {
	code           int
	stdout, stderr string
}

func run(t *testing.T, args ...string) said {
	t.Helper()
	return runIn(t, nil, args...)
}

// runIn runs the program with an environment.
func runIn(t *testing.T, environment []string, args ...string) said {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := command.Run(t.Context(), command.Process{
		Args: args, Environment: environment, Stdout: &stdout, Stderr: &stderr,
	})
	return said{code: code, stdout: stdout.String(), stderr: stderr.String()}
}

// succeed runs the program and gives what it printed.
func succeed(t *testing.T, args ...string) string {
	t.Helper()
	result := run(t, args...)
	require.Zero(t, result.code, result.stderr+result.stdout)
	assert.Empty(t, result.stderr)
	return result.stdout
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	found := make([]string, 0, len(entries))
	for _, entry := range entries {
		found = append(found, entry.Name())
	}
	return found
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	dir := folder(t, "shop", shopFiles())
	bad, broken, out := file(t, refused), file(t, "services:\n  web:\n    image: [\n"), t.TempDir()
	for name, c := range map[string]struct {
		args []string
		code int
		// says is part of what is printed: on standard output when all is well, else on standard error.
		says string
	}{
		"help":                          {[]string{"help"}, 0, "compose convert -o DIR"},
		"help as a flag":                {[]string{"--help"}, 0, "compose convert -o DIR"},
		"explained":                     {[]string{"explain", dir}, 0, "0 refused"},
		"converted":                     {[]string{"convert", "-o", t.TempDir(), dir}, 0, "objects in"},
		"a file that is refused":        {[]string{"convert", "-o", t.TempDir(), bad}, 1, "nothing is written"},
		"a file that is no YAML":        {[]string{"convert", "-o", t.TempDir(), broken}, 1, "compose.yaml:3: "},
		"an unknown service to expose":  {[]string{"convert", "-o", out, "-expose", "x=a.example", dir}, 1, "expose.x"},
		"a place that can't be written": {[]string{"convert", "-o", filepath.Join(bad, "x"), dir}, 1, "not a directory"},
		"nothing":                       {nil, 2, "compose convert -o DIR"},
		"an unknown command":            {[]string{"deploy", dir}, 2, "no such command: deploy"},
		"an unknown flag":               {[]string{"explain", "-colour", dir}, 2, "-colour"},
		"no file":                       {[]string{"explain"}, 2, "name a Compose file"},
		"a file that is missing":        {[]string{"explain", dir + "/none.yaml"}, 2, "none.yaml: no such file or folder"},
		"a folder without one":          {[]string{"explain", t.TempDir()}, 2, "has no compose.yaml"},
		"nowhere to write to":           {[]string{"convert", dir}, 2, "-o DIR"},
		"a host without a service":      {[]string{"explain", "-expose", "a.example", dir}, 2, "write service=host"},
		"an opening without ranges":     {[]string{"explain", "-open", "web:9000", dir}, 2, "write service:port="},
		"an exception without a reason": {[]string{"explain", "-baseline", "web=", dir}, 2, "write service=reason"},
		"a variable without a value":    {[]string{"explain", "-env", "LEVEL", dir}, 2, "write NAME=value"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result := run(t, c.args...)
			assert.Equal(t, c.code, result.code)
			if c.code == 0 {
				assert.Contains(t, result.stdout, c.says)
				assert.Empty(t, result.stderr)
				return
			}
			assert.Contains(t, result.stderr, c.says)
			assert.Empty(t, result.stdout)
		})
	}
}

func TestHelpOfACommand(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"explain", "convert"} {
		result := run(t, name, "-h")
		assert.Zero(t, result.code)
		assert.Contains(t, result.stderr, "-expose")
	}
}

// Explaining says that something is refused by its exit code, although it did what it was asked.
func TestExplainOfWhatIsRefused(t *testing.T) {
	t.Parallel()
	result := run(t, "explain", file(t, refused))
	assert.Equal(t, 1, result.code)
	assert.Contains(t, result.stdout, "2 refused")
	assert.Empty(t, result.stderr)
}

func TestRefusalsSayWhere(t *testing.T) {
	t.Parallel()
	path := file(t, refused)
	explained, converted := run(t, "explain", path), run(t, "convert", "-o", t.TempDir(), path)
	for _, text := range []string{explained.stdout, converted.stderr} {
		assert.Contains(t, text, "\n  compose.yaml:4:5: services.web.privileged: ")
		assert.Contains(t, text, "\n  compose.yaml:7:9: services.web.volumes[0]: ")
		assert.Contains(t, text, "; remove it\n", "the fix")
	}
}

// The last file that says it counts, as it does when they are merged.
func TestRefusalsSayInWhichFile(t *testing.T) {
	t.Parallel()
	dir := folder(t, "shop", map[string]string{
		"compose.yaml": refused, "production.yaml": "services:\n  web:\n    volumes:\n      - /srv:/srv\n",
	})
	result := run(t, "explain", filepath.Join(dir, "compose.yaml"), filepath.Join(dir, "production.yaml"))
	assert.Equal(t, 1, result.code)
	assert.Contains(t, result.stdout, "compose.yaml:4:5: services.web.privileged: ")
	assert.Contains(t, result.stdout, "services.web.volumes[1]: ")
}

func TestSeveralFiles(t *testing.T) {
	t.Parallel()
	dir := folder(t, "shop", map[string]string{
		"compose.yaml": "services:\n  web: {image: 'registry.example/a:1.0.0', user: '1000', ports: ['80']}\n",
		"more.yaml": "services:\n  web: {image: 'registry.example/b:2.0.0'}\n" +
			"  extra: {image: 'registry.example/c:3.0.0', user: '7'}\n",
	})
	out := t.TempDir()
	succeed(t, "convert", "-o", out, filepath.Join(dir, "compose.yaml"), filepath.Join(dir, "more.yaml"))
	assert.Equal(t, map[string]string{"web": "registry.example/b:2.0.0", "extra": "registry.example/c:3.0.0"},
		images(t, out))
}

func TestFolder(t *testing.T) {
	t.Parallel()
	service := func(tag string) string {
		return "services:\n  web: {image: 'registry.example/a:" + tag + "', user: '7'}\n"
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"one file": {map[string]string{"docker-compose.yml": service("1.0.0")}, "1.0.0"},
		"the canonical name comes first": {
			map[string]string{"docker-compose.yml": service("1.0.0"), "compose.yaml": service("2.0.0")}, "2.0.0",
		},
		"an override goes on top": {
			map[string]string{"compose.yaml": service("1.0.0"), "compose.override.yml": service("2.0.0")}, "2.0.0",
		},
		"an override of the other name does not": {
			map[string]string{"compose.yaml": service("1.0.0"), "docker-compose.override.yml": service("2.0.0")}, "1.0.0",
		},
		"nor do other files": {
			map[string]string{"compose.yml": service("1.0.0"), "compose.test.yml": service("2.0.0")}, "1.0.0",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := t.TempDir()
			said := succeed(t, "convert", "-o", out, folder(t, "My_Shop", c.files))
			assert.Equal(t, map[string]string{"web": "registry.example/a:" + c.want}, images(t, out))
			assert.True(t, strings.HasPrefix(said, "my-shop: "), "named after the folder: %s", said)
		})
	}
}

func TestFlagsMayFollowFiles(t *testing.T) {
	t.Parallel()
	dir := folder(t, "shop", shopFiles())
	first, last := t.TempDir(), t.TempDir()
	before := succeed(t, "convert", "-o", first, "-name", "store", "-expose", "web:80=shop.example", dir)
	after := succeed(t, "convert", dir, "-expose", "web:80=shop.example", "-o", last, "-name=store")
	assert.Equal(t, before, strings.ReplaceAll(after, last, first))
	assert.Equal(t, names(t, first), names(t, last))
	assert.Contains(t, names(t, last), "7-entry.yaml")
}

// A flag wins over the environment, and that over the file .env.
func TestVariables(t *testing.T) {
	t.Parallel()
	dir := folder(t, "shop", map[string]string{
		"compose.yaml": "services:\n  web: {image: 'registry.example/a:${TAG:-0.0.0}', user: '1000'}\n",
	})
	tag := func(environment []string, flags ...string) string {
		out := t.TempDir()
		result := runIn(t, environment, append([]string{"convert", "-o", out, dir}, flags...)...)
		require.Zero(t, result.code, result.stderr)
		return images(t, out)["web"]
	}
	assert.Equal(t, "registry.example/a:0.0.0", tag(nil))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".env"), []byte("TAG=1.0.0\n"), 0o600))
	assert.Equal(t, "registry.example/a:1.0.0", tag(nil))
	assert.Equal(t, "registry.example/a:2.0.0", tag([]string{"PATH=/bin", "TAG=2.0.0"}))
	assert.Equal(t, "registry.example/a:3.0.0", tag([]string{"TAG=2.0.0"}, "-env", "TAG=3.0.0"))
	assert.Equal(t, "registry.example/a:4.0.0", tag(nil, "-env", "TAG=3.0.0", "-env", "TAG=4.0.0"))
}

// The environment of the process is what Run is given, not what the test runs in.
func TestTheEnvironmentIsWhatIsGiven(t *testing.T) {
	t.Setenv("DMCLOUD_TAG", "9.9.9")
	out := t.TempDir()
	succeed(t, "convert", "-o", out,
		file(t, "services:\n  web: {image: 'registry.example/a:${DMCLOUD_TAG:-1.0.0}', user: '1000'}\n"))
	assert.Equal(t, map[string]string{"web": "registry.example/a:1.0.0"}, images(t, out))
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	path := file(t, "services:\n  web: {image: 'registry.example/a:1.0.0', user: '1000'}\n"+
		"  tool: {image: 'registry.example/b:1.0.0', user: '1000', profiles: [tools]}\n")
	without, with := t.TempDir(), t.TempDir()
	succeed(t, "convert", "-o", without, path)
	succeed(t, "convert", "-o", with, "-profile", "tools", path)
	assert.Len(t, images(t, without), 1)
	assert.Len(t, images(t, with), 2)
}

// Someone has to answer for a container that runs as root.
func TestBaseline(t *testing.T) {
	t.Parallel()
	path := file(t, "services:\n  tool: {image: 'registry.example/tool:1.0.0'}\n")
	result := run(t, "explain", path)
	assert.Equal(t, 1, result.code)
	assert.Contains(t, result.stdout, "compose.yaml:2:3: services.tool.user: ")

	out := t.TempDir()
	succeed(t, "convert", "-o", out, path, "-baseline", "tool=the vendor supports root only")
	assert.Contains(t, read(t, out, "1-namespace.yaml"), "pod-security.kubernetes.io/enforce: baseline")
	assert.Contains(t, read(t, out, "1-namespace.yaml")+read(t, out, "6-workloads.yaml"),
		"the vendor supports root only")
	assert.NotContains(t, read(t, out, "6-workloads.yaml"), "runAsNonRoot: true")
}

// Passwords that everybody knows are refused on demand.
func TestProtected(t *testing.T) {
	t.Parallel()
	path := file(t, "services:\n  db: {image: 'postgres:17.2', environment: {POSTGRES_PASSWORD: changeme}}\n")
	succeed(t, "explain", path)
	result := run(t, "explain", "-protected", path)
	assert.Equal(t, 1, result.code)
	assert.Contains(t, result.stdout, "services.db.environment.POSTGRES_PASSWORD: ")
}

// images are those of the workloads that were written, by service.
func images(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, o := range objects(t, dir) {
		if slices.Contains([]string{"Deployment", "StatefulSet", "Job"}, o.Kind) {
			require.Len(t, o.Spec.Template.Spec.Containers, 1)
			found[o.Metadata.Name] = o.Spec.Template.Spec.Containers[0].Image
		}
	}
	return found
}
