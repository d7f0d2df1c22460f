package rpc

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// ShareCopy hands a message to the other side of an in-process call without
// copying what it refers to: bytes, lists, maps and nested messages are shared. A
// prompt of megabytes costs what an empty one does. It holds both sides to one rule:
// what was sent, and what was received, is never written to again.
func ShareCopy(dst, src any) error {
	to, ok := dst.(proto.Message)
	if !ok {
		return fmt.Errorf("rpc: cannot copy into %T: it is no message", dst)
	}
	from, ok := src.(proto.Message)
	if !ok {
		return fmt.Errorf("rpc: cannot copy %T: it is no message", src)
	}
	proto.Reset(to)
	t, f := to.ProtoReflect(), from.ProtoReflect()
	if t.Type() != f.Type() {
		// A dynamic client of a generated handler: its values cannot be shared.
		proto.Merge(to, from)
		return nil
	}
	f.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		t.Set(field, value)
		return true
	})
	if unknown := f.GetUnknown(); len(unknown) > 0 {
		t.SetUnknown(unknown)
	}
	return nil
}
