package seek_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestScriptsParse(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("compose/*")
	require.NoError(t, err)
	for _, script := range scripts {
		var check []string
		switch filepath.Ext(script) {
		case ".sh":
			content, err := os.ReadFile(script)
			require.NoError(t, err)
			shell, _, _ := strings.Cut(strings.TrimPrefix(string(content), "#!"), "\n")
			check = []string{shell, "-n", script}
		case ".rb":
			if _, err := exec.LookPath("ruby"); err != nil {
				continue
			}
			check = []string{"ruby", "-c", script}
		default:
			continue
		}
		output, err := exec.CommandContext(t.Context(), check[0], check[1:]...).CombinedOutput()
		require.NoError(t, err, "%s: %s", script, output)
	}
}

func TestScriptsPassShellCheck(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("shellcheck"); err != nil {
		t.Skip("shellcheck is not installed")
	}
	scripts, err := filepath.Glob("compose/*.sh")
	require.NoError(t, err)
	require.NotEmpty(t, scripts)
	output, err := exec.CommandContext(t.Context(), "shellcheck", scripts...).CombinedOutput()
	require.NoError(t, err, string(output))
}

// container is a folder with a SEEK container's parts that the scripts touch, and with fakes of the programs they call.
type container struct {
	root string
	env  []string
}

const (
	canaryKey      = "CANARY-secret-key-base"
	canaryPassword = "CANARY-password"
)

// fakes record what they are called with in log. The database is two files: schema exists once it is set up, users
// holds the number of users.
var fakes = map[string]string{
	"mysql": `[ "$MYSQL_PWD" = ` + canaryPassword + ` ] || { echo "access denied" >&2; exit 1; }
case "$*" in
  *COUNT*) [ ! -e "$STATE/lost" ] || { echo "lost connection" >&2; exit 1; } ;;
esac
case "$*" in
  *information_schema*) [ -e "$STATE/schema" ] && echo 1 || echo 0 ;;
  *"FROM users"*) cat "$STATE/users" ;;
  *) echo 1 ;;
esac`,
	"bundle": `echo "bundle $* check=${DISABLE_DATABASE_ENVIRONMENT_CHECK-}" >> "$STATE/log"
case "$*" in
  *db:setup*) touch "$STATE/schema"; echo 0 > "$STATE/users"; [ ! -e "$STATE/break" ] ;;
esac`,
	"redis-server": `echo "redis-server $*" >> "$STATE/log"; cat > "$STATE/redis.conf"`,
	"sleep":        `exit 0`,
}

func newContainer(t *testing.T) container {
	t.Helper()
	c := container{root: t.TempDir()}
	for _, folder := range []string{
		"bin", "state", "secrets", "seek/config", "seek/docker", "seek/filestore", "seek/tmp/pids",
	} {
		require.NoError(t, os.MkdirAll(filepath.Join(c.root, folder), 0o755))
	}
	for name, body := range fakes {
		c.write(t, "bin/"+name, "#!/bin/sh\n"+body+"\n", 0o755)
	}
	c.write(t, "seek/docker/database.docker.mysql.yml", "mysql", 0o644)
	c.write(t, "seek/docker/upgrade.sh", `echo upgrade >> "$STATE/log"`, 0o644)
	c.write(t, "secrets/secret-key-base", canaryKey+"\n", 0o400)
	c.write(t, "secrets/attr-encrypted-key", "CANARY-attr-encrypted-key", 0o400)
	c.env = []string{
		"PATH=" + filepath.Join(c.root, "bin") + ":" + os.Getenv("PATH"), "STATE=" + filepath.Join(c.root, "state"),
		"MYSQL_HOST=db", "MYSQL_USER=seek", "MYSQL_DATABASE=seek", "MYSQL_PASSWORD=" + canaryPassword,
		"REDIS_PASSWORD=" + canaryPassword, "REDIS_MAXMEMORY=256mb",
	}
	return c
}

func (c container) write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(c.root, path), []byte(content), mode))
}

func (c container) read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(c.root, path))
	if os.IsNotExist(err) {
		return ""
	}
	require.NoError(t, err)
	return string(content)
}

// run runs a script with the container's folders instead of the real ones.
func (c container) run(t *testing.T, script string, args ...string) (string, error) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("compose", script))
	require.NoError(t, err)
	here := strings.NewReplacer(
		"cd /seek", "cd "+c.root+"/seek", " /seek/solr", " "+c.root+"/seek/solr", "/seek/tmp", c.root+"/seek/tmp",
		"/run/secrets", c.root+"/secrets", "/configuration", c.root+"/configuration", "/var/solr", c.root+"/solr",
		"SECONDS + 600", "SECONDS + 1",
	).Replace(string(content))
	c.write(t, script, here, 0o755)
	shell, _, _ := strings.Cut(strings.TrimPrefix(here, "#!"), "\n")
	args = append([]string{filepath.Join(c.root, script)}, args...)
	command := exec.CommandContext(t.Context(), shell, args...)
	command.Env = c.env
	output, err := command.CombinedOutput()
	assert.NotContains(t, string(output), "CANARY", "a secret was printed")
	assert.NotContains(t, c.read(t, "state/log"), "CANARY", "a secret was on a command line")
	return string(output), err
}

func TestSetupOfAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	output, err := c.run(t, "setup.sh")
	require.NoError(t, err, output)
	assert.Equal(t, "bundle exec rake db:setup check=\n", c.read(t, "state/log"))
	assert.Equal(t, "mysql", c.read(t, "seek/config/database.yml"))
	assert.Equal(t, canaryKey, c.read(t, "seek/filestore/secret_key_base/key"), "without the line break")
	assert.Equal(t, "CANARY-attr-encrypted-key", c.read(t, "seek/filestore/attr_encrypted/key"))
	for _, folder := range []string{"secret_key_base", "attr_encrypted"} {
		info, err := os.Stat(filepath.Join(c.root, "seek/filestore", folder, "key"))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		entries, err := os.ReadDir(filepath.Join(c.root, "seek/filestore", folder))
		require.NoError(t, err)
		assert.Len(t, entries, 1, "nothing but the key")
	}
	assert.NoFileExists(t, filepath.Join(c.root, "seek/filestore/.setup-incomplete"))
}

func TestSetupOfAnExistingDatabaseUpgradesItAndKeepsTheKeys(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.write(t, "state/schema", "", 0o644)
	require.NoError(t, os.MkdirAll(filepath.Join(c.root, "seek/filestore/attr_encrypted"), 0o755))
	c.write(t, "seek/filestore/attr_encrypted/key", "restored", 0o600)
	output, err := c.run(t, "setup.sh")
	require.NoError(t, err, output)
	assert.Equal(t, "upgrade\n", c.read(t, "state/log"))
	assert.Equal(t, "restored", c.read(t, "seek/filestore/attr_encrypted/key"))
	assert.Equal(t, canaryKey, c.read(t, "seek/filestore/secret_key_base/key"))
}

func TestSetupOfAnExistingDatabaseNeedsTheFilesThatBelongToIt(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.write(t, "state/schema", "", 0o644)
	output, err := c.run(t, "setup.sh")
	require.Error(t, err)
	assert.Contains(t, output, "Restore them from the backup of the same time, then deploy again.")
	assert.Empty(t, c.read(t, "state/log"))
	assert.NoDirExists(t, filepath.Join(c.root, "seek/filestore/attr_encrypted"), "a new key would hide the loss")
}

func TestALostConnectionIsNoEmptyDatabase(t *testing.T) {
	t.Parallel()
	for name, incomplete := range map[string]bool{"after the setup": false, "after an interrupted setup": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newContainer(t)
			c.write(t, "state/schema", "", 0o644)
			c.write(t, "state/users", "3\n", 0o644)
			c.write(t, "state/lost", "", 0o644)
			if incomplete {
				c.write(t, "seek/filestore/.setup-incomplete", "", 0o644)
			}
			output, err := c.run(t, "setup.sh")
			require.Error(t, err)
			assert.Contains(t, output, "lost connection")
			assert.Empty(t, c.read(t, "state/log"), "nothing ran")
		})
	}
}

func TestSetupGivesUpOnMySQLWithItsAnswer(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	for i, variable := range c.env {
		if strings.HasPrefix(variable, "MYSQL_PASSWORD=") {
			c.env[i] = "MYSQL_PASSWORD=CANARY-of-another-time"
		}
	}
	output, err := c.run(t, "setup.sh")
	require.Error(t, err)
	assert.Contains(t, output, "access denied. Look at the log of the\nservice db.")
	assert.Empty(t, c.read(t, "state/log"))
}

func TestAnInterruptedSetupIsRepeated(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.write(t, "state/break", "", 0o644)
	_, err := c.run(t, "setup.sh")
	require.Error(t, err)
	require.NoError(t, os.Remove(filepath.Join(c.root, "state/break")))

	output, err := c.run(t, "setup.sh")
	require.NoError(t, err, output)
	assert.Equal(t, "bundle exec rake db:setup check=\nbundle exec rake db:setup check=1\n", c.read(t, "state/log"))

	_, err = c.run(t, "setup.sh")
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(c.read(t, "state/log"), "\nupgrade\n"))
}

func TestAnInterruptedSetupNeverEmptiesADatabaseWithUsers(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.write(t, "state/schema", "", 0o644)
	c.write(t, "state/users", "3\n", 0o644)
	c.write(t, "seek/filestore/.setup-incomplete", "", 0o644)
	output, err := c.run(t, "setup.sh")
	require.Error(t, err)
	assert.Contains(t, output, "the database has 3 users")
	assert.Empty(t, c.read(t, "state/log"))
}

func TestSetupGivesUpOnAnEmptyKey(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	require.NoError(t, os.Remove(filepath.Join(c.root, "secrets/secret-key-base")))
	c.write(t, "secrets/secret-key-base", "\n", 0o400)
	output, err := c.run(t, "setup.sh")
	require.Error(t, err)
	assert.Contains(t, output, "the secret secret-key-base is empty or missing")
	assert.NoFileExists(t, filepath.Join(c.root, "seek/filestore/secret_key_base/key"))
	assert.Empty(t, c.read(t, "state/log"))
}

func TestRunnerRunsTheScriptAgainstMySQL(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	output, err := c.run(t, "runner.sh", "/run/dmcloud/settings.rb")
	require.NoError(t, err, output)
	assert.Equal(t, "mysql", c.read(t, "seek/config/database.yml"))
	assert.Equal(t, "bundle exec rails runner /run/dmcloud/settings.rb check=\n", c.read(t, "state/log"))
}

func TestRedisGetsItsPasswordOnStandardInput(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	output, err := c.run(t, "redis.sh")
	require.NoError(t, err, output)
	assert.Equal(t, "redis-server -\n", c.read(t, "state/log"))
	assert.Contains(t, c.read(t, "state/redis.conf"), "\nrequirepass "+canaryPassword+"\nmaxmemory 256mb\n")
}

func TestSolrGetsTheConfigurationOfItsSEEK(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	folder := func(path string) { require.NoError(t, os.MkdirAll(filepath.Join(c.root, path), 0o755)) }
	folder("seek/solr/seek/conf/lang")
	folder("configuration")
	folder("solr")
	c.write(t, "seek/solr/seek/conf/schema.xml", "old", 0o644)
	c.write(t, "seek/solr/seek/conf/lang/stopwords.txt", "the", 0o644)
	output, err := c.run(t, "solr-configuration.sh")
	require.NoError(t, err, output)
	assert.Equal(t, "old", c.read(t, "configuration/conf/schema.xml"))
	assert.Equal(t, "the", c.read(t, "configuration/conf/lang/stopwords.txt"))
	assert.NoDirExists(t, filepath.Join(c.root, "solr/data"), "Solr makes the index")

	folder("solr/data/seek/conf")
	c.write(t, "solr/data/seek/conf/schema.xml", "old", 0o644)
	c.write(t, "seek/solr/seek/conf/schema.xml", "new", 0o644)
	output, err = c.run(t, "solr-configuration.sh")
	require.NoError(t, err, output)
	assert.Equal(t, "new", c.read(t, "configuration/conf/schema.xml"))
	assert.Equal(t, "new", c.read(t, "solr/data/seek/conf/schema.xml"))
}

func TestSolrNeedsTheConfiguration(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	output, err := c.run(t, "solr-configuration.sh")
	require.Error(t, err)
	assert.Contains(t, output, "is it an image of SEEK?")
}

func TestWorkersAreHealthyWhenThereAreSomeAndAllLive(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	output, err := c.run(t, "worker-health.sh")
	require.Error(t, err)
	assert.Equal(t, "no worker has started\n", output)

	alive := exec.CommandContext(t.Context(), "sh", "-c", "read _")
	stdin, err := alive.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, alive.Start())
	pid := alive.Process.Pid
	c.write(t, "seek/tmp/pids/delayed_job.default.pid", strconv.Itoa(pid), 0o644)
	c.write(t, "seek/tmp/pids/delayed_job.mailers.pid", strconv.Itoa(pid), 0o644)
	output, err = c.run(t, "worker-health.sh")
	require.NoError(t, err, output)

	require.NoError(t, stdin.Close())
	_ = alive.Wait()
	output, err = c.run(t, "worker-health.sh")
	require.Error(t, err)
	assert.Equal(t, "the worker of delayed_job.default.pid is dead\n", output)
}

// ruby runs a script of rails runner with testdata/seek.rb in the place of SEEK, and returns what that kept.
func (c container) ruby(t *testing.T, script string, env ...string) (kept, output string, err error) {
	t.Helper()
	if _, err := exec.LookPath("ruby"); err != nil {
		t.Skip("ruby is not installed")
	}
	seek, err := filepath.Abs("testdata/seek.rb")
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), "ruby", "-r", seek, filepath.Join("compose", script))
	command.Env = append(c.env, env...)
	printed, err := command.CombinedOutput()
	assert.NotContains(t, string(printed), "CANARY", "a secret was printed")
	return c.read(t, "state/seek.json"), string(printed), err
}

func TestTheAdministratorIsMadeOnceAndWholly(t *testing.T) {
	t.Parallel()
	administrator := []string{
		"SEEK_ADMINISTRATOR_LOGIN=ada", "SEEK_ADMINISTRATOR_EMAIL=ada@example.org", "SEEK_ADMINISTRATOR_FIRST_NAME=Ada",
		"SEEK_ADMINISTRATOR_LAST_NAME=Admin", "SEEK_ADMINISTRATOR_PASSWORD=" + canaryPassword,
	}
	for name, c := range map[string]struct {
		env    string
		users  string
		output string
		fails  bool
	}{
		"in an empty SEEK": {
			"USERS=0", `[{"login":"ada","password":"` + canaryPassword + `","name":"Ada Admin",` +
				`"email":"ada@example.org","active":true}]`, "created the administrator\n", false,
		},
		"not where there are users": {"USERS=1", `[{"login":"somebody"}]`, "there are users already\n", false},
		"not when SEEK refuses": {
			"REFUSE=1", `[]`, "SEEK does not accept the administrator: Validation failed: Login is too short. " +
				"Correct the administrator in the stack file, then deploy again.\n", true,
		},
		"not without its rights": {
			"NEVER_ADMIN=1", `[]`, "SEEK does not accept the administrator: it did not become administrator. " +
				"Correct the administrator in the stack file, then deploy again.\n", true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept, output, err := newContainer(t).ruby(t, "administrator.rb", append(administrator, c.env)...)
			assert.Equal(t, c.fails, err != nil, output)
			assert.Equal(t, c.output, output)
			assert.JSONEq(t, `{"settings":{},"users":`+c.users+`}`, kept)
		})
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	basic := []string{
		"SEEK_SITE_BASE_HOST=https://seek.example.org", "SEEK_INSTANCE_NAME=Data", "SEEK_SUPPORT_EMAIL=a@example.org",
		"SEEK_SOLR_ENABLED=false",
	}
	const always = `"site_base_host":"https://seek.example.org","instance_name":"Data",` +
		`"support_email_address":"a@example.org","solr_enabled":false`
	mail := append([]string{
		"SEEK_SMTP_ADDRESS=mail", "SEEK_SMTP_PORT=587", "SEEK_NOREPLY_SENDER=seek@example.org",
	}, basic...)
	const withMail = always + `,"noreply_sender":"seek@example.org","smtp address":"mail","smtp port":587,` +
		`"smtp domain":"seek.example.org","smtp enable_starttls_auto":true,"email_enabled":true`
	for name, c := range map[string]struct {
		env  []string
		want string
	}{
		"without mail what was set by hand stays": {basic, always},
		"mail without a login removes an old one": {
			mail, withMail + `,"smtp authentication":null,"smtp user_name":null,"smtp password":null`,
		},
		"mail with a login": {
			append([]string{"SEEK_SMTP_USER=seek", "SEEK_SMTP_PASSWORD=" + canaryPassword}, mail...), withMail +
				`,"smtp authentication":"plain","smtp user_name":"seek","smtp password":"` + canaryPassword + `"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept, output, err := newContainer(t).ruby(t, "settings.rb", c.env...)
			require.NoError(t, err, output)
			assert.JSONEq(t, `{"settings":{`+c.want+`},"users":[]}`, kept)
		})
	}
}
