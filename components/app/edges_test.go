package app_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/dekcd/dmcloud/components/app"
)

func TestEdges(t *testing.T) {
	t.Parallel()
	ports := []app.Port{{Name: "tcp", Number: 1, Protocol: app.TCP}}
	on := func(names ...string) []app.Dependency {
		var all []app.Dependency
		for _, name := range names {
			all = append(all, app.Dependency{Service: name, Condition: app.Started})
		}
		return all
	}
	for name, c := range map[string]struct {
		services []app.Service
		want     []string
	}{
		"nobody talks where nobody depends on another": {
			[]app.Service{{Name: "a", Ports: ports}, {Name: "b", Ports: ports}}, nil,
		},
		"edges lead from the dependent to the one depended on, sorted": {
			[]app.Service{
				{Name: "web", DependsOn: on("solr", "db")}, {Name: "workers", DependsOn: on("db")},
				{Name: "db", Ports: ports}, {Name: "solr", Ports: ports},
			},
			[]string{"web-to-db", "web-to-solr", "workers-to-db"},
		},
		"a dependency that listens nowhere is no edge": {
			[]app.Service{{Name: "web", DependsOn: on("setup")}, {Name: "setup"}}, nil,
		},
		"a dependency without traffic is no edge": {
			[]app.Service{
				{Name: "web", DependsOn: []app.Dependency{{Service: "db", NoTraffic: true}}}, {Name: "db", Ports: ports},
			}, nil,
		},
		"a dependency on what does not exist is no edge": {
			[]app.Service{{Name: "web", DependsOn: on("db")}}, nil,
		},
		"a dependency that is listed twice is one edge": {
			[]app.Service{{Name: "web", DependsOn: on("db", "db")}, {Name: "db", Ports: ports}},
			[]string{"web-to-db"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := app.App{Services: c.services}
			var got []string
			for _, e := range a.Edges() {
				got = append(got, e.Slug())
			}
			assert.Equal(t, c.want, got)
		})
	}
}
