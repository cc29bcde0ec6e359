package ckan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/catalog/ckan"
	"github.com/dekcd/dmcloud/components/catalog/entrykit/modeltest"
)

// plain are the fewest options that make a CKAN.
func plain(version string) ckan.Options {
	return ckan.Options{
		Name: "ckan", Version: version, Host: "ckan.example.org",
		Administrator: ckan.Administrator{Email: "admin@example.org"},
	}
}

// full switches everything on.
func full(version string) ckan.Options {
	o := plain(version)
	o.Title, o.Replicas, o.SharedStorage = "Data of ${HOME} & friends", 3, true
	o.Image, o.Plugins = "registry.example.org/ckan:2.11.6-3", []string{"dcat", "scheming_datasets"}
	o.Mail = &ckan.Mail{Host: "mail.example.org", From: "ckan@example.org", User: "ckan", Networks: []string{"10.0.0.0/8"}}
	o.Sizes = map[string]int64{"storage": 1 << 40}
	o.Resources = map[string]app.Resources{"db": {CPURequest: 1000, MemoryRequest: 4 << 30, MemoryLimit: 4 << 30}}
	return o
}

func load(t *testing.T, o ckan.Options) app.App {
	t.Helper()
	a, err := ckan.New(t.Context(), o)
	require.NoError(t, err)
	return a
}

func TestProfilesMatchTheirGoldenFiles(t *testing.T) {
	t.Parallel()
	modeltest.Golden(t, ckan.Profiles(), load, map[string]func(string) ckan.Options{"plain": plain, "full": full})
}

func TestVersionAndImageAgree(t *testing.T) {
	t.Parallel()
	for _, p := range ckan.Profiles() {
		a := load(t, plain(p.Minor))
		for _, name := range []string{"web", "workers", "setup", "administrator", "index"} {
			assert.Equal(t, "ckan/ckan-base:"+p.Version, a.Service(name).Image, name)
		}
		assert.Contains(t, a.Service("solr").Image, "ckan/ckan-solr:"+p.Minor+"-", "the schema is that of the minor")
	}
}

func TestEqualOptionsMakeEqualApplications(t *testing.T) {
	t.Parallel()
	first := load(t, full("2.11"))
	for range 5 {
		assert.Equal(t, first, load(t, full("2.11")))
	}
}

func TestDefaultIsTheNewestMinor(t *testing.T) {
	t.Parallel()
	profiles := ckan.Profiles()
	assert.Equal(t, ckan.Default, profiles[len(profiles)-1].Minor)
	assert.Equal(t, load(t, plain(ckan.Default)), load(t, plain("")))
}

func TestWhoTalksToWhom(t *testing.T) {
	t.Parallel()
	stores := func(from string) []string { return []string{from + "-to-db", from + "-to-redis", from + "-to-solr"} }
	base := slices.Concat(stores("administrator"), stores("index"), stores("setup"), stores("web"), stores("workers"))
	off := false
	without := plain("2.11")
	without.DataPusher = &off
	for name, c := range map[string]struct {
		options ckan.Options
		want    []string
	}{
		"without the DataPusher": {without, base},
		"with the DataPusher":    {plain("2.11"), append([]string{"datapusher-to-web", "web-to-datapusher"}, base...)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.ElementsMatch(t, c.want, modeltest.Edges(load(t, c.options)))
		})
	}
}

func TestOnlyTheDataPusherReachesTheInternet(t *testing.T) {
	t.Parallel()
	for _, s := range load(t, plain("2.11")).Services {
		assert.Equal(t, s.Name == "datapusher", len(s.Egress) > 0, s.Name)
	}
}

func TestSecretsReachOnlyWhoNeedsThem(t *testing.T) {
	t.Parallel()
	all := func(variable string) []string {
		return []string{
			"administrator " + variable, "index " + variable, "setup " + variable, "web " + variable, "workers " + variable,
		}
	}
	want := map[string][]string{
		"database-password":         append(all("DATABASE_PASSWORD"), "db DATABASE_PASSWORD"),
		"datastore-reader-password": append(all("READER_PASSWORD"), "db READER_PASSWORD"),
		"redis-password":            append(all("REDIS_PASSWORD"), "redis REDIS_PASSWORD", "redis REDISCLI_AUTH"),
		"session-key":               all("SESSION_KEY"),
		"token-key":                 all("TOKEN_KEY"),
		"postgres-password":         {"db POSTGRES_PASSWORD"},
		ckan.AdministratorPassword:  {"administrator ADMINISTRATOR_PASSWORD"},
		ckan.MailPassword:           {"web CKAN_SMTP_PASSWORD", "workers CKAN_SMTP_PASSWORD"},
	}
	got := modeltest.Secrets(load(t, full("2.11")))
	for name, holders := range got {
		assert.ElementsMatch(t, want[name], holders, name)
	}
	assert.Len(t, got, len(want))
}

func TestOnlyTheMailPasswordComesFromOutside(t *testing.T) {
	t.Parallel()
	for _, s := range load(t, full("2.11")).Secrets {
		assert.Equal(t, s.Name == ckan.MailPassword, s.Generate == nil, s.Name)
	}
}

// The passwords become parts of addresses, unquoted.
func TestGeneratedSecretsNeedNoQuoting(t *testing.T) {
	t.Parallel()
	for _, s := range load(t, plain("2.11")).Secrets {
		assert.Contains(t, []app.Alphabet{app.Alphanumeric, app.Hexadecimal}, s.Generate.Alphabet, s.Name)
	}
}

func TestWhatIsOffLeavesNothing(t *testing.T) {
	t.Parallel()
	off := false
	o := plain("2.11")
	o.DataPusher = &off
	a := load(t, o)
	text := strings.ToLower(modeltest.YAML(t, a))
	for _, word := range []string{"datapusher_", "http://datapusher", "mail-password", "smtp"} {
		assert.NotContains(t, text, word)
	}
	assert.Nil(t, a.Service("datapusher"))
	assert.Equal(t, "image_view text_view datatables_view activity datastore envvars",
		modeltest.Variable(t, a, "web", "CKAN__PLUGINS"))
}

func TestTheRouteOpensAfterTheAdministrator(t *testing.T) {
	t.Parallel()
	a := load(t, plain("2.11"))
	require.Len(t, a.Routes, 1)
	assert.Contains(t, a.Routes[0].After, "administrator")
	assert.Equal(t, "ckan.example.org", a.Routes[0].Host)
	assert.Equal(t, "https://ckan.example.org", modeltest.Variable(t, a, "web", "CKAN_SITE_URL"))
}

func TestOptionsReachTheApplication(t *testing.T) {
	t.Parallel()
	o := full("2.11")
	a := load(t, o)
	for _, name := range []string{"web", "workers", "setup", "administrator", "index"} {
		assert.Equal(t, o.Image, a.Service(name).Image, name)
		assert.Equal(t, o.Title, modeltest.Variable(t, a, name, "CKAN__SITE_TITLE"), "not interpolated twice")
		assert.Equal(t, "image_view text_view datatables_view activity datastore datapusher dcat scheming_datasets envvars",
			modeltest.Variable(t, a, name, "CKAN__PLUGINS"), name)
	}
	assert.Equal(t, 3, a.Service("web").Replicas)
	assert.Equal(t, 1, a.Service("workers").Replicas)
	assert.Equal(t, int64(1<<40), a.Volume("storage").Size)
	assert.Equal(t, app.Resources{CPURequest: 1000, MemoryRequest: 4 << 30, MemoryLimit: 4 << 30},
		a.Service("db").Resources)
	for _, name := range []string{"web", "workers"} {
		assert.Equal(t, "mail.example.org:587", modeltest.Variable(t, a, name, "CKAN_SMTP_SERVER"))
		assert.Contains(t, a.Service(name).Egress, app.Egress{
			Name: "mail", CIDRs: []string{"10.0.0.0/8"}, Ports: []int{587}, Reason: "CKAN sends mail",
		}, name)
	}
}

// An upload is in /tmp until it is complete; each process handles one request at a time.
func TestTheLargestUploadsFitIntoTheScratchFolder(t *testing.T) {
	t.Parallel()
	a := load(t, plain("2.11"))
	require.Len(t, a.Routes, 1)
	web := a.Service("web")
	require.Contains(t, web.Args, "--processes=4")
	require.Contains(t, web.Args, "--harakiri=600")
	assert.InDelta(t, 600, a.Routes[0].Timeout.Seconds(), 0, "as long as a request may take")
	i := slices.IndexFunc(web.WritablePaths, func(w app.WritablePath) bool { return w.Path == "/tmp" })
	require.GreaterOrEqual(t, i, 0)
	assert.GreaterOrEqual(t, web.WritablePaths[i].Size, 4*a.Routes[0].BodySize)
	assert.Equal(t, "1000", modeltest.Variable(t, a, "web", "CKAN_MAX_UPLOAD_SIZE_MB"))
	assert.Greater(t, a.Routes[0].BodySize, int64(1000*1000*1000), "a file and what is around it")
}

func TestWrongOptionsAreReportedAllAtOnce(t *testing.T) {
	t.Parallel()
	modeltest.Refused(t, ckan.New, plain("2.11"), modeltest.Mistakes[ckan.Options]{
		"two replicas need shared storage": {
			func(o *ckan.Options) { o.Replicas = 2 },
			[]string{"replicas: 2: CKAN needs shared (RWX) storage for more than one web replica; set storage.shared"},
		},
		"an unknown version lists the known ones": {
			func(o *ckan.Options) { o.Version = "2.10" },
			[]string{"version: 2.10: no release profile; write one of 2.11"},
		},
		"a moving tag is no image": {
			func(o *ckan.Options) { o.Image = "ckan/ckan-base:master" },
			[]string{`image: ckan/ckan-base:master: the tag "master" moves; write a version or add the digest`},
		},
		"plugins are somewhere": {
			func(o *ckan.Options) { o.Plugins = []string{"dcat", "dcat", "activity", "a b"} },
			[]string{
				"plugins[1]: dcat: is on already; remove it",
				"plugins[2]: activity: is on already; remove it",
				"plugins[3]: must be the name of a plugin: lowercase letters, digits and _ -",
				"plugins: are not in CKAN's own image; set image to a build that has them",
			},
		},
		"CKAN's own user is taken": {
			func(o *ckan.Options) { o.Administrator.Login = "default" },
			[]string{"administrator.login: default: is not free; write another one"},
		},
		"a login is no option": {
			func(o *ckan.Options) { o.Administrator.Login = "--help" },
			[]string{"administrator.login: --help: is not free; write another one"},
		},
		"an IPv6 address is no mail server": {
			func(o *ckan.Options) { o.Mail = &ckan.Mail{Host: "2001:db8::1", From: "a@example.org"} },
			[]string{"mail.host: 2001:db8::1: CKAN takes no IPv6 address; write its DNS name"},
		},
		"everything about everything": {
			func(o *ckan.Options) {
				*o = ckan.Options{
					Name: "My_CKAN", Version: "3", Host: "https://ckan", Title: "two\nlines", Replicas: -1,
					Administrator: ckan.Administrator{Login: "X y", Email: "nobody", FullName: "\x00"},
					Mail:          &ckan.Mail{Host: "-", Port: 99999, From: "x", User: "\n", Networks: []string{"10.0.0.1"}},
				}
			},
			[]string{
				"name: My_CKAN: must be a DNS label: at most 63 lowercase letters, digits and hyphens",
				"version: 3: no release profile; write one of 2.11",
				`host: https://ckan: must be a DNS name; write a name such as "ckan.example.org"`,
				"title: must be one line of text",
				"replicas: -1: must be at least 1",
				"administrator.login: X y: must be 2 to 100 lowercase letters, digits and _ -",
				"administrator.email: nobody: must be an e-mail address",
				"administrator.fullName: must be one line of text",
				"mail.host: -: must be a DNS name or an address",
				"mail.port: 99999: must be from 1 to 65535",
				"mail.from: x: must be an e-mail address",
				"mail.user: must be one line of text",
				"mail.networks[0]: 10.0.0.1: must be an address range such as 192.0.2.0/24",
			},
		},
		"what looks like a secret is not taken, nor repeated": {
			func(o *ckan.Options) {
				o.Title, o.Administrator.FullName = "ghp_CANARY0123456789abcdefghijklmn", "AKIACANARY0123456789"
			},
			[]string{
				"administrator.fullName: looks like a secret, and is readable in the platform; write something else",
				"title: looks like a secret, and is readable in the platform; write something else",
			},
		},
		"sizes and resources are checked whatever else is wrong": {
			func(o *ckan.Options) {
				o.Host = ""
				o.Sizes = map[string]int64{"files": 1, "storage": -1}
				o.Resources = map[string]app.Resources{"nginx": {}, "db": {MemoryRequest: 2, MemoryLimit: 1}}
			},
			[]string{
				`host: must be a DNS name; write a name such as "ckan.example.org"`,
				"sizes.files: no such volume; write one of database, redis, solr, storage",
				"sizes.storage: -1: must be above 0",
				"resources.nginx: no such service; " +
					"write one of administrator, datapusher, db, index, redis, setup, solr, web, workers",
				"resources.db.memory.request: 2: must not be more than the limit, 1",
			},
		},
	})
}

// FuzzNew throws anything at the options: there is an application or a list of problems, in the words of the options.
func FuzzNew(f *testing.F) {
	f.Add("ckan", "2.11", "", "ckan.example.org", "Title", "admin", "a@example.org", "mail.example.org", "ckan",
		"10.0.0.0/8", "web", int64(1), 1, true)
	f.Add("ckan", "2.11.6", "ckan:1", "ckan", "AKIAABCDEFGHIJKLMNOP", "AKIAABCDEFGHIJKLMNOP", "a@b", "h", "u", "::/0",
		"storage", int64(9), 2, true)
	f.Add("x", "2.11", "ckan:1", "h", "${HOME}", "ADMIN", "\"a b\"@c", "::1", "$X", "x", "db", int64(-1), -1, false)
	f.Fuzz(func(t *testing.T, name, version, image, host, title, login, email, server, user, network, target string,
		amount int64, number int, on bool,
	) {
		o := ckan.Options{
			Name: name, Version: version, Image: image, Host: host, Title: title, Replicas: number, SharedStorage: on,
			DataPusher: &on, Plugins: []string{target},
			Administrator: ckan.Administrator{Login: login, Email: email, FullName: title},
			Mail: &ckan.Mail{
				Host: server, Port: number, From: email, User: user, Networks: []string{network},
			},
			Sizes:     map[string]int64{target: amount},
			Resources: map[string]app.Resources{target: {CPURequest: amount, MemoryLimit: amount}},
		}
		a, err := ckan.New(t.Context(), o)
		modeltest.Fuzzed(t, a, err,
			"name", "version", "image", "plugins", "host", "title", "replicas", "administrator", "mail", "sizes", "resources",
		)
	})
}

func TestCheckUpgrade(t *testing.T) {
	t.Parallel()
	modeltest.Upgraded(t, "CKAN", ckan.Profiles(), ckan.CheckUpgrade, modeltest.Upgrades{
		"a patch release within a minor": {"2.11.0", "2.11.6", ""},
		"the next minor":                 {"2.10.4", "2.11", ""},
		"minors can be skipped":          {"2.9", "2.11.6", ""},
		"older than its migrations": {
			"2.8.12", "2.11", "version: 2.11: cannot upgrade from 2.8.12; bring it to 2.9 by hand first, with a backup before",
		},
		"there is no way back": {
			"2.12.0", "2.11", "version: 2.11: cannot go back from 2.12.0; " +
				"stay at 2.12.0, or restore a backup made with 2.11 into a new instance",
		},
		"there is no way back among patches": {
			"2.11.7", "2.11.6", "version: 2.11.6: cannot go back from 2.11.7; " +
				"stay at 2.11.7, or restore a backup made with 2.11.6 into a new instance",
		},
	})
}
