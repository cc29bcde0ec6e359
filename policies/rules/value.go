package rules

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

// state says what stands at a place in a resource's properties.
type state int

const (
	// absent: nothing, or null.
	absent state = iota
	// unknown: a value that is only known once the update runs.
	unknown
	// malformed: a value of another type than the one asked for.
	malformed
	// present: a value of the type asked for.
	present
)

// field is a place in a resource's properties. It is the only way rules read properties: reading never panics, whatever
// stands there, and always tells whether the value is known. The zero field is absent.
type field struct {
	value property.Value
	path  string
	// marked says that the value itself is a Pulumi secret; secret that it or anything around it is.
	marked, secret bool
}

// rootField is the top of a resource's properties.
func rootField(m property.Map) field {
	return field{value: property.New(m)}
}

// get is a member of an object. What is unknown has unknown members; what is no object has none.
func (f field) get(keys ...string) field {
	for _, key := range keys {
		at := joinPath(f.path, key)
		switch {
		case f.value.IsComputed():
			f = field{value: f.value, path: at, secret: f.secret}
		case f.value.IsMap():
			f = f.child(f.value.AsMap().Get(key), at)
		default:
			f = field{path: at, secret: f.secret}
		}
	}
	return f
}

func (f field) child(v property.Value, at string) field {
	return field{value: v, path: at, marked: v.Secret(), secret: f.secret || v.Secret()}
}

// state says what stands here, given whether its type fits.
func (f field) state(fits bool) state {
	switch {
	case f.value.IsNull():
		return absent
	case f.value.IsComputed():
		return unknown
	case fits:
		return present
	default:
		return malformed
	}
}

// text is the string here.
func (f field) text() (string, state) {
	if f.value.IsString() {
		return f.value.AsString(), present
	}
	return "", f.state(false)
}

// flag is the boolean here. Bridged providers take booleans as text as well, so "true" and "false" fit.
func (f field) flag() (bool, state) {
	if f.value.IsBool() {
		return f.value.AsBool(), present
	}
	if f.value.IsString() {
		if b, err := strconv.ParseBool(f.value.AsString()); err == nil {
			return b, present
		}
	}
	return false, f.state(false)
}

// number is the whole number here. Bridged providers take numbers as text as well, so "22" fits.
func (f field) number() (int, state) {
	if f.value.IsNumber() {
		if n := f.value.AsNumber(); n == math.Trunc(n) && math.Abs(n) < 1<<31 {
			return int(n), present
		}
	}
	if f.value.IsString() {
		if n, err := strconv.ParseInt(strings.TrimSpace(f.value.AsString()), 10, 32); err == nil {
			return int(n), present
		}
	}
	return 0, f.state(false)
}

// items are the elements of the list here.
func (f field) items() ([]field, state) {
	if !f.value.IsArray() {
		return nil, f.state(false)
	}
	elements := f.value.AsArray()
	list := make([]field, 0, elements.Len())
	for i, v := range elements.All {
		list = append(list, f.child(v, f.path+"["+strconv.Itoa(i)+"]"))
	}
	return list, present
}

// members are the members of the object here, sorted by key.
func (f field) members() ([]member, state) {
	if !f.value.IsMap() {
		return nil, f.state(false)
	}
	m := f.value.AsMap()
	list := make([]member, 0, m.Len())
	for key, v := range m.AllStable {
		list = append(list, member{key: key, field: f.child(v, joinPath(f.path, key))})
	}
	return list, present
}

// member is one entry of an object.
type member struct {
	field

	key string
}

// label is the text here when it may be shown: short, plain and not secret; otherwise empty.
func (f field) label() string {
	s, st := f.text()
	if st != present || f.secret || !plain(s) {
		return ""
	}
	return s
}

// plain says whether a text is a short name that needs no quotes.
func plain(s string) bool {
	const most = 63
	if s == "" || len(s) > most {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_':
		case i > 0 && (c >= '0' && c <= '9' || c == '.' || c == '-'):
		default:
			return false
		}
	}
	return true
}

// joinPath appends a key to a path. Keys that aren't short plain names are quoted, and cut when they are long.
func joinPath(path, key string) string {
	if !plain(key) {
		const most = 64
		if r := []rune(key); len(r) > most {
			key = string(r[:most]) + "…"
		}
		return fmt.Sprintf("%s[%q]", path, key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}
