package compose_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/compose"
)

// asFound is a source with a file that was not written for dmcloud.
func asFound(content string) compose.Source {
	source := embedded(content)
	source.Adopt = true
	return source
}

func TestWhatIsKnownOfAnImage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spec  string
		check func(t *testing.T, s app.Service)
	}{
		"its user": {"image: 'nginx:1.28.0'", func(t *testing.T, s app.Service) {
			t.Helper()
			assert.Equal(t, app.User{UID: 101, GID: 101}, s.User)
		}},
		"its user under another tag": {"image: 'postgres:17.5-alpine'", func(t *testing.T, s app.Service) {
			t.Helper()
			assert.Equal(t, app.User{UID: 70, GID: 70}, s.User)
		}},
		"a user by name": {"image: 'redis:7.4.2'\n    user: redis", func(t *testing.T, s app.Service) {
			t.Helper()
			assert.Equal(t, app.User{UID: 999, GID: 999}, s.User)
		}},
		"no user when the file has one": {"image: 'nginx:1.28.0'\n    user: '5:6'", func(t *testing.T, s app.Service) {
			t.Helper()
			assert.Equal(t, app.User{UID: 5, GID: 6}, s.User)
		}},
		"its ports": {"image: 'mysql:8.4.5'", func(t *testing.T, s app.Service) {
			t.Helper()
			assert.Equal(t, []app.Port{
				{Name: "tcp-3306", Number: 3306, Protocol: app.TCP}, {Name: "tcp-33060", Number: 33060, Protocol: app.TCP},
			}, s.Ports)
		}},
		"its ports beside those of the file": {
			"image: 'redis:7.4.2'\n    ports: [{target: 6379, name: cache}, '9:9']", func(t *testing.T, s app.Service) {
				t.Helper()
				assert.Equal(t, []app.Port{
					{Name: "tcp-9", Number: 9, Protocol: app.TCP}, {Name: "cache", Number: 6379, Protocol: app.TCP},
				}, s.Ports)
			},
		},
		"the folders it writes to": {"image: 'nginx:1.28.0'\n    tmpfs: /run", func(t *testing.T, s app.Service) {
			t.Helper()
			assert.Equal(t, []app.WritablePath{
				{Path: "/run", Memory: true}, {Path: "/tmp"}, {Path: "/var/cache/nginx"},
			}, s.WritablePaths, "those of the file stay as they are")
		}},
		"no folder where a volume is": {
			"image: 'nginx:1.28.0'\n    volumes: ['vol:/var/cache/nginx']", func(t *testing.T, s app.Service) {
				t.Helper()
				assert.Equal(t, []app.WritablePath{{Path: "/run"}, {Path: "/tmp"}}, s.WritablePaths)
			},
		},
		"variables it needs": {"image: 'postgres:17.5'", func(t *testing.T, s app.Service) {
			t.Helper()
			assert.Equal(t, []app.EnvVar{{Name: "PGDATA", Value: "/var/lib/postgresql/data/pgdata"}}, s.Env)
		}},
		"no variable that the file sets": {
			"image: 'postgres:17.5'\n    environment: {PGDATA: /elsewhere}", func(t *testing.T, s app.Service) {
				t.Helper()
				assert.Equal(t, []app.EnvVar{{Name: "PGDATA", Value: "/elsewhere"}}, s.Env)
			},
		},
		"its role": {"image: 'redis:7.4.2'", func(t *testing.T, s app.Service) {
			t.Helper()
			assert.Equal(t, app.RoleCache, s.Role)
		}},
		"a capability that its program carries": {"image: 'caddy:2.10.0'", func(t *testing.T, s app.Service) {
			t.Helper()
			assert.True(t, s.BindCapability)
		}},
		"that two would destroy its data": {
			"image: 'redis:7.4.2'\n    volumes: ['vol:/data']", func(t *testing.T, s app.Service) {
				t.Helper()
				assert.Equal(t, "two servers on the same data files destroy them", s.Singleton)
			},
		},
		"no singleton where no data is kept": {"image: 'redis:7.4.2'", func(t *testing.T, s app.Service) {
			t.Helper()
			assert.Empty(t, s.Singleton)
		}},
		"no singleton where the file wants two": {
			"image: 'minio/minio:RELEASE.2024-01-01T00-00-00Z'\n    volumes: ['vol:/data']\n    deploy: {replicas: 2}",
			func(t *testing.T, s app.Service) {
				t.Helper()
				assert.Empty(t, s.Singleton)
			},
		},
		"that its volume must be empty at first": {
			"image: 'mysql:8.4.5'\n    volumes: ['vol:/var/lib/mysql/', './conf/x:/x']", func(t *testing.T, s app.Service) {
				t.Helper()
				assert.Contains(t, s.Mounts, app.Mount{Path: "/var/lib/mysql", Volume: "vol", SubPath: "data"})
				assert.Contains(t, s.Mounts, app.Mount{Path: "/x", Volume: "conf-x"})
			},
		},
		"no subfolder where the file has one": {
			"image: 'mysql:8.4.5'\n    volumes: [{type: volume, source: vol, target: /var/lib/mysql, volume: {subpath: s}}]",
			func(t *testing.T, s app.Service) {
				t.Helper()
				assert.Equal(t, []app.Mount{{Path: "/var/lib/mysql", Volume: "vol", SubPath: "s"}}, s.Mounts)
			},
		},
		"no subfolder in a folder of something else": {
			"image: 'mysql:8.4.5'\n    volumes: ['vol:/backup']", func(t *testing.T, s app.Service) {
				t.Helper()
				assert.Equal(t, []app.Mount{{Path: "/backup", Volume: "vol"}}, s.Mounts)
			},
		},
		"a version instead of a moving tag": {"image: 'nginx:latest'", func(t *testing.T, s app.Service) {
			t.Helper()
			assert.Equal(t, "nginx:1.28.0", s.Image)
		}},
		"a version where there is no tag": {"image: docker.io/library/redis", func(t *testing.T, s app.Service) {
			t.Helper()
			assert.Equal(t, "docker.io/library/redis:7.4.2", s.Image)
		}},
		"a version of the same kind": {"image: 'redis:alpine'", func(t *testing.T, s app.Service) {
			t.Helper()
			assert.Equal(t, "redis:7.4.2-alpine", s.Image)
			assert.Equal(t, app.User{UID: 999, GID: 1000}, s.User)
		}},
		"the version of the file": {"image: 'nginx:1.25'", func(t *testing.T, s app.Service) {
			t.Helper()
			assert.Equal(t, "nginx:1.25", s.Image)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			loaded := load(t, asFound("services:\n  web:\n    "+c.spec+"\nvolumes: {vol: {}}\n"))
			c.check(t, *loaded.App.Service("web"))
		})
	}
}

func TestWhatIsKnownIsSaid(t *testing.T) {
	t.Parallel()
	loaded := load(t, asFound("services: {db: {image: 'postgres'}, app: {image: 'node:22'}}"))
	assert.Equal(t, []string{
		"services.db.deploy.resources.limits.memory: hardened 2Gi at most, as the file sets no limit",
		"services.db.environment.PGDATA: hardened set, as the image needs it without root",
		"services.db.image: hardened has neither a version nor a digest; pinned to 17.5",
		"services.db.user: hardened 999:999, the image's own user instead of root",
	}, verdicts(loaded.Verdicts, "services.db"))
	assert.Contains(t, verdicts(loaded.Verdicts, "services.app"),
		"services.app.user: hardened 1000:1000, any user but root will do for this image")
}

func TestImagesThatCannotBeAdopted(t *testing.T) {
	t.Parallel()
	const unknown = `; write user: "<uid>:<gid>", as its documentation or "docker run --rm --entrypoint id IMAGE" says, ` +
		"or have the environment grant it an exception (baseline)"
	const root = "use another image, or have the environment grant it an exception (baseline)"
	for name, c := range map[string]struct {
		spec string
		want []string
	}{
		"one that nobody knows": {
			"image: 'registry.example.org:5000/shop/api:1.2'",
			[]string{
				"services.web.user: must not be root, and the user of registry.example.org:5000/shop/api is not known" + unknown,
			},
		},
		"one without version that nobody knows": {
			"image: shop", []string{
				`services.web.image: shop: has neither a version nor a digest; write "shop:<version>"`,
				"services.web.user: must not be root, and the user of shop is not known" + unknown,
			},
		},
		"one that needs root": {
			"image: 'phpmyadmin:5.2'",
			[]string{"services.web.user: the image works as root only: " +
				"its entry point writes settings into a folder that belongs to root; " + root},
		},
		"one of a family that needs root": {
			"image: 'lscr.io/linuxserver/wikijs:2.5.3'",
			[]string{"services.web.user: the image works as root only: " +
				"its supervisor starts as root and gives each of its programs a user of its own; " + root},
		},
		"root by the file's own word": {
			"image: 'nginx:1.28.0'\n    user: '0'",
			[]string{`services.web.user: 0: runs as root; write user: "101:101", which this image works as`},
		},
		"a user whose number nobody knows": {
			"image: 'nginx:1.28.0'\n    user: alice",
			[]string{`services.web.user: alice: must be numeric, names are known inside the image only; ` +
				`write "uid:gid", as "docker run --rm --entrypoint id IMAGE" says`},
		},
		"no image": {"restart: always", []string{
			`compose: service "web" has neither an image nor a build context specified: invalid compose project; ` +
				`name the image it runs`,
			`services.web.image: is missing; write "name:version"`,
		}},
		"what leads nowhere does not hide the rest": {
			"depends_on: [database]\n    privileged: true\n    image: nginx",
			[]string{
				`compose: service "web" depends on undefined service "database": invalid compose project; ` +
					`correct the name, or add the service`,
				`services.web.privileged: true: gives control over the host; remove it`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := compose.Load(t.Context(), asFound("services:\n  web:\n    "+c.spec+"\n"))
			assert.Equal(t, c.want, problems(t, err))
		})
	}
}

func TestExceptionsOfTheEnvironment(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spec     string
		stepDown bool
		want     app.User
	}{
		"an image that nobody knows":         {"image: 'a:1'", false, app.User{}},
		"an image that needs root":           {"image: 'phpmyadmin:5.2'", true, app.User{}},
		"root by the file's word":            {"image: 'a:1'\n    user: root", true, app.User{}},
		"root by number":                     {"image: 'a:1'\n    user: '0:0'", false, app.User{}},
		"a known image stays as it is":       {"image: 'nginx:1.28.0'", false, app.User{}},
		"a user that the file names is kept": {"image: 'a:1'\n    user: '7:8'", false, app.User{UID: 7, GID: 8}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := asFound("services:\n  my_app:\n    " + c.spec + "\n")
			var asked []string
			granted := &app.Baseline{Reason: "until it is rebuilt", StepDown: c.stepDown}
			source.Baseline = func(service string) *app.Baseline {
				asked = append(asked, service)
				return granted
			}
			s := load(t, source).App.Services[0]
			assert.Equal(t, []string{"my-app"}, asked)
			assert.Equal(t, granted, s.Baseline)
			assert.Equal(t, c.want, s.User)
		})
	}
	source := asFound("services: {a: {image: 'a:1'}, b: {image: 'a:1'}}")
	source.Baseline = func(service string) *app.Baseline {
		if service == "a" {
			return &app.Baseline{Reason: "old"}
		}
		return nil
	}
	_, err := compose.Load(t.Context(), source)
	require.Len(t, problems(t, err), 1, "an exception is for one service")
	assert.Contains(t, problems(t, err)[0], "services.b.user")
}

func TestWhatRunsToCompletion(t *testing.T) {
	t.Parallel()
	job := &app.Job{Deadline: 30 * time.Minute, Retries: 2}
	for name, c := range map[string]struct {
		content string
		want    *app.Job
	}{
		"what is not restarted and listens on nothing": {"a: {image: 'node:22.1', restart: 'no'}", job},
		"what others wait for": {
			"a: {image: 'node:22.1', ports: ['80']}\n  b: {image: 'node:22.1', depends_on: {a: {condition: " +
				"service_completed_successfully}}}", job,
		},
		"a job of Swarm":              {"a: {image: 'node:22.1', deploy: {mode: replicated-job}}", job},
		"not what listens":            {"a: {image: 'node:22.1', restart: 'no', expose: ['80']}", nil},
		"not what is known to listen": {"a: {image: 'nginx:1.28.0', restart: 'no'}", nil},
		"not what others talk to": {
			"a: {image: 'node:22.1', restart: 'no'}\n  b: {image: 'node:22.1', environment: {A: 'http://a:80'}}", nil,
		},
		"not what has a health check":          {"a: {image: 'node:22.1', restart: 'no', healthcheck: {test: ok}}", nil},
		"not what does not say":                {"a: {image: 'node:22.1'}", nil},
		"not what is restarted when it failed": {"a: {image: 'node:22.1', restart: on-failure}", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := load(t, asFound("services:\n  "+c.content+"\n")).App
			s := a.Service("a")
			assert.Equal(t, c.want, s.Job)
			if c.want != nil {
				assert.Equal(t, app.RoleTask, s.Role)
				assert.Empty(t, s.Ports)
				assert.Nil(t, s.Health)
			}
		})
	}
	a := load(t, asFound("services:\n  a: {image: 'redis:7.4.2', deploy: {replicas: 3}, volumes: ['vol:/data'], "+
		"healthcheck: {test: ok}}\n"+
		"  b: {image: 'node:22.1', depends_on: {a: {condition: service_completed_successfully}}}\nvolumes: {vol: {}}\n")).App
	assert.Equal(t, 1, a.Service("a").Replicas, "a job is alone, whatever the image is otherwise")
	assert.Empty(t, a.Service("a").Singleton)
	assert.Equal(t, app.RoleTask, a.Service("a").Role)
}

func TestServicesThatMustBeHealthyAreAsked(t *testing.T) {
	t.Parallel()
	source := asFound(`
services:
  web:
    image: 'node:22.1'
    depends_on:
      db: {condition: service_healthy}
      own: {condition: service_healthy}
      job: {condition: service_healthy}
  db: {image: 'mysql:8.4.5'}
  own: {image: 'redis:7.4.2', healthcheck: {test: [CMD, redis-cli, ping], interval: 0s, timeout: 0s, retries: 0}}
  job: {image: 'node:22.1', restart: 'no'}
  other: {image: 'redis:7.4.2'}
`)
	loaded := load(t, source)
	a := loaded.App
	assert.Equal(t, &app.Health{
		TCP: true, Port: 3306, Interval: 30 * time.Second, Timeout: 30 * time.Second, Retries: 3,
		StartPeriod: 10 * time.Minute,
	}, a.Service("db").Health)
	assert.Equal(t, []string{
		"services.db.healthcheck: hardened port 3306 must be open, as web waits until the service is healthy " +
			"and the file does not say how to tell",
	}, verdicts(loaded.Verdicts, "services.db.healthcheck"))
	assert.Equal(t, &app.Health{
		Exec: []string{"redis-cli", "ping"}, Interval: time.Second, Timeout: time.Second, Retries: 1,
		StartPeriod: 10 * time.Minute,
	}, a.Service("own").Health, "what targets can't do becomes the nearest")
	assert.Nil(t, a.Service("other").Health, "nobody waits")
	assert.Equal(t, []app.Dependency{
		{Service: "db", Condition: app.Healthy}, {Service: "job", Condition: app.Completed}, {
			Service: "own", Condition: app.Healthy,
		},
	}, a.Service("web").DependsOn)

	_, err := compose.Load(t.Context(), asFound("services:\n"+
		"  a: {image: 'node:22.1', depends_on: {b: {condition: service_healthy}}}\n  b: {image: 'node:22.1'}\n"))
	require.ErrorContains(t, err, "b", "nothing tells whether what listens nowhere is healthy")
}

func TestDatabasesAreBackedUpByTheirOwnMeans(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		services, volume string
		want             app.Backup
	}{
		"PostgreSQL": {
			"a: {image: 'postgres:17.5', volumes: ['vol:/var/lib/postgresql/data']}", "{}", app.BackupPostgres,
		},
		"PostGIS": {
			"a: {image: 'postgis/postgis:17-3.5', volumes: ['vol:/var/lib/postgresql/data']}", "{}", app.BackupPostgres,
		},
		"Timescale": {
			"a: {image: 'timescale/timescaledb:2.19.3-pg17', volumes: ['vol:/v']}", "{}", app.BackupPostgres,
		},
		"vectors": {
			"a: {image: 'pgvector/pgvector:0.8.0-pg17', volumes: ['vol:/v']}", "{}", app.BackupPostgres,
		},
		"MySQL": {"a: {image: 'mysql:8.4.5', volumes: ['vol:/var/lib/mysql']}", "{}", app.BackupMySQL},
		"MariaDB of a registry": {
			"a: {image: 'docker.io/library/mariadb:11.4.5', volumes: ['vol:/var/lib/mysql']}", "{}", app.BackupMySQL,
		},
		"a folder beside the file": {"a: {image: 'mysql:8.4.5', volumes: ['./v:/var/lib/mysql']}", "", app.BackupMySQL},
		"another database":         {"a: {image: 'mongo:8.0.4', volumes: ['vol:/data/db']}", "{}", app.BackupFiles},
		"files":                    {"a: {image: 'nginx:1.28.0', volumes: ['vol:/v']}", "{}", app.BackupFiles},
		"a volume of two services": {
			"a: {image: 'mysql:8.4.5', volumes: ['vol:/v']}\n  b: {image: 'mysql:8.4.5', volumes: ['vol:/v']}", "{}",
			app.BackupFiles,
		},
		"what the file says": {
			"a: {image: 'mysql:8.4.5', volumes: ['vol:/var/lib/mysql']}", "{x-dmcloud: {backup: postgres}}",
			app.BackupPostgres,
		},
		"what may be lost": {
			"a: {image: 'mysql:8.4.5', volumes: ['vol:/var/lib/mysql']}", "{x-dmcloud: {data: false}}", app.BackupNone,
		},
		"no exporter": {
			"a: {image: 'prom/mysqld-exporter:v0.15.1', volumes: ['vol:/v']}", "{}", app.BackupFiles,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content := "services:\n  " + c.services + "\n"
			if c.volume != "" {
				content += "volumes: {vol: " + c.volume + "}\n"
			}
			a := load(t, asFound(content)).App
			require.Len(t, a.Volumes, 1)
			assert.Equal(t, c.want, a.Volumes[0].Backup)
		})
	}
}

func TestWhatDockerWouldRun(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		keys             string
		entrypoint, args []string
		refused          string
	}{
		"the image's own":            {"labels: {}", nil, nil, ""},
		"another command":            {"command: [a, b]", nil, []string{"a", "b"}, ""},
		"another entry point":        {"entrypoint: [a]", []string{"a"}, nil, ""},
		"both":                       {"entrypoint: [a]\n    command: [b]", []string{"a"}, []string{"b"}, ""},
		"a command in shell words":   {"command: a 'b c'", nil, []string{"a", "b c"}, ""},
		"no entry point":             {"entrypoint: []\n    command: [a, b]", []string{"a", "b"}, nil, ""},
		"no entry point, written ''": {"entrypoint: ''\n    command: [a, b]", []string{"a", "b"}, nil, ""},
		"no command":                 {"command: []", nil, nil, ""},
		"nothing at all": {
			"entrypoint: []", nil, nil,
			"services.web.entrypoint: is emptied, and no command says what to run instead; name the program in command",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			loaded, err := compose.Load(t.Context(), asFound(web+"    "+c.keys+"\n"))
			if c.refused != "" {
				assert.Equal(t, []string{c.refused}, problems(t, err))
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.entrypoint, loaded.App.Service("web").Entrypoint)
			assert.Equal(t, c.args, loaded.App.Service("web").Args)
		})
	}
}

func TestWhatAServiceAsksOfItsMachine(t *testing.T) {
	t.Parallel()
	s, _ := adopted(t, `platform: linux/arm64/v8
gpus: [{count: 2}]
group_add: ['44', 109]
sysctls: {net.ipv4.tcp_syncookies: 1}
post_start: [{command: [warm]}]
pre_stop: [{command: [quit]}]
cap_add: [CHOWN, SETUID]
deploy:
  placement:
    constraints: [node.labels.disk == fast, node.hostname==n1, node.role == manager, 'zone = b']`)
	assert.Equal(t, []app.Label{
		{Key: "disk", Value: "fast"}, {Key: "kubernetes.io/arch", Value: "arm64"},
		{Key: "kubernetes.io/hostname", Value: "n1"}, {Key: "zone", Value: "b"},
	}, s.Placement)
	assert.Equal(t, int64(2), s.Resources.GPUs)
	assert.Equal(t, []int64{44, 109}, s.Groups)
	assert.Equal(t, []app.Sysctl{{Name: "net.ipv4.tcp_syncookies", Value: "1"}}, s.Sysctls)
	assert.Equal(t, []string{"warm"}, s.PostStart)
	assert.Equal(t, []string{"quit"}, s.PreStop)

	const only = "deploy.placement.constraints[0]: %s: only labels of machines that must have a value are supported"
	for keys, want := range map[string]string{
		"platform: windows/amd64":                                    "platform: windows/amd64: only Linux is supported",
		"gpus: [{device_ids: ['0']}]":                                "gpus: names devices of one host",
		"gpus: [{driver: amd, count: 1}]":                            "gpus: amd: gives access to devices of the host",
		"group_add: [docker]":                                        "group_add: docker: must be numeric and not root's",
		"group_add: [0]":                                             "group_add: 0: must be numeric and not root's",
		"post_start: [{command: [a]}, {command: [b]}]":               "post_start: only one command",
		"pre_stop: [{command: [a], user: root}]":                     "pre_stop: only one command",
		"deploy: {placement: {constraints: ['node.labels.a != b']}}": fmt.Sprintf(only, "node.labels.a != b"),
		"deploy: {placement: {constraints: ['node.id == x']}}":       fmt.Sprintf(only, "node.id == x"),
	} {
		_, err := compose.Load(t.Context(), found(keys))
		require.ErrorContains(t, err, "services.web."+want)
	}
}
