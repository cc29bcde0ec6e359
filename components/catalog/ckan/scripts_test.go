package ckan_test

import (
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

// fakes record what they are called with in log. python3 is real, with testdata/python in the place of psycopg2 and
// redis.
var fakes = map[string]string{
	"ckan": `echo "ckan $*" >> "$STATE/log"
case "$*" in
  "db upgrade") [ ! -e "$STATE/break" ] || { echo "migration failed" >&2; exit 1; } ;;
  "datastore set-permissions") printf '2026 INFO a message\n\\connect "datastore"\nGRANT SELECT;\n' ;;
  "user token add"*) [ -e "$STATE/silent" ] || printf 'API Token created:\n\tCANARY12.CANARY345.CANARY678\n' ;;
  "user add"*) cat > "$STATE/typed"; [ ! -e "$STATE/refuse" ] || { echo "email: in use" >&2; exit 1; } ;;
esac`,
}

const password = modeltest.Canary + "password"

func newContainer(t *testing.T, env ...string) modeltest.Container {
	t.Helper()
	modules, err := filepath.Abs("testdata/python")
	require.NoError(t, err)
	c := modeltest.NewContainer(t, fakes, append([]string{
		"PYTHONPATH=" + modules, "PYTHONDONTWRITEBYTECODE=1", "DATABASE_PASSWORD=" + password,
		"READER_PASSWORD=" + password + "R", "REDIS_PASSWORD=" + password, "SESSION_KEY=CANARYsession",
		"TOKEN_KEY=CANARYtoken", "CKAN__PLUGINS=datastore envvars", "CKAN_SITE_ID=default", "DATAPUSHER=true",
		"CKAN_SQLALCHEMY_URL=postgresql://db/ckan",
		"CKAN_DATASTORE_WRITE_URL=postgresql://db/datastore", "CKAN_DATASTORE_READ_URL=postgresql://db/datastore",
	}, env...)...)
	script, err := os.ReadFile("compose/database.py")
	require.NoError(t, err)
	c.Write(t, "run/dmcloud/database.py", strings.Replace(string(script), "PATIENCE = 600", "PATIENCE = 0", 1), 0o644)
	c.Write(t, "srv/app/ckan.ini", `[DEFAULT]
debug = false
[app:main]
use = egg:ckan
SECRET_KEY =
WTF_CSRF_SECRET_KEY = built
api_token.jwt.encode.secret = string:built
api_token.jwt.decode.secret = string:built
ckan.plugins = image_view
ckan.pluginsx = stays
## ckan.plugins = a comment
[loggers]
keys = root
`, 0o644)
	c.Folder(t, "run/ckan")
	c.Folder(t, "var/lib/ckan")
	return c
}

func run(t *testing.T, c modeltest.Container, script string, args ...string) (string, error) {
	t.Helper()
	return c.Run(t, "compose/"+script, []string{"/run/dmcloud", "/run/ckan", "/srv/app", "/var/lib/ckan"}, args...)
}

func TestProgramsRunWithAddressesAndKeys(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	output, err := run(t, c, "run.sh", "bash", "-c", `env | grep ^CKAN_ > "$STATE/env"; pwd > "$STATE/pwd"`)
	require.NoError(t, err, output)
	for _, want := range []string{
		"CKAN_SQLALCHEMY_URL=postgresql://ckan:" + password + "@db/ckan\n",
		"CKAN_DATASTORE_WRITE_URL=postgresql://ckan:" + password + "@db/datastore\n",
		"CKAN_DATASTORE_READ_URL=postgresql://datastore_reader:" + password + "R@db/datastore\n",
		"CKAN_REDIS_URL=redis://:" + password + "@redis:6379/1\n",
		"CKAN_INI=" + c.Root + "/run/ckan/ckan.ini\n",
	} {
		assert.Contains(t, c.Read(t, "state/env"), want)
	}
	assert.Equal(t, c.Root+"/srv/app\n", c.Read(t, "state/pwd"))
	assert.Equal(t, `[DEFAULT]
debug = false
[app:main]
ckan.plugins = datastore envvars
ckan.datapusher.api_token = none
SECRET_KEY = CANARYsession
WTF_CSRF_SECRET_KEY = CANARYsession
SESSION_COOKIE_SECURE = true
api_token.jwt.encode.secret = string:CANARYtoken
api_token.jwt.decode.secret = string:CANARYtoken
use = egg:ckan
ckan.pluginsx = stays
## ckan.plugins = a comment
[loggers]
keys = root
`, c.Read(t, "run/ckan/ckan.ini"))
	entries, err := os.ReadDir(filepath.Join(c.Root, "run/ckan"))
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing but the configuration")
	info, err := entries[0].Info()
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestProgramsGetTheTokenThatSetupMade(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.Write(t, "var/lib/ckan/.dmcloud/datapusher-token", "CANARY1.CANARY2\n", 0o600)
	output, err := run(t, c, "run.sh", "true")
	require.NoError(t, err, output)
	assert.Contains(t, c.Read(t, "run/ckan/ckan.ini"), "\nckan.datapusher.api_token = CANARY1.CANARY2\n")
}

func TestProgramsNeedAnImageOfCKAN(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.Write(t, "srv/app/ckan.ini", "[server:main]\n", 0o644)
	output, err := run(t, c, "run.sh", "touch", c.Root+"/state/started")
	require.Error(t, err)
	assert.Contains(t, output, "is it an image of CKAN?")
	assert.NoFileExists(t, filepath.Join(c.Root, "state/started"))
}

func TestSetup(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.Write(t, "var/lib/ckan/.dmcloud/datapusher-token", "old", 0o600)
	output, err := run(t, c, "setup.sh")
	require.NoError(t, err, output)
	assert.Equal(t, "ckan db upgrade\nckan db pending-migrations --apply\nckan datastore set-permissions\n"+
		"ckan user token add default datapusher\n", c.Read(t, "state/log"))
	assert.Equal(t, "datastore: GRANT SELECT;\n []\n", strings.SplitAfter(c.Read(t, "state/sql"), "[]\n")[0],
		"without what is for psql only, and without messages")
	assert.Contains(t, c.Read(t, "state/sql"), "ckan: DELETE FROM api_token")
	assert.Equal(t, "CANARY12.CANARY345.CANARY678\n", c.Read(t, "var/lib/ckan/.dmcloud/datapusher-token"))
	info, err := os.Stat(filepath.Join(c.Root, "var/lib/ckan/.dmcloud/datapusher-token"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestSetupWithoutTheDataPusherLeavesNoToken(t *testing.T) {
	t.Parallel()
	c := newContainer(t, "DATAPUSHER=false")
	c.Write(t, "var/lib/ckan/.dmcloud/datapusher-token", "old", 0o600)
	output, err := run(t, c, "setup.sh")
	require.NoError(t, err, output)
	assert.NotContains(t, c.Read(t, "state/log"), "token")
	assert.Contains(t, c.Read(t, "state/sql"), "DELETE FROM api_token")
	assert.NoDirExists(t, filepath.Join(c.Root, "var/lib/ckan/.dmcloud"))
}

func TestSetupStops(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ state, output, log string }{
		"when the database lets nobody in": {
			"down", "PostgreSQL does not let CKAN in after 10 minutes: password authentication failed\n" +
				"Look at the log of the service db.", "",
		},
		"when a migration fails": {"break", "migration failed", "ckan db upgrade\n"},
		"when there is no token": {
			"silent", "setup stopped: CKAN made no token for the DataPusher\n", "ckan db upgrade\n" +
				"ckan db pending-migrations --apply\nckan datastore set-permissions\nckan user token add default datapusher\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			container := newContainer(t)
			container.Write(t, "state/"+c.state, "", 0o644)
			output, err := run(t, container, "setup.sh")
			require.Error(t, err)
			assert.Contains(t, output, c.output)
			assert.Equal(t, c.log, container.Read(t, "state/log"))
			assert.NoFileExists(t, filepath.Join(container.Root, "var/lib/ckan/.dmcloud/datapusher-token"))
		})
	}
}

func TestPermissionsMustBeThere(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	output, err := run(t, c, "database.py", "permissions")
	require.Error(t, err)
	assert.Contains(t, output, "CKAN printed no permissions")
	assert.Empty(t, c.Read(t, "state/sql"))
}

func TestTheAdministratorIsMadeOnce(t *testing.T) {
	t.Parallel()
	administrator := []string{
		"ADMINISTRATOR_LOGIN=ada", "ADMINISTRATOR_EMAIL=ada@example.org", "ADMINISTRATOR_NAME=Ada Admin",
		"ADMINISTRATOR_PASSWORD=" + password,
	}
	c := newContainer(t, administrator...)
	c.Write(t, "state/answer", "0", 0o644)
	output, err := run(t, c, "administrator.sh")
	require.NoError(t, err, output)
	assert.Equal(t, "ckan user add ada email=ada@example.org fullname=Ada Admin\nckan sysadmin add ada\n",
		c.Read(t, "state/log"))
	assert.Equal(t, password+"\n"+password+"\n", c.Read(t, "state/typed"))
	assert.Equal(t, "ckan: SELECT count(*) FROM \"user\" WHERE sysadmin AND state = 'active' AND name <> %s ['default']\n"+
		"ckan: SELECT count(*) FROM \"user\" WHERE name = %s ['ada']\n", c.Read(t, "state/sql"))

	c = newContainer(t, administrator...)
	c.Write(t, "state/answer", "1", 0o644)
	output, err = run(t, c, "administrator.sh")
	require.NoError(t, err)
	assert.Equal(t, "there are sysadmins already\n", output)
	assert.Empty(t, c.Read(t, "state/log"))

	c = newContainer(t, administrator...)
	c.Write(t, "state/answer", "0", 0o644)
	c.Write(t, "state/refuse", "", 0o644)
	output, err = run(t, c, "administrator.sh")
	require.Error(t, err)
	assert.Contains(t, output, "Correct the administrator in the stack file, then deploy again.")
	assert.NotContains(t, c.Read(t, "state/log"), "sysadmin")

	c = newContainer(t, administrator...)
	c.Write(t, "state/down", "", 0o644)
	_, err = run(t, c, "administrator.sh")
	require.Error(t, err, "a lost connection is no empty database")
	assert.Empty(t, c.Read(t, "state/log"))
}

func TestTheWorkerIsHealthyWhileRedisHearsFromIt(t *testing.T) {
	t.Parallel()
	here, err := os.Hostname()
	require.NoError(t, err)
	for name, workers := range map[string]map[string]string{
		"no worker":                  {},
		"a worker of before":         {"rq:worker:1": "elsewhere"},
		"a worker that has expired":  {"rq:worker:1": ""},
		"healthy":                    {"rq:worker:1": here},
		"healthy besides one before": {"rq:worker:1": "elsewhere", "rq:worker:2": here},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newContainer(t)
			c.Folder(t, "state/workers")
			for worker, host := range workers {
				c.Write(t, "state/workers/"+worker, host, 0o644)
			}
			output, err := run(t, c, "worker-health.py")
			assert.Equal(t, strings.HasPrefix(name, "healthy"), err == nil, output)
		})
	}
}

func TestDatabasesAreMadeWithoutPasswordsOnTheCommandLine(t *testing.T) {
	t.Parallel()
	modeltest.Databases(t)
}

func TestRedisGetsItsPasswordOnStandardInput(t *testing.T) {
	t.Parallel()
	assert.Contains(t, modeltest.Redis(t), "\nmaxmemory-policy noeviction\n", "jobs are not thrown out")
}

func TestSolrGetsTheSchemaOfItsImage(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	folders := []string{"/opt/solr", "/var/solr"}
	output, err := c.Run(t, "compose/solr-schema.sh", folders)
	require.Error(t, err)
	assert.Contains(t, output, "is it CKAN's image of Solr?")

	c.Write(t, "opt/solr/server/solr/configsets/ckan/conf/managed-schema", "new", 0o644)
	c.Folder(t, "var/solr")
	output, err = c.Run(t, "compose/solr-schema.sh", folders)
	require.NoError(t, err, output)
	assert.NoDirExists(t, filepath.Join(c.Root, "var/solr/data"), "Solr makes the index")

	c.Write(t, "var/solr/data/ckan/conf/managed-schema", "old", 0o644)
	output, err = c.Run(t, "compose/solr-schema.sh", folders)
	require.NoError(t, err, output)
	assert.Equal(t, "new", c.Read(t, "var/solr/data/ckan/conf/managed-schema"))
}
