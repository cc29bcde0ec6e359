package compose_test

import (
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/components/compose"
)

func TestLabels(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 70)
	for name, want := range map[string]map[string]string{
		"names that are labels stay": {
			"web": `web`, "a-b": `a-b`, "x1": `x1`, "a--b": `a--b`,
		},
		"what no label holds becomes a hyphen": {
			"redis_store": `redis-store`, "api.internal": `api-internal`, "a_.b": `a-b`,
		},
		"there is no upper case": {"MySQL": `mysql`},
		"neither end is a hyphen": {
			"_web_": `web`, "db-": `db`,
		},
		"a label starts with a letter": {"7zip": `s-7zip`, "2": `s-2`},
		"of a name in another script a letter remains": {
			"данные": `s`, "größe": `gr-e`,
		},
		"names that would be the same are told apart": {
			"a_b": `a-b-[0-9a-f]{5}`, "a.b": `a-b-[0-9a-f]{5}`, "A-B": `a-b-[0-9a-f]{5}`,
		},
		"a name that is a label stays though others come close": {
			"a-b": `a-b`, "a_b": `a-b-[0-9a-f]{5}`, "a.b": `a-b-[0-9a-f]{5}`,
		},
		"upper case comes close too": {"web": `web`, "WEB": `web-[0-9a-f]{5}`},
		"a long name is cut and told apart": {
			long: `a{57}-[0-9a-f]{5}`, long + "b": `a{57}-[0-9a-f]{5}`, long[:63]: long[:63],
		},
		"a name is not cut behind a hyphen": {
			strings.Repeat("a", 56) + "-" + strings.Repeat("b", 10): `a{56}-[0-9a-f]{5}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := compose.Labels(slices.Collect(maps.Keys(want)), compose.MaximumName)
			require.Len(t, got, len(want))
			for original, pattern := range want {
				assert.Regexp(t, `^`+pattern+`$`, got[original], original)
			}
			sound(t, slices.Collect(maps.Keys(want)), compose.MaximumName)
		})
	}
}

func TestALabelIsTheSameInEveryRun(t *testing.T) {
	t.Parallel()
	assert.Equal(t, map[string]string{"a_b": "a-b-648fa", "a.b": "a-b-2e733"},
		compose.Labels([]string{"a_b", "a.b"}, compose.MaximumName), "what is deployed is called by it")
}

func TestALabelThatLooksMadeIsSomebodysOwn(t *testing.T) {
	t.Parallel()
	made := compose.Labels([]string{"a_b", "a.b"}, compose.MaximumName)["a_b"]
	got := compose.Labels([]string{"a_b", "a.b", made}, compose.MaximumName)
	assert.Equal(t, made, got[made])
	assert.Regexp(t, `^a-b-[0-9a-f]{6}$`, got["a_b"], "one digit more")
}

var label = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`)

// sound checks what holds for all labels.
func sound(t *testing.T, names []string, maximum int) {
	t.Helper()
	got := compose.Labels(names, maximum)
	taken := map[string]string{}
	for _, name := range names {
		made := got[name]
		assert.Regexp(t, label, made, "%q", name)
		assert.LessOrEqual(t, len(made), maximum)
		assert.NotContains(t, taken, made, "%q", name)
		taken[made] = name
		if label.MatchString(name) && len(name) <= maximum {
			assert.Equal(t, name, made)
		}
	}
	shuffled := slices.Clone(names)
	random := rand.New(rand.NewPCG(1, uint64(len(names)))) //nolint:gosec // only an order
	random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	assert.Equal(t, got, compose.Labels(shuffled, maximum))
}

func FuzzLabels(f *testing.F) {
	for _, seed := range []string{
		"", "web\ndb", "a_b\na.b\na-b", "A\na", strings.Repeat("x", 80) + "\n" + strings.Repeat("x", 81), "1\n2\n-", "é\nè",
		"a-b-648fa\na_b\na.b", "K\nk", "\x00\n\xff",
	} {
		f.Add(seed, uint8(63))
	}
	f.Fuzz(func(t *testing.T, text string, maximum uint8) {
		names := strings.Split(text, "\n")
		slices.Sort(names)
		sound(t, slices.Compact(names), 16+int(maximum)%48)
	})
}
