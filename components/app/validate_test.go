package app_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/dekcd/dmcloud/components/app"
)

// sound is an application without problems that uses every part of the model.
func sound() app.App {
	return app.App{
		Name: "archive",
		Services: []app.Service{
			{
				Name: "web", Image: "archive:1.2.3", Role: app.RoleWeb, Replicas: 2,
				Env:   []app.EnvVar{{Name: "MODE", Value: "fast"}, {Name: "PASSWORD", Secret: "password"}},
				Ports: []app.Port{{Name: "http", Number: 8080, Protocol: app.TCP}},
				Mounts: []app.Mount{
					{Path: "/data", Volume: "files", SubPath: "web"}, {Path: "/etc/conf", File: "conf"},
					{Path: "/run/secrets/password", Secret: "password"}, {Path: "/tmp", Scratch: "tmp"},
				},
				Init: []app.Init{{
					Name: "prepare", Image: "archive:1.2.3", Mounts: []app.Mount{{Path: "/out", Scratch: "tmp"}},
				}},
				DependsOn: []app.Dependency{
					{Service: "db", Condition: app.Healthy}, {Service: "migrate", Condition: app.Completed},
				},
				Egress: []app.Egress{{Name: "doi", CIDRs: []string{"192.0.2.0/24"}, Ports: []int{443}, Reason: "DOIs"}},
				Health: &app.Health{HTTP: "/up", Port: 8080, Interval: time.Second, Timeout: time.Second, Retries: 3},
				Resources: app.Resources{
					CPURequest: 100, CPULimit: 200, MemoryRequest: 1 << 20, MemoryLimit: 2 << 20,
				},
				ReadOnlyRoot: true, WritablePaths: []app.WritablePath{{Path: "/var/run"}},
			},
			{
				Name: "db", Image: "db@sha256:" + strings.Repeat("a", 64), Role: app.RoleDatabase, Replicas: 1,
				Singleton: "one writer", WritableRootReason: "old image",
				Ports:  []app.Port{{Name: "sql", Number: 5432, Protocol: app.TCP}},
				Mounts: []app.Mount{{Path: "/var/lib", Volume: "records"}},
				Health: &app.Health{Exec: []string{"ok"}, Interval: time.Second, Timeout: time.Second, Retries: 3},
			},
			{
				Name: "migrate", Image: "archive:1.2.3", Role: app.RoleTask, Replicas: 1, ReadOnlyRoot: true,
				Job:       &app.Job{Deadline: time.Minute},
				Mounts:    []app.Mount{{Path: "/data", Volume: "files"}},
				DependsOn: []app.Dependency{{Service: "db", Condition: app.Healthy}},
			},
		},
		Volumes: []app.Volume{
			{Name: "files", Size: 1, Shared: true, Data: true, Backup: app.BackupFiles},
			{Name: "records", Size: 1, Data: true, Backup: app.BackupPostgres},
		},
		Secrets: []app.Secret{{Name: "password", Generate: &app.Generate{Length: 32, Alphabet: app.Alphanumeric}}},
		Files:   []app.File{{Name: "conf", Content: "x"}},
		Routes: []app.Route{{
			Name: "web", Host: "archive.example.org", Path: "/", Service: "web", Port: 8080, Timeout: time.Minute,
			After: []string{"migrate"},
		}},
	}
}

func TestSoundApplicationHasNoProblems(t *testing.T) {
	t.Parallel()
	a := sound()
	assert.Empty(t, a.Validate())
}

func TestValidate(t *testing.T) {
	t.Parallel()
	web := func(a *app.App) *app.Service { return a.Service("web") }
	for name, c := range map[string]struct {
		spoil func(a *app.App)
		want  []string
	}{
		"the name must be a DNS label": {
			func(a *app.App) { a.Name = "My Archive" },
			[]string{"name: My Archive: must be a DNS label: at most 63 lowercase letters, digits and hyphens, " +
				"starting and ending with a letter or digit; " + `write "my-archive", also wherever it is referred to`},
		},
		"names are at most 63 characters": {
			func(a *app.App) { a.Name = strings.Repeat("a", 64) },
			[]string{"name: " + strings.Repeat("a", 64) + ": must be a DNS label: at most 63 lowercase letters, digits " +
				"and hyphens, starting and ending with a letter or digit; write \"" + strings.Repeat("a", 63) +
				"\", also wherever it is referred to"},
		},
		"services are unique": {
			func(a *app.App) { a.Files = append(a.Files, app.File{Name: "conf"}) },
			[]string{"files[1].name: conf: must be unique"},
		},
		"an image without a version is refused": {
			func(a *app.App) { web(a).Image = "archive" },
			[]string{`services.web.image: archive: has neither a version nor a digest; write "archive:<version>"`},
		},
		"an image with a moving tag is refused": {
			func(a *app.App) { web(a).Init[0].Image = "registry.example.org:5000/archive:latest" },
			[]string{`services.web.init[0].image: registry.example.org:5000/archive:latest: the tag "latest" moves; ` +
				`write a version or add the digest`},
		},
		"an image that is none is refused": {
			func(a *app.App) { web(a).Image = "Archive:1" },
			[]string{`services.web.image: Archive:1: is not an image reference; write "name:version"`},
		},
		"roles are known": {
			func(a *app.App) { web(a).Role = "webb" },
			[]string{"services.web.role: webb: unknown role; write one of web, worker, database, search, cache, task"},
		},
		"a variable is a literal or a secret": {
			func(a *app.App) { web(a).Env[1].Value = "x" },
			[]string{"services.web.env.PASSWORD: has both a value and a secret"},
		},
		"variables are unique": {
			func(a *app.App) { web(a).Env[1] = web(a).Env[0] },
			[]string{"services.web.env.MODE: must be unique"},
		},
		"what is referred to exists": {
			func(a *app.App) {
				web(a).Env[1].Secret = "pasword"
				web(a).Mounts[0].Volume, web(a).Mounts[1].File, web(a).Mounts[2].Secret = "file", "cnf", "key"
				web(a).DependsOn[0].Service = "database"
				a.Routes[0].Service, a.Routes[0].After = "wbe", []string{"migration"}
				a.Volumes = a.Volumes[1:]
				a.Service("migrate").Mounts = nil
			},
			[]string{
				"services.web.env.PASSWORD: pasword: no such secret",
				"services.web.mounts[0].volume: file: no such volume",
				"services.web.mounts[1].file: cnf: no such file",
				"services.web.mounts[2].secret: key: no such secret",
				"services.web.dependsOn: database: no such service",
				"routes.web.service: wbe: no such service",
				"routes.web.after: migration: no such service",
			},
		},
		"ports are named, numbered and typed": {
			func(a *app.App) {
				web(a).Ports = append(web(a).Ports, app.Port{Name: "http", Number: 70000, Protocol: "SCTP"})
			},
			[]string{
				"services.web.ports[1].name: http: must be unique within the service",
				"services.web.ports[1].number: 70000: must be from 1 to 65535",
				"services.web.ports[1].protocol: SCTP: unknown protocol; write TCP or UDP",
			},
		},
		"port names are short": {
			func(a *app.App) {
				web(a).Ports[0].Name, a.Service("db").Ports[0].Name = "a-name-of-more-than-15", "5432"
			},
			[]string{
				"services.web.ports[0].name: a-name-of-more-than-15: " +
					"must be at most 15 lowercase letters, digits and hyphens with a letter",
				"services.db.ports[0].name: 5432: must be at most 15 lowercase letters, digits and hyphens with a letter",
			},
		},
		"variables have names that containers can use": {
			func(a *app.App) { web(a).Env[0].Name = "my mode" },
			[]string{"services.web.env.my mode: is not the name of an environment variable"},
		},
		"a mount has one source": {
			func(a *app.App) { web(a).Mounts[0].Scratch, web(a).Mounts[3].Scratch = "more", "" },
			[]string{
				"services.web.mounts[0]: /data: must mount exactly one volume, file, folder, secret or scratch folder, has 2",
				"services.web.mounts[3]: /tmp: must mount exactly one volume, file, folder, secret or scratch folder, has 0",
			},
		},
		"paths are absolute, unique and stay inside": {
			func(a *app.App) {
				web(a).Mounts[0].Path, web(a).Mounts[1].Path = "data", "/a/../b"
				web(a).Mounts[2].Path = "/tmp"
				web(a).Mounts[0].SubPath = "../other"
				web(a).WritablePaths[0].Path = "/tmp"
			},
			[]string{
				"services.web.mounts[0].path: data: must be an absolute path without . and ..",
				"services.web.mounts[0].subPath: ../other: must be a relative path inside a volume",
				"services.web.mounts[1].path: /a/../b: must be an absolute path without . and ..",
				"services.web.mounts[3].path: /tmp: must be unique within the container",
				"services.web.writablePaths[0].path: /tmp: must be unique within the container",
			},
		},
		"scratch folders and volumes have different names": {
			func(a *app.App) { web(a).Mounts[3].Scratch = "records" },
			[]string{"services.web.mounts: records: a scratch folder is named like a volume; rename the scratch folder"},
		},
		"there is at least one replica": {
			func(a *app.App) { web(a).Replicas = 0 },
			[]string{"services.web.replicas: 0: must be at least 1"},
		},
		"a singleton runs once": {
			func(a *app.App) { a.Service("db").Replicas = 2 },
			[]string{"services.db.replicas: 2: must never run twice: one writer; set it to 1"},
		},
		"a job has a deadline, no replicas, no ports and no health check": {
			func(a *app.App) {
				s := a.Service("migrate")
				s.Job = &app.Job{Retries: -1}
				s.Replicas, s.Ports, s.Health = 2, web(a).Ports, a.Service("db").Health
			},
			[]string{
				"services.migrate.replicas: 2: a job runs once; set it to 1",
				"services.migrate.job.deadline: 0s: must be above 0",
				"services.migrate.job.retries: -1: must not be negative",
				"services.migrate.ports: a job listens on no ports",
				"services.migrate.health: a job has no health check, its exit status tells",
			},
		},
		"jobs and only jobs are tasks": {
			func(a *app.App) { web(a).Role, a.Service("migrate").Role = app.RoleTask, app.RoleWeb },
			[]string{
				"services.web.role: task: only what runs to completion is a task; set job",
				"services.migrate.role: web: what runs to completion is a task; write task",
			},
		},
		"a writable root needs a reason": {
			func(a *app.App) { web(a).ReadOnlyRoot = false },
			[]string{"services.web.writableRootReason: a writable root needs a reason; set readOnlyRoot or say why not"},
		},
		"a read-only root needs none": {
			func(a *app.App) { web(a).WritableRootReason = "habit" },
			[]string{"services.web.writableRootReason: the root is read-only"},
		},
		"scratch folders in a writable root are checked too": {
			func(a *app.App) {
				a.Service("db").WritablePaths = []app.WritablePath{{Path: "tmp", Size: -1}, {Path: "/var/lib"}}
			},
			[]string{
				"services.db.writablePaths[0].path: tmp: must be an absolute path without . and ..",
				"services.db.writablePaths[0].size: -1: must not be negative",
				"services.db.writablePaths[1].path: /var/lib: must be unique within the container",
			},
		},
		"requests are not above limits": {
			func(a *app.App) { web(a).Resources.CPURequest, web(a).Resources.MemoryRequest = 300, 3<<20 },
			[]string{
				"services.web.resources.cpu: 300: the request must not be above the limit 200",
				"services.web.resources.memory: 3145728: the request must not be above the limit 2097152",
			},
		},
		"a health check has one probe on a port of the service": {
			func(a *app.App) { web(a).Health.TCP, web(a).Health.Port = true, 80 },
			[]string{
				"services.web.health: must have exactly one of an HTTP path, a command and TCP, has 2",
				"services.web.health.port: 80: no such port of the service",
			},
		},
		"a health check without numbers is refused": {
			func(a *app.App) { web(a).Health.Retries = 0 },
			[]string{"services.web.health: interval, timeout and retries must be above 0, the start period not negative"},
		},
		"conditions can be reached": {
			func(a *app.App) {
				web(a).DependsOn[0].Condition, web(a).DependsOn[1].Condition = app.Completed, app.Healthy
			},
			[]string{
				"services.web.dependsOn.db: service_completed_successfully: never completes; " +
					"make it a job or wait for service_healthy",
				"services.web.dependsOn.migrate: service_healthy: has no health check; " +
					"give it a health check or wait for service_started",
			},
		},
		"services do not wait for each other": {
			func(a *app.App) {
				a.Service("db").DependsOn = []app.Dependency{{Service: "migrate", Condition: app.Started}}
			},
			[]string{"services.db.dependsOn: db -> migrate -> db: services wait for each other"},
		},
		"a service does not wait for itself": {
			func(a *app.App) {
				a.Service("db").DependsOn = []app.Dependency{{Service: "db", Condition: app.Healthy}}
			},
			[]string{"services.db.dependsOn: db -> db: services wait for each other"},
		},
		"a way out has ranges, ports and a reason": {
			func(a *app.App) { web(a).Egress[0] = app.Egress{Name: "all", CIDRs: []string{"everywhere"}} },
			[]string{
				"services.web.egress[0].cidrs[0]: everywhere: must be an address range such as 192.0.2.0/24",
				"services.web.egress[0].ports: at least one port must be named",
				"services.web.egress[0].reason: every way out needs a reason",
			},
		},
		"volumes have a size, and data a backup": {
			func(a *app.App) { a.Volumes[0].Size, a.Volumes[1].Backup = 0, app.BackupNone },
			[]string{
				"volumes.files.size: 0: must be above 0",
				"volumes.records.backup: none: losing this volume loses work, it must be backed up",
			},
		},
		"shared is what several services mount": {
			func(a *app.App) { a.Volumes[0].Shared, a.Volumes[1].Shared = false, true },
			[]string{
				"volumes.files.shared: false: 2 services mount it",
				"volumes.records.shared: true: 1 services mount it",
			},
		},
		"generated secrets cannot be guessed": {
			func(a *app.App) { a.Secrets[0].Generate = &app.Generate{Length: 8, Alphabet: "dice"} },
			[]string{
				"secrets.password.generate.length: 8: must be at least 16",
				"secrets.password.generate.alphabet: dice: unknown alphabet",
			},
		},
		"a route leads from a host to a port": {
			func(a *app.App) { a.Routes[0].Host, a.Routes[0].Port, a.Routes[0].Path = "", 81, "x" },
			[]string{
				"routes.web.host: must be a DNS name",
				"routes.web.path: x: must be an absolute path without . and ..",
				"routes.web.port: 81: no such port of service web",
			},
		},
		"a route has a path, a timeout, and no negative size": {
			func(a *app.App) { a.Routes[0].Path, a.Routes[0].Timeout, a.Routes[0].BodySize = "", 0, -1 },
			[]string{
				"routes.web.path: must be an absolute path without . and ..",
				"routes.web.bodySize: -1: must not be negative",
				"routes.web.timeout: 0s: must be above 0",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := sound()
			c.spoil(&a)
			var got []string
			for _, p := range a.Validate() {
				got = append(got, p.Error())
			}
			assert.Equal(t, c.want, got)
		})
	}
}

func TestCheckImage(t *testing.T) {
	t.Parallel()
	digest := "@sha256:" + strings.Repeat("0", 64)
	for image, pinned := range map[string]bool{
		"mysql:8.4.8":                       true,
		"registry.example.org:5000/seek:1":  true,
		"mysql" + digest:                    true,
		"mysql:latest" + digest:             true,
		"mysql":                             false,
		"mysql:latest":                      false,
		"mysql:LATEST":                      false,
		"seek:main":                         false,
		"registry.example.org:5000/seek":    false,
		"":                                  false,
		"mysql:8.4 ":                        false,
		"registry.example.org/seek:nightly": false,
	} {
		rule, fix := app.CheckImage(image)
		assert.Equal(t, pinned, rule == "" && fix == "", "%q: %s", image, rule)
	}
}

func TestCheckNameSuggestsANameThatIsOne(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"web": "", "redis_store": "redis-store", "My.Archive 2": "my-archive-2", "_": "", "-a-": "a",
		strings.Repeat("a", 62) + "__b": strings.Repeat("a", 62), "Ünicode": "nicode",
	} {
		rule, fix := app.CheckName(name)
		assert.Equal(t, name == "web", rule == "", name)
		if want == "" {
			assert.Empty(t, fix, name)
			continue
		}
		assert.Equal(t, `write "`+want+`", also wherever it is referred to`, fix)
		rule, _ = app.CheckName(want)
		assert.Empty(t, rule, want)
	}
}
