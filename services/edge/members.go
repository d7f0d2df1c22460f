package edge

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/spelling"
)

// contract is what a body may hold beyond the members that are read: what LiteLLM's
// clients send, or send back, and what changes nothing here.
type contract struct {
	// ignored members have no effect. One that says something is named in the answer.
	ignored []string
	// refused members would be a limit, or a promise, that is not kept.
	refused []string
}

// contracted are bodies with such members.
type contracted interface{ beyond() contract }

// headerIgnored names the members of a request that had no effect.
const headerIgnored = "X-Tollgate-Ignored-Params"

// reading takes the members of a body to where they belong. Nothing is passed over in
// silence: a member that nobody knows is an error with a suggestion.
type reading struct{ ignored []string }

// nullable is a value that a null does not leave out.
type nullable interface{ null() }

// into reads a value. A null leaves what there is, but for a [nullable].
func (r *reading) into(raw []byte, v reflect.Value, path string) error {
	if string(raw) == "null" {
		if told, ok := v.Addr().Interface().(nullable); ok {
			told.null()
		}
		return nil
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		return r.into(raw, v.Elem(), path)
	}
	if _, own := v.Addr().Interface().(json.Unmarshaler); !own {
		switch v.Kind() {
		case reflect.Struct:
			return r.object(raw, v, path)
		case reflect.Slice:
			return r.list(raw, v, path)
		case reflect.Map:
			return r.mapping(raw, v, path)
		case reflect.Int64:
			if n, ok := jsonscan.Int64(raw); ok {
				v.SetInt(n)
				return nil
			}
		default:
		}
	}
	if err := json.Unmarshal(raw, v.Addr().Interface()); err != nil {
		return errs.Newf(errs.InvalidRequest, "%s must be %s", path, wanted(v)).WithParam(path).WithCause(err)
	}
	return nil
}

// wanted says in words what a value of the type is.
func wanted(v reflect.Value) string {
	switch v.Interface().(type) {
	case money.Nano:
		return "an amount of dollars with at most nine decimals, up to 2 billion"
	case bool:
		return "true or false"
	case string:
		return "a text"
	case int64:
		return "a whole number"
	case float64:
		return "a number"
	default:
		return "an object"
	}
}

func (r *reading) object(raw []byte, v reflect.Value, path string) error {
	fields := make(map[string]reflect.Value)
	membersOf(v, fields)
	var more contract
	if c, ok := v.Interface().(contracted); ok {
		more = c.beyond()
	}
	seen := make(map[string]bool)
	err := jsonscan.ScanObject(raw, func(m jsonscan.Member) error {
		name, value := string(m.Key), m.Raw(raw)
		at := within(path, name)
		if seen[name] {
			return errs.Newf(errs.InvalidRequest, "%s is given twice", shown(at)).WithParam(shown(at))
		}
		seen[name] = true
		field, known := fields[name]
		switch {
		case known:
			return r.into(value, field, at)
		case slices.Contains(more.refused, name):
			if !blank(value) {
				return errs.Newf(errs.UnsupportedParameter, "%s is not supported", at).WithParam(at)
			}
		case slices.Contains(more.ignored, name):
			if !blank(value) {
				r.ignored = append(r.ignored, at)
			}
		default:
			candidates := slices.Concat(slices.Sorted(maps.Keys(fields)), more.ignored, more.refused)
			hint := ""
			if near := spelling.Nearest(name, candidates); near != "" {
				hint = "; did you mean " + within(path, near) + "?"
			}
			return errs.Newf(errs.InvalidRequest, "unknown member %q%s", shown(at), hint).WithParam(shown(at))
		}
		return nil
	})
	return typed(err, path, "an object")
}

func (r *reading) list(raw []byte, v reflect.Value, path string) error {
	v.Set(reflect.MakeSlice(v.Type(), 0, 0)) // [] is not null: it empties what there is
	err := jsonscan.ScanArray(raw, func(i int, value jsonscan.Value) error {
		v.Grow(1)
		v.SetLen(i + 1)
		return r.element(value.Raw(raw), v.Index(i), fmt.Sprintf("%s[%d]", path, i))
	})
	return typed(err, path, "a list")
}

// element reads an element of a list or an object, which a null is not: there is nothing
// that it could leave.
func (r *reading) element(raw []byte, v reflect.Value, path string) error {
	if string(raw) == "null" {
		return errs.Newf(errs.InvalidRequest, "%s must be %s", path, wanted(v)).WithParam(path)
	}
	return r.into(raw, v, path)
}

func (r *reading) mapping(raw []byte, v reflect.Value, path string) error {
	v.Set(reflect.MakeMap(v.Type()))
	err := jsonscan.ScanObject(raw, func(m jsonscan.Member) error {
		value := reflect.New(v.Type().Elem()).Elem()
		if err := r.element(m.Raw(raw), value, within(path, shown(string(m.Key)))); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(string(m.Key)), value)
		return nil
	})
	return typed(err, path, "an object")
}

// membersOf finds the fields of a struct, those of embedded ones too, by their names in
// JSON.
func membersOf(v reflect.Value, into map[string]reflect.Value) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.Anonymous {
			membersOf(v.Field(i), into)
			continue
		}
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			into[name] = v.Field(i)
		}
	}
}

// typed turns the scanner's complaint, which is that the value is none of its kind, into
// the caller's words.
func typed(err error, path, kind string) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*errs.Error](err); ok {
		return err
	}
	if path == "" {
		return errs.New(errs.InvalidRequest, "the request body is no valid JSON object").WithCause(err)
	}
	return errs.Newf(errs.InvalidRequest, "%s must be %s", path, kind).WithParam(path).WithCause(err)
}

// blank values say nothing: clients that send every member send them.
func blank(raw []byte) bool {
	switch string(raw) {
	case "null", "false", `""`:
		return true
	}
	n, number := jsonscan.Int64(raw)
	if number {
		return n == 0
	}
	inner := strings.Trim(string(raw), " \t\r\n")
	return len(inner) > 1 && (inner[0] == '[' || inner[0] == '{') && strings.Trim(inner[1:len(inner)-1], " \t\r\n") == ""
}

func within(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// shown is a name of the caller's, short enough for an error.
func shown(name string) string {
	const most = 64
	if len(name) <= most {
		return name
	}
	return strings.ToValidUTF8(name[:most], "") + "…"
}
