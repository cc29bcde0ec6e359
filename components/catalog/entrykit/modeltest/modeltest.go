// Package modeltest helps to test entries of the catalogue: it writes models for people to read, checks what every
// entry must do with options and versions, and runs the scripts of an entry with fakes of the programs that they call.
package modeltest

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/dekcd/dmcloud/components/app"
)

// Canary is in every secret value that a test makes up: wherever it turns up, a secret has leaked.
const Canary = "CANARY"

// YAML writes an application without what is empty, and without the contents of files: those are beside the test.
func YAML(tb testing.TB, a app.App) string {
	tb.Helper()
	for i := range a.Files {
		a.Files[i].Content = ""
	}
	text, err := yaml.Marshal(a)
	require.NoError(tb, err)
	var model any
	require.NoError(tb, yaml.Unmarshal(text, &model))
	text, err = yaml.Marshal(filled(model))
	require.NoError(tb, err)
	return string(text)
}

// filled is a value without what is empty in it; nil when nothing is left.
func filled(value any) any {
	switch v := value.(type) {
	case map[string]any:
		full := map[string]any{}
		for key, one := range v {
			if one = filled(one); one != nil {
				full[key] = one
			}
		}
		if len(full) == 0 {
			return nil
		}
		return full
	case []any:
		full := make([]any, 0, len(v))
		for _, one := range v {
			full = append(full, filled(one))
		}
		if len(full) == 0 {
			return nil
		}
		return full
	case string, bool, float64:
		if v == "" || v == false || v == float64(0) {
			return nil
		}
	}
	return value
}

// Secrets lists, by secret, which services and init containers get it, in variables or as files.
func Secrets(a app.App) map[string][]string {
	holders := map[string][]string{}
	for _, s := range a.Services {
		env, mounts := s.Env, s.Mounts
		for _, i := range s.Init {
			env, mounts = append(env, i.Env...), append(mounts, i.Mounts...)
		}
		for _, e := range env {
			if e.Secret != "" {
				holders[e.Secret] = append(holders[e.Secret], s.Name+" "+e.Name)
			}
		}
		for _, m := range mounts {
			if m.Secret != "" {
				holders[m.Secret] = append(holders[m.Secret], s.Name+" "+m.Path)
			}
		}
	}
	return holders
}

// Variable returns the literal value of a variable of a service.
func Variable(tb testing.TB, a app.App, service, name string) string {
	tb.Helper()
	s := a.Service(service)
	require.NotNil(tb, s, service)
	for _, e := range s.Env {
		if e.Name == name {
			return e.Value
		}
	}
	require.Fail(tb, "no such variable", name)
	return ""
}

// Hardened checks what every service of the catalogue has: who it is, what it may use, how it shows that it works, and
// a reason for every freedom. A renderer gives the rest. The services in unobserved are known to have no health check.
func Hardened(tb testing.TB, a app.App, unobserved ...string) {
	tb.Helper()
	for _, s := range a.Services {
		rule, fix := app.CheckImage(s.Image)
		assert.Empty(tb, rule, "%s: %s", s.Name, fix)
		assert.Positive(tb, s.User.UID, "%s: user", s.Name)
		assert.Positive(tb, s.User.GID, "%s: group", s.Name)
		assert.Positive(tb, s.Resources.CPURequest, "%s: request of CPU", s.Name)
		assert.Positive(tb, s.Resources.MemoryRequest, "%s: request of memory", s.Name)
		assert.Positive(tb, s.Resources.MemoryLimit, "%s: limit of memory", s.Name)
		assert.Equal(tb, s.Job == nil && !slices.Contains(unobserved, s.Name), s.Health != nil, "%s: health", s.Name)
		assert.Equal(tb, s.ReadOnlyRoot, s.WritableRootReason == "", "%s: root", s.Name)
		assert.NotContains(tb, s.WritableRootReason, "does not say", "%s: root", s.Name)
		for _, e := range s.Egress {
			assert.NotEmpty(tb, e.Reason, s.Name)
		}
	}
	for _, s := range a.Secrets {
		assert.NotEmpty(tb, s.Purpose, s.Name)
	}
}

// Parse has every script of a folder checked by what runs it, and shell scripts by shellcheck where it is installed.
func Parse(t *testing.T, folder string) {
	t.Helper()
	scripts, err := filepath.Glob(filepath.Join(folder, "*"))
	require.NoError(t, err)
	var shells []string
	for _, script := range scripts {
		switch filepath.Ext(script) {
		case ".sh":
			shells = append(shells, script)
			check(t, shell(t, script), "-n", script)
		case ".py":
			check(t, Python(t), "-c", "import ast, sys; ast.parse(open(sys.argv[1]).read())", script)
		case ".rb":
			if _, err := exec.LookPath("ruby"); err == nil {
				check(t, "ruby", "-c", script)
			}
		}
	}
	require.NotEmpty(t, shells)
	if _, err := exec.LookPath("shellcheck"); err == nil {
		check(t, "shellcheck", shells...)
	}
}

func check(t *testing.T, name string, args ...string) {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	require.NoError(t, err, "%s %s: %s", name, strings.Join(args, " "), output)
}

// shell is the interpreter that a script names in its first line.
func shell(t *testing.T, script string) string {
	t.Helper()
	content, err := os.ReadFile(script)
	require.NoError(t, err)
	name, _, _ := strings.Cut(strings.TrimPrefix(string(content), "#!"), "\n")
	return name
}

// Python is the path of Python 3; the test is skipped where it is not installed.
func Python(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	return path
}

// Container is a folder that stands for a container's root, with fakes of the programs that scripts call.
type Container struct {
	Root string
	// Env is the environment of the scripts. STATE in it is the folder state, for the fakes to keep what they like.
	Env []string
	// Replace holds texts of scripts, each followed by what a test has instead: waiting, for example.
	Replace []string
}

// NewContainer makes a container with shell scripts as fakes, by their names.
func NewContainer(t *testing.T, fakes map[string]string, env ...string) Container {
	t.Helper()
	c := Container{Root: t.TempDir()}
	c.Folder(t, "state")
	for name, body := range fakes {
		c.Write(t, "bin/"+name, "#!/bin/bash\n"+body+"\n", 0o755)
	}
	c.Env = append([]string{
		"PATH=" + filepath.Join(c.Root, "bin") + ":" + os.Getenv("PATH"), "STATE=" + filepath.Join(c.Root, "state"),
		"HOME=" + c.Root,
	}, env...)
	return c
}

// Folder makes a folder.
func (c Container) Folder(t *testing.T, path string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Join(c.Root, path), 0o755))
}

// Write writes a file, and its folder.
func (c Container) Write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	c.Folder(t, filepath.Dir(path))
	require.NoError(t, os.WriteFile(filepath.Join(c.Root, path), []byte(content), mode))
}

// Read returns the content of a file; "" when there is none.
func (c Container) Read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(c.Root, path))
	if os.IsNotExist(err) {
		return ""
	}
	require.NoError(t, err)
	return string(content)
}

// Run runs a script; each of the folders in it is that of the container. What it prints, and what the fakes keep in
// state/log, must be without secrets.
func (c Container) Run(t *testing.T, script string, folders []string, args ...string) (string, error) {
	t.Helper()
	content, err := os.ReadFile(script)
	require.NoError(t, err)
	moves := slices.Clone(c.Replace)
	for _, folder := range folders {
		moves = append(moves, folder, c.Root+folder)
	}
	interpreter := shell(t, script)
	if filepath.Ext(script) == ".py" {
		interpreter = Python(t)
	}
	name := filepath.Join("scripts", filepath.Base(script))
	c.Write(t, name, strings.NewReplacer(moves...).Replace(string(content)), 0o755)
	command := exec.CommandContext(t.Context(), interpreter, append([]string{filepath.Join(c.Root, name)}, args...)...)
	command.Env = c.Env
	output, err := command.CombinedOutput()
	assert.NotContains(t, string(output), Canary, "a secret was printed")
	assert.NotContains(t, c.Read(t, "state/log"), Canary, "a secret was on a command line")
	return string(output), err
}

// Redis runs compose/redis.sh, which must give Redis its password on standard input; it returns the configuration.
func Redis(t *testing.T) string {
	t.Helper()
	c := NewContainer(t, map[string]string{
		"redis-server": `echo "redis-server $*" >> "$STATE/log"; cat > "$STATE/redis.conf"`,
	}, "REDIS_PASSWORD="+Canary+"redis", "REDIS_MAXMEMORY=256mb")
	output, err := c.Run(t, "compose/redis.sh", nil)
	require.NoError(t, err, output)
	assert.Equal(t, "redis-server -\n", c.Read(t, "state/log"))
	configuration := c.Read(t, "state/redis.conf")
	assert.Contains(t, configuration, "\nrequirepass "+Canary+"redis\nmaxmemory 256mb\n")
	return configuration
}

// Databases runs compose/databases.sh, which must give psql the passwords in variables.
func Databases(t *testing.T) {
	t.Helper()
	c := NewContainer(t, map[string]string{"psql": `echo "psql $*" >> "$STATE/log"; cat > "$STATE/input"`},
		"POSTGRES_USER=postgres", "POSTGRES_DB=postgres", "DATABASE_PASSWORD="+Canary+"password",
		"READER_PASSWORD="+Canary+"reader")
	output, err := c.Run(t, "compose/databases.sh", nil)
	require.NoError(t, err, output)
	assert.Equal(t, "psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username=postgres --dbname=postgres\n",
		c.Read(t, "state/log"))
	assert.NotContains(t, c.Read(t, "state/input"), Canary)
	assert.Contains(t, c.Read(t, "state/input"), `\getenv database_password DATABASE_PASSWORD`)
}
