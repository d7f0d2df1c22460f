// Package rpctest checks what services hand to package rpc.
package rpctest

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"tollgate.dev/platform/rpc"
)

// Shares checks that a sharer hands over every field of each message, and leaves alone
// what is none of its messages.
func Shares(t *testing.T, share rpc.Sharer, messages ...proto.Message) {
	t.Helper()
	for _, empty := range messages {
		src := empty.ProtoReflect().New()
		fill(src)
		dst := empty.ProtoReflect().New().Interface()
		if !share(dst, src.Interface()) {
			t.Errorf("%s is not shared", src.Descriptor().FullName())
			continue
		}
		if !proto.Equal(dst, src.Interface()) {
			t.Errorf("%s lost a field:\n got %v\nwant %v", src.Descriptor().FullName(), dst, src.Interface())
		}
		if share(dst, "no message") {
			t.Errorf("%s is shared with what is no message", src.Descriptor().FullName())
		}
	}
	if share("no message", messages[0]) {
		t.Error("what is no message is shared")
	}
}

// fill gives every field a value that is not its default.
func fill(m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch {
		case f.IsMap():
		case f.IsList() && f.Message() != nil:
			m.Mutable(f).List().AppendMutable()
		case f.IsList():
			m.Mutable(f).List().Append(scalar(f))
		case f.Message() != nil:
			m.Mutable(f)
		default:
			m.Set(f, scalar(f))
		}
	}
}

func scalar(f protoreflect.FieldDescriptor) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(1)
	case protoreflect.StringKind:
		return protoreflect.ValueOfString("x")
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte("x"))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(1)
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(1)
	default:
		return f.Default()
	}
}
