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

	"github.com/dekcd/dmcloud/components/catalog/entrykit/modeltest"
)

func TestScriptsParse(t *testing.T) {
	t.Parallel()
	modeltest.Parse(t, "compose")
}

const (
	canaryKey      = modeltest.Canary + "-secret-key-base"
	canaryPassword = modeltest.Canary + "-password"
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
	"sleep": `exit 0`,
}

func newContainer(t *testing.T) modeltest.Container {
	t.Helper()
	c := modeltest.NewContainer(t, fakes,
		"MYSQL_HOST=db", "MYSQL_USER=seek", "MYSQL_DATABASE=seek", "MYSQL_PASSWORD="+canaryPassword)
	// Only where a path begins: there is a seek in the middle of Solr's.
	c.Replace = []string{
		"cd /seek", "cd " + c.Root + "/seek", " /seek/solr", " " + c.Root + "/seek/solr", "SECONDS + 600", "SECONDS + 1",
	}
	for _, folder := range []string{"seek/config", "seek/filestore", "seek/tmp/pids"} {
		c.Folder(t, folder)
	}
	c.Write(t, "seek/docker/database.docker.mysql.yml", "mysql", 0o644)
	c.Write(t, "seek/docker/upgrade.sh", `echo upgrade >> "$STATE/log"`, 0o644)
	c.Write(t, "run/secrets/secret-key-base", canaryKey+"\n", 0o400)
	c.Write(t, "run/secrets/attr-encrypted-key", "CANARY-attr-encrypted-key", 0o400)
	return c
}

func run(t *testing.T, c modeltest.Container, script string, args ...string) (string, error) {
	t.Helper()
	return c.Run(t, "compose/"+script, []string{"/seek/tmp", "/run/secrets", "/configuration", "/var/solr"}, args...)
}

func TestSetupOfAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	output, err := run(t, c, "setup.sh")
	require.NoError(t, err, output)
	assert.Equal(t, "bundle exec rake db:setup check=\n", c.Read(t, "state/log"))
	assert.Equal(t, "mysql", c.Read(t, "seek/config/database.yml"))
	assert.Equal(t, canaryKey, c.Read(t, "seek/filestore/secret_key_base/key"), "without the line break")
	assert.Equal(t, "CANARY-attr-encrypted-key", c.Read(t, "seek/filestore/attr_encrypted/key"))
	for _, folder := range []string{"secret_key_base", "attr_encrypted"} {
		info, err := os.Stat(filepath.Join(c.Root, "seek/filestore", folder, "key"))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		entries, err := os.ReadDir(filepath.Join(c.Root, "seek/filestore", folder))
		require.NoError(t, err)
		assert.Len(t, entries, 1, "nothing but the key")
	}
	assert.NoFileExists(t, filepath.Join(c.Root, "seek/filestore/.setup-incomplete"))
}

func TestSetupOfAnExistingDatabaseUpgradesItAndKeepsTheKeys(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.Write(t, "state/schema", "", 0o644)
	c.Write(t, "seek/filestore/attr_encrypted/key", "restored", 0o600)
	output, err := run(t, c, "setup.sh")
	require.NoError(t, err, output)
	assert.Equal(t, "upgrade\n", c.Read(t, "state/log"))
	assert.Equal(t, "restored", c.Read(t, "seek/filestore/attr_encrypted/key"))
	assert.Equal(t, canaryKey, c.Read(t, "seek/filestore/secret_key_base/key"))
}

func TestSetupOfAnExistingDatabaseNeedsTheFilesThatBelongToIt(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.Write(t, "state/schema", "", 0o644)
	output, err := run(t, c, "setup.sh")
	require.Error(t, err)
	assert.Contains(t, output, "Restore them from the backup of the same time, then deploy again.")
	assert.Empty(t, c.Read(t, "state/log"))
	assert.NoDirExists(t, filepath.Join(c.Root, "seek/filestore/attr_encrypted"), "a new key would hide the loss")
}

func TestALostConnectionIsNoEmptyDatabase(t *testing.T) {
	t.Parallel()
	for name, incomplete := range map[string]bool{"after the setup": false, "after an interrupted setup": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newContainer(t)
			c.Write(t, "state/schema", "", 0o644)
			c.Write(t, "state/users", "3\n", 0o644)
			c.Write(t, "state/lost", "", 0o644)
			if incomplete {
				c.Write(t, "seek/filestore/.setup-incomplete", "", 0o644)
			}
			output, err := run(t, c, "setup.sh")
			require.Error(t, err)
			assert.Contains(t, output, "lost connection")
			assert.Empty(t, c.Read(t, "state/log"), "nothing ran")
		})
	}
}

func TestSetupGivesUpOnMySQLWithItsAnswer(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	for i, variable := range c.Env {
		if strings.HasPrefix(variable, "MYSQL_PASSWORD=") {
			c.Env[i] = "MYSQL_PASSWORD=CANARY-of-another-time"
		}
	}
	output, err := run(t, c, "setup.sh")
	require.Error(t, err)
	assert.Contains(t, output, "access denied. Look at the log of the\nservice db.")
	assert.Empty(t, c.Read(t, "state/log"))
}

func TestAnInterruptedSetupIsRepeated(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.Write(t, "state/break", "", 0o644)
	_, err := run(t, c, "setup.sh")
	require.Error(t, err)
	require.NoError(t, os.Remove(filepath.Join(c.Root, "state/break")))

	output, err := run(t, c, "setup.sh")
	require.NoError(t, err, output)
	assert.Equal(t, "bundle exec rake db:setup check=\nbundle exec rake db:setup check=1\n", c.Read(t, "state/log"))

	_, err = run(t, c, "setup.sh")
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(c.Read(t, "state/log"), "\nupgrade\n"))
}

func TestAnInterruptedSetupNeverEmptiesADatabaseWithUsers(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.Write(t, "state/schema", "", 0o644)
	c.Write(t, "state/users", "3\n", 0o644)
	c.Write(t, "seek/filestore/.setup-incomplete", "", 0o644)
	output, err := run(t, c, "setup.sh")
	require.Error(t, err)
	assert.Contains(t, output, "the database has 3 users")
	assert.Empty(t, c.Read(t, "state/log"))
}

func TestSetupGivesUpOnAnEmptyKey(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	require.NoError(t, os.Remove(filepath.Join(c.Root, "run/secrets/secret-key-base")))
	c.Write(t, "run/secrets/secret-key-base", "\n", 0o400)
	output, err := run(t, c, "setup.sh")
	require.Error(t, err)
	assert.Contains(t, output, "the secret secret-key-base is empty or missing")
	assert.NoFileExists(t, filepath.Join(c.Root, "seek/filestore/secret_key_base/key"))
	assert.Empty(t, c.Read(t, "state/log"))
}

func TestRunnerRunsTheScriptAgainstMySQL(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	output, err := run(t, c, "runner.sh", "/run/dmcloud/settings.rb")
	require.NoError(t, err, output)
	assert.Equal(t, "mysql", c.Read(t, "seek/config/database.yml"))
	assert.Equal(t, "bundle exec rails runner /run/dmcloud/settings.rb check=\n", c.Read(t, "state/log"))
}

func TestRedisGetsItsPasswordOnStandardInput(t *testing.T) {
	t.Parallel()
	assert.Contains(t, modeltest.Redis(t), "\nmaxmemory-policy allkeys-lru\n", "it is a cache")
}

func TestSolrGetsTheConfigurationOfItsSEEK(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.Folder(t, "configuration")
	c.Folder(t, "var/solr")
	c.Write(t, "seek/solr/seek/conf/schema.xml", "old", 0o644)
	c.Write(t, "seek/solr/seek/conf/lang/stopwords.txt", "the", 0o644)
	output, err := run(t, c, "solr-configuration.sh")
	require.NoError(t, err, output)
	assert.Equal(t, "old", c.Read(t, "configuration/conf/schema.xml"))
	assert.Equal(t, "the", c.Read(t, "configuration/conf/lang/stopwords.txt"))
	assert.NoDirExists(t, filepath.Join(c.Root, "var/solr/data"), "Solr makes the index")

	c.Write(t, "var/solr/data/seek/conf/schema.xml", "old", 0o644)
	c.Write(t, "seek/solr/seek/conf/schema.xml", "new", 0o644)
	output, err = run(t, c, "solr-configuration.sh")
	require.NoError(t, err, output)
	assert.Equal(t, "new", c.Read(t, "configuration/conf/schema.xml"))
	assert.Equal(t, "new", c.Read(t, "var/solr/data/seek/conf/schema.xml"))
}

func TestSolrNeedsTheConfiguration(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	output, err := run(t, c, "solr-configuration.sh")
	require.Error(t, err)
	assert.Contains(t, output, "is it an image of SEEK?")
}

func TestWorkersAreHealthyWhenThereAreSomeAndAllLive(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	output, err := run(t, c, "worker-health.sh")
	require.Error(t, err)
	assert.Equal(t, "no worker has started\n", output)

	alive := exec.CommandContext(t.Context(), "sh", "-c", "read _")
	stdin, err := alive.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, alive.Start())
	pid := alive.Process.Pid
	c.Write(t, "seek/tmp/pids/delayed_job.default.pid", strconv.Itoa(pid), 0o644)
	c.Write(t, "seek/tmp/pids/delayed_job.mailers.pid", strconv.Itoa(pid), 0o644)
	output, err = run(t, c, "worker-health.sh")
	require.NoError(t, err, output)

	require.NoError(t, stdin.Close())
	_ = alive.Wait()
	output, err = run(t, c, "worker-health.sh")
	require.Error(t, err)
	assert.Equal(t, "the worker of delayed_job.default.pid is dead\n", output)
}

// ruby runs a script of rails runner with testdata/seek.rb in the place of SEEK, and returns what that kept.
func ruby(t *testing.T, c modeltest.Container, script string, env ...string) (kept, output string, err error) {
	t.Helper()
	if _, err := exec.LookPath("ruby"); err != nil {
		t.Skip("ruby is not installed")
	}
	seek, err := filepath.Abs("testdata/seek.rb")
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), "ruby", "-r", seek, filepath.Join("compose", script))
	command.Env = append(c.Env, env...)
	printed, err := command.CombinedOutput()
	assert.NotContains(t, string(printed), modeltest.Canary, "a secret was printed")
	return c.Read(t, "state/seek.json"), string(printed), err
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
			kept, output, err := ruby(t, newContainer(t), "administrator.rb", append(administrator, c.env)...)
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
			kept, output, err := ruby(t, newContainer(t), "settings.rb", c.env...)
			require.NoError(t, err, output)
			assert.JSONEq(t, `{"settings":{`+c.want+`},"users":[]}`, kept)
		})
	}
}
