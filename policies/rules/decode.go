package rules

import (
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// issue is a place that could not be decoded because its value is unknown or malformed.
type issue struct {
	// keys lead to the place, from where decoding began; list elements are numbers.
	keys  []string
	path  string
	state state
}

// decode fills a Kubernetes API type from properties as far as they are known, and lists the places where they are not.
// It reads keys as the API server does: by JSON name, case-sensitive, unknown keys ignored. Unlike a JSON decoder it
// goes on after a value of the wrong type.
func decode(f field, into any) []issue {
	d := decoder{}
	d.decode(f, reflect.ValueOf(into).Elem(), nil)
	return d.issues
}

type decoder struct {
	issues []issue
}

func (d *decoder) report(f field, keys []string) {
	s := unknown
	if !f.value.IsComputed() {
		s = malformed
	}
	d.issues = append(d.issues, issue{keys: append([]string(nil), keys...), path: f.path, state: s})
}

func (d *decoder) decode(f field, into reflect.Value, keys []string) {
	switch {
	case f.value.IsNull():
		return
	case f.value.IsComputed():
		d.report(f, keys)
		return
	}
	if custom, ok := into.Addr().Interface().(json.Unmarshaler); ok {
		if !unmarshal(f, custom) {
			into.SetZero()
			d.report(f, keys)
		}
		return
	}
	fits := true
	switch into.Kind() {
	case reflect.Pointer:
		// A value that can't be decoded leaves the pointer nil, as if it were absent.
		target := reflect.New(into.Type().Elem())
		before := len(d.issues)
		d.decode(f, target.Elem(), keys)
		if failed := len(d.issues) > before && len(d.issues[before].keys) == len(keys); !failed {
			into.Set(target)
		}
	case reflect.Struct:
		if fits = f.value.IsMap(); fits {
			d.structure(f, into, keys)
		}
	case reflect.Slice:
		if fits = f.value.IsArray(); fits {
			list, _ := f.items()
			into.Set(reflect.MakeSlice(into.Type(), len(list), len(list)))
			for i, item := range list {
				d.decode(item, into.Index(i), append(keys, strconv.Itoa(i)))
			}
		}
	case reflect.Map:
		if fits = f.value.IsMap(); fits {
			d.dictionary(f, into, keys)
		}
	case reflect.String:
		if fits = f.value.IsString(); fits {
			into.SetString(f.value.AsString())
		}
	case reflect.Bool:
		if fits = f.value.IsBool(); fits {
			into.SetBool(f.value.AsBool())
		}
	case reflect.Int, reflect.Int32, reflect.Int64:
		if fits = f.value.IsNumber(); fits {
			n := f.value.AsNumber()
			fits = n == math.Trunc(n) && math.Abs(n) < 1<<63 && !into.OverflowInt(int64(n))
			if fits {
				into.SetInt(int64(n))
			}
		}
	default:
		fits = false
	}
	if !fits {
		d.report(f, keys)
	}
}

// structure decodes the fields of a struct, looking into embedded structs as encoding/json does.
func (d *decoder) structure(f field, into reflect.Value, keys []string) {
	t := into.Type()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		switch {
		case name == "-" || !t.Field(i).IsExported():
		case name == "" && t.Field(i).Anonymous:
			d.structure(f, into.Field(i), keys)
		case name != "":
			if v, ok := f.value.AsMap().GetOk(name); ok {
				d.decode(f.child(v, joinPath(f.path, name)), into.Field(i), append(keys, name))
			}
		}
	}
}

func (d *decoder) dictionary(f field, into reflect.Value, keys []string) {
	list, _ := f.members()
	into.Set(reflect.MakeMapWithSize(into.Type(), len(list)))
	for _, m := range list {
		v := reflect.New(into.Type().Elem()).Elem()
		d.decode(m.field, v, append(keys, m.key))
		into.SetMapIndex(reflect.ValueOf(m.key).Convert(into.Type().Key()), v)
	}
}

// unmarshal gives a scalar to a type that decodes itself, such as a quantity.
func unmarshal(f field, into json.Unmarshaler) bool {
	var data []byte
	var err error
	switch {
	case f.value.IsString():
		data, err = json.Marshal(f.value.AsString())
	case f.value.IsNumber():
		data, err = json.Marshal(f.value.AsNumber())
	default:
		return false
	}
	return err == nil && into.UnmarshalJSON(data) == nil
}
