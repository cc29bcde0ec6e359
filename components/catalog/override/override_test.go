package override_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/catalog/override"
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
	assert.Empty(t, override.Sizes(a, map[string]int64{"data": 7}))
	assert.Equal(t, []app.Volume{{Name: "data", Size: 7}, {Name: "index", Size: 2}}, a.Volumes)
	assert.Equal(t, "2 problems:\n  1. sizes.data: -1: must be above 0\n"+
		"  2. sizes.files: no such volume; write one of data, index",
		text(override.Sizes(a, map[string]int64{"files": 1, "data": -1})))
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
			got := text(override.Resources(a, map[string]app.Resources{"web": c.given}))
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
		text(override.Resources(application(), map[string]app.Resources{"puma": {}})))
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
		assert.Equal(t, is.host, override.IsHost(value), "host %q", value)
		assert.Equal(t, is.address, override.IsAddress(value), "address %q", value)
		assert.Equal(t, is.email, override.IsEmail(value), "email %q", value)
		assert.Equal(t, is.line, override.IsLine(value), "line %q", value)
	}
}

func TestSecretsAreNotRepeated(t *testing.T) {
	t.Parallel()
	got := text(override.Secrets(map[string]string{"title": "AKIACANARY0123456789", "name": "fine"}))
	assert.Equal(t, "title: looks like a secret, and is readable in the platform; write something else", got)
}

func TestMail(t *testing.T) {
	t.Parallel()
	m := override.Mail{Host: "mail.example.org", From: "a@example.org", Networks: []string{"10.0.0.0/8"}}
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
	profiles := []override.Profile{{Minor: "1.2", Version: "1.2.3"}, {Minor: "1.3", Version: "1.3.0"}}
	assert.Equal(t, []string{"1.2", "1.3"}, override.Minors(profiles))
	for _, version := range []string{"1.2", "1.2.3"} {
		found, err := override.Find(profiles, version)
		require.NoError(t, err)
		assert.Equal(t, profiles[0], found)
	}
	_, err := override.Find(profiles, "1.2.2")
	require.ErrorIs(t, err, override.ErrUnknownVersion)
	v, err := override.Parse("1.2")
	require.NoError(t, err)
	assert.Equal(t, "1.2", override.Minor(v))
	for _, version := range []string{"", "latest", "0.1"} {
		_, err := override.Parse(version)
		require.Error(t, err, version)
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	folder := fstest.MapFS{"a.yaml": {Data: []byte("services: {}")}}
	read, err := override.Files(folder, "a.yaml")
	require.NoError(t, err)
	require.Len(t, read, 1)
	assert.Equal(t, "services: {}", string(read[0].Content))
	_, err = override.Files(folder, "b.yaml")
	require.ErrorContains(t, err, "b.yaml")
}
