package images_test

import (
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/distribution/reference"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/catalog/images"
)

func TestAll(t *testing.T) {
	t.Parallel()
	all := images.All()
	repositories := map[string]bool{}
	entries := map[string]bool{}
	for _, f := range all {
		repositories[f.Repository] = true
		key := f.Repository + " " + strings.Join(f.Tags, ", ")
		assert.False(t, entries[key], "%s is there twice", key)
		entries[key] = true
	}
	assert.Greater(t, len(repositories), 300)
	assert.True(t, slices.IsSortedFunc(all, func(a, b images.Facts) int {
		return strings.Compare(a.Repository, b.Repository)
	}))
}

func TestEntriesAreSound(t *testing.T) {
	t.Parallel()
	for _, f := range images.All() {
		t.Run(f.Repository+" "+strings.Join(f.Tags, ", "), func(t *testing.T) {
			t.Parallel()
			named, err := reference.ParseNormalizedNamed(f.Repository)
			require.NoError(t, err)
			assert.True(t, reference.IsNameOnly(named))
			assert.Equal(t, f.Repository, reference.FamiliarName(named), "the familiar form")
			for _, words := range f.Tags {
				assert.NotEmpty(t, strings.Fields(words))
			}
			if f.Version != "" {
				rule, _ := app.CheckImage(f.Repository + ":" + f.Version)
				assert.Empty(t, rule)
				assert.True(t, strings.ContainsAny(f.Version, "0123456789"), "the version %q", f.Version)
				found, ok := images.Find(f.Repository + ":" + f.Version)
				assert.True(t, ok)
				assert.Equal(t, f, found, "the entry's version belongs to another entry")
			}
			assert.Positive(t, f.User.UID)
			assert.GreaterOrEqual(t, f.User.GID, int64(0))
			for name, u := range f.Users {
				assert.NotEmpty(t, name)
				assert.NotEqual(t, "root", name)
				assert.Positive(t, u.UID)
			}
			ports := map[app.Port]bool{}
			for _, p := range f.Ports {
				assert.Contains(t, []app.Protocol{app.TCP, app.UDP}, p.Protocol)
				assert.True(t, p.Number >= 1 && p.Number <= 65535, "port %d", p.Number)
				assert.False(t, ports[p], "port %d is there twice", p.Number)
				ports[p] = true
			}
			folders := map[string]bool{}
			for _, folder := range slices.Concat(f.Data, f.Writable) {
				assert.True(t, path.IsAbs(folder) && path.Clean(folder) == folder && folder != "/", "folder %q", folder)
				assert.False(t, folders[folder], "folder %s is there twice", folder)
				folders[folder] = true
			}
			for name := range f.Environment {
				assert.Regexp(t, `^[A-Z][A-Z0-9_]*$`, name)
			}
			if f.Role != "" {
				assert.Contains(t, app.Roles(), f.Role)
			}
			if f.Role == app.RoleDatabase && len(f.Data) > 0 {
				assert.NotEmpty(t, f.Singleton)
			}
			source, err := url.Parse(f.Source)
			require.NoError(t, err)
			assert.Equal(t, "https", source.Scheme)
			assert.NotEmpty(t, source.Host)
		})
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for image, want := range map[string]app.User{
		"postgres":                                  {UID: 999, GID: 999},
		"postgres:16":                               {UID: 999, GID: 999},
		"postgres:16-alpine":                        {UID: 70, GID: 70},
		"postgres:18.1-alpine3.22":                  {UID: 70, GID: 70},
		"docker.io/library/postgres:16-alpine":      {UID: 70, GID: 70},
		"docker.io/postgres:16":                     {UID: 999, GID: 999},
		"index.docker.io/library/postgres:16":       {UID: 999, GID: 999},
		"postgres" + digest:                         {UID: 999, GID: 999},
		"postgres:16-alpine" + digest:               {UID: 70, GID: 70},
		"rabbitmq:4-management-alpine":              {UID: 100, GID: 101},
		"redis:7-alpine":                            {UID: 999, GID: 1000},
		"php:8.3-fpm-alpine3.20":                    {UID: 82, GID: 82},
		"php:8.3-apache-bookworm":                   {UID: 33, GID: 33},
		"wordpress:6-php8.3-fpm-alpine":             {UID: 82, GID: 82},
		"quay.io/keycloak/keycloak:26.0.0":          {UID: 1000},
		"docker.elastic.co/kibana/kibana:8.17.0":    {UID: 1000},
		"docker.io/bitnami/redis:7.4":               {UID: 1001},
		"bitnamilegacy/redis:7.4":                   {UID: 1001},
		"ckan/ckan-base":                            {UID: 503, GID: 502},
		"ckan/ckan-base:2.11-py3.10":                {UID: 503, GID: 502},
		"gitea/gitea:1.22-rootless":                 {UID: 1000, GID: 1000},
		"mcr.microsoft.com/dotnet/aspnet:8.0-noble": {UID: 1654, GID: 1654},
	} {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			f, ok := images.Find(image)
			require.True(t, ok)
			assert.Equal(t, want, f.User)
		})
	}
	for name, image := range map[string]string{
		"an unknown image":                   "example.org/postgres:16",
		"another registry":                   "ghcr.io/library/postgres:16",
		"a known name below another":         "someone/postgres:16",
		"a variant that is not known":        "gitea/gitea:1.22",
		"a version before the known ones":    "ckan/ckan-base:2.9",
		"no image":                           "",
		"what is not an image's name at all": "Postgres:16",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, ok := images.Find(image)
			assert.False(t, ok)
		})
	}
}

func TestFindsWhereDataIs(t *testing.T) {
	t.Parallel()
	moved := map[string]string{"PGDATA": "/var/lib/postgresql/data/pgdata"}
	for image, want := range map[string]struct {
		data        string
		environment map[string]string
	}{
		"postgres:17":                       {"/var/lib/postgresql/data", moved},
		"postgres:17.18":                    {"/var/lib/postgresql/data", moved},
		"postgres:18":                       {"/var/lib/postgresql", nil},
		"postgres:18-alpine":                {"/var/lib/postgresql", nil},
		"timescale/timescaledb:2.23.0-pg18": {"/var/lib/postgresql", nil},
		"influxdb:1.8":                      {"/var/lib/influxdb", nil},
		"influxdb:2.7":                      {"/var/lib/influxdb2", nil},
		"influxdb:3-core":                   {"/var/lib/influxdb3", nil},
	} {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			f, ok := images.Find(image)
			require.True(t, ok)
			require.NotEmpty(t, f.Data)
			assert.Equal(t, want.data, f.Data[0])
			assert.Equal(t, want.environment, f.Environment)
		})
	}
}

// Whoever changes what Find returned must not change what it returns next.
func TestFindReturnsFreshFacts(t *testing.T) {
	t.Parallel()
	first, ok := images.Find("postgres:17")
	require.True(t, ok)
	first.Data[0], first.Environment["PGDATA"] = "/elsewhere", "/elsewhere"
	second, ok := images.Find("postgres:17")
	require.True(t, ok)
	assert.Equal(t, "/var/lib/postgresql/data", second.Data[0])
	assert.Equal(t, "/var/lib/postgresql/data/pgdata", second.Environment["PGDATA"])
}

func TestNeedRoot(t *testing.T) {
	t.Parallel()
	for name, reason := range images.NeedRoot() {
		repository, _ := strings.CutSuffix(name, "/*")
		named, err := reference.ParseNormalizedNamed(repository)
		require.NoError(t, err, name)
		if repository == name {
			assert.Equal(t, name, reference.FamiliarName(named))
		}
		assert.NotEmpty(t, reason, name)
	}
	for _, f := range images.All() {
		reason, ok := images.RootReason(f.Repository)
		assert.False(t, ok, "%s: %s", f.Repository, reason)
	}
}

func TestRootReason(t *testing.T) {
	t.Parallel()
	for image, want := range map[string]bool{
		"gitlab/gitlab-ce:17.5.1-ce.0":        true,
		"docker:27-dind":                      true,
		"docker.io/library/docker:dind":       true,
		"linuxserver/bookstack":               true,
		"lscr.io/linuxserver/bookstack:24.10": true,
		"ghcr.io/mailu/admin:2.0":             true,
		"atmoz/sftp:alpine":                   true,
		"postgres:16":                         false,
		"example.org/linuxserver/bookstack":   false,
		"linuxserver":                         false,
		"":                                    false,
	} {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			_, ok := images.RootReason(image)
			assert.Equal(t, want, ok)
		})
	}
}

func FuzzFind(f *testing.F) {
	for _, seed := range []string{
		"postgres:16-alpine", "docker.io/library/redis", "quay.io/keycloak/keycloak:26.0.0", "linuxserver/x", "a/b/c", "",
		":", "@", "localhost:5000/postgres:16", "postgres@sha256:00", "PoStGrEs",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, image string) {
		facts, ok := images.Find(image)
		if ok != (facts.Repository != "") {
			t.Errorf("%q: %v, but the facts of %q", image, ok, facts.Repository)
		}
		if _, root := images.RootReason(image); ok && root {
			t.Errorf("%q needs root, and works without", image)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	for _, image := range []string{"postgres:16", "fairdom/seek:1.18.1", "example.org/unknown:1"} {
		b.Run(image, func(b *testing.B) {
			for b.Loop() {
				images.Find(image)
			}
		})
	}
}
