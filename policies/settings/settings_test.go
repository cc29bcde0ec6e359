package settings_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/policies/settings"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	exception := settings.Exception{
		Rule: "k8s-read-only-rootfs", Resource: "seek/solr", Reason: "writes its core", Owner: "platform",
		Expires: "2027-06-30",
	}
	tests := map[string]struct {
		text string
		want settings.Settings
		err  string
	}{
		"nothing":      {},
		"spaces":       {text: " \n"},
		"empty object": {text: "{}"},
		"everything": {
			text: `{"exceptions":[{"rule":"k8s-read-only-rootfs","resource":"seek/solr","reason":"writes its core",` +
				`"owner":"platform","expires":"2027-06-30"}],"levels":{"k8s-read-only-rootfs":"mandatory"}}`,
			want: settings.Settings{
				Exceptions: []settings.Exception{exception},
				Levels:     map[string]settings.Level{"k8s-read-only-rootfs": settings.Mandatory},
			},
		},
		"unknown key":            {text: `{"exception":[]}`, err: `unknown field "exception"`},
		"unknown key further in": {text: `{"exceptions":[{"rules":"x"}]}`, err: `unknown field "rules"`},
		"wrong type":             {text: `{"exceptions":{}}`, err: "cannot unmarshal object"},
		"no object":              {text: `"yes"`, err: "cannot unmarshal string"},
		"two values":             {text: `{} {}`, err: "unexpected text after the value"},
		"broken":                 {text: `{"levels":`, err: "unexpected EOF"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := settings.Decode([]byte(test.text))
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
}

func TestProblemsListsEverything(t *testing.T) {
	t.Parallel()
	known := map[string]settings.Level{"strict": settings.Mandatory, "lax": settings.Advisory}
	good := settings.Exception{Rule: "strict", Resource: "Job/*/web-?", Reason: "r", Owner: "o", Expires: "2027-06-30"}
	tests := map[string]struct {
		settings settings.Settings
		want     []string
	}{
		"nothing": {},
		"all is well": {
			settings: settings.Settings{
				Exceptions: []settings.Exception{good},
				Levels:     map[string]settings.Level{"lax": settings.Disabled, "strict": settings.Mandatory},
			},
		},
		"all is wrong": {
			settings: settings.Settings{Exceptions: []settings.Exception{good, {}}},
			want: []string{
				"exceptions[1].rule", "exceptions[1].resource", "exceptions[1].reason", "exceptions[1].owner",
				"exceptions[1].expires",
			},
		},
		"unknown rule": {
			settings: settings.Settings{Levels: map[string]settings.Level{"none": settings.Advisory}},
			want:     []string{"levels.none"},
		},
		"unknown level": {
			settings: settings.Settings{Levels: map[string]settings.Level{"lax": "loud"}}, want: []string{"levels.lax"},
		},
		"weakened": {
			settings: settings.Settings{Levels: map[string]settings.Level{"strict": settings.Advisory}},
			want:     []string{"levels.strict"},
		},
		"disabled": {
			settings: settings.Settings{Levels: map[string]settings.Level{"strict": settings.Disabled}},
			want:     []string{"levels.strict"},
		},
	}
	for _, resource := range []string{"web", "a/b/c/d", "/web", "seek/", "[/web"} {
		e := good
		e.Resource = resource
		tests["resource "+resource] = struct {
			settings settings.Settings
			want     []string
		}{settings.Settings{Exceptions: []settings.Exception{e}}, []string{"exceptions[0].resource"}}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, p := range test.settings.Problems(known) {
				got = append(got, p.Path)
			}
			assert.Equal(t, test.want, got)
		})
	}
	t.Run("callers that don't know the rules check the rest", func(t *testing.T) {
		t.Parallel()
		s := settings.Settings{
			Exceptions: []settings.Exception{good}, Levels: map[string]settings.Level{"other": settings.Advisory},
		}
		assert.Empty(t, s.Problems(nil))
	})
}

func TestExpired(t *testing.T) {
	t.Parallel()
	e := settings.Exception{Expires: "2027-06-30"}
	berlin := time.FixedZone("CEST", 2*60*60)
	assert.False(t, e.Expired(time.Date(2027, 6, 30, 23, 59, 59, 0, time.UTC)))
	assert.True(t, e.Expired(time.Date(2027, 7, 1, 0, 0, 0, 0, time.UTC)))
	assert.False(t, e.Expired(time.Date(2027, 7, 1, 1, 0, 0, 0, berlin)), "the day is one of UTC")
	assert.True(t, settings.Exception{}.Expired(time.Now()), "an unreadable date never holds")
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"exceptions":[{"rule":"a","expires":"2027-06-30"}],"levels":{"a":"advisory"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := settings.Decode(data)
		if err != nil {
			return
		}
		for _, p := range s.Problems(map[string]settings.Level{"a": settings.Mandatory}) {
			if p.Path == "" || p.Rule == "" {
				t.Errorf("problem without path or rule: %+v", p)
			}
		}
	})
}
