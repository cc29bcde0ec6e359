package compose_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/dekcd/dmcloud/components/compose"
)

func TestWhereAPathStands(t *testing.T) {
	t.Parallel()
	const first = `x-all: &all
  restart: always
services:
  web:
    <<: *all
    image: a:1
    ports:
      - "80"
      - target: 81
    environment:
      A.B: x
      A: y
    healthcheck: &check {test: ok, interval: 5s}
  web.site:
    image: b:1
    healthcheck: *check
`
	const second = "services:\n  web:\n    image: c:1\n"
	for name, c := range map[string]struct {
		path, want string
	}{
		"a key":                                 {"services.web.ports", "compose.yaml:7:5"},
		"an item of a list":                     {"services.web.ports[0]", "compose.yaml:8:9"},
		"a key in an item":                      {"services.web.ports[1].target", "compose.yaml:9:9"},
		"the item when it lacks the key":        {"services.web.ports[1].published", "compose.yaml:9:9"},
		"the list when it is shorter":           {"services.web.ports[7]", "compose.yaml:7:5"},
		"a name with a dot":                     {"services.web.site.image", "compose.yaml:15:5"},
		"the longest key that fits":             {"services.web.environment.A.B", "compose.yaml:11:7"},
		"a key that begins like another":        {"services.web.environment.A", "compose.yaml:12:7"},
		"what an alias stands for":              {"services.web.site.healthcheck.interval", "compose.yaml:13:36"},
		"the nearest key above":                 {"services.web.x-dmcloud.route.port", "override.yaml:2:3"},
		"the last file that says it":            {"services.web.image", "override.yaml:3:5"},
		"a file that says more than the last":   {"services.web.ports[0].x", "compose.yaml:8:9"},
		"the section when there is no such key": {"services.other", "override.yaml:1:1"},
		"nowhere":                               {"volumes.data", ""},
		"nothing":                               {"", ""},
		"no index":                              {"services.web.ports[x]", "compose.yaml:7:5"},
		"a negative index":                      {"services.web.ports[-1]", "compose.yaml:7:5"},
		"an index without end":                  {"services.web.ports[1", "compose.yaml:7:5"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := compose.Locate(compose.Source{Files: []compose.File{
				{Path: "compose.yaml", Content: []byte(first)}, {Path: "broken.yaml", Content: []byte("a: [")},
				{Path: "empty.yaml", Content: []byte("")}, {Path: "override.yaml", Content: []byte(second)},
			}})
			assert.Equal(t, c.want, l.Position(c.path))
		})
	}
}

func TestPositionsInFilesOnDisk(t *testing.T) {
	t.Parallel()
	source := beside(t, "\n\nservices: {}\n", nil)
	source.Files = append(source.Files, compose.File{Path: "missing.yaml"})
	assert.Equal(t, "compose.yaml:3:1", compose.Locate(source).Position("services.web"))
}

func FuzzPosition(f *testing.F) {
	for _, seed := range [][2]string{
		{"services: {web: {ports: [1]}}", "services.web.ports[0]"}, {"a: &a {b: *a}", "a.b.b.b.b"}, {"- 1", "[0]"}, {
			"? [a]\n: b", "[a]",
		},
		{"a: !!binary x", "a.b"}, {"x", "x"}, {"{'': 1}", "."}, {"a: {'': {'': 1}}", "a..."}, {"a.b: {c: 1}", "a.b.c"},
		{"&a {'': *a}", "[0]"}, {"ports: &a {'': *a}", "ports[0]"}, {"&a [*a]", "[0][0][0]"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, content, path string) {
		source := compose.Source{Files: []compose.File{{Path: "f", Content: []byte(content)}}}
		got := compose.Locate(source).Position(path)
		if got != "" {
			assert.Regexp(t, `^f:[1-9]\d*:[1-9]\d*$`, got)
		}
		assert.Equal(t, got, compose.Locate(source).Position(path))
	})
}
