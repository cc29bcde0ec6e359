package compose_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/compose"
)

// What files of real projects count on without saying so: each case is one that was met.
func TestWhatRealFilesCountOn(t *testing.T) {
	t.Parallel()
	const user = "user: '1000:1000', "
	for name, c := range map[string]struct {
		services string
		check    func(t *testing.T, loaded compose.Loaded)
	}{
		"a Java program gets twice its heap": {
			"a: {image: 'ghcr.io/x/a:1', " + user + "environment: {ES_JAVA_OPTS: -Xms1g -Xmx3g}}",
			func(t *testing.T, l compose.Loaded) {
				assert.Equal(t, int64(6<<30), l.App.Service("a").Resources.MemoryLimit)
			},
		},
		"what sets a limit keeps it": {
			"a: {image: 'ghcr.io/x/a:1', " + user + "mem_limit: 64m, environment: {JAVA_OPTS: -Xmx3g}}",
			func(t *testing.T, l compose.Loaded) {
				assert.Equal(t, int64(64<<20), l.App.Service("a").Resources.MemoryLimit)
			},
		},
		"PostgreSQL does not start at the top of a volume": {
			"a: {image: 'ghcr.io/x/pg:1', " + user + "environment: {PGDATA: /pgdata}, volumes: ['data:/pgdata']}\n" +
				"volumes: {data: {}}",
			func(t *testing.T, l compose.Loaded) {
				assert.Contains(t, l.App.Service("a").Env, app.EnvVar{Name: "PGDATA", Value: "/pgdata/pgdata"})
			},
		},
		"a script that is not restarted is a job, though its image could serve": {
			"a: {image: 'apache/kafka:3.9.0', entrypoint: [sh, -c, kafka-topics], deploy: {restart_policy: {condition: none}}}",
			func(t *testing.T, l compose.Loaded) { assert.NotNil(t, l.App.Service("a").Job) },
		},
		"what is called init is a job": {
			"db-init: {image: 'ghcr.io/x/a:1', " + user + "command: [migrate]}",
			func(t *testing.T, l compose.Loaded) { assert.NotNil(t, l.App.Service("db-init").Job) },
		},
		"what is called init and spoken to is none": {
			"init: {image: 'ghcr.io/x/a:1', " + user + "command: [serve]}\n" +
				"  b: {image: 'ghcr.io/x/a:1', " + user + "environment: {API_URL: 'http://init:80'}}",
			func(t *testing.T, l compose.Loaded) { assert.Nil(t, l.App.Service("init").Job) },
		},
		"who is depended on can be reached, though nobody knows where it listens": {
			"a: {image: 'ghcr.io/x/a:1', " + user + "}\n  b: {image: 'ghcr.io/x/b:1', " + user + "depends_on: [a]}",
			func(t *testing.T, l compose.Loaded) {
				assert.Equal(t, []app.Edge{{From: "b", To: "a"}}, l.App.Edges())
			},
		},
		"hosts in a range are all spoken to": {
			"m1: {image: 'ghcr.io/x/a:1', " + user + "command: 'server http://m{1...2}:9000/data{1...2}'}\n" +
				"  m2: {image: 'ghcr.io/x/a:1', " + user + "command: 'server http://m{1...2}:9000/data{1...2}'}",
			func(t *testing.T, l compose.Loaded) {
				assert.Equal(t, []app.Edge{{From: "m1", To: "m2"}, {From: "m2", To: "m1"}}, l.App.Edges())
			},
		},
		"a word that also is a password stays a word": {
			"a: {image: 'ghcr.io/x/a:1', " + user + "command: [/dspace/bin/dspace, --admin-password=dspace, -u, dspace],\n" +
				"    environment: {DB_PASSWORD: dspace}, healthcheck: {test: [CMD, pg_isready, -U, dspace]}}",
			func(t *testing.T, l compose.Loaded) {
				s := l.App.Service("a")
				assert.Equal(t, []string{"/dspace/bin/dspace", "--admin-password=$(DB_PASSWORD)", "-u", "dspace"}, s.Args)
				assert.Equal(t, []string{"pg_isready", "-U", "dspace"}, s.Health.Exec)
			},
		},
		"a secret in a variable with another name is found": {
			"a: {image: 'ghcr.io/x/a:1', " + user + "environment: {DB_PASSWORD: CANARY-77, NC_DB: 'pg://db?u=x&p=CANARY-77'}}",
			func(t *testing.T, l compose.Loaded) {
				assert.Contains(t, l.App.Service("a").Env, app.EnvVar{Name: "NC_DB", Secret: "nc-db"})
				nowhere(t, l)
			},
		},
		"a terminal is given": {
			"a: {image: 'python:3.13', command: python, tty: true, stdin_open: true}",
			func(t *testing.T, l compose.Loaded) {
				assert.True(t, l.App.Service("a").Terminal)
				assert.True(t, l.App.Service("a").Input)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.check(t, load(t, asFound("services:\n  "+c.services+"\n")))
		})
	}
}

func TestNamesOfSecrets(t *testing.T) {
	t.Parallel()
	for name, secret := range map[string]bool{
		"ROOTPASS": true, "DB_PASS": true, "REDIS_AUTH": true, "SALT": true, "SIGNING_KEY": true, "DB_ENC_KEY": true,
		"APP_KEY": true, "FERNET_KEY": true, "SESSIONKEY": true, "STRIPE_KEY": true, "LDAP_BIND_PW": true,
		"RABBITMQ_ERLANG_COOKIE": true, "NEO4J_AUTH": true, "AZURE_STORAGE_KEY": true, "MASTER_KEY": true,
		"KEYCLOAK_URL": false, "CACHE_KEY": false, "PASSIVE_PORTS": false, "AUTHOR": false, "MONKEY": false,
		"SSL_KEY_FILE": false, "PASSWORD_LENGTH": false, "COMPASS": true, // better once too often
	} {
		assert.Equal(t, secret, compose.LooksSecret(name, "x7Tq"), name)
	}
	assert.True(t, compose.LooksSecret("ANY", "Server=db;Database=x;User=sa;Password=CANARY;"))
	assert.False(t, compose.LooksSecret("ANY", "Server=db;Database=x;Password=${PW};"))
}
