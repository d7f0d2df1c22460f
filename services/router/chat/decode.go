package chat

import (
	"encoding/json"
	"fmt"
	"strconv"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
)

// signature reads a nested string, if it is there.
func signature(path string, raw json.RawMessage, to *string, keys ...string) error {
	v, ok := jsonscan.Lookup(raw, keys...)
	if !ok || raw[v.Start] != '"' {
		return nil
	}
	return decode(path, raw[v.Start:v.End], to)
}

func object(path string, raw []byte, member func(name string, raw json.RawMessage) error) error {
	if kindOf(raw) == 'n' && path != "" {
		return nil
	}
	if kindOf(raw) != '{' {
		return invalid(path, "must be an object")
	}
	return jsonscan.ScanObject(raw, func(m jsonscan.Member) error {
		return member(string(m.Key), raw[m.ValueStart:m.ValueEnd])
	})
}

func array(path string, raw []byte, element func(path string, raw json.RawMessage) error) error {
	switch kindOf(raw) {
	case 'n':
		return nil
	case '[':
	default:
		return invalid(path, "must be an array")
	}
	return jsonscan.ScanArray(raw, func(i int, v jsonscan.Value) error {
		return element(path+"["+strconv.Itoa(i)+"]", raw[v.Start:v.End])
	})
}

// decode unmarshals one value. encoding/json's own errors may quote it, so they are
// not passed on.
func decode(path string, raw json.RawMessage, to any) error {
	if n, ok := to.(*json.Number); ok {
		switch kindOf(raw) {
		case 'n':
			return nil
		case '"', 't', 'f', '{', '[':
			return invalid(path, "must be a number")
		}
		*n = json.Number(raw)
		return nil
	}
	if err := json.Unmarshal(raw, to); err != nil {
		return invalid(path, fmt.Sprintf("has the wrong type (%s)", kindName(raw)))
	}
	return nil
}

func integer(path string, raw json.RawMessage, to *int64) error {
	if kindOf(raw) == 'n' {
		return nil
	}
	n, ok := jsonscan.Int64(raw)
	if !ok {
		return invalid(path, "must be an integer")
	}
	*to = n
	return nil
}

func optionalInteger(path string, raw json.RawMessage, to **int64) error {
	if kindOf(raw) == 'n' {
		return nil
	}
	var n int64
	if err := integer(path, raw, &n); err != nil {
		return err
	}
	*to = &n
	return nil
}

func invalid(path, what string) error {
	if path == "" {
		return errs.New(errs.InvalidRequest, "the request "+what)
	}
	return errs.New(errs.InvalidRequest, path+" "+what).WithParam(path)
}

func extra(to *map[string]json.RawMessage, name string, raw json.RawMessage) {
	if present(raw) == nil {
		return
	}
	if *to == nil {
		*to = make(map[string]json.RawMessage)
	}
	(*to)[name] = raw
}

func present(raw json.RawMessage) json.RawMessage {
	if kindOf(raw) == 'n' {
		return nil
	}
	return raw
}

// kindOf is the first byte of a value: one of `{["tfn`, or a digit or minus.
func kindOf(raw []byte) byte {
	for _, c := range raw {
		switch c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

func kindName(raw []byte) string {
	switch kindOf(raw) {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	case 0:
		return "nothing"
	}
	return "a number"
}
