package anthropic

import (
	"bytes"

	"tollgate.dev/platform/jsonscan"
)

// appendClosed writes a JSON schema with `additionalProperties: false` in every
// object, and with a description if it has none. The order of the members stays: it
// is the order in which the model writes them.
func appendClosed(b, schema []byte, description string) ([]byte, error) {
	const param = "response_format.json_schema.schema"
	if len(schema) == 0 || schema[0] != '{' {
		return nil, invalid(param, "must be an object")
	}
	if _, has := jsonscan.Lookup(schema, "description"); has {
		description = ""
	}
	b, err := closeSchema(b, schema, description)
	if err != nil {
		return nil, invalid(param, "is no valid JSON")
	}
	return b, nil
}

// closeSchema writes one schema. Scans bound how deep JSON nests, and thereby the
// recursion.
func closeSchema(b, schema []byte, description string) ([]byte, error) {
	if schema[0] != '{' {
		return append(b, schema...), nil
	}
	b = append(b, '{')
	start := len(b)
	if description != "" {
		b = quoted(append(b, `"description":`...), description)
	}
	object := false
	err := jsonscan.ScanObject(schema, func(m jsonscan.Member) error {
		value, key := m.Raw(schema), string(m.Key)
		if key == "additionalProperties" {
			return nil
		}
		object = object || key == "properties" || key == "type" && bytes.Contains(value, []byte(`"object"`))
		b = appendKey(b, start, key)
		var err error
		switch {
		case m.Kind == jsonscan.KindObject && (key == "properties" || key == "$defs" || key == "definitions"):
			b, err = closeMembers(b, value)
		case m.Kind == jsonscan.KindArray && (key == "anyOf" || key == "oneOf" || key == "allOf"):
			b, err = closeElements(b, value)
		case key == "items":
			b, err = closeSchema(b, value, "")
		default:
			b = append(b, value...)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if object {
		b = append(appendKey(b, start, "additionalProperties"), "false"...)
	}
	return append(b, '}'), nil
}

func closeMembers(b, schemas []byte) ([]byte, error) {
	b = append(b, '{')
	start := len(b)
	err := jsonscan.ScanObject(schemas, func(m jsonscan.Member) error {
		var err error
		b, err = closeSchema(appendKey(b, start, string(m.Key)), m.Raw(schemas), "")
		return err
	})
	return append(b, '}'), err
}

func closeElements(b, schemas []byte) ([]byte, error) {
	b = append(b, '[')
	err := jsonscan.ScanArray(schemas, func(i int, v jsonscan.Value) error {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		b, err = closeSchema(b, v.Raw(schemas), "")
		return err
	})
	return append(b, ']'), err
}

// appendKey writes the key of a member of the object whose members begin at start.
func appendKey(b []byte, start int, key string) []byte {
	if len(b) > start {
		b = append(b, ',')
	}
	return append(quoted(b, key), ':')
}
