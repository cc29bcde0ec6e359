package compose

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// ServiceKeys are the keys of a service that have a rule.
func ServiceKeys() []string { return slices.Collect(maps.Keys(serviceRules())) }

// SpecificationKeys are the keys of a service that compose-go knows.
func SpecificationKeys() []string { return keysOf(reflect.TypeFor[types.ServiceConfig]()) }

func keysOf(t reflect.Type) []string {
	var keys []string
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case options == "inline" && f.Type.Kind() == reflect.Struct:
			keys = append(keys, keysOf(f.Type)...)
		case name != "" && name != "-" && name != "name" && !strings.HasPrefix(name, "#"):
			keys = append(keys, name)
		}
	}
	return keys
}
