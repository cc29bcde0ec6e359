package compose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
)

// environmentFile is what Compose reads variables from when it stands beside the Compose file.
const environmentFile = ".env"

// variables are those that the caller gives, and below them those of the file .env of Compose files on disk.
func (r *reader) variables() (types.Mapping, error) {
	all := types.Mapping{}
	if r.source.Assets == nil {
		content, err := os.ReadFile(filepath.Join(r.dir, environmentFile))
		if err == nil {
			given := func(name string) (string, bool) {
				value, ok := r.source.Environment[name]
				return value, ok
			}
			parsed, err := dotenv.ParseWithLookup(strings.NewReader(string(content)), given)
			if err != nil {
				// What cannot be parsed may be a secret, so the parser's own words are not repeated.
				return nil, fmt.Errorf("the file %s cannot be read: it must be lines of NAME=value", environmentFile)
			}
			all = parsed
		}
	}
	maps.Copy(all, r.source.Environment)
	if r.source.Assets == nil {
		all["PWD"] = r.dir // as Compose has it, wherever the caller is
	}
	return all, nil
}

// substitute is compose-go's interpolation, except that a variable without value and default does not become a blank
// in silence: it is an error, or noted for [reader.unsetVariables] where the file was not written for dmcloud.
func (r *reader) substitute(text string, mapping template.Mapping) (string, error) {
	if !strings.Contains(text, "$") {
		return text, nil
	}
	return template.SubstituteWithOptions(text, mapping, template.WithoutLogging,
		template.WithReplacementFunction(func(match string, m template.Mapping, c *template.Config) (string, error) {
			value, applied, err := template.DefaultReplacementAppliedFunc(match, m, c)
			var required *template.MissingRequiredError
			if r.adopting() && errors.As(err, &required) {
				// Go on, to find what else is wrong.
				r.required[required.Variable] = required.Reason
				return "0", nil // as good as any other value, and a number where one is needed
			}
			if err == nil && !applied {
				name := strings.Trim(match, "${}")
				if !r.adopting() {
					return "", fmt.Errorf("the variable %s has neither a value nor a default", name)
				}
				r.unset[name] = true
			}
			return value, err
		}))
}

// giveValue is what to do about a variable without one.
const giveValue = "give it a value in the file .env beside the Compose file, or among the variables of the environment"

// variableUse finds the variables in a text that was not interpolated: $NAME and ${NAME…, but not $$NAME.
var variableUse = regexp.MustCompile(`\$\$|\$\{?([A-Za-z_][A-Za-z0-9_]*)`)

// unsetVariables decides on the variables that have neither a value nor a default. Where one is the whole value of a
// variable of a container, that is read later; anywhere else a blank would be a guess.
func (r *reader) unsetVariables(ctx context.Context, details types.ConfigDetails, set func(*loader.Options)) {
	for _, name := range slices.Sorted(maps.Keys(r.required)) {
		r.refuse("variables."+name, nil, "is required: "+cmp.Or(r.scrub(r.required[name]), "the file says so"), giveValue)
	}
	if len(r.unset)+len(r.required) == 0 {
		return
	}
	// The files once more, without interpolation: to see where the variables stand.
	raw, err := loader.LoadModelWithContext(ctx, details, set, func(o *loader.Options) {
		o.SkipInterpolation = true
		o.SkipValidation = true
	})
	if err != nil {
		for _, name := range slices.Sorted(maps.Keys(r.unset)) {
			r.refuseVariable(name, "")
		}
		return
	}
	used := map[string]string{}
	visitStrings("", raw, func(path, text string) {
		if strings.HasPrefix(path, "x-") && !strings.HasPrefix(path, extensionKey) {
			return // a place for anchors; what refers to them comes by itself
		}
		if r.inactive(path) {
			return
		}
		service, variable, inEnvironment := environmentPath(path, text)
		for _, match := range variableUse.FindAllStringSubmatch(text, -1) {
			name := match[1]
			if _, required := r.required[name]; required {
				r.guess(path)
			}
			if !r.unset[name] {
				continue
			}
			if value := afterEquals(text, variable); inEnvironment && (value == "$"+name || value == "${"+name+"}") {
				r.blank[service+"\x00"+variable] = name
				continue
			}
			r.guess(path)
			if first, seen := used[name]; !seen || path < first {
				used[name] = path
			}
		}
	})
	for _, name := range slices.Sorted(maps.Keys(used)) {
		r.refuseVariable(name, used[name])
	}
}

func (r *reader) refuseVariable(name, where string) {
	if where != "" {
		where = "is used at " + where + " and "
	}
	r.refuse("variables."+name, nil, where+"has neither a value nor a default", giveValue)
}

// guess notes where a blank stands for a variable: at a path, and in the item of a list that this is a part of.
func (r *reader) guess(path string) {
	r.guessed[path] = true
	if end := strings.LastIndex(path, "]"); end >= 0 {
		r.guessed[path[:end+1]] = true
	}
}

// inactive tells whether a path lies in a service that none of the profiles has.
func (r *reader) inactive(path string) bool {
	rest, ok := strings.CutPrefix(path, "services.")
	if !ok || r.project == nil {
		return false
	}
	for service := range r.project.Services {
		if strings.HasPrefix(rest, service+".") {
			return false
		}
	}
	return true
}

// visitStrings calls visit for each text in a document, with its path.
func visitStrings(path string, node any, visit func(path, text string)) {
	switch v := node.(type) {
	case map[string]any:
		for key, value := range v {
			visitStrings(strings.TrimPrefix(path+"."+key, "."), value, visit)
		}
	case []any:
		for i, value := range v {
			visitStrings(fmt.Sprintf("%s[%d]", path, i), value, visit)
		}
	case string:
		visit(path, v)
	}
}

// listItem is the end of a path that leads to an item of a list.
var listItem = regexp.MustCompile(`\[\d+]$`)

// environmentPath takes apart the path of a container's variable, which stands in a mapping or, with its name, in a
// list.
func environmentPath(path, text string) (service, variable string, ok bool) {
	rest, ok := strings.CutPrefix(path, "services.")
	if !ok {
		return "", "", false
	}
	if base := listItem.ReplaceAllString(rest, ""); base != rest {
		service, ok = strings.CutSuffix(base, ".environment")
		variable, _, _ = strings.Cut(text, "=")
		return service, variable, ok
	}
	service, variable, ok = strings.Cut(rest, ".environment.")
	return service, variable, ok
}

// afterEquals is the value in "NAME=value"; a text that does not start with the name is a value already.
func afterEquals(text, name string) string {
	if value, ok := strings.CutPrefix(text, name+"="); ok {
		return value
	}
	return text
}
