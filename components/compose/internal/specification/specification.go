// Package specification tells quickly whether a document is a Compose file by the JSON schema of the Compose
// specification.
package specification

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/schema"
)

// quickSchema reads the JSON schema of the Compose specification, as compose-go embeds it, once per process.
//
//nolint:gochecknoglobals // the same text gives the same schema
var quickSchema = sync.OnceValues(func() (*checker, error) {
	var root map[string]any
	if err := json.Unmarshal([]byte(schema.Schema), &root); err != nil {
		return nil, fmt.Errorf("read the schema of the Compose specification: %w", err)
	}
	return &checker{root: root, patterns: map[string]*regexp.Regexp{}}, nil
})

// checker tells whether a document is what the schema wants, and nothing else: what is wrong is for compose-go's own
// validation to say, which compiles the schema first, and that takes longer than reading a usual file. It knows the
// keywords that the schema of the Compose specification uses. A schema with another one fits nothing, so that at worst
// time is lost.
type checker struct {
	root     map[string]any
	mutex    sync.Mutex
	patterns map[string]*regexp.Regexp
}

// Prepare reads the schema, so that [Fits] need not.
func Prepare() { _, _ = quickSchema() }

// Fits tells whether the document is a Compose file by the schema.
func Fits(document map[string]any) bool {
	c, err := quickSchema()
	if err != nil {
		return false
	}
	ok, _ := c.check(c.root, reflect.ValueOf(document))
	return ok
}

// check tells whether a value fits a schema, and which of its properties the schema knew.
func (c *checker) check(of map[string]any, v reflect.Value) (fits bool, known map[string]bool) {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	known = map[string]bool{}
	for keyword, want := range of {
		ok := true
		switch keyword {
		case "$schema", "$id", "$defs", "title", "description", "deprecated", "default":
		case "$ref":
			var inner map[string]bool
			target, found := c.resolve(want)
			if !found {
				return false, nil
			}
			ok, inner = c.check(target, v)
			maps.Copy(known, inner)
		case "type":
			ok = isType(want, v)
		case "allOf":
			for _, one := range list(want) {
				fits, inner := c.check(mapping(one), v)
				ok = ok && fits
				maps.Copy(known, inner)
			}
		case "oneOf", "anyOf":
			matches := 0
			for _, one := range list(want) {
				if fits, inner := c.check(mapping(one), v); fits {
					matches++
					maps.Copy(known, inner)
				}
			}
			ok = matches == 1 || keyword == "anyOf" && matches > 1
		case "enum":
			ok = oneOf(list(want), v)
		case "pattern":
			pattern, err := c.pattern(want)
			ok = err == nil && (v.Kind() != reflect.String || pattern.MatchString(v.String()))
		case "minimum", "maximum":
			ok = within(keyword, want, v)
		case "required":
			for _, name := range list(want) {
				ok = ok && (v.Kind() != reflect.Map || v.MapIndex(reflect.ValueOf(name)).IsValid())
			}
		case "items":
			for i := 0; v.Kind() == reflect.Slice && i < v.Len() && ok; i++ {
				ok, _ = c.check(mapping(want), v.Index(i))
			}
		case "uniqueItems":
			ok = want != true || v.Kind() != reflect.Slice || unique(v)
		case "properties", "patternProperties", "additionalProperties", "unevaluatedProperties":
			// Together, below.
		default:
			return false, nil
		}
		if !ok {
			return false, nil
		}
	}
	if v.Kind() == reflect.Map && !c.properties(of, v, known) {
		return false, nil
	}
	return true, known
}

// properties checks the values of a mapping, and adds the keys that the schema knows.
func (c *checker) properties(of map[string]any, v reflect.Value, known map[string]bool) bool {
	properties, patterns := mapping(of["properties"]), mapping(of["patternProperties"])
	additional, limited := of["additionalProperties"]
	unevaluated, closed := of["unevaluatedProperties"]
	for iter := v.MapRange(); iter.Next(); {
		key := iter.Key().String()
		named := false
		if property, ok := properties[key]; ok {
			named = true
			if fits, _ := c.check(mapping(property), iter.Value()); !fits {
				return false
			}
		}
		for text, property := range patterns {
			pattern, err := c.pattern(text)
			if err != nil {
				return false
			}
			if pattern.MatchString(key) {
				named = true
				if fits, _ := c.check(mapping(property), iter.Value()); !fits {
					return false
				}
			}
		}
		if !named && limited {
			switch rule := additional.(type) {
			case bool:
				if !rule {
					return false
				}
			default:
				if fits, _ := c.check(mapping(rule), iter.Value()); !fits {
					return false
				}
			}
			named = true
		}
		if named {
			known[key] = true
		}
		if closed && unevaluated == false && !known[key] {
			return false
		}
	}
	return true
}

// resolve follows a reference into the definitions.
func (c *checker) resolve(reference any) (map[string]any, bool) {
	text, _ := reference.(string)
	name, ok := strings.CutPrefix(text, "#/$defs/")
	target, found := mapping(c.root["$defs"])[name].(map[string]any)
	return target, ok && found
}

func (c *checker) pattern(text any) (*regexp.Regexp, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	key, _ := text.(string)
	if known, ok := c.patterns[key]; ok {
		return known, nil
	}
	compiled, err := regexp.Compile(key)
	if err != nil {
		return nil, fmt.Errorf("read the pattern %s of the schema: %w", key, err)
	}
	c.patterns[key] = compiled
	return compiled, nil
}

func mapping(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

// isType tells whether a value has one of the types of JSON that are wanted.
func isType(want any, v reflect.Value) bool {
	if text, ok := want.(string); ok {
		want = []any{text}
	}
	for _, one := range list(want) {
		switch one {
		case "object":
			if v.Kind() == reflect.Map {
				return true
			}
		case "array":
			if v.Kind() == reflect.Slice {
				return true
			}
		case "string":
			if v.Kind() == reflect.String {
				return true
			}
		case "boolean":
			if v.Kind() == reflect.Bool {
				return true
			}
		case "null":
			if !v.IsValid() {
				return true
			}
		case "integer":
			if v.CanInt() || v.CanUint() || v.CanFloat() && v.Float() == float64(int64(v.Float())) {
				return true
			}
		case "number":
			if v.CanInt() || v.CanUint() || v.CanFloat() {
				return true
			}
		}
	}
	return false
}

func oneOf(values []any, v reflect.Value) bool {
	for _, value := range values {
		if v.IsValid() && v.CanInterface() && reflect.DeepEqual(value, v.Interface()) {
			return true
		}
	}
	return false
}

// within compares a number with a bound; what is no number is for another keyword to refuse.
func within(keyword string, bound any, v reflect.Value) bool {
	limit, ok := bound.(float64)
	if !ok {
		return false
	}
	var number float64
	switch {
	case v.CanInt():
		number = float64(v.Int())
	case v.CanUint():
		number = float64(v.Uint())
	case v.CanFloat():
		number = v.Float()
	default:
		return true
	}
	if keyword == "minimum" {
		return number >= limit
	}
	return number <= limit
}

// unique tells whether no item stands in a list twice.
func unique(v reflect.Value) bool {
	seen := map[any]bool{}
	for i := range v.Len() {
		item := v.Index(i).Interface()
		if item == nil || !reflect.TypeOf(item).Comparable() {
			for j := range i {
				if reflect.DeepEqual(item, v.Index(j).Interface()) {
					return false
				}
			}
			continue
		}
		if seen[item] {
			return false
		}
		seen[item] = true
	}
	return true
}
