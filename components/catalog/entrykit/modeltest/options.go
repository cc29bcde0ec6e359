package modeltest

import (
	"context"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/catalog/entrykit"
	"github.com/dekcd/dmcloud/components/problem"
	"github.com/dekcd/dmcloud/tests/golden"
)

// Golden compares the applications of every profile, with several sets of options by their names, with the files
// testdata/PROFILE-NAME.yaml, and checks that they are [Hardened], the services in unobserved without a health check.
func Golden[O any](
	t *testing.T, profiles []entrykit.Profile, load func(*testing.T, O) app.App, options map[string]func(version string) O,
	unobserved ...string,
) {
	t.Helper()
	for _, p := range profiles {
		for name, of := range options {
			t.Run(p.Minor+" "+name, func(t *testing.T) {
				t.Parallel()
				a := load(t, of(p.Minor))
				assert.Empty(t, a.Validate())
				assert.Equal(t, p.Version, a.Version)
				Hardened(t, a, unobserved...)
				golden.Equal(t, filepath.Join("testdata", p.Minor+"-"+name+".yaml"), YAML(t, a))
			})
		}
	}
}

// Mistakes are cases of wrong options: how right ones are spoilt, and all the problems that are then reported.
type Mistakes[O any] map[string]struct {
	Spoil func(o *O)
	Want  []string
}

// Refused spoils right options with every mistake, and checks that the problems of each are reported at once, without
// secrets.
func Refused[O any](
	t *testing.T, create func(context.Context, O) (app.App, error), right O, mistakes Mistakes[O],
) {
	t.Helper()
	for name, c := range mistakes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := right
			c.Spoil(&o)
			_, err := create(t.Context(), o)
			require.Error(t, err)
			assert.NotContains(t, err.Error(), Canary)
			for _, want := range c.Want {
				assert.Contains(t, err.Error(), want)
			}
			if len(c.Want) > 1 {
				assert.Equal(t, len(c.Want), strings.Count(err.Error(), "\n"), err.Error())
			}
		})
	}
}

// Fuzzed checks what came of any options: a valid application, or problems with these options and nothing else.
func Fuzzed(t *testing.T, a app.App, err error, options ...string) {
	t.Helper()
	if err == nil {
		assert.Empty(t, a.Validate())
		return
	}
	var problems *problem.Error
	require.ErrorAs(t, err, &problems)
	for _, p := range problems.Problems {
		top, _, _ := strings.Cut(strings.ReplaceAll(p.Path, "[", "."), ".")
		assert.Contains(t, options, top, p.Error())
	}
}

// Upgrades are cases of upgrades between versions, with the whole error; "" when there is none.
type Upgrades map[string]struct{ From, To, Want string }

// Upgraded checks upgrades, and those that are the same for every platform: of the newest version to itself, and to and
// from what is no version.
func Upgraded(
	t *testing.T, platform string, profiles []entrykit.Profile, check func(from, to string) error, upgrades Upgrades,
) {
	t.Helper()
	newest := profiles[len(profiles)-1]
	known := "no release profile; write one of " + strings.Join(entrykit.Minors(profiles), ", ")
	all := Upgrades{
		"the same minor is no upgrade":   {newest.Minor, newest.Minor, ""},
		"the same release is no upgrade": {newest.Version, newest.Minor, ""},
		"from a minor to its release":    {newest.Minor, newest.Version, ""},
		"an unknown target": {
			newest.Minor, newest.Minor + ".999", "version: " + newest.Minor + ".999: " + known,
		},
		"no version at all": {
			"latest", "main", "2 problems:\n  1. version: latest: the installed version is not a version of " + platform +
				"\n  2. version: main: " + known,
		},
	}
	maps.Copy(all, upgrades)
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := check(c.From, c.To)
			if c.Want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, c.Want)
		})
	}
}

// Edges lists who talks to whom: "web-to-db".
func Edges(a app.App) []string {
	edges := a.Edges()
	slugs := make([]string, 0, len(edges))
	for _, e := range edges {
		slugs = append(slugs, e.Slug())
	}
	return slugs
}
