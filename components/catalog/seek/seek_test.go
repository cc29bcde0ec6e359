package seek_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/catalog/entrykit/modeltest"
	"github.com/dekcd/dmcloud/components/catalog/seek"
)

// ownImage is what an institute would build of an unreleased minor.
const ownImage = "registry.example.org/seek:1.19.0-3"

// plain are the fewest options that make a SEEK of a version.
func plain(version string) seek.Options {
	o := seek.Options{
		Name: "seek", Version: version, Host: "seek.example.org",
		Administrator: seek.Administrator{Email: "admin@example.org"},
	}
	if version == "1.19" {
		o.Image = ownImage
	}
	return o
}

// full switches everything on.
func full(version string) seek.Options {
	o := plain(version)
	o.Title, o.Replicas, o.SharedStorage, o.Virtuoso, o.PumaWorkers = "Data of ${HOME} & friends", 3, true, true, 4
	o.Mail = &seek.Mail{Host: "mail.example.org", From: "seek@example.org", User: "seek", Networks: []string{"10.0.0.0/8"}}
	o.Sizes = map[string]int64{"filestore": 1 << 40}
	o.Resources = map[string]app.Resources{"db": {CPURequest: 1000, MemoryRequest: 4 << 30, MemoryLimit: 4 << 30}}
	return o
}

func load(t *testing.T, o seek.Options) app.App {
	t.Helper()
	a, err := seek.New(t.Context(), o)
	require.NoError(t, err)
	return a
}

func TestProfilesMatchTheirGoldenFiles(t *testing.T) {
	t.Parallel()
	modeltest.Golden(t, seek.Profiles(), load, map[string]func(string) seek.Options{"plain": plain, "full": full},
		"virtuoso")
}

func TestVersionAndImageAgree(t *testing.T) {
	t.Parallel()
	for _, p := range seek.Profiles() {
		if !p.Preview {
			a := load(t, plain(p.Minor))
			assert.Equal(t, "fairdom/seek:"+p.Version, a.Service("web").Image)
		}
	}
}

func TestEqualOptionsMakeEqualApplications(t *testing.T) {
	t.Parallel()
	first := load(t, full("1.18"))
	for range 5 {
		assert.Equal(t, first, load(t, full("1.18")))
	}
}

func TestDefaultIsTheNewestReleasedMinor(t *testing.T) {
	t.Parallel()
	var newest string
	for _, p := range seek.Profiles() {
		if !p.Preview {
			newest = p.Minor
		}
	}
	assert.Equal(t, seek.Default, newest)
	assert.Equal(t, load(t, plain(newest)), load(t, plain("")))
}

func TestWhoTalksToWhom(t *testing.T) {
	t.Parallel()
	base := []string{
		"administrator-to-db", "settings-to-db", "setup-to-db",
		"web-to-db", "web-to-solr", "workers-to-db", "workers-to-solr",
	}
	off := false
	for name, c := range map[string]struct {
		options seek.Options
		want    []string
	}{
		"1.17": {plain("1.17"), base},
		"1.18": {plain("1.18"), base},
		"without search nobody talks to Solr": {
			func() seek.Options { o := plain("1.18"); o.Search = &off; return o }(),
			[]string{"administrator-to-db", "settings-to-db", "setup-to-db", "web-to-db", "workers-to-db"},
		},
		"with Virtuoso web and workers talk to it": {
			func() seek.Options { o := plain("1.18"); o.Virtuoso = true; return o }(),
			[]string{
				"administrator-to-db", "settings-to-db", "setup-to-db", "web-to-db", "web-to-solr", "web-to-virtuoso",
				"workers-to-db", "workers-to-solr", "workers-to-virtuoso",
			},
		},
		"1.19 keeps sessions and cache in Redis": {
			plain("1.19"),
			[]string{
				"administrator-to-db", "administrator-to-redis-store", "settings-to-db", "settings-to-redis-store",
				"setup-to-db", "setup-to-redis-store", "web-to-db", "web-to-redis-store", "web-to-solr",
				"workers-to-db", "workers-to-redis-store", "workers-to-solr",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, modeltest.Edges(load(t, c.options)))
		})
	}
}

func TestSecretsReachOnlyWhoNeedsThem(t *testing.T) {
	t.Parallel()
	assert.Equal(t, map[string][]string{
		"mysql-password": {
			"administrator MYSQL_PASSWORD", "db MYSQL_PASSWORD", "settings MYSQL_PASSWORD", "setup MYSQL_PASSWORD",
			"web MYSQL_PASSWORD", "workers MYSQL_PASSWORD",
		},
		"mysql-root-password":      {"db MYSQL_ROOT_PASSWORD"},
		"secret-key-base":          {"setup /run/secrets/secret-key-base"},
		"attr-encrypted-key":       {"setup /run/secrets/attr-encrypted-key"},
		seek.AdministratorPassword: {"administrator SEEK_ADMINISTRATOR_PASSWORD"},
		seek.MailPassword:          {"settings SEEK_SMTP_PASSWORD"},
		"virtuoso-password":        {"virtuoso DBA_PASSWORD", "web DBA_PASSWORD", "workers DBA_PASSWORD"},
	}, modeltest.Secrets(load(t, full("1.18"))))
}

func TestOnlyTheMailPasswordComesFromOutside(t *testing.T) {
	t.Parallel()
	a := load(t, full("1.19"))
	for _, s := range a.Secrets {
		assert.Equal(t, s.Name == seek.MailPassword, s.Generate == nil, s.Name)
		assert.NotEmpty(t, s.Purpose, s.Name)
	}
}

func TestWhatIsOffLeavesNothing(t *testing.T) {
	t.Parallel()
	off := false
	o := plain("1.18")
	o.Search = &off
	text, err := yaml.Marshal(load(t, o))
	require.NoError(t, err)
	lower := strings.ToLower(string(text))
	for _, word := range []string{"virtuoso", "rdf_", "dba_password", "redis", "mail-password", "seek_smtp_address:"} {
		assert.NotContains(t, lower, word)
	}
	a := load(t, o)
	assert.Nil(t, a.Service("solr"))
	assert.Nil(t, a.Volume("solr"))
	assert.Empty(t, modeltest.Variable(t, a, "web", "SOLR_PORT"), "upstream's scripts take a set port for search being on")
	assert.Equal(t, "false", modeltest.Variable(t, a, "settings", "SEEK_SOLR_ENABLED"))
}

func TestTheRouteOpensAfterTheAdministrator(t *testing.T) {
	t.Parallel()
	a := load(t, plain("1.18"))
	require.Len(t, a.Routes, 1)
	assert.Contains(t, a.Routes[0].After, "administrator")
	assert.Equal(t, "seek.example.org", a.Routes[0].Host)
	assert.Equal(t, "https://seek.example.org", modeltest.Variable(t, a, "settings", "SEEK_SITE_BASE_HOST"))
}

func TestSolrIsConfiguredByTheSameSEEK(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1.18", "1.19"} {
		o := plain(version)
		o.Image = ownImage
		a := load(t, o)
		solr := a.Service("solr")
		require.Len(t, solr.Init, 1)
		assert.Equal(t, ownImage, solr.Init[0].Image)
		for _, name := range []string{"web", "workers", "setup", "settings", "administrator"} {
			assert.Equal(t, ownImage, a.Service(name).Image, name)
		}
	}
}

func TestOptionsReachTheApplication(t *testing.T) {
	t.Parallel()
	a := load(t, full("1.18"))
	title := modeltest.Variable(t, a, "settings", "SEEK_INSTANCE_NAME")
	assert.Equal(t, "Data of ${HOME} & friends", title, "not interpolated twice")
	assert.Equal(t, 3, a.Service("web").Replicas)
	assert.Equal(t, 1, a.Service("workers").Replicas)
	assert.Equal(t, "4", modeltest.Variable(t, a, "web", "PUMA_WORKERS_NUM"))
	assert.Equal(t, int64(1<<40), a.Volume("filestore").Size)
	assert.Equal(t, app.Resources{CPURequest: 1000, MemoryRequest: 4 << 30, MemoryLimit: 4 << 30},
		a.Service("db").Resources)
	for _, name := range []string{"web", "workers"} {
		assert.Contains(t, a.Service(name).Egress, app.Egress{
			Name: "mail", CIDRs: []string{"10.0.0.0/8"}, Ports: []int{587}, Reason: "SEEK sends mail",
		}, name)
	}
}

func TestWrongOptionsAreReportedAllAtOnce(t *testing.T) {
	t.Parallel()
	modeltest.Refused(t, seek.New, plain("1.18"), modeltest.Mistakes[seek.Options]{
		"two replicas need shared storage": {
			func(o *seek.Options) { o.Replicas = 2 },
			[]string{"replicas: 2: SEEK 1.18 needs shared (RWX) storage for more than one web replica; set storage.shared"},
		},
		"an unknown version lists the known ones": {
			func(o *seek.Options) { o.Version = "1.16" },
			[]string{"version: 1.16: no release profile; write one of 1.17, 1.18, 1.19"},
		},
		"an unreleased minor needs an image": {
			func(o *seek.Options) { o.Version = "1.19" },
			[]string{"image: SEEK 1.19 is not released, upstream only has a moving tag; " +
				"set image to a build of your own, or use 1.18"},
		},
		"upstream's moving tag is no image": {
			func(o *seek.Options) { o.Version, o.Image = "1.19", "fairdom/seek:main" },
			[]string{`image: fairdom/seek:main: the tag "main" moves; write a version or add the digest`},
		},
		"everything about everything": {
			func(o *seek.Options) {
				*o = seek.Options{
					Name: "My_SEEK", Version: "2", Host: "https://seek", Title: "two\nlines", Replicas: -1, PumaWorkers: -1,
					Administrator: seek.Administrator{Login: "x y", Email: "nobody", FirstName: "\x00"},
					Mail:          &seek.Mail{Host: "-", Port: 99999, From: "x", Networks: []string{"10.0.0.1"}},
				}
			},
			[]string{
				"name: My_SEEK: must be a DNS label: at most 63 lowercase letters, digits and hyphens",
				"version: 2: no release profile; write one of 1.17, 1.18, 1.19",
				`host: https://seek: must be a DNS name; write a name such as "seek.example.org"`,
				"title: must be one line of text",
				"replicas: -1: must be at least 1",
				"pumaWorkers: -1: must be at least 1",
				"administrator.login: x y: must be 3 to 120 letters, digits and . _ @ + -",
				"administrator.email: nobody: must be an e-mail address",
				"administrator.firstName: must be one line of text",
				"mail.host: -: must be a DNS name or an address",
				"mail.port: 99999: must be from 1 to 65535",
				"mail.from: x: must be an e-mail address",
				"mail.networks[0]: 10.0.0.1: must be an address range such as 192.0.2.0/24",
			},
		},
		"what looks like a secret is not taken, nor repeated": {
			func(o *seek.Options) {
				o.Title, o.Administrator.Login = "ghp_CANARY0123456789abcdefghijklmn", "AKIACANARY0123456789"
			},
			[]string{
				"administrator.login: looks like a secret, and is readable in the platform; write something else",
				"title: looks like a secret, and is readable in the platform; write something else",
			},
		},
		"sizes and resources are of what there is": {
			func(o *seek.Options) {
				o.Sizes = map[string]int64{"redis": 1, "filestore": -1}
				o.Resources = map[string]app.Resources{"puma": {}, "db": {MemoryRequest: 2, MemoryLimit: 1}}
			},
			[]string{
				"sizes.redis: no such volume; write one of cache, database, filestore, solr",
				"sizes.filestore: -1: must be above 0",
				"resources.puma: no such service; " +
					"write one of administrator, db, settings, setup, solr, web, workers",
				"resources.db.memory.request: 2: must not be more than the limit, 1",
			},
		},
		"sizes and resources are checked whatever else is wrong": {
			func(o *seek.Options) {
				o.Host, o.Title, o.Virtuoso, o.Image = "", "\xff", true, "seek:latest"
				o.Sizes = map[string]int64{"virtuosso": 1}
			},
			[]string{
				`image: seek:latest: the tag "latest" moves; write a version or add the digest`,
				`host: must be a DNS name; write a name such as "seek.example.org"`,
				"title: must be one line of text",
				"sizes.virtuosso: no such volume; write one of cache, database, filestore, solr, virtuoso",
			},
		},
	})
}

func resources(cpuRequest, cpuLimit, memoryRequest, memoryLimit int64) app.Resources {
	return app.Resources{
		CPURequest: cpuRequest, CPULimit: cpuLimit, MemoryRequest: memoryRequest, MemoryLimit: memoryLimit,
	}
}

func TestResourcesReplaceOnlyWhatIsGiven(t *testing.T) {
	t.Parallel()
	profile := load(t, plain("1.18"))
	before := profile.Service("web").Resources
	require.Equal(t, app.Resources{CPURequest: 500, MemoryRequest: 2 << 30, MemoryLimit: 4 << 30}, before)
	for name, c := range map[string]struct {
		given, want app.Resources
		problem     string
	}{
		"nothing":        {app.Resources{}, before, ""},
		"one of each":    {app.Resources{CPULimit: 2000, MemoryLimit: 8 << 30}, resources(500, 2000, 2<<30, 8<<30), ""},
		"all":            {resources(1, 2, 3, 4), resources(1, 2, 3, 4), ""},
		"equal is right": {app.Resources{MemoryRequest: 4 << 30}, resources(500, 0, 4<<30, 4<<30), ""},
		"a request above the profile's limit": {
			app.Resources{MemoryRequest: 5 << 30}, before,
			"resources.web.memory.request: 5Gi: must not be more than the limit, which is 4Gi unless set; " +
				"set memory.limit too",
		},
		"a limit below the profile's request": {
			app.Resources{CPULimit: 100}, before,
			"resources.web.cpu.limit: 100m: must not be less than the request, which is 500m unless set; " +
				"set cpu.request too",
		},
		"a request above the limit": {
			app.Resources{CPURequest: 2000, CPULimit: 1500}, before,
			"resources.web.cpu.request: 2: must not be more than the limit, 1500m",
		},
		"a negative request": {
			app.Resources{MemoryRequest: -1}, before, "resources.web.memory.request: -1: must be above 0",
		},
		"a negative limit": {app.Resources{CPULimit: -1}, before, "resources.web.cpu.limit: -1m: must be above 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := plain("1.18")
			o.Resources = map[string]app.Resources{"web": c.given}
			a, err := seek.New(t.Context(), o)
			if c.problem != "" {
				require.EqualError(t, err, "SEEK seek: "+c.problem)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, a.Service("web").Resources)
		})
	}
}

// An upload is in /tmp three times: nginx, puma and Rack each keep a copy until the request ends.
func TestTheLargestUploadFitsIntoTheScratchFolder(t *testing.T) {
	t.Parallel()
	for _, p := range seek.Profiles() {
		a := load(t, plain(p.Minor))
		require.Len(t, a.Routes, 1)
		require.Positive(t, a.Routes[0].BodySize)
		web := a.Service("web")
		require.Len(t, web.WritablePaths, 1)
		assert.Equal(t, "/tmp", web.WritablePaths[0].Path)
		assert.GreaterOrEqual(t, web.WritablePaths[0].Size, 3*a.Routes[0].BodySize, p.Minor)
	}
}

func TestAnUpgradeFindsTheDataOfTheMinorBefore(t *testing.T) {
	t.Parallel()
	first := load(t, plain(seek.Profiles()[0].Minor))
	require.Contains(t, first.Service("db").Args, "--datadir=/var/lib/mysql/data")
	for _, p := range seek.Profiles()[1:] {
		a := load(t, plain(p.Minor))
		assert.Equal(t, first.Service("db").Args, a.Service("db").Args, p.Minor)
		for _, service := range []string{"db", "web", "workers", "setup"} {
			for _, m := range first.Service(service).Mounts {
				if m.Volume != "" {
					assert.Contains(t, a.Service(service).Mounts, m, "%s %s", p.Minor, service)
				}
			}
		}
	}
}

// FuzzNew throws anything at the options: there is an application or a list of problems, in the words of the options.
func FuzzNew(f *testing.F) {
	f.Add("seek", "1.18", "", "seek.example.org", "Title", "admin", "a@example.org", "mail.example.org", "seek",
		"10.0.0.0/8", "web", int64(1), 1, true)
	f.Add("seek", "1.19", "seek:1", "seek", "AKIAABCDEFGHIJKLMNOP", "AKIAABCDEFGHIJKLMNOP", "a@b", "h", "u", "::/0",
		"cache", int64(9), 2, true)
	f.Add("x", "1.19", "seek:1", "h", "${HOME}", "ADMIN", "\"a b\"@c", "::1", "$X", "x", "db", int64(-1), -1, false)
	f.Add("x", "1.17", "", "h", "ghp_0123456789abcdefghijklmnopqrst", "AKIAABCDEFGHIJKLMNOP", "a@b", "h",
		"glpat-01234567890123456789", "::/0", "filestore", int64(1)<<62, 1<<40, true)
	f.Fuzz(func(t *testing.T, name, version, image, host, title, login, email, server, user, network, target string,
		amount int64, number int, on bool,
	) {
		o := seek.Options{
			Name: name, Version: version, Image: image, Host: host, Title: title, Replicas: number, PumaWorkers: number,
			SharedStorage: on, Search: &on, Virtuoso: on,
			Administrator: seek.Administrator{Login: login, Email: email, FirstName: title, LastName: user},
			Mail: &seek.Mail{
				Host: server, Port: number, From: email, User: user, Networks: []string{network},
			},
			Sizes:     map[string]int64{target: amount},
			Resources: map[string]app.Resources{target: {CPURequest: amount, MemoryLimit: amount}},
		}
		a, err := seek.New(t.Context(), o)
		modeltest.Fuzzed(t, a, err,
			"name", "version", "image", "host", "title", "replicas", "pumaWorkers", "administrator", "mail", "sizes",
			"resources",
		)
		for _, s := range a.Secrets {
			assert.Equal(t, s.Name == seek.MailPassword, s.Generate == nil, s.Name)
		}
	})
}

func TestCheckUpgrade(t *testing.T) {
	t.Parallel()
	modeltest.Upgraded(t, "SEEK", seek.Profiles(), seek.CheckUpgrade, modeltest.Upgrades{
		"a patch release within a minor":    {"1.18.0", "1.18.1", ""},
		"the next minor":                    {"1.17.4", "1.18.1", ""},
		"the next minor, by minors":         {"1.18", "1.19", ""},
		"an older release of a known minor": {"1.17.0", "1.18", ""},
		"a minor cannot be skipped": {
			"1.17.4", "1.19", "version: 1.19: cannot skip a minor when upgrading from 1.17.4; " +
				"back up, then upgrade to 1.18, then 1.19, with a backup before each",
		},
		"there is no way back": {
			"1.18.1", "1.17", "version: 1.17: cannot go back from 1.18.1; " +
				"stay at 1.18.1, or restore a backup made with 1.17 into a new instance",
		},
		"there is no way back among patches": {
			"1.18.2", "1.18.1", "version: 1.18.1: cannot go back from 1.18.2; " +
				"stay at 1.18.2, or restore a backup made with 1.18.1 into a new instance",
		},
		"newer than we know": {
			"1.20.0", "1.19", "version: 1.19: cannot go back from 1.20.0; " +
				"stay at 1.20.0, or restore a backup made with 1.19 into a new instance",
		},
		"older than we know": {
			"1.15.2", "1.17", "version: 1.17: cannot upgrade from 1.15.2; " +
				"bring it to 1.17 by hand first, minor by minor, with a backup before each",
		},
	})
}
