package command

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dekcd/dmcloud/components/kubernetes/manifest"
)

// encoder writes Kubernetes objects as YAML documents. encoding/json, by which sigs.k8s.io/yaml writes them, first
// looks at all types that a pod could hold, and that takes longer than everything else convert does. Here only what
// an object does hold is visited.
type encoder struct {
	// fields are those of the types visited so far.
	fields map[reflect.Type][]field
}

// field is a field of a struct as its json tag names it.
type field struct {
	name      string
	index     []int
	omitEmpty bool
}

func newEncoder() *encoder { return &encoder{fields: map[reflect.Type][]field{}} }

// document writes one object, without what only the cluster writes.
func (e *encoder) document(o manifest.Object) ([]byte, error) {
	node, err := e.mapping(reflect.ValueOf(o.Value).Elem(), "status")
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", o.ID(), err)
	}
	out := bytes.NewBufferString("---\n")
	const indentation = 2
	writer := yaml.NewEncoder(out)
	writer.SetIndent(indentation)
	if err := writer.Encode(node); err != nil {
		return nil, fmt.Errorf("write %s: %w", o.ID(), err)
	}
	if err := writer.Close(); err != nil {
		return nil, fmt.Errorf("write %s: %w", o.ID(), err)
	}
	return out.Bytes(), nil
}

// mapping is a struct or a map, by the names of its keys; one key may be left out.
func (e *encoder) mapping(v reflect.Value, except string) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.MappingNode}
	add := func(name string, value reflect.Value) error {
		inner, err := e.value(value)
		if err != nil {
			return err
		}
		node.Content = append(node.Content, text(name), inner)
		return nil
	}
	if v.Kind() == reflect.Map {
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, key := range keys {
			if err := add(key.String(), v.MapIndex(key)); err != nil {
				return nil, err
			}
		}
		return node, nil
	}
	for _, f := range e.fieldsOf(v.Type()) {
		value := v.FieldByIndex(f.index)
		if f.name == except || isNull(value) || f.omitEmpty && isEmpty(value) {
			continue
		}
		if err := add(f.name, value); err != nil {
			return nil, err
		}
	}
	return node, nil
}

func (e *encoder) fieldsOf(t reflect.Type) []field {
	if known, ok := e.fields[t]; ok {
		return known
	}
	var all []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case f.Anonymous && name == "":
			for _, inner := range e.fieldsOf(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				all = append(all, inner)
			}
		default:
			all = append(all, field{name: name, index: []int{i}, omitEmpty: strings.Contains(options, "omitempty")})
		}
	}
	slices.SortFunc(all, func(a, b field) int { return strings.Compare(a.name, b.name) })
	e.fields[t] = all
	return all
}

// isNull tells whether JSON has a null for the value, which says nothing.
func isNull(v reflect.Value) bool {
	switch v.Kind() { //nolint:exhaustive // the others are never null
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
		return v.IsNil()
	case reflect.Struct:
		// The only struct of the API that is null when it is empty is a time.
		return v.Type() == reflect.TypeFor[metav1.Time]() && v.IsZero()
	}
	return false
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() { //nolint:exhaustive // the others are empty when they are zero
	case reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

func (e *encoder) value(v reflect.Value) (*yaml.Node, error) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Struct:
		if special, ok := v.Interface().(json.Marshaler); ok {
			return own(special)
		}
		return e.mapping(v, "")
	case reflect.Map:
		return e.mapping(v, "")
	case reflect.Slice:
		return e.sequence(v)
	case reflect.String:
		return text(v.String()), nil
	case reflect.Bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v.Bool())}, nil
	case reflect.Int, reflect.Int32, reflect.Int64:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.FormatInt(v.Int(), 10)}, nil
	default:
		return nil, fmt.Errorf("no way to write a %s", v.Type())
	}
}

// text is written as lines where it has several and nothing in it is lost that way, which is easiest to read.
func text(value string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
	switch {
	case strings.Contains(value, "\n"):
		node.Style = yaml.DoubleQuotedStyle
		lossy := func(c rune) bool { return c != '\n' && c != '\t' && !unicode.IsPrint(c) }
		if !strings.ContainsRune(" \t\n", rune(value[0])) && !strings.ContainsFunc(value, lossy) {
			node.Style = yaml.LiteralStyle
		}
	case misread.MatchString(value) && !quantity.MatchString(value):
		node.Style = yaml.DoubleQuotedStyle
	}
	return node
}

var (
	// misread are texts that YAML 1.1, which kubectl reads, takes for something else: switches, numbers, times.
	misread = regexp.MustCompile(`^([0-9]|[-+.][0-9.]|[yYnN]$|(?i:yes|no|on|off)$)`)
	// quantity begins with a digit and is a text everywhere.
	quantity = regexp.MustCompile(`^[1-9][0-9]*(m|[KMGTP]i)$`)
)

// own is what has a form of its own: quantities, times, and what is a number or a text.
func own(value json.Marshaler) (*yaml.Node, error) {
	raw, err := value.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("as JSON: %w", err)
	}
	if quoted, err := strconv.Unquote(string(raw)); err == nil {
		return text(quoted), nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: string(raw)}, nil
}

func (e *encoder) sequence(v reflect.Value) (*yaml.Node, error) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		return text(base64.StdEncoding.EncodeToString(v.Bytes())), nil
	}
	node := &yaml.Node{Kind: yaml.SequenceNode}
	for i := range v.Len() {
		item, err := e.value(v.Index(i))
		if err != nil {
			return nil, err
		}
		node.Content = append(node.Content, item)
	}
	return node, nil
}
