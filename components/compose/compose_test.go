package compose_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/compose"
	"github.com/dekcd/dmcloud/components/problem"
)

// embedded is a source whose files are in memory.
func embedded(contents ...string) compose.Source {
	source := compose.Source{Name: "archive", Assets: fstest.MapFS{
		"conf/app.ini": {Data: []byte("mode=fast\n")}, "key.txt": {Data: []byte("CANARY-file")},
	}}
	for i, content := range contents {
		source.Files = append(source.Files, compose.File{Path: fmt.Sprintf("%d.yaml", i), Content: []byte(content)})
	}
	return source
}

func load(t *testing.T, source compose.Source) compose.Loaded {
	t.Helper()
	loaded, err := compose.Load(t.Context(), source)
	require.NoError(t, err)
	return loaded
}

// service puts keys into a service of an otherwise sound file.
func service(keys string) string {
	return "services:\n  web:\n    image: archive:1.2.3\n" + indent(keys, "    ") +
		"  db:\n    image: postgres:17.2\n    ports: ['5432']\n    healthcheck: {test: [CMD, ok]}\n" +
		"volumes:\n  files: {}\nsecrets:\n  key: {environment: KEY}\nconfigs:\n  conf: {file: conf/app.ini}\n"
}

func indent(text, by string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(by + line)
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func verdicts(all []compose.Verdict, path string) []string {
	var found []string
	for _, v := range all {
		if v.Path == path || strings.HasPrefix(v.Path, path+".") || strings.HasPrefix(v.Path, path+"[") {
			found = append(found, strings.TrimSpace(fmt.Sprintf("%s: %s %s", v.Path, v.Outcome, v.Detail)))
		}
	}
	return found
}

func TestWhatBecomesOfEachKey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		keys  string
		key   string
		want  []string
		check func(t *testing.T, s app.Service)
	}{
		"a command is a list of arguments": {
			`command: serve --port "80 80"`, "command", []string{"services.web.command: kept"},
			func(t *testing.T, s app.Service) { assert.Equal(t, []string{"serve", "--port", "80 80"}, s.Args) },
		},
		"an entrypoint replaces the image's": {
			"entrypoint: [/bin/start]", "entrypoint", []string{"services.web.entrypoint: kept"},
			func(t *testing.T, s app.Service) { assert.Equal(t, []string{"/bin/start"}, s.Entrypoint) },
		},
		"variables are literals": {
			"environment: [B=2, A=1]", "environment", []string{"services.web.environment: kept"},
			func(t *testing.T, s app.Service) {
				assert.Equal(t, []app.EnvVar{{Name: "A", Value: "1"}, {Name: "B", Value: "2"}}, s.Env)
			},
		},
		"published ports are open inside only": {
			"ports: ['8080:80', {name: admin, target: 81}, '53:53/udp']", "ports",
			[]string{"services.web.ports: hardened open to services that may talk to it, not on the host"},
			func(t *testing.T, s app.Service) {
				assert.Equal(t, []app.Port{
					{Name: "udp-53", Number: 53, Protocol: app.UDP}, {Name: "tcp-80", Number: 80, Protocol: app.TCP},
					{Name: "admin", Number: 81, Protocol: app.TCP},
				}, s.Ports)
			},
		},
		"an exposed port that is published too is one port": {
			"expose: ['80']\nports: [{name: http, target: 80}]", "expose", []string{"services.web.expose: kept"},
			func(t *testing.T, s app.Service) {
				assert.Equal(t, []app.Port{{Name: "http", Number: 80, Protocol: app.TCP}}, s.Ports)
			},
		},
		"a user and a group": {
			`user: "33:34"`, "user", []string{"services.web.user: kept"},
			func(t *testing.T, s app.Service) { assert.Equal(t, app.User{UID: 33, GID: 34}, s.User) },
		},
		"a user without a group does not get root's": {
			`user: "33"`, "user",
			[]string{"services.web.user: hardened the group is the user's own id instead of root's"},
			func(t *testing.T, s app.Service) { assert.Equal(t, app.User{UID: 33, GID: 33}, s.User) },
		},
		"a read-only root with a tmpfs": {
			"read_only: true\ntmpfs: ['/tmp:size=64m,mode=1777']", "tmpfs", []string{"services.web.tmpfs: kept"},
			func(t *testing.T, s app.Service) {
				assert.True(t, s.ReadOnlyRoot)
				assert.Equal(t, []app.WritablePath{{Path: "/tmp", Size: 64 << 20, Memory: true}}, s.WritablePaths)
			},
		},
		"a tmpfs in a writable root keeps its size": {
			"tmpfs: '/tmp:size=64m'", "tmpfs", []string{"services.web.tmpfs: kept"},
			func(t *testing.T, s app.Service) {
				assert.Equal(t, []app.WritablePath{{Path: "/tmp", Size: 64 << 20, Memory: true}}, s.WritablePaths)
			},
		},
		"a folder in a writable root can have a size": {
			"x-dmcloud: {writable: [{path: /tmp, size: 40G}]}", "x-dmcloud", []string{"services.web.x-dmcloud: kept"},
			func(t *testing.T, s app.Service) {
				assert.False(t, s.ReadOnlyRoot)
				assert.Equal(t, []app.WritablePath{{Path: "/tmp", Size: 40 << 30}}, s.WritablePaths)
			},
		},
		"volumes, secrets and configs are mounts": {
			"volumes: ['files:/data:ro', /cache]\nsecrets: [key]\nconfigs: [{source: conf, target: /etc/app.ini, mode: 0440}]",
			"volumes",
			[]string{
				"services.web.volumes: kept",
				"services.web.volumes[1]: hardened an anonymous volume is a scratch folder, lost with the instance",
			},
			func(t *testing.T, s app.Service) {
				assert.Equal(t, []app.Mount{
					{Path: "/cache", Scratch: "scratch-cache"}, {Path: "/data", Volume: "files", ReadOnly: true},
					{Path: "/etc/app.ini", File: "conf", ReadOnly: true},
					{Path: "/run/secrets/key", Secret: "key", ReadOnly: true},
				}, s.Mounts)
			},
		},
		"dependencies keep their conditions": {
			"depends_on: {db: {condition: service_healthy, restart: true}}", "depends_on",
			[]string{
				"services.web.depends_on: kept",
				"services.web.depends_on.db.restart: ignored services connect again by themselves",
			},
			func(t *testing.T, s app.Service) {
				assert.Equal(t, []app.Dependency{{Service: "db", Condition: app.Healthy}}, s.DependsOn)
			},
		},
		"a health check by curl is asked over the network": {
			"ports: ['80']\nhealthcheck: {test: 'curl -fsS http://localhost/up || exit 1', interval: 5s, retries: 7}",
			"healthcheck",
			[]string{"services.web.healthcheck: hardened asked for over the network instead of by a process in the container"},
			func(t *testing.T, s app.Service) {
				assert.Equal(t, &app.Health{
					HTTP: "/up", Port: 80, Interval: 5 * time.Second, Timeout: 30 * time.Second, Retries: 7,
				}, s.Health)
			},
		},
		"a health check by curl with a header stays a command": {
			"ports: ['80']\nhealthcheck: {test: [CMD, curl, -H, 'Host: a', 'http://localhost/up']}", "healthcheck",
			[]string{"services.web.healthcheck: kept"},
			func(t *testing.T, s app.Service) {
				assert.Equal(t, []string{"curl", "-H", "Host: a", "http://localhost/up"}, s.Health.Exec)
			},
		},
		"a health check on a port that is not declared stays a command": {
			"healthcheck: {test: [CMD, wget, --spider, 'http://127.0.0.1:81/']}", "healthcheck",
			[]string{"services.web.healthcheck: kept"},
			func(t *testing.T, s app.Service) { assert.Empty(t, s.Health.HTTP) },
		},
		"a health check in shell": {
			"healthcheck: {test: 'a | b', start_period: 2m, start_interval: 1s}", "healthcheck",
			[]string{
				"services.web.healthcheck: kept",
				"services.web.healthcheck.start_interval: ignored the interval applies from the start",
			},
			func(t *testing.T, s app.Service) {
				assert.Equal(t, []string{"/bin/sh", "-c", "a | b"}, s.Health.Exec)
				assert.Equal(t, 2*time.Minute, s.Health.StartPeriod)
			},
		},
		"a health check that is switched off": {
			"healthcheck: {disable: true}", "healthcheck",
			[]string{"services.web.healthcheck: ignored there is nothing to check"},
			func(t *testing.T, s app.Service) { assert.Nil(t, s.Health) },
		},
		"replicas and resources": {
			"deploy: {replicas: 3, resources: {limits: {cpus: '1.5', memory: 2G, pids: 5}, reservations: {memory: 1G}},\n" +
				"  placement: {}, update_config: {parallelism: 1}}",
			"deploy",
			[]string{
				"services.web.deploy.placement: kept labels of machines; replicas are spread over machines anyway",
				"services.web.deploy.replicas: kept",
				"services.web.deploy.resources: kept",
				"services.web.deploy.resources.limits.pids: ignored the environment limits processes",
				"services.web.deploy.update_config: hardened instances are replaced one by one, the new one first",
			},
			func(t *testing.T, s app.Service) {
				assert.Equal(t, 3, s.Replicas)
				assert.Equal(t, app.Resources{CPULimit: 1500, MemoryLimit: 2 << 30, MemoryRequest: 1 << 30}, s.Resources)
			},
		},
		"the older spelling of resources": {
			"cpus: 0.1\nmem_limit: 512m\nmem_reservation: 256m\nscale: 2", "cpus", []string{"services.web.cpus: kept"},
			func(t *testing.T, s app.Service) {
				assert.Equal(t, app.Resources{CPULimit: 100, MemoryLimit: 512 << 20, MemoryRequest: 256 << 20}, s.Resources)
				assert.Equal(t, 2, s.Replicas)
			},
		},
		"capabilities are dropped anyway": {
			"cap_drop: [ALL]", "cap_drop", []string{"services.web.cap_drop: hardened all capabilities are dropped"}, nil,
		},
		"the capability for low ports is not needed": {
			"cap_add: [CAP_NET_BIND_SERVICE]", "cap_add",
			[]string{"services.web.cap_add: ignored low ports need no capability in a container"}, nil,
		},
		"no new privileges are the rule": {
			"security_opt: ['no-new-privileges:true']", "security_opt",
			[]string{"services.web.security_opt: hardened " +
				"privileges cannot be gained and system calls are filtered in every container"}, nil,
		},
		"networks become named edges": {
			"networks: [default]", "networks",
			[]string{
				"services.web.networks: hardened services of one network may talk to each other's ports, and to nobody else",
			},
			func(t *testing.T, s app.Service) { assert.Equal(t, []string{"default"}, s.Networks) },
		},
		"a grace period": {
			"stop_grace_period: 1m30s", "stop_grace_period", []string{"services.web.stop_grace_period: kept"},
			func(t *testing.T, s app.Service) { assert.Equal(t, 90*time.Second, s.StopGrace) },
		},
		"labels are the environment's": {
			"labels: {a: b}", "labels", []string{"services.web.labels: ignored the environment labels what it makes"}, nil,
		},
		"a restart policy": {
			"restart: unless-stopped", "restart",
			[]string{"services.web.restart: ignored services that are no jobs are always restarted"}, nil,
		},
		"extensions of other tools": {
			"x-other: {a: 1}", "x-other", []string{"services.web.x-other: ignored an extension of another tool"}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			loaded := load(t, embedded(service(c.keys)))
			assert.Equal(t, c.want, verdicts(loaded.Verdicts, "services.web."+c.key))
			if c.check != nil {
				c.check(t, *loaded.App.Service("web"))
			}
		})
	}
}

func TestRefusedKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ keys, want string }{
		{"privileged: true", "services.web.privileged: true: gives control over the host; remove it"},
		{"network_mode: host", "services.web.network_mode: host: shares a namespace of the host; remove it"},
		{"pid: host", "services.web.pid: host: shares a namespace of the host; remove it"},
		{"ipc: host", "services.web.ipc: host: shares a namespace of the host; remove it"},
		{"userns_mode: host", "services.web.userns_mode: host: shares a namespace of the host; remove it"},
		{
			"network_mode: 'service:db'",
			"services.web.network_mode: service:db: shares a namespace with others; remove it",
		},
		{
			"cap_add: [NET_BIND_SERVICE, NET_RAW]",
			"services.web.cap_add: NET_RAW: gives rights over the host; remove it",
		},
		{"cap_add: [ALL]", "services.web.cap_add: ALL: gives rights over the host; remove it"},
		{"devices: ['/dev/fuse:/dev/fuse']", "services.web.devices: gives access to devices of the host; remove it"},
		{"gpus: all", "services.web.gpus: all: how many that is depends on the machine; write how many are needed: count: 1"},
		{
			"use_api_socket: true",
			"services.web.use_api_socket: " +
				"gives control over the container engine, and with it the host; remove it",
		},
		{
			"volumes: ['/var/run/docker.sock:/var/run/docker.sock:ro']",
			"services.web.volumes[0]: /var/run/docker.sock: " +
				"gives control over the container engine, and with it the host; remove it",
		},
		{
			"volumes: ['./data:/data']",
			"services.web.volumes[0]: /data: mounts a folder of the host; " +
				"use a volume, or configs for files",
		},
		{
			"volumes: [{type: bind, source: /etc, target: /host}]",
			"services.web.volumes[0]: /host: mounts a folder of the host; " +
				"use a volume and copy the data into it, or keep a configuration file beside the Compose file",
		},
		{
			"security_opt: ['seccomp:unconfined']",
			"services.web.security_opt: seccomp:unconfined: " +
				"weakens the isolation of the container; remove it",
		},
		{
			"sysctls: {net.core.somaxconn: 1}",
			"services.web.sysctls: net.core.somaxconn: changes the kernel of the host; " +
				"remove it, or have it set on the machines",
		},
		{"user: root", `services.web.user: root: runs as root; name the image's own user, as in "1000:1000"`},
		{"user: '0:33'", `services.web.user: 0:33: runs as root; name the image's own user, as in "1000:1000"`},
		{
			"user: www-data",
			`services.web.user: www-data: must be numeric, names are known inside the image only; ` +
				`write "uid:gid"`,
		},
		{
			"env_file: /etc/passwd",
			"services.web.env_file: an embedded Compose file cannot refer to other files; write the " +
				"variables in environment",
		},
		{
			"environment: [NOTHING]",
			"services.web.environment.NOTHING: has no value; give it one, or add it to the environment",
		},
		{
			"expose: ['80-900']",
			"services.web.expose: 80-900: must be a port, or a range of at most 100; list the ports",
		},
		{
			"deploy: {mode: global}",
			"services.web.deploy.mode: global: one instance per machine is not supported; set replicas",
		},
		{"depends_on: [web]", "dependency cycle detected"},
		{"nonsense: 1", "0.yaml:4:5: validating 0.yaml: services.web.nonsense: unknown key; correct its name, or remove it"},
		{"extends: {file: other.yaml, service: web}", "an embedded Compose file cannot refer to other Compose files"},
		{"configs: [missing]", "refers to undefined config missing"},
		{"command: '$NOPE'", "the variable NOPE has neither a value nor a default"},
		{
			"command: [a, 'postgres://u:CANARY-url@db/x']",
			"services.web.command: a secret on a command line is seen by every " +
				"process; read it from a file or a variable",
		},
		{"x-dmcloud: {rout: {port: 80}}", "services.web.x-dmcloud.rout: unknown key; did you mean route?"},
		{"x-dmcloud: {route: {prt: 80}}", "services.web.x-dmcloud.route.prt: unknown key; did you mean port?"},
		{"x-dmcloud: {route: {port: eighty}}", "services.web.x-dmcloud.route.port: must be a whole number, is text"},
		{"x-dmcloud: {job: {deadline: 30}}", "services.web.x-dmcloud.job.deadline: must be text, is a whole number"},
		{
			"x-dmcloud: {job: {deadline: soon}}",
			`services.web.x-dmcloud.job.deadline: must be a duration such as "30m"`,
		},
		{"x-dmcloud: {scratch: /tmp}", "services.web.x-dmcloud.scratch: must be a list, is text"},
		{"x-dmcloud: {init: [{name: a, service: b}]}", "services.web.x-dmcloud.init[0].service: b: no such service"},
		{
			"x-dmcloud: {init: [{name: a, service: db, image: 'a:1'}]}",
			"services.web.x-dmcloud.init[0]: " +
				"has both image and service; keep one",
		},
		{"x-dmcloud: {role: boss}", "services.web.role: boss: unknown role"},
		{"x-dmcloud: {secret-environment: {A: nope}}", "services.web.env.A: nope: no such secret"},
		{
			"x-dmcloud: {singleton: one writer}\ndeploy: {replicas: 2}",
			"services.web.replicas: 2: must never run twice: one writer",
		},
	} {
		t.Run(c.keys, func(t *testing.T) {
			t.Parallel()
			loaded, err := compose.Load(t.Context(), embedded(service(c.keys)))
			require.ErrorContains(t, err, c.want)
			var problems *problem.Error
			require.ErrorAs(t, err, &problems)
			assert.NotContains(t, err.Error(), "CANARY")
			assert.Empty(t, loaded.App.Services, "nothing half-read")
		})
	}
}

func TestWhatIsBuiltMustBePublishedFirst(t *testing.T) {
	t.Parallel()
	_, err := compose.Load(t.Context(), embedded("services: {My_App: {build: .}}"))
	require.EqualError(t, err, "reading the Compose files of archive: services.My_App.build: images are built elsewhere, "+
		"not while deploying; push the image to a registry and name it: image: registry.example.org/my-app:<version>")
	loaded := load(t, embedded("services: {web: {build: ., image: 'a:1'}}"))
	assert.Equal(t, "a:1", loaded.App.Service("web").Image)
	assert.Equal(t,
		[]string{"services.web.build: ignored the image is fetched from its registry; build and push it there first"},
		verdicts(loaded.Verdicts, "services.web.build"))
}

func TestEmbeddedFilesReadNothingFromDisk(t *testing.T) {
	t.Parallel()
	other := filepath.Join(t.TempDir(), "other.yaml")
	require.NoError(t, os.WriteFile(other, []byte("services: {other: {image: 'b:1'}}"), 0o600))
	_, err := compose.Load(t.Context(), embedded("include: ["+other+"]\nservices: {web: {image: 'a:1'}}"))
	require.ErrorContains(t, err, "include: an embedded Compose file cannot include others; pass the files one by one")
	_, err = compose.Load(t.Context(), embedded("services: {web: {extends: {file: "+other+", service: other}}}"))
	require.ErrorContains(t, err, "an embedded Compose file cannot refer to other Compose files")
}

func TestMovingImagesAreRefused(t *testing.T) {
	t.Parallel()
	for image, refused := range map[string]bool{
		"archive": true, "archive:latest": true, "archive:main": true, "archive:nightly": true, "archive:stable": true,
		"archive:1": false, "r.example.org:5000/a/b:2.1": false,
		"archive@sha256:" + strings.Repeat("0", 64): false,
	} {
		_, err := compose.Load(t.Context(), embedded("services: {web: {image: '"+image+"'}}"))
		assert.Equal(t, refused, err != nil, "%s: %v", image, err)
	}
}

func TestAllProblemsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := compose.Load(t.Context(), embedded(`
services:
  web: {image: archive, privileged: true, user: root, x-dmcloud: {rout: {}, job: yes}}
  db: {image: 'db:latest', pid: host, volumes: ['/:/host']}
`))
	require.EqualError(t, err, `reading the Compose files of archive: 8 problems:
  1. services.db.image: db:latest: the tag "latest" moves; write a version or add the digest
  2. services.db.pid: host: shares a namespace of the host; remove it
  3. services.db.volumes[0]: /host: mounts a folder of the host; use a volume and copy the data into it, `+
		`or keep a configuration file beside the Compose file
  4. services.web.image: archive: has neither a version nor a digest; write "archive:<version>"
  5. services.web.privileged: true: gives control over the host; remove it
  6. services.web.user: root: runs as root; name the image's own user, as in "1000:1000"
  7. services.web.x-dmcloud.job: must be a mapping, is text
  8. services.web.x-dmcloud.rout: unknown key; did you mean route?`)
}

func TestEveryKeyOfAServiceHasAVerdict(t *testing.T) {
	t.Parallel()
	// Keys of ServiceConfig that schema and parser resolve before we see them.
	resolved := map[string]bool{"extends": true}
	keys := compose.ServiceKeys()
	for _, key := range compose.SpecificationKeys() {
		if !resolved[key] {
			assert.Contains(t, keys, key)
		}
	}
	assert.Greater(t, len(keys), 80)
}

func TestLiteralSecretsAreMoved(t *testing.T) {
	t.Parallel()
	source := embedded(`
services:
  web:
    image: archive:1.2.3
    environment:
      DB_PASSWORD: CANARY-shared
      SESSION_SECRET: ${FROM_ENVIRONMENT}
      DATABASE_URL: postgres://user:CANARY-url@db/archive
      DEPLOY: ghp_CANARY0123456789abcdefghijklmn
      PASSWORD_FILE: /run/secrets/password
      TOKEN_ENABLED: "true"
      MODE: fast
  db:
    image: db:1.2.3
    environment:
      DB_PASSWORD: CANARY-shared
      SESSION_SECRET: CANARY-other
secrets:
  unused: {environment: FROM_ENVIRONMENT}
`)
	source.Environment = map[string]string{"FROM_ENVIRONMENT": "CANARY-environment"}
	loaded := load(t, source)
	assert.Equal(t, []app.EnvVar{
		{Name: "DATABASE_URL", Secret: "database-url"}, {Name: "DB_PASSWORD", Secret: "db-password"},
		{Name: "DEPLOY", Secret: "deploy"}, {Name: "MODE", Value: "fast"},
		{Name: "PASSWORD_FILE", Value: "/run/secrets/password"}, {Name: "SESSION_SECRET", Secret: "web-session-secret"},
		{Name: "TOKEN_ENABLED", Value: "true"},
	}, loaded.App.Service("web").Env)
	assert.Equal(t, []app.EnvVar{
		{Name: "DB_PASSWORD", Secret: "db-password"}, {Name: "SESSION_SECRET", Secret: "session-secret"},
	}, loaded.App.Service("db").Env, "the same value under the same name is one secret")
	values := map[string]string{}
	for name, value := range loaded.SecretValues {
		values[name] = value.Reveal()
		assert.NotNil(t, loaded.App.Secret(name), name)
	}
	assert.Equal(t, map[string]string{
		"db-password": "CANARY-shared", "session-secret": "CANARY-other", "web-session-secret": "CANARY-environment",
		"database-url": "postgres://user:CANARY-url@db/archive", "deploy": "ghp_CANARY0123456789abcdefghijklmn",
	}, values)
	assert.Contains(t, loaded.Verdicts, compose.Verdict{
		Path: "services.web.environment.DB_PASSWORD", Outcome: compose.Moved,
		Detail: "the value became the secret db-password",
	})
	nowhere(t, loaded)
}

// nowhere checks that no canary is visible in any form of what was loaded.
func nowhere(t *testing.T, loaded compose.Loaded) {
	t.Helper()
	asJSON, err := json.Marshal(loaded)
	require.NoError(t, err)
	asYAML, err := yaml.Marshal(loaded)
	require.NoError(t, err)
	for _, text := range []string{
		string(asJSON), string(asYAML), fmt.Sprint(loaded), fmt.Sprintf("%+v", loaded), fmt.Sprintf("%#v", loaded),
	} {
		assert.NotContains(t, text, "CANARY")
	}
}

func TestDeclaredSecrets(t *testing.T) {
	t.Parallel()
	source := embedded(`
services:
  web:
    image: archive:1.2.3
    secrets: [from-environment, from-file, generated, {source: provided, target: /etc/key, mode: 0400}]
secrets:
  from-environment: {environment: VALUE}
  from-file: {file: ./key.txt}
  generated: {environment: ABSENT, x-dmcloud: {generate: {length: 40, alphabet: hexadecimal}, purpose: signs}}
  provided: {external: true}
`)
	source.Environment = map[string]string{"VALUE": "CANARY-value"}
	loaded := load(t, source)
	assert.Equal(t, []app.Secret{
		{Name: "from-environment"}, {Name: "from-file"},
		{Name: "generated", Purpose: "signs", Generate: &app.Generate{Length: 40, Alphabet: app.Hexadecimal}},
		{Name: "provided"},
	}, loaded.App.Secrets)
	assert.Len(t, loaded.SecretValues, 2)
	assert.Equal(t, "CANARY-value", loaded.SecretValues["from-environment"].Reveal())
	assert.Equal(t, "CANARY-file", loaded.SecretValues["from-file"].Reveal())
	nowhere(t, loaded)
}

func TestErrorsNeverShowSecrets(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"a broken variable":             "services: {web: {image: 'a:1', environment: {PW: 'CANARY${'}}}",
		"a broken variable in a list":   "services: {web: {image: 'a:1', environment: ['PW=CANARY${']}}",
		"a wrong type":                  "services: {web: {image: 'a:1', environment: {PW: [CANARY]}}}",
		"a secret in an unknown key":    "services: {web: {image: 'a:1', password: 'CANARY${'}}",
		"a secret that is a list":       "services: {web: {image: 'a:1'}}\nsecrets: {a: [CANARY]}",
		"a wrong value of an extension": "services: {web: {image: 'a:1', x-dmcloud: {role: [CANARY]}}}",
		"a document that is only text":  "ghp_CANARY0123456789abcdefghijklmn",
		"text that is not YAML":         "a: [\n-----BEGIN PRIVATE KEY-----\nCANARY",
		"a number as a duration":        "services: {web: {image: 'a:1', stop_grace_period: '${SECRET}'}}",
		"a moved secret without a name": "services: {web: {image: 'a:1', environment: {__TOKEN: CANARY}, pid: host}}",
		"a secret among configs": "services: {web: {image: 'a:1', configs: [c]}}\n" +
			"configs: {c: {content: '-----BEGIN PRIVATE KEY-----CANARY'}}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := embedded(content)
			source.Environment = map[string]string{"SECRET": "CANARY-environment"}
			loaded, err := compose.Load(t.Context(), source)
			require.Error(t, err)
			assert.NotContains(t, err.Error(), "CANARY")
			nowhere(t, loaded)
		})
	}
}

func TestExtension(t *testing.T) {
	t.Parallel()
	source := embedded(`
x-dmcloud: {version: "4.5"}
services:
  web:
    image: archive:1.2.3
    user: "33:33"
    read_only: true
    ports: [{name: http, target: 80}]
    x-dmcloud:
      role: web
      singleton: one cache
      init:
        - name: copy
          service: db
          entrypoint: [cp]
          command: [a, b]
          environment: {A: "1", PASSWORD: CANARY}
          secret-environment: {KEY: key}
          volumes: [{name: files, path: /files, read-only: true}]
          scratch: [{name: tmp, path: /out}]
          configs: [{source: conf, target: /etc/conf}]
          secrets: [key]
        - {name: own}
      secret-environment: {KEY: key}
      scratch: [{name: tmp, path: /tmp}]
      writable: [/run, {path: /var/tmp, size: 1G, memory: true}]
      egress: [{name: doi, cidrs: [192.0.2.0/24], ports: [443], reason: DOIs}]
      route: {name: site, path: /app, body-size: 1G, timeout: 5m, after: [migrate]}
      pre-stop: [quit]
  db:
    image: db:9.9
    x-dmcloud: {role: database, writable-root: old}
  migrate:
    image: archive:1.2.3
    x-dmcloud: {job: {release: true, deadline: 1h, retries: 4}}
volumes:
  files: {x-dmcloud: {size: 3G, data: true, backup: postgres}}
configs:
  conf: {content: x}
secrets:
  key: {external: true}
`)
	source.Expose = map[string]string{"web": "archive.example.org"}
	loaded := load(t, source)
	a := loaded.App
	assert.Equal(t, "4.5", a.Version)
	assert.Equal(t, []app.Volume{{Name: "files", Size: 3 << 30, Data: true, Backup: app.BackupPostgres}}, a.Volumes)
	assert.Equal(t, []app.Route{{
		Name: "site", Host: "archive.example.org", Path: "/app", Service: "web", Port: 80,
		BodySize: 1 << 30, Timeout: 5 * time.Minute, After: []string{"migrate"},
	}}, a.Routes)
	assert.Equal(t, app.Service{
		Name: "web", Image: "archive:1.2.3", Role: app.RoleWeb, Replicas: 1, Singleton: "one cache",
		User: app.User{UID: 33, GID: 33}, Ports: []app.Port{{Name: "http", Number: 80, Protocol: app.TCP}},
		Env: []app.EnvVar{{Name: "KEY", Secret: "key"}}, Mounts: []app.Mount{{Path: "/tmp", Scratch: "tmp"}},
		Init: []app.Init{
			{
				Name: "copy", Image: "db:9.9", Entrypoint: []string{"cp"}, Args: []string{"a", "b"},
				User: app.User{UID: 33, GID: 33},
				Env: []app.EnvVar{
					{Name: "A", Value: "1"}, {Name: "KEY", Secret: "key"}, {Name: "PASSWORD", Secret: "password"},
				},
				Mounts: []app.Mount{
					{Path: "/etc/conf", File: "conf", ReadOnly: true},
					{Path: "/files", Volume: "files", ReadOnly: true}, {Path: "/out", Scratch: "tmp"},
					{Path: "/run/secrets/key", Secret: "key", ReadOnly: true},
				},
			},
			{
				Name: "own", Image: "archive:1.2.3", User: app.User{UID: 33, GID: 33},
				Env: []app.EnvVar{}, Mounts: []app.Mount{},
			},
		},
		Egress:       []app.Egress{{Name: "doi", CIDRs: []string{"192.0.2.0/24"}, Ports: []int{443}, Reason: "DOIs"}},
		PreStop:      []string{"quit"},
		ReadOnlyRoot: true,
		WritablePaths: []app.WritablePath{
			{Path: "/run"}, {Path: "/var/tmp", Size: 1 << 30, Memory: true},
		},
	}, *a.Service("web"))
	assert.Equal(t, &app.Job{Release: true, Deadline: time.Hour, Retries: 4}, a.Service("migrate").Job)
	assert.Equal(t, app.RoleTask, a.Service("migrate").Role)
	assert.Equal(t, "old", a.Service("db").WritableRootReason)
	nowhere(t, loaded)
}

func TestVolumesAreDataUnlessTheFileSaysOtherwise(t *testing.T) {
	t.Parallel()
	for extension, want := range map[string]app.Volume{
		"{}":                           {Name: "vol", Size: 10 << 30, Data: true, Backup: app.BackupFiles},
		"{x-dmcloud: {size: 1G}}":      {Name: "vol", Size: 1 << 30, Data: true, Backup: app.BackupFiles},
		"{x-dmcloud: {data: false}}":   {Name: "vol", Size: 10 << 30, Backup: app.BackupNone},
		"{x-dmcloud: {backup: mysql}}": {Name: "vol", Size: 10 << 30, Data: true, Backup: app.BackupMySQL},
	} {
		loaded := load(t, embedded("services: {a: {image: 'a:1', volumes: ['vol:/v']}}\nvolumes: {vol: "+extension+"}"))
		assert.Equal(t, []app.Volume{want}, loaded.App.Volumes, extension)
	}
	loaded := load(t, embedded("services:\n  a: {image: 'a:1', volumes: ['vol:/v']}\n"+
		"  b: {image: 'a:1', volumes: ['vol:/w']}\n"+
		"volumes: {vol: {}, idle: {}}"))
	assert.True(t, loaded.App.Volume("vol").Shared)
	assert.Equal(t, []string{"volumes.idle: ignored no active service uses it"}, verdicts(loaded.Verdicts, "volumes.idle"))
}

func TestVariablesComeFromTheSourceOnly(t *testing.T) {
	t.Setenv("DMCLOUD_TEST_TAG", "9.9")
	_, err := compose.Load(t.Context(), embedded("services: {web: {image: 'a:${DMCLOUD_TEST_TAG}'}}"))
	require.ErrorContains(t, err, "the variable DMCLOUD_TEST_TAG has neither a value nor a default")

	source := embedded("services: {web: {image: 'a:${DMCLOUD_TEST_TAG}', environment: {HOME: '${HOME:-none}', D: '$$D'}}}")
	source.Environment = map[string]string{"DMCLOUD_TEST_TAG": "1.1"}
	loaded := load(t, source)
	web := loaded.App.Service("web")
	assert.Equal(t, "a:1.1", web.Image)
	assert.Equal(t, []app.EnvVar{{Name: "D", Value: "$D"}, {Name: "HOME", Value: "none"}}, web.Env)
	assert.Equal(t, map[string]string{"DMCLOUD_TEST_TAG": "1.1"}, source.Environment, "the caller's map stays as it is")
}

func TestFilesAreMergedInOrder(t *testing.T) {
	t.Parallel()
	loaded := load(t, embedded(
		"services: {web: {image: 'a:1', environment: {A: '1', B: '1'}, x-dmcloud: {role: worker, singleton: s}}}",
		"services: {web: {image: 'a:2', environment: {B: '2'}, x-dmcloud: {role: web}}, db: {image: 'b:1'}}",
	))
	web := loaded.App.Service("web")
	assert.Equal(t, "a:2", web.Image)
	assert.Equal(t, []app.EnvVar{{Name: "A", Value: "1"}, {Name: "B", Value: "2"}}, web.Env)
	assert.Equal(t, app.RoleWeb, web.Role)
	assert.Equal(t, "s", web.Singleton)
	assert.NotNil(t, loaded.App.Service("db"))
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	source := embedded(`
services:
  web: {image: 'a:1', depends_on: {extra: {condition: service_started, required: false}}}
  extra: {image: 'b:1', profiles: [extra], volumes: ['vol:/v']}
volumes: {vol: {}}
`)
	loaded := load(t, source)
	assert.Nil(t, loaded.App.Service("extra"))
	assert.Empty(t, loaded.App.Volumes)
	assert.Empty(t, loaded.App.Service("web").DependsOn)
	assert.Equal(t, []string{"services.extra: ignored none of its profiles is active"},
		verdicts(loaded.Verdicts, "services.extra"))

	source.Profiles = []string{"extra"}
	loaded = load(t, source)
	assert.NotNil(t, loaded.App.Service("extra"))
	assert.Len(t, loaded.App.Volumes, 1)
	assert.Len(t, loaded.App.Service("web").DependsOn, 1)
}

func TestWhatOthersWaitForToCompleteIsAJob(t *testing.T) {
	t.Parallel()
	loaded := load(t, embedded(`
services:
  web: {image: 'a:1', depends_on: {migrate: {condition: service_completed_successfully}}}
  migrate: {image: 'a:1'}
`))
	assert.Equal(t, &app.Job{Deadline: 30 * time.Minute, Retries: 2}, loaded.App.Service("migrate").Job)
	assert.Contains(t, verdicts(loaded.Verdicts, "services.migrate"),
		"services.migrate: hardened runs to completion, as web waits for it")
}

func TestNamesThatNoTargetCanUseBecomeOnesThatItCan(t *testing.T) {
	t.Parallel()
	loaded := load(t, embedded(`
services:
  redis_store: {image: 'redis:8.6.1', volumes: ['Redis.Data:/data'], secrets: [the_key], configs: [_conf_]}
  web: {image: 'a:1', depends_on: [redis_store], volumes: ['Redis.Data:/data']}
  not_active: {image: 'a:1', profiles: [other]}
volumes: {Redis.Data: {}, not_used: {}}
secrets: {the_key: {external: true}}
configs: {_conf_: {content: x}}
`))
	a := loaded.App
	assert.Equal(t, []app.Mount{
		{Path: "/_conf_", File: "conf", ReadOnly: true}, {Path: "/data", Volume: "redis-data"},
		{Path: "/run/secrets/the_key", Secret: "the-key", ReadOnly: true},
	}, a.Service("redis-store").Mounts, "paths inside the container stay as they are")
	assert.Equal(t, []app.Dependency{{Service: "redis-store", Condition: app.Started}}, a.Service("web").DependsOn)
	assert.Contains(t, loaded.Verdicts, compose.Verdict{
		Path: "services.redis_store", Outcome: compose.Hardened, Detail: "named redis-store where it runs",
	})
}

func TestRoutesNeedAHostAndAPort(t *testing.T) {
	t.Parallel()
	source := embedded("services: {web: {image: 'a:1', ports: ['80'], x-dmcloud: {route: {timeout: 1m}}}}")
	loaded := load(t, source)
	assert.Empty(t, loaded.App.Routes)
	assert.Equal(t, []string{"services.web.x-dmcloud.route: ignored the environment gives the service no host"},
		verdicts(loaded.Verdicts, "services.web.x-dmcloud.route"))

	source = embedded("services: {web: {image: 'a:1', ports: ['80']}}")
	source.Expose = map[string]string{"web": "a.example.org"}
	assert.Equal(t, []app.Route{{
		Name: "web", Host: "a.example.org", Path: "/", Service: "web", Port: 80, Timeout: time.Minute,
	}}, load(t, source).App.Routes)

	source = embedded("services: {web: {image: 'a:1', ports: ['80', '81']}}")
	source.Expose = map[string]string{"web": "a.example.org", "wbe": "b.example.org"}
	_, err := compose.Load(t.Context(), source)
	require.EqualError(t, err, "reading the Compose files of archive: 2 problems:\n"+
		"  1. expose.wbe: no such active service\n"+
		"  2. services.web.x-dmcloud.route.port: the service has 2 ports; "+
		`name the port to open, here or where the environment exposes it: "web:<port>"`)
}

func TestFilesOnDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	write("compose.yaml", "include: [more.yaml]\nservices: {web: {image: 'a:1', env_file: web.env, configs: [conf]}}\n"+
		"configs: {conf: {file: ./conf.ini}}\n")
	write("more.yaml", "services: {more: {image: 'b:1'}}\n")
	write("web.env", "A=1\nPASSWORD=CANARY\n")
	write("conf.ini", "x=1\n")
	source := compose.Source{Name: "archive", Dir: dir, Files: []compose.File{{Path: "compose.yaml"}}}
	loaded := load(t, source)
	assert.NotNil(t, loaded.App.Service("more"))
	assert.Equal(t, []app.EnvVar{{Name: "A", Value: "1"}, {Name: "PASSWORD", Secret: "password"}},
		loaded.App.Service("web").Env)
	assert.Equal(t, []app.File{{Name: "conf", Content: "x=1\n"}}, loaded.App.Files)
	nowhere(t, loaded)

	write("compose.yaml", "services: {web: {image: 'a:1', configs: [conf]}}\nconfigs: {conf: {file: ../outside}}\n")
	_, err := compose.Load(t.Context(), source)
	require.ErrorContains(t, err, "configs.conf.file: must be inside the folder of the Compose file; move the file there")

	source.Files[0].Path = "missing.yaml"
	_, err = compose.Load(t.Context(), source)
	var problems *problem.Error
	require.ErrorAs(t, err, &problems)
	assert.Equal(t, "compose", problems.Problems[0].Path)
}

func TestModesOfConfigsMustAgree(t *testing.T) {
	t.Parallel()
	file := "services:\n  a: {image: 'a:1', configs: [{source: c, mode: 0444}]}\n" +
		"  b: {image: 'a:1', configs: [{source: c, mode: %s}]}\nconfigs: {c: {content: x}}\n"
	loaded := load(t, embedded(fmt.Sprintf(file, "0444")))
	assert.Equal(t, 0o444, loaded.App.Files[0].Mode)
	_, err := compose.Load(t.Context(), embedded(fmt.Sprintf(file, "0400")))
	require.ErrorContains(t, err, "services.b.configs[0].mode: another service mounts the file with another mode")
}

func TestTheSameFilesMakeTheSameApplication(t *testing.T) {
	t.Parallel()
	keys := "environment: {C: '3', A: '1', B: '2', T_TOKEN: t}\nvolumes: ['files:/z', '/a']\nlabels: {z: a}"
	first := load(t, embedded(service(keys)))
	for range 20 {
		assert.Equal(t, first, load(t, embedded(service(keys))))
	}
}

func FuzzLoad(f *testing.F) {
	for _, keys := range []string{
		"command: x", "ports: ['80:80']", "healthcheck: {test: 'curl http://localhost'}", "user: ':'", "tmpfs: ':size='",
		"x-dmcloud: {init: [{}], job: {}, route: {}, writable: [{}], egress: [{}], scratch: [{}]}", "x-dmcloud:",
		"deploy: {resources: {limits: {}}}", "environment: {A_TOKEN: ghp_x}", "image: ${A:-b}", "extends: web",
	} {
		f.Add([]byte(service(keys)))
	}
	f.Add([]byte("services:\n  a: &a {image: *a}"))
	f.Add([]byte("a: !reset\n---\n- 1"))
	f.Add([]byte{0xff, 0})
	f.Fuzz(func(t *testing.T, content []byte) {
		loaded, err := compose.Load(t.Context(), embedded(string(content)))
		if err != nil {
			assert.Empty(t, loaded.App)
			return
		}
		assert.Empty(t, loaded.App.Validate())
	})
}

// FuzzExtension puts anything under x-dmcloud, where only dmcloud's own strict decoding looks. No problem may repeat
// the secret beside it.
func FuzzExtension(f *testing.F) {
	for _, extension := range []string{
		"{role: web}", "{rol: web}", "[]", "null", "{job: {deadline: 1h, retries: 1.5}}", "{init: [{}, null, 3]}",
		"{writable: [/tmp, {path: /x, size: 1G}, null, [a]]}", "{secret-environment: {A: key, 1: 2}}",
		"{route: {port: 80, after: [web]}}", "{egress: [{ports: [1e99, -1]}]}", "{job: {retries: 99999999999999999999}}",
		"{scratch: {a: b}}", "{pre-stop: {}, route: []}", "{writable: [{size: -1}]}",
	} {
		f.Add(extension)
	}
	f.Fuzz(func(t *testing.T, extension string) {
		if strings.Contains(extension, "CANARY") || strings.ContainsAny(extension, "\n\r") {
			t.Skip("the canary must be where the secret is, and the extension on its line")
		}
		source := embedded(service("x-dmcloud: " + extension + "\nenvironment: {A_PASSWORD: CANARY}"))
		source.Expose = map[string]string{"web": "archive.example.org"}
		loaded, err := compose.Load(t.Context(), source)
		nowhere(t, loaded)
		if err != nil {
			assert.Empty(t, loaded.App)
			assert.NotContains(t, err.Error(), "CANARY")
			var problems *problem.Error
			require.ErrorAs(t, err, &problems)
			return
		}
		assert.Empty(t, loaded.App.Validate())
	})
}
