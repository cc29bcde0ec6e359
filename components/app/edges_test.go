package app_test

import (
	"fmt"
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
		"what a service says it connects to is an edge, wherever that listens": {
			[]app.Service{
				{Name: "web", ConnectsTo: []string{"db", "gone", "queue"}}, {Name: "db", Ports: ports}, {Name: "queue"},
			},
			[]string{"web-to-db", "web-to-queue"},
		},
		"what it waits for and connects to is one edge": {
			[]app.Service{{Name: "web", DependsOn: on("db"), ConnectsTo: []string{"db"}}, {Name: "db", Ports: ports}},
			[]string{"web-to-db"},
		},
		"what it only waits for and connects to is an edge": {
			[]app.Service{
				{Name: "web", DependsOn: []app.Dependency{{Service: "db", NoTraffic: true}}, ConnectsTo: []string{"db"}},
				{Name: "db", Ports: ports},
			},
			[]string{"web-to-db"},
		},
		"each service of a network is an edge of the network, when it listens": {
			[]app.Service{
				{Name: "web", Networks: []string{"back", "front"}, Ports: ports}, {
					Name: "db", Networks: []string{"back"}, Ports: ports,
				},
				{Name: "worker", Networks: []string{"back"}},
			},
			[]string{"network-back-to-db", "network-back-to-web", "network-front-to-web"},
		},
		"edges of networks come first": {
			[]app.Service{{Name: "a", DependsOn: on("b")}, {Name: "b", Ports: ports, Networks: []string{"z", "y"}}},
			[]string{"network-y-to-b", "network-z-to-b", "a-to-b"},
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

func TestEdgesOfANetworkGrowWithItsServices(t *testing.T) {
	t.Parallel()
	var a app.App
	for i := range 1000 {
		a.Services = append(a.Services, app.Service{
			Name: fmt.Sprintf("s%d", i), Networks: []string{"one", "two"}, Ports: []app.Port{{Number: 1}},
		})
	}
	assert.Len(t, a.Edges(), 2000)
}

func TestAnEdgeLeadsFromAServiceOrANetwork(t *testing.T) {
	t.Parallel()
	a := app.App{Services: []app.Service{
		{Name: "a", ConnectsTo: []string{"b"}}, {Name: "b", Networks: []string{"n"}, Ports: []app.Port{{Number: 1}}},
	}}
	assert.Equal(t, []app.Edge{{Network: "n", To: "b"}, {From: "a", To: "b"}}, a.Edges())
}
