package compose

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
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

// Labels finds DNS labels for names.
func Labels(names []string, maximum int) map[string]string { return labels(names, maximum) }

// MaximumName is how long a DNS label may be.
const MaximumName = maximumName

// Directory knows the services of a project by all their names.
type Directory struct{ of *directory }

// NewDirectory reads the names of a project.
func NewDirectory(project *types.Project) Directory {
	return Directory{of: newDirectory(project, labels(project.ServiceNames(), maximumService))}
}

// Variable, Words and File read the value of a variable, a command and a configuration file. They give the text with
// names that resolve, and each service it names as "service" or "service:port".
func (d Directory) Variable(name, value string) (string, []string) {
	text, found := d.of.read(variableText, name, value)
	return text, shown(found)
}

func (d Directory) Words(words ...string) ([]string, []string) {
	text, found := d.of.words(words)
	return text, shown(found)
}

func (d Directory) File(content string) (string, []string) {
	text, found := d.of.read(fileText, "", content)
	return text, shown(found)
}

// Renamed are the names that are replaced.
func (d Directory) Renamed() map[string]string { return d.of.renamed }

func shown(mentions []mention) []string {
	var all []string
	for _, m := range mentions {
		text := m.service
		if m.port > 0 {
			text += ":" + strconv.Itoa(m.port)
		}
		all = append(all, text)
	}
	return all
}
