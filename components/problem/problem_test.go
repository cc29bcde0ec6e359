package problem_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/components/problem"
)

type storage struct {
	Class string `json:"class"`
	Sizes map[string]size
}

type size int

func (s *size) UnmarshalText([]byte) error { *s = 1; return nil }

type platform struct {
	Name     string   `json:"name"`
	Replicas int      `json:"replicas"`
	Hosts    []string `json:"hosts"`
	Storage  *storage `json:"storage"`
	Size     size     `json:"size"`
}

type document struct {
	Platforms []platform `json:"platforms"`
	Protected bool       `json:"protected"`
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		json string
		want []string
	}{
		"a document without mistakes has no problems": {
			`{"platforms":[{"name":"a","replicas":2,"storage":{"class":"x"},"size":"1Gi"}],"protected":true}`, nil,
		},
		"an unknown key in a list is named with its place and the likely key": {
			`{"platforms":[{"name":"a"},{"replcas":2}]}`,
			[]string{"platforms[1].replcas: unknown key; did you mean replicas?"},
		},
		"an unknown key unlike all others lists the known ones": {
			`{"platforms":[{"storage":{"zzz":1}}]}`,
			[]string{"platforms[0].storage.zzz: unknown key; known here: class"},
		},
		"every wrong type is reported in one pass": {
			`{"platforms":[{"name":3,"replicas":"two"},{"hosts":{"a":1}}],"protected":"yes"}`,
			[]string{
				"platforms[0].name: must be text, is a whole number",
				"platforms[0].replicas: must be a whole number, is text",
				"platforms[1].hosts: must be a list, is a mapping",
				"protected: must be true or false, is text",
			},
		},
		"text is neither a list nor a mapping": {
			`{"platforms":[{"storage":"x","hosts":"y"}]}`,
			[]string{"platforms[0].hosts: must be a list, is text", "platforms[0].storage: must be a mapping, is text"},
		},
		"an unknown key is found beside wrong types and below them": {
			`{"protcted":true,"platforms":[{"replicas":"x","nme":"a"}]}`,
			[]string{
				"platforms[0].nme: unknown key; did you mean name?",
				"platforms[0].replicas: must be a whole number, is text",
				"protcted: unknown key; did you mean protected?",
			},
		},
		"a type that is read from text takes nothing else": {
			`{"platforms":[{"size":{"a":1}}]}`, []string{"platforms[0].size: must be text, is a mapping"},
		},
		"a fraction is no whole number": {
			`{"platforms":[{"replicas":1.5}]}`, []string{"platforms[0].replicas: must be a whole number"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			decoder := json.NewDecoder(strings.NewReader(c.json))
			decoder.UseNumber()
			var raw any
			require.NoError(t, decoder.Decode(&raw))
			var got []string
			for _, p := range problem.Decode(raw, &document{}) {
				got = append(got, p.Error())
			}
			assert.Equal(t, c.want, got)
		})
	}
}

func TestDecodeNeverRepeatsAValue(t *testing.T) {
	t.Parallel()
	raw := map[string]any{"platforms": "canary-password"}
	problems := problem.Decode(raw, &document{})
	require.NotEmpty(t, problems)
	assert.NotContains(t, problems.Err().Error(), "canary-password")
}

func TestErrorListsEveryProblem(t *testing.T) {
	t.Parallel()
	var inner, outer problem.List
	require.NoError(t, outer.Err())
	inner.Addf("replicas", 2, "set storage.shared", "needs %s storage", "shared")
	inner.Addf("", nil, "", "is empty")
	outer.Under("platforms[0]", inner)
	outer.Under("list", problem.List{{Path: "[3]", Rule: "is twice there"}})
	assert.EqualError(t, outer.Err(), "3 problems:\n"+
		"  1. platforms[0].replicas: 2: needs shared storage; set storage.shared\n"+
		"  2. platforms[0]: is empty\n"+
		"  3. list[3]: is twice there")
}

func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		`{"platforms":[{"name":"a","replicas":2,"storage":{"class":"x"},"size":"1Gi"}],"protected":true}`, `null`, `[]`,
		`{"platforms":[null,{},{"replicas":1e400}]}`, `{"platforms":{"name":1}}`, `{"":{"":[]}}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		var raw any
		if decoder.Decode(&raw) != nil {
			t.Skip("not JSON")
		}
		var first, second document
		problems := problem.Decode(raw, &first)
		assert.Equal(t, problems, problem.Decode(raw, &second), "in the same order each time")
		for _, p := range problems {
			assert.NotEmpty(t, p.Rule)
			assert.Empty(t, p.Value)
		}
	})
}
