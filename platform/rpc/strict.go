package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/spelling"
)

// strictJSON reads JSON requests strictly: a member or an enum's name that a message does
// not have is an error. People write JSON by hand, and a limit that is misspelt must not
// become a key without limits. The binary encoding passes over what it does not know, so
// that clients may be newer than the gateway.
type strictJSON struct{ *connectproto.JSONCodec }

func newStrictJSON() strictJSON {
	codec := connectproto.NewJSONCodec()
	codec.UnmarshalOptions.DiscardUnknown = false
	return strictJSON{codec}
}

// UnmarshalRead reads a message. Errors: invalid_request, which names the member and quotes
// no value.
func (c strictJSON) UnmarshalRead(ctx context.Context, src io.Reader, msg any) error {
	raw, err := io.ReadAll(src)
	if err != nil {
		return fmt.Errorf("read message: %w", err)
	}
	err = c.JSONCodec.UnmarshalRead(ctx, bytes.NewReader(raw), msg)
	m, ok := msg.(proto.Message)
	if err == nil || !ok {
		return err
	}
	if !json.Valid(raw) {
		return errs.New(errs.InvalidRequest, "the body is no valid JSON").WithCause(err)
	}
	if found := misfit(raw, m.ProtoReflect().Type(), ""); found != nil {
		return found.WithCause(err)
	}
	return errs.Newf(errs.InvalidRequest, "the body is no %s", m.ProtoReflect().Descriptor().FullName()).WithCause(err)
}

// misfit finds what of a JSON object is not the message's; nil when no single member is to
// blame.
func misfit(raw []byte, message protoreflect.MessageType, path string) *errs.Error {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return wrong(path)
	}
	fields := message.Descriptor().Fields()
	for _, name := range slices.Sorted(maps.Keys(members)) {
		at := joined(path, name)
		field := fields.ByJSONName(name)
		if field == nil {
			field = fields.ByTextName(name)
		}
		if field == nil {
			return unknown(path, name, fields)
		}
		// Each member by itself: protojson says more only in words that it may change.
		one, err := json.Marshal(map[string]json.RawMessage{name: members[name]})
		if err != nil || protojson.Unmarshal(one, message.New().Interface()) != nil {
			return misfitOf(members[name], field, message, at)
		}
	}
	return nil
}

// misfitOf looks into the value of a field that does not fit.
func misfitOf(raw []byte, field protoreflect.FieldDescriptor, message protoreflect.MessageType, path string) *errs.Error {
	inner, values := field, map[string]json.RawMessage{"": raw}
	switch {
	case field.IsMap():
		inner, values = field.MapValue(), nil
		if json.Unmarshal(raw, &values) != nil {
			return wrong(path)
		}
	case field.IsList():
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			return wrong(path)
		}
		values = make(map[string]json.RawMessage, len(list))
		for i, value := range list {
			values[fmt.Sprintf("[%d]", i)] = value
		}
	}
	if inner.Message() == nil {
		return misfitScalar(values, inner, path)
	}
	if inner.Message().ParentFile().Package() == "google.protobuf" {
		return wrong(path) // what these are in JSON is their own
	}
	of := message.New().NewField(field)
	var nested protoreflect.MessageType
	switch {
	case field.IsMap():
		nested = of.Map().NewValue().Message().Type()
	case field.IsList():
		nested = of.List().NewElement().Message().Type()
	default:
		nested = of.Message().Type()
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		at := path + name
		if field.IsMap() {
			at = joined(path, name)
		}
		if found := misfit(values[name], nested, at); found != nil {
			return found
		}
	}
	return wrong(path)
}

// misfitScalar says what is wrong with a value, or with one of a list or a map, that is no
// message: an enum's name that there is not, or a number that is too large.
func misfitScalar(values map[string]json.RawMessage, field protoreflect.FieldDescriptor, path string) *errs.Error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		text := strings.Trim(string(values[name]), `"`)
		switch field.Kind() {
		case protoreflect.EnumKind:
			if found := unknownName(text, field.Enum().Values(), path); found != nil {
				return found
			}
		case protoreflect.Int32Kind, protoreflect.Int64Kind, protoreflect.Uint32Kind, protoreflect.Uint64Kind:
			bits := 64
			if field.Kind() == protoreflect.Int32Kind || field.Kind() == protoreflect.Uint32Kind {
				bits = 32
			}
			if _, err := strconv.ParseInt(text, 10, bits); errors.Is(err, strconv.ErrRange) {
				return errs.Newf(errs.InvalidRequest, "the value of %q is out of range", path).WithParam(path)
			}
		default:
		}
	}
	return wrong(path)
}

// unknownName refuses what is none of an enum's names; nil for what may be one. It does not
// repeat it.
func unknownName(text string, known protoreflect.EnumValueDescriptors, path string) *errs.Error {
	if known.ByName(protoreflect.Name(text)) != nil {
		return nil
	}
	names := make([]string, 0, known.Len())
	for i := range known.Len() {
		names = append(names, string(known.Get(i).Name()))
	}
	message := fmt.Sprintf("the value of %q is none of its names", path)
	if near := spelling.Nearest(text, names); near != "" {
		message += fmt.Sprintf("; did you mean %q?", near)
	}
	return errs.New(errs.InvalidRequest, message).WithParam(path)
}

func unknown(path, name string, fields protoreflect.FieldDescriptors) *errs.Error {
	names := make([]string, 0, fields.Len())
	for i := range fields.Len() {
		names = append(names, fields.Get(i).JSONName())
	}
	at := joined(path, name)
	message := fmt.Sprintf("unknown member %q", at)
	if near := spelling.Nearest(name, names); near != "" {
		message += fmt.Sprintf("; did you mean %q?", joined(path, near))
	}
	return errs.New(errs.InvalidRequest, message).WithParam(at)
}

func wrong(path string) *errs.Error {
	if path == "" {
		return nil
	}
	return errs.Newf(errs.InvalidRequest, "the value of %q is not of its kind", path).WithParam(path)
}

func joined(path, name string) string {
	if len(name) > longestName {
		name = strings.ToValidUTF8(name[:longestName], "") + "…"
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

// longestName bounds what an error repeats of a name, in bytes.
const longestName = 64
