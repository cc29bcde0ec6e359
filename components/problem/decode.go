package problem

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/go-viper/mapstructure/v2"
)

// Decode fills the struct that into points to from raw, which is what a JSON or YAML decoder makes of a document: maps,
// slices and scalars. It is strict: a key that the struct does not have and a value of another type are problems, and
// all of them are found in one pass. Fields are named by their `json` tag; types that implement
// [encoding.TextUnmarshaler] are read from text. Values are never repeated in a problem, they may be secret.
func Decode(raw any, into any) List {
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result:     into,
		TagName:    "json",
		MatchName:  func(key, field string) bool { return key == field },
		DecodeHook: mapstructure.ComposeDecodeHookFunc(strict, mapstructure.TextUnmarshallerHookFunc()),
	})
	if err != nil {
		return List{{Rule: err.Error()}}
	}
	var problems List
	raw = plain(raw)
	collect(decoder.Decode(raw), &problems)
	unknown("", reflect.ValueOf(raw), reflect.TypeOf(into), &problems)
	slices.SortStableFunc(problems, func(a, b Problem) int { return strings.Compare(a.Path, b.Path) })
	return problems
}

// plain replaces the json package's number type, which is a kind of text, by Go's own.
func plain(raw any) any {
	switch v := raw.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, value := range v {
			m[key] = plain(value)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, value := range v {
			l[i] = plain(value)
		}
		return l
	case json.Number:
		if whole, err := v.Int64(); err == nil {
			return whole
		}
		float, _ := v.Float64()
		return float
	}
	return raw
}

// strict refuses what the decoder would cut off or wrap in silence, in our words.
func strict(from, to reflect.Type, data any) (any, error) {
	if readsText(to) {
		if from.Kind() != reflect.String && from != to {
			return nil, fmt.Errorf("must be text, is %s", describe(from))
		}
		return data, nil
	}
	switch to.Kind() { //nolint:exhaustive // the decoder is strict about the others
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint64:
		if number, ok := data.(float64); ok && number != math.Trunc(number) {
			return nil, errors.New("must be a whole number")
		}
	case reflect.Slice:
		if from.Kind() != reflect.Slice {
			return nil, fmt.Errorf("must be a list, is %s", describe(from))
		}
	case reflect.Struct, reflect.Map:
		if from.Kind() != reflect.Map {
			return nil, fmt.Errorf("must be a mapping, is %s", describe(from))
		}
	}
	return data, nil
}

// collect turns the decoder's tree of errors into problems.
func collect(err error, problems *List) {
	switch e := err.(type) { //nolint:errorlint // walks the tree itself
	case nil:
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			collect(inner, problems)
		}
	case *mapstructure.DecodeError:
		// A mapping inside a list reports the joined errors of its own fields under its own name.
		if _, ok := e.Unwrap().(interface{ Unwrap() []error }); ok {
			collect(e.Unwrap(), problems)
			return
		}
		*problems = append(*problems, Problem{Path: e.Name(), Rule: rule(e.Unwrap())})
	case interface{ Unwrap() error }:
		collect(e.Unwrap(), problems)
	default:
		*problems = append(*problems, Problem{Rule: err.Error()})
	}
}

// rule words one decoding error without the value.
func rule(err error) string {
	var kind *mapstructure.UnconvertibleTypeError
	if errors.As(err, &kind) {
		return fmt.Sprintf("must be %s, is %s", describe(kind.Expected.Type()), describe(reflect.TypeOf(kind.Value)))
	}
	var parse *mapstructure.ParseError
	if errors.As(err, &parse) {
		return "must be " + describe(parse.Expected.Type())
	}
	return err.Error()
}

// describe names a type as the author of a stack file knows it.
func describe(t reflect.Type) string {
	if t == nil {
		return "empty"
	}
	switch t.Kind() { //nolint:exhaustive // the rest are not found in JSON or YAML
	case reflect.Pointer:
		return describe(t.Elem())
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Uint, reflect.Uint64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "a mapping"
	}
	return t.String()
}

// readsText tells whether values of the type are read from text.
func readsText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// unknown finds the keys that a type has no field for. The decoder can list them, but leaves out those that stand
// beside a value of a wrong type.
func unknown(path string, raw reflect.Value, t reflect.Type, problems *List) {
	for raw.Kind() == reflect.Interface {
		raw = raw.Elem()
	}
	switch {
	case t.Kind() == reflect.Pointer:
		unknown(path, raw, t.Elem(), problems)
	case readsText(t):
	case t.Kind() == reflect.Slice && raw.Kind() == reflect.Slice:
		for i := range raw.Len() {
			unknown(fmt.Sprintf("%s[%d]", path, i), raw.Index(i), t.Elem(), problems)
		}
	case (t.Kind() == reflect.Struct || t.Kind() == reflect.Map) && raw.Kind() == reflect.Map:
		known := fields(t)
		for _, key := range raw.MapKeys() {
			at := strings.TrimPrefix(fmt.Sprintf("%s.%v", path, key), ".")
			inner, ok := known[fmt.Sprint(key)]
			switch {
			case t.Kind() == reflect.Map:
				unknown(at, raw.MapIndex(key), t.Elem(), problems)
			case ok:
				unknown(at, raw.MapIndex(key), inner, problems)
			default:
				*problems = append(*problems, Problem{
					Path: at, Rule: "unknown key", Fix: suggest(fmt.Sprint(key), known),
				})
			}
		}
	}
}

// suggest finds the key that was probably meant.
func suggest(unknown string, known map[string]reflect.Type) string {
	best, score := "", 0.6
	for key := range known {
		if s := levenshtein.Similarity(unknown, key, nil); s > score || (s == score && key < best) {
			best, score = key, s
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	return "known here: " + strings.Join(slices.Sorted(maps.Keys(known)), ", ")
}

// fields lists the keys of a struct; nothing has keys but a struct.
func fields(t reflect.Type) map[string]reflect.Type {
	keys := map[string]reflect.Type{}
	if t.Kind() != reflect.Struct {
		return keys
	}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			keys[name] = f.Type
		}
	}
	return keys
}
