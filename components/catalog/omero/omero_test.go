package omero_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/catalog/entrykit/modeltest"
	"github.com/dekcd/dmcloud/components/catalog/omero"
)

// plain are the fewest options that make an OMERO.
func plain(version string) omero.Options {
	return omero.Options{
		Name: "omero", Version: version, Host: "omero.example.org",
		Administrator: omero.Administrator{Email: "admin@example.org"},
	}
}

// full switches everything on.
func full(version string) omero.Options {
	o := plain(version)
	o.Title, o.Replicas = `Images of ${HOME} & "friends"`, 3
	o.Image, o.WebImage = "registry.example.org/omero-server:5.6.18-3", "registry.example.org/omero-web:5.33.1-2"
	o.WebSocketHost, o.ClientNetworks = "omero-ws.example.org", []string{"192.0.2.0/24", "10.0.0.0/8"}
	o.Mail = &omero.Mail{Host: "mail.example.org", From: "om@example.org", User: "om", Networks: []string{"10.0.0.0/8"}}
	o.Sizes = map[string]int64{"data": 1 << 40}
	o.Resources = map[string]app.Resources{"server": {CPURequest: 4000, MemoryRequest: 16 << 30, MemoryLimit: 16 << 30}}
	return o
}

func load(t *testing.T, o omero.Options) app.App {
	t.Helper()
	a, err := omero.New(t.Context(), o)
	require.NoError(t, err)
	return a
}

func TestProfilesMatchTheirGoldenFiles(t *testing.T) {
	t.Parallel()
	modeltest.Golden(t, omero.Profiles(), load, map[string]func(string) omero.Options{"plain": plain, "full": full})
}

func TestVersionAndImageAgree(t *testing.T) {
	t.Parallel()
	for _, p := range omero.Profiles() {
		a := load(t, plain(p.Minor))
		for _, name := range []string{"server", "setup"} {
			assert.Equal(t, "openmicroscopy/omero-server:"+p.Version, a.Service(name).Image, name)
		}
	}
}

func TestEqualOptionsMakeEqualApplications(t *testing.T) {
	t.Parallel()
	first := load(t, full("5.6"))
	for range 5 {
		assert.Equal(t, first, load(t, full("5.6")))
	}
}

func TestDefaultIsTheNewestMinor(t *testing.T) {
	t.Parallel()
	profiles := omero.Profiles()
	assert.Equal(t, omero.Default, profiles[len(profiles)-1].Minor)
	assert.Equal(t, load(t, plain(omero.Default)), load(t, plain("")))
}

func TestWhoTalksToWhom(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"server-to-db", "setup-to-db", "web-to-redis", "web-to-server"},
		modeltest.Edges(load(t, full("5.6"))))
}

func TestNobodyReachesTheInternet(t *testing.T) {
	t.Parallel()
	for _, s := range load(t, plain("5.6")).Services {
		assert.Empty(t, s.Egress, s.Name)
	}
}

func TestSecretsReachOnlyWhoNeedsThem(t *testing.T) {
	t.Parallel()
	assert.Equal(t, map[string][]string{
		"database-password": {
			"db DATABASE_PASSWORD", "server CONFIG_omero_db_pass", "setup CONFIG_omero_db_pass",
		},
		"postgres-password":         {"db POSTGRES_PASSWORD"},
		"redis-password":            {"redis REDISCLI_AUTH", "redis REDIS_PASSWORD", "web REDIS_PASSWORD"},
		"web-secret-key":            {"web CONFIG_omero_web_secret__key"},
		omero.AdministratorPassword: {"setup ROOTPASS"},
		omero.MailPassword:          {"server CONFIG_omero_mail_password", "web CONFIG_omero_mail_password"},
	}, modeltest.Secrets(load(t, full("5.6"))))
}

func TestOnlyTheMailPasswordComesFromOutside(t *testing.T) {
	t.Parallel()
	for _, s := range load(t, full("5.6")).Secrets {
		assert.Equal(t, s.Name == omero.MailPassword, s.Generate == nil, s.Name)
	}
}

func TestWhatIsOffLeavesNothing(t *testing.T) {
	t.Parallel()
	a := load(t, plain("5.6"))
	text := strings.ToLower(modeltest.YAML(t, a))
	for _, word := range []string{"mail-password", "config_omero_mail", "openings"} {
		assert.NotContains(t, text, word)
	}
	require.Len(t, a.Routes, 1)
	assert.Equal(t, "web", a.Routes[0].Name)
}

func TestClientsComeInByBothWays(t *testing.T) {
	t.Parallel()
	a := load(t, full("5.6"))
	i := slices.IndexFunc(a.Routes, func(r app.Route) bool { return r.Name == "websocket" })
	require.GreaterOrEqual(t, i, 0)
	assert.Equal(t, "omero-ws.example.org", a.Routes[i].Host)
	assert.Equal(t, "server", a.Routes[i].Service)
	assert.Equal(t, 4065, a.Routes[i].Port)
	assert.Contains(t, modeltest.Variable(t, a, "server", "CONFIG_omero_client_icetransports"), "ws")
	assert.Equal(t, []app.Opening{{
		Name: "clients", Service: "server", Port: 4064, Protocol: app.TCP, From: []string{"192.0.2.0/24", "10.0.0.0/8"},
	}}, a.Openings)
}

func TestOptionsReachTheApplication(t *testing.T) {
	t.Parallel()
	o := full("5.6")
	a := load(t, o)
	for service, image := range map[string]string{"server": o.Image, "setup": o.Image, "web": o.WebImage} {
		assert.Equal(t, image, a.Service(service).Image, service)
	}
	var servers [][]any
	require.NoError(t, json.Unmarshal([]byte(modeltest.Variable(t, a, "web", "CONFIG_omero_web_server__list")), &servers))
	assert.Equal(t, [][]any{{"server", 4064.0, o.Title}}, servers, "not interpolated twice")
	assert.JSONEq(t, `[["OMERO Administrator", "admin@example.org"]]`,
		modeltest.Variable(t, a, "web", "CONFIG_omero_web_admins"))
	assert.JSONEq(t, `["https://omero.example.org"]`,
		modeltest.Variable(t, a, "web", "CONFIG_omero_web_csrf__trusted__origins"))
	assert.Equal(t, 3, a.Service("web").Replicas)
	assert.Equal(t, 1, a.Service("server").Replicas)
	assert.Equal(t, int64(1<<40), a.Volume("data").Size)
	for _, name := range []string{"web", "server"} {
		assert.Equal(t, "mail.example.org", modeltest.Variable(t, a, name, "CONFIG_omero_mail_host"))
		assert.Contains(t, a.Service(name).Egress, app.Egress{
			Name: "mail", CIDRs: []string{"10.0.0.0/8"}, Ports: []int{587}, Reason: "OMERO sends mail",
		}, name)
	}
}

// OMERO.web keeps nothing on volumes: any number of replicas needs no shared storage.
func TestOMEROWebKeepsNothing(t *testing.T) {
	t.Parallel()
	a := load(t, plain("5.6"))
	for _, m := range a.Service("web").Mounts {
		assert.Empty(t, m.Volume)
	}
}

func TestTheServerSharesOutItsLimitOfMemory(t *testing.T) {
	t.Parallel()
	const variable = "CONFIG_omero_jvmcfg_system__memory"
	assert.Equal(t, "8192", modeltest.Variable(t, load(t, plain("5.6")), "server", variable))
	a := load(t, full("5.6"))
	assert.Equal(t, "16384", modeltest.Variable(t, a, "server", variable))
	assert.True(t, slices.IsSortedFunc(a.Service("server").Env, func(x, y app.EnvVar) int {
		return strings.Compare(x.Name, y.Name)
	}))
}

func TestWrongOptionsAreReportedAllAtOnce(t *testing.T) {
	t.Parallel()
	modeltest.Refused(t, omero.New, plain("5.6"), modeltest.Mistakes[omero.Options]{
		"an unknown version lists the known ones": {
			func(o *omero.Options) { o.Version = "5.5" },
			[]string{"version: 5.5: no release profile; write one of 5.6"},
		},
		"moving tags are no images": {
			func(o *omero.Options) {
				o.Image, o.WebImage = "openmicroscopy/omero-server:latest", "openmicroscopy/omero-web-standalone"
			},
			[]string{
				`image: openmicroscopy/omero-server:latest: the tag "latest" moves; write a version or add the digest`,
				"webImage: openmicroscopy/omero-web-standalone: has neither a version nor a digest; " +
					`write "openmicroscopy/omero-web-standalone:<version>"`,
			},
		},
		"WebSockets need a name of their own": {
			func(o *omero.Options) { o.WebSocketHost = o.Host },
			[]string{"webSocketHost: omero.example.org: is the name of OMERO.web, and not every ingress controller can " +
				"lead one name to two services; write another name that leads to the same place"},
		},
		"everything about everything": {
			func(o *omero.Options) {
				*o = omero.Options{
					Name: "My_OMERO", Version: "6", Host: "https://omero", WebSocketHost: "wss://omero", Title: "two\nlines",
					ClientNetworks: []string{"10.0.0.0/8", "everybody"}, Replicas: -1,
					Administrator: omero.Administrator{Email: "nobody", FullName: "\x00"},
					Mail:          &omero.Mail{Host: "-", Port: 99999, From: "x", User: "\n", Networks: []string{"10.0.0.1"}},
				}
			},
			[]string{
				"name: My_OMERO: must be a DNS label: at most 63 lowercase letters, digits and hyphens",
				"version: 6: no release profile; write one of 5.6",
				`host: https://omero: must be a DNS name; write a name such as "omero.example.org"`,
				`webSocketHost: wss://omero: must be a DNS name; write a name such as "omero-ws.example.org"`,
				"clientNetworks[1]: everybody: must be an address range such as 192.0.2.0/24",
				"title: must be one line of text",
				"replicas: -1: must be at least 1",
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
			func(o *omero.Options) {
				o.Title, o.Administrator.FullName = "ghp_CANARY0123456789abcdefghijklmn", "AKIACANARY0123456789"
			},
			[]string{
				"administrator.fullName: looks like a secret, and is readable in the platform; write something else",
				"title: looks like a secret, and is readable in the platform; write something else",
			},
		},
		"sizes and resources are checked whatever else is wrong": {
			func(o *omero.Options) {
				o.Host = ""
				o.Sizes = map[string]int64{"OMERO": 1, "data": -1}
				o.Resources = map[string]app.Resources{"nginx": {}, "db": {MemoryRequest: 2, MemoryLimit: 1}}
			},
			[]string{
				`host: must be a DNS name; write a name such as "omero.example.org"`,
				"sizes.OMERO: no such volume; write one of data, database, redis",
				"sizes.data: -1: must be above 0",
				"resources.nginx: no such service; write one of db, redis, server, setup, web",
				"resources.db.memory.request: 2: must not be more than the limit, 1",
			},
		},
	})
}

// FuzzNew throws anything at the options: there is an application or a list of problems, in the words of the options.
func FuzzNew(f *testing.F) {
	f.Add("omero", "5.6", "", "omero.example.org", "ws.example.org", "Title", "Ada", "a@example.org", "mail.example.org",
		"omero", "10.0.0.0/8", "web", int64(1), 1)
	f.Add("omero", "5.6.18", "omero:1", "omero", "omero", "AKIAABCDEFGHIJKLMNOP", "${X}", "a@b", "h", "u", "::/0",
		"data", int64(9), 2)
	f.Add("x", "5.6", "omero:1", "h", "w", "${HOME}", "\"]", "\"a b\"@c", "::1", "$X", "x", "db", int64(-1), -1)
	f.Fuzz(func(t *testing.T, name, version, image, host, socket, title, person, email, server, user, network,
		target string, amount int64, number int,
	) {
		o := omero.Options{
			Name: name, Version: version, Image: image, WebImage: image, Host: host, WebSocketHost: socket, Title: title,
			Replicas: number, ClientNetworks: []string{network},
			Administrator: omero.Administrator{Email: email, FullName: person},
			Mail: &omero.Mail{
				Host: server, Port: number, From: email, User: user, Networks: []string{network},
			},
			Sizes:     map[string]int64{target: amount},
			Resources: map[string]app.Resources{target: {CPURequest: amount, MemoryLimit: amount}},
		}
		a, err := omero.New(t.Context(), o)
		modeltest.Fuzzed(t, a, err,
			"name", "version", "image", "webImage", "host", "webSocketHost", "clientNetworks", "title", "replicas",
			"administrator", "mail", "sizes", "resources",
		)
	})
}

func TestCheckUpgrade(t *testing.T) {
	t.Parallel()
	modeltest.Upgraded(t, "OMERO", omero.Profiles(), omero.CheckUpgrade, modeltest.Upgrades{
		"a patch release within a minor": {"5.6.0", "5.6.18", ""},
		"an older minor": {
			"5.5.1", "5.6", "version: 5.6: cannot upgrade from 5.5.1; bring it to 5.6 by hand first, with a backup before",
		},
		"there is no way back": {
			"5.7.0", "5.6", "version: 5.6: cannot go back from 5.7.0; " +
				"stay at 5.7.0, or restore a backup made with 5.6 into a new instance",
		},
		"there is no way back among patches": {
			"5.6.19", "5.6.18", "version: 5.6.18: cannot go back from 5.6.19; " +
				"stay at 5.6.19, or restore a backup made with 5.6.18 into a new instance",
		},
	})
}
