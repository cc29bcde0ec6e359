package app

import (
	"cmp"
	"slices"
	"strings"
)

// Edge is one permitted connection inside an application: From may open connections to To on its ports.
type Edge struct {
	From string
	To   string
}

// Slug names the edge: "web-to-db".
func (e Edge) Slug() string { return e.From + "-to-" + e.To }

// Edges lists who talks to whom, derived from the dependency graph: a service connects to those it depends on when they
// listen on a port. Sorted by From, then To.
func (a *App) Edges() []Edge {
	var edges []Edge
	for _, s := range a.Services {
		for _, d := range s.DependsOn {
			to := a.Service(d.Service)
			if to == nil || d.NoTraffic || len(to.Ports) == 0 {
				continue
			}
			edges = append(edges, Edge{From: s.Name, To: d.Service})
		}
	}
	slices.SortFunc(edges, func(x, y Edge) int {
		return cmp.Or(strings.Compare(x.From, y.From), strings.Compare(x.To, y.To))
	})
	return slices.Compact(edges)
}
