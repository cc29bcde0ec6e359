package entrykit_test

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/blang/semver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/catalog/entrykit"
	"github.com/dekcd/dmcloud/components/catalog/entrykit/modeltest"
	"github.com/dekcd/dmcloud/components/compose"
	"github.com/dekcd/dmcloud/components/problem"
)

func application() *app.App {
	return &app.App{
		Services: []app.Service{{
			Name: "web", Resources: app.Resources{CPURequest: 500, MemoryRequest: 1 << 30, MemoryLimit: 2 << 30},
		}},
		Volumes: []app.Volume{{Name: "data", Size: 1}, {Name: "index", Size: 2}},
	}
}

func text(problems problem.List) string {
	if err := problems.Err(); err != nil {
		return err.Error()
	}
	return ""
}

func TestSizes(t *testing.T) {
	t.Parallel()
	a := application()
	assert.Empty(t, entrykit.Sizes(a, map[string]int64{"data": 7}))
	assert.Equal(t, []app.Volume{{Name: "data", Size: 7}, {Name: "index", Size: 2}}, a.Volumes)
	assert.Equal(t, "2 problems:\n  1. sizes.data: -1: must be above 0\n"+
		"  2. sizes.files: no such volume; write one of data, index",
		text(entrykit.Sizes(a, map[string]int64{"files": 1, "data": -1})))
}

func TestResources(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		given app.Resources
		want  string
	}{
		"one of each": {app.Resources{CPULimit: 2000, MemoryLimit: 8 << 30}, ""},
		"all":         {app.Resources{CPURequest: 1, CPULimit: 2, MemoryRequest: 3, MemoryLimit: 4}, ""},
		"nothing":     {app.Resources{}, ""},
		"a request above the profile's limit": {
			app.Resources{MemoryRequest: 5 << 30}, "5Gi: must not be more than the limit",
		},
		"a limit below the profile's request": {
			app.Resources{CPULimit: 100}, "100m: must not be less than the request",
		},
		"a request above the limit given": {
			app.Resources{CPURequest: 2, CPULimit: 1}, "must not be more than the limit, 1m",
		},
		"a negative request": {app.Resources{MemoryRequest: -1}, "memory.request: -1: must be above 0"},
		"a negative limit":   {app.Resources{CPULimit: -1}, "cpu.limit: -1m: must be above 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := application()
			before := a.Services[0].Resources
			got := text(entrykit.Resources(a, map[string]app.Resources{"web": c.given}))
			if c.want != "" {
				assert.Contains(t, got, c.want)
				assert.Equal(t, before, a.Services[0].Resources)
				return
			}
			assert.Empty(t, got)
			if c.given == (app.Resources{}) {
				assert.Equal(t, before, a.Services[0].Resources)
			}
		})
	}
	assert.Equal(t, "resources.puma: no such service; write one of web",
		text(entrykit.Resources(application(), map[string]app.Resources{"puma": {}})))
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for value, is := range map[string]struct{ host, address, email, line bool }{
		"":                                    {},
		" ":                                   {},
		"example.org":                         {host: true, line: true},
		"192.0.2.1":                           {host: true, address: true, line: true},
		"2001:db8::1":                         {address: true, line: true},
		"ada@example.org":                     {email: true, line: true},
		"A <a@example.org>":                   {line: true},
		"two\nlines":                          {},
		"\xff":                                {},
		strings.Repeat("a.", 127) + "toolong": {line: true},
	} {
		assert.Equal(t, is.host, entrykit.IsHost(value), "host %q", value)
		assert.Equal(t, is.address, entrykit.IsAddress(value), "address %q", value)
		assert.Equal(t, is.email, entrykit.IsEmail(value), "email %q", value)
		assert.Equal(t, is.line, entrykit.IsLine(value), "line %q", value)
	}
}

func TestSecretsAreNotRepeated(t *testing.T) {
	t.Parallel()
	got := text(entrykit.Secrets(nil, map[string]string{"title": "AKIACANARY0123456789", "name": "fine"}))
	assert.Equal(t, "title: looks like a secret, and is readable in the platform; write something else", got)
	got = text(entrykit.Secrets(&entrykit.Mail{User: "AKIACANARY0123456789"}, map[string]string{"title": "fine"}))
	assert.Contains(t, got, "mail.user: looks like a secret")
}

func TestMail(t *testing.T) {
	t.Parallel()
	m := entrykit.Mail{Host: "mail.example.org", From: "a@example.org", Networks: []string{"10.0.0.0/8"}}
	assert.Equal(t, 587, m.WithDefaults().Port)
	assert.Zero(t, m.Port, "the caller's own is left alone")
	assert.Empty(t, m.WithDefaults().Check())
	a := application()
	m.WithDefaults().Allow(a, "it sends mail", "web")
	assert.Equal(t, []app.Egress{{
		Name: "mail", CIDRs: []string{"10.0.0.0/8"}, Ports: []int{587}, Reason: "it sends mail",
	}}, a.Services[0].Egress)
}
func TestProfiles(t *testing.T) {
	t.Parallel()
	profiles := profiles()
	assert.Equal(t, []string{"1.2", "1.3"}, entrykit.Minors(profiles))
	for _, version := range []string{"1.2", "1.2.3"} {
		found, problems := entrykit.Find(profiles, version)
		require.Empty(t, problems)
		assert.Equal(t, profiles[0], found)
	}
	found, problems := entrykit.Find(profiles, "1.2.2")
	assert.Empty(t, found)
	assert.Equal(t, "version: 1.2.2: no release profile; write one of 1.2, 1.3", text(problems))
	assert.Equal(t, "1.2", entrykit.Minor(semver.MustParse("1.2.3")))
}

func profiles() []entrykit.Profile {
	return []entrykit.Profile{{Minor: "1.2", Version: "1.2.3"}, {Minor: "1.3", Version: "1.3.0"}}
}

func TestCheckUpgrade(t *testing.T) {
	t.Parallel()
	forward := func(installed semver.Version, target entrykit.Profile) (rule, fix string) {
		if entrykit.Minor(installed) != target.Minor {
			return "is another minor", "do not"
		}
		return "", ""
	}
	check := func(from, to string) error { return entrykit.CheckUpgrade("X", profiles(), from, to, forward) }
	back := func(from, to string) string {
		return "version: " + to + ": cannot go back from " + from + "; stay at " + from +
			", or restore a backup made with " + to + " into a new instance"
	}
	modeltest.Upgraded(t, "X", profiles(), check, modeltest.Upgrades{
		"the entry decides":       {"1.1.9", "1.2", "version: 1.2: is another minor; do not"},
		"a patch release":         {"1.2.0", "1.2", ""},
		"back by patches":         {"1.2.4", "1.2.3", back("1.2.4", "1.2.3")},
		"back by a minor":         {"1.3", "1.2", back("1.3", "1.2")},
		"back from what is newer": {"2.0.0", "1.3", back("2.0.0", "1.3")},
		"no released version":     {"0.1", "1.2", "version: 0.1: the installed version is not a version of X"},
		"no version":              {"", "1.2", "version: the installed version is not a version of X"},
	})
}

// options are those of an entry whose Compose file has one service and one volume.
type options struct {
	version, file, title string
	sizes                map[string]int64
}

func platform() entrykit.Platform[options] {
	folder := fstest.MapFS{}
	for name, content := range map[string]string{
		"web.yaml": "services: {web: {image: 'web:1', user: '1:1', volumes: [data:/data], environment: {}}}\n" +
			"volumes: {data: {x-dmcloud: {size: 1Gi}}}",
		"mail.yaml":       "services: {web: {environment: {MAIL: '$MAIL_HOST $MAIL_PORT $MAIL_FROM'}}}",
		"mail-login.yaml": "services: {web: {environment: {LOGIN: $MAIL_USER}}}",
	} {
		folder["compose/"+name] = &fstest.MapFile{Data: []byte(content)}
	}
	return entrykit.Platform[options]{
		Name: "X",
		Check: func(o options) (entrykit.Profile, problem.List) {
			profile, unknown := entrykit.Find(profiles(), o.version)
			return profile, append(unknown, entrykit.Line("title", o.title)...)
		},
		Stripped: func(options) options { return options{file: "web.yaml"} },
		Load: func(o options, ctx context.Context, _ entrykit.Profile) (app.App, error) {
			m := &entrykit.Mail{Host: "mail", Port: 25, From: "x@example.org", User: o.title}
			return entrykit.Load(ctx, folder, compose.Source{Name: "x", Environment: map[string]string{}}, m, o.file)
		},
		Override: func(o options, a *app.App) problem.List { return entrykit.Sizes(a, o.sizes) },
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	a, err := platform().New(t.Context(), "x", options{"1.2", "web.yaml", "Title", map[string]int64{"data": 7}})
	require.NoError(t, err)
	assert.Equal(t, int64(7), a.Volume("data").Size)
	assert.Equal(t, "mail 25 x@example.org", modeltest.Variable(t, a, "web", "MAIL"))
	assert.Equal(t, "Title", modeltest.Variable(t, a, "web", "LOGIN"))
}

func TestNewReportsEverythingAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options options
		want    string
	}{
		"an option, and what overrides a model that could not be loaded with it": {
			options{"1.2", "?", "", map[string]int64{"files": 1}},
			"X x: 2 problems:\n  1. title: must be one line of text\n  2. sizes.files: no such volume; write one of data",
		},
		"without a profile there is nothing to override": {
			options{"9", "?", "", map[string]int64{"files": 1}},
			"X x: 2 problems:\n  1. version: 9: no release profile; write one of 1.2, 1.3\n" +
				"  2. title: must be one line of text",
		},
		"a file that is not there": {
			options{"1.2", "?", "Title", nil}, "X x: reading the embedded Compose file ?: open ?: file does not exist",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := platform().New(t.Context(), "x", c.options)
			require.EqualError(t, err, c.want)
		})
	}
}
