// Package entrykit is what the entries of the catalogue are built with: how options become an application, the checks
// of what an institute decides about any platform, the decisions that no Compose file has a variable for, and what
// every check of an upgrade has.
package entrykit

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/problem"
)

// Sizes sets the sizes of volumes by their names, in bytes. Problems have paths such as "sizes.database".
func Sizes(a *app.App, sizes map[string]int64) problem.List {
	var problems problem.List
	for _, name := range slices.Sorted(maps.Keys(sizes)) {
		size := sizes[name]
		switch volume := a.Volume(name); {
		case volume == nil:
			problems.Addf("sizes."+name, nil, known(a.Volumes, func(v app.Volume) string { return v.Name }), "no such volume")
		case size <= 0:
			problems.Addf("sizes."+name, size, "", "must be above 0")
		default:
			volume.Size = size
		}
	}
	return problems
}

// Resources sets requests and limits by the names of services; what is 0 stays as the profile has it. Problems have
// paths such as "resources.web.memory.limit".
func Resources(a *app.App, resources map[string]app.Resources) problem.List {
	var problems problem.List
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		if service := a.Service(name); service == nil {
			problems.Addf("resources."+name, nil, known(a.Services, func(s app.Service) string { return s.Name }),
				"no such service")
		} else {
			problems.Under("resources."+name, replace(resources[name], &service.Resources))
		}
	}
	return problems
}

// known is a fix that lists the names there are.
func known[T any](all []T, name func(T) string) string {
	names := make([]string, 0, len(all))
	for _, one := range all {
		names = append(names, name(one))
	}
	return "write one of " + strings.Join(names, ", ")
}

// replace replaces what is given. Problems are on what is given, not on what the profile has.
func replace(given app.Resources, into *app.Resources) problem.List {
	var problems problem.List
	for _, kind := range []struct {
		name                   string
		request, limit         int64
		intoRequest, intoLimit *int64
		print                  func(int64) string
	}{
		{"cpu", given.CPURequest, given.CPULimit, &into.CPURequest, &into.CPULimit, millicores},
		{"memory", given.MemoryRequest, given.MemoryLimit, &into.MemoryRequest, &into.MemoryLimit, bytes},
	} {
		request, limit := cmp.Or(kind.request, *kind.intoRequest), cmp.Or(kind.limit, *kind.intoLimit)
		switch above := limit > 0 && request > limit; {
		case kind.request < 0:
			problems.Addf(kind.name+".request", kind.print(kind.request), "", "must be above 0")
		case kind.limit < 0:
			problems.Addf(kind.name+".limit", kind.print(kind.limit), "", "must be above 0")
		case above && kind.limit == 0:
			problems.Addf(kind.name+".request", kind.print(request), "set "+kind.name+".limit too",
				"must not be more than the limit, which is %s unless set", kind.print(limit))
		case above && kind.request == 0:
			problems.Addf(kind.name+".limit", kind.print(limit), "set "+kind.name+".request too",
				"must not be less than the request, which is %s unless set", kind.print(request))
		case above:
			problems.Addf(kind.name+".request", kind.print(request), "", "must not be more than the limit, %s",
				kind.print(limit))
		default:
			*kind.intoRequest, *kind.intoLimit = request, limit
		}
	}
	return problems
}

func millicores(n int64) string { return resource.NewMilliQuantity(n, resource.DecimalSI).String() }

func bytes(n int64) string { return resource.NewQuantity(n, resource.BinarySI).String() }
