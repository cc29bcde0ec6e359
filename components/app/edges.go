package app

import (
	"cmp"
	"slices"
	"strings"
)

// Edge is one permitted connection inside an application: a service, or every service of a network, may open
// connections to another service on its ports, on all of them where none is known.
type Edge struct {
	// From names a service and Network a network; exactly one is set.
	From    string
	Network string
	To      string
}

// Slug names the edge: "web-to-db", "network-backend-to-db".
func (e Edge) Slug() string {
	if e.Network != "" {
		return "network-" + e.Network + "-to-" + e.To
	}
	return e.From + "-to-" + e.To
}

// Edges lists who talks to whom: a service connects to those it says it connects to, to those it depends on when they
// listen on a port, and to the ports of those it shares a network with. Sorted by From, then Network, then To.
func (a *App) Edges() []Edge {
	services := map[string]*Service{}
	for i := range a.Services {
		services[a.Services[i].Name] = &a.Services[i]
	}
	var edges []Edge
	for _, s := range a.Services {
		for _, d := range s.DependsOn {
			if to := services[d.Service]; to != nil && !d.NoTraffic && len(to.Ports) > 0 {
				edges = append(edges, Edge{From: s.Name, To: d.Service})
			}
		}
		for _, name := range s.ConnectsTo {
			if services[name] != nil {
				edges = append(edges, Edge{From: s.Name, To: name})
			}
		}
		if len(s.Ports) > 0 {
			for _, network := range s.Networks {
				edges = append(edges, Edge{Network: network, To: s.Name})
			}
		}
	}
	slices.SortFunc(edges, func(x, y Edge) int {
		return cmp.Or(strings.Compare(x.From, y.From), strings.Compare(x.Network, y.Network), strings.Compare(x.To, y.To))
	})
	return slices.Compact(edges)
}
