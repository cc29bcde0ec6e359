package omero_test

import (
	"encoding/json"
	"os"
	"path/filepath"
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

const password = modeltest.Canary + "password"

// fakes record what they are called with in log. The database is a file: dbpatch exists once it is set up.
var fakes = map[string]string{
	"psql": `[ "$PGPASSWORD" = "` + password + `" ] || { echo "no password" >&2; exit 1; }
case "$*" in
  *information_schema*) [ ! -e "$STATE/lost" ] || { echo "lost connection" >&2; exit 1; }
    [ -e "$STATE/dbpatch" ] && echo 1 || echo 0 ;;
  *"SELECT 1"*) [ ! -e "$STATE/down" ] || { echo "connection refused" >&2; exit 1; }; echo 1 ;;
  *--file=*) for last; do :; done; cat "${last#--file=}" > "$STATE/script"; echo "psql --file" >> "$STATE/log"
    [ ! -e "$STATE/break" ] || { echo "relation exists" >&2; exit 3; }
    touch "$STATE/dbpatch" ;;
esac`,
	// OMERO takes root's password on a command line only; the log has the rest.
	"omero": `echo "omero ${*//$ROOTPASS/...}" | sed "s#/tmp/tmp[^ ]*#SCRIPT#" >> "$STATE/log"
for last; do :; done; echo "BEGIN; hash; COMMIT;" > "$last"`,
	"omego": `echo "omego $*" >> "$STATE/log"; [ ! -e "$STATE/break" ] || exit 1`,
}

func newContainer(t *testing.T) modeltest.Container {
	t.Helper()
	c := modeltest.NewContainer(t, fakes,
		"CONFIG_omero_db_host=db", "CONFIG_omero_db_user=omero", "CONFIG_omero_db_name=omero",
		"CONFIG_omero_db_pass="+password, "ROOTPASS=CANARYroot", "REDIS_PASSWORD="+password,
	)
	c.Replace = []string{"SECONDS + 600", "SECONDS"}
	c.Write(t, "opt/omero/server/venv3/bin/activate", "echo activate >> \"$STATE/log\"\n", 0o644)
	for name, mode := range map[string]os.FileMode{
		"50-config.py": 0o755, "60-database.sh": 0o755, "70-notes.txt": 0o644, "80-plugin.sh": 0o755, "99-run.sh": 0o755,
	} {
		script := "#!/bin/sh\necho \"" + name + " in $(basename \"$PWD\")\" >> \"$STATE/log\"\n"
		c.Write(t, "startup/"+name, script, mode)
	}
	c.Write(t, "usr/local/bin/entrypoint.sh", "#!/bin/sh\nenv > \"$STATE/env\"\n", 0o755)
	return c
}

func run(t *testing.T, c modeltest.Container, script string) (string, error) {
	t.Helper()
	return c.Run(t, "compose/"+script, []string{"/opt/omero", "/startup", "/usr/local/bin/entrypoint.sh"})
}

func TestSetupOfAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	output, err := run(t, c, "setup.sh")
	require.NoError(t, err, output)
	assert.Equal(t, "activate\n50-config.py in server\nomero db script --password ... --file SCRIPT\npsql --file\n",
		c.Read(t, "state/log"))
	assert.Equal(t, "BEGIN; hash; COMMIT;\n", c.Read(t, "state/script"))
}

func TestSetupOfAnExistingDatabaseUpgradesIt(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.Write(t, "state/dbpatch", "", 0o644)
	output, err := run(t, c, "setup.sh")
	require.NoError(t, err, output)
	assert.Equal(t, "activate\n50-config.py in server\nomego db upgrade --serverdir=OMERO.server\n",
		c.Read(t, "state/log"))
}

func TestAFailedUpgradeIsNoEmptyDatabase(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.Write(t, "state/dbpatch", "", 0o644)
	c.Write(t, "state/break", "", 0o644)
	_, err := run(t, c, "setup.sh")
	require.Error(t, err)
	assert.NotContains(t, c.Read(t, "state/log"), "db script")
}

func TestALostConnectionIsNoEmptyDatabase(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.Write(t, "state/dbpatch", "", 0o644)
	c.Write(t, "state/lost", "", 0o644)
	output, err := run(t, c, "setup.sh")
	require.Error(t, err)
	assert.Contains(t, output, "lost connection")
	assert.Equal(t, "activate\n", c.Read(t, "state/log"), "nothing ran")
}

func TestAnInterruptedSetupIsRepeated(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.Write(t, "state/break", "", 0o644)
	output, err := run(t, c, "setup.sh")
	require.Error(t, err)
	assert.Contains(t, output, "relation exists")
	assert.NoFileExists(t, filepath.Join(c.Root, "state/dbpatch"))
}

func TestSetupGivesUpOnPostgreSQLWithItsAnswer(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.Write(t, "state/down", "", 0o644)
	output, err := run(t, c, "setup.sh")
	require.Error(t, err)
	assert.Contains(t, output, "connection refused.\nLook at the log of the service db.")
}

func TestTheServerStartsWithoutTheDatabaseScriptOfItsImage(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	output, err := run(t, c, "server.sh")
	require.NoError(t, err, output)
	assert.Equal(t, "activate\n50-config.py in server\n80-plugin.sh in server\n99-run.sh in server\n",
		c.Read(t, "state/log"))
}

func TestOMEROWebKeepsItsSessionsInRedis(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	output, err := run(t, c, "web.sh")
	require.NoError(t, err, output)
	var caches map[string]map[string]string
	_, value, _ := strings.Cut(c.Read(t, "state/env"), "CONFIG_omero_web_caches=")
	value, _, _ = strings.Cut(value, "\n")
	require.NoError(t, json.Unmarshal([]byte(value), &caches))
	assert.Equal(t, map[string]map[string]string{"default": {
		"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://:" + password + "@redis:6379/0",
	}}, caches)
}

func TestTheDatabaseIsMadeWithoutAPasswordOnTheCommandLine(t *testing.T) {
	t.Parallel()
	modeltest.Databases(t)
}

func TestRedisGetsItsPasswordOnStandardInput(t *testing.T) {
	t.Parallel()
	assert.Contains(t, modeltest.Redis(t), "\nmaxmemory-policy allkeys-lru\n", "sessions may be thrown out")
}
