package onnx

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// The numbers of the fields that are read, from onnx.proto (ONNX 1.20, IR version 13).
const (
	modelGraph = 7
	modelOpset = 8

	opsetDomain  = 1
	opsetVersion = 2

	graphNode        = 1
	graphInitializer = 5
	graphInput       = 11
	graphOutput      = 12
	valueName        = 1

	nodeInput     = 1
	nodeOutput    = 2
	nodeName      = 3
	nodeOpType    = 4
	nodeAttribute = 5
	nodeDomain    = 7

	attrName   = 1
	attrFloat  = 2
	attrInt    = 3
	attrString = 4
	attrTensor = 5
	attrInts   = 8

	tensorDims         = 1
	tensorDataType     = 2
	tensorFloatData    = 4
	tensorInt32Data    = 5
	tensorInt64Data    = 7
	tensorName         = 8
	tensorRawData      = 9
	tensorExternalData = 13
	tensorDataLocation = 14
	entryKey           = 1
	entryValue         = 2
)

// The data types that are read.
const (
	typeFloat = 1
	typeInt32 = 6
	typeInt64 = 7
	typeBool  = 9
)

var errMalformed = errors.New("not a well-formed ONNX model")

// field is one field of a message: a number, or a range of the file.
type field struct {
	num    int32
	kind   protowire.Type
	value  uint64 // of a varint or fixed field
	offset int64  // of a field with a length
	size   int64
}

// fields calls visit for each field of the message that is file[from:to]. Payloads are
// skipped, not read: a model is as large as the machine's memory.
func fields(file io.ReaderAt, from, to int64, visit func(field) error) error {
	r := bufio.NewReaderSize(nil, 64)
	at := from
	for at < to {
		r.Reset(io.NewSectionReader(file, at, to-at))
		tag, n, err := varint(r)
		if err != nil {
			return err
		}
		at += n
		f := field{}
		num, kind := protowire.DecodeTag(tag)
		f.num, f.kind = int32(num), kind
		if f.num < 1 {
			return errMalformed
		}
		switch f.kind {
		case protowire.VarintType:
			if f.value, n, err = varint(r); err != nil {
				return err
			}
			at += n
		case protowire.Fixed32Type, protowire.Fixed64Type:
			size := 4
			if f.kind == protowire.Fixed64Type {
				size = 8
			}
			for i := range size {
				b, err := r.ReadByte()
				if err != nil {
					return errMalformed
				}
				f.value |= uint64(b) << (8 * i)
			}
			at += int64(size)
		case protowire.BytesType:
			size, n, err := varint(r)
			if err != nil {
				return err
			}
			at += n
			if size > math.MaxInt64 || int64(size) > to-at {
				return errMalformed
			}
			f.offset, f.size = at, int64(size)
			at += f.size
		default:
			return errMalformed
		}
		if at > to {
			return errMalformed
		}
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

func varint(r *bufio.Reader) (v uint64, size int64, err error) {
	for shift := uint(0); shift < 64; shift += 7 {
		b, err := r.ReadByte()
		if err != nil {
			return 0, 0, errMalformed
		}
		size++
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, size, nil
		}
	}
	return 0, 0, errMalformed
}

// maxSmall bounds what is read into memory as it is: names, shapes and constants of a graph.
const maxSmall = 16 << 20

func (f field) bytes(file io.ReaderAt) ([]byte, error) {
	if f.kind != protowire.BytesType || f.size > maxSmall {
		return nil, errMalformed
	}
	b := make([]byte, f.size)
	if _, err := file.ReadAt(b, f.offset); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	return b, nil
}

func (f field) string(file io.ReaderAt) (string, error) {
	b, err := f.bytes(file)
	return string(b), err
}

// varints appends the values of a repeated field, packed or not.
func (f field) varints(file io.ReaderAt, to []int64) ([]int64, error) {
	if f.kind == protowire.VarintType {
		return append(to, int64(f.value)), nil //nolint:gosec // two's complement, as encoded
	}
	b, err := f.bytes(file)
	if err != nil {
		return nil, err
	}
	for len(b) > 0 {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return nil, errMalformed
		}
		to = append(to, int64(v)) //nolint:gosec // two's complement, as encoded
		b = b[n:]
	}
	return to, nil
}

// rawTensor is a tensor whose payload is still in the file.
type rawTensor struct {
	name     string
	dims     []int64
	dataType uint64
	raw      field
	floats   field
	ints     []int64
	external map[string]string
	outside  bool
}

func readTensor(file io.ReaderAt, at field) (rawTensor, error) {
	t := rawTensor{}
	err := fields(file, at.offset, at.offset+at.size, func(f field) (err error) {
		switch f.num {
		case tensorDims:
			t.dims, err = f.varints(file, t.dims)
		case tensorDataType:
			t.dataType = f.value
		case tensorName:
			t.name, err = f.string(file)
		case tensorRawData:
			t.raw = f
		case tensorFloatData:
			if f.kind != protowire.BytesType {
				return errMalformed
			}
			t.floats = f
		case tensorInt32Data, tensorInt64Data:
			t.ints, err = f.varints(file, t.ints)
		case tensorDataLocation:
			t.outside = f.value == 1
		case tensorExternalData:
			var key, value string
			err = fields(file, f.offset, f.offset+f.size, func(e field) (err error) {
				switch e.num {
				case entryKey:
					key, err = e.string(file)
				case entryValue:
					value, err = e.string(file)
				}
				return err
			})
			if t.external == nil {
				t.external = map[string]string{}
			}
			t.external[key] = value
		}
		return err
	})
	return t, err
}

// load brings a tensor into memory. external opens the file of a tensor that is kept
// outside of the model.
func (t rawTensor) load(file io.ReaderAt, external func(map[string]string) (io.ReaderAt, field, error)) (*Tensor, error) {
	out := &Tensor{Shape: make([]int, len(t.dims))}
	for i, d := range t.dims {
		if d < 0 || d > maxElements {
			return nil, errMalformed
		}
		out.Shape[i] = int(d)
	}
	n, err := elements(out.Shape)
	if err != nil {
		return nil, err
	}
	raw := t.raw
	if t.outside {
		if file, raw, err = external(t.external); err != nil {
			return nil, err
		}
	} else if raw.size == 0 && t.floats.size > 0 {
		raw = t.floats // packed float32 is the same bytes
	}
	var width int
	switch t.dataType {
	case typeFloat:
		out.Kind = Float
		if raw.size != int64(n)*4 {
			return nil, errMalformed
		}
		out.F = make([]float32, n)
		return out, readFloats(file, raw.offset, out.F)
	case typeInt64:
		out.Kind, width = Int, 8
	case typeInt32:
		out.Kind, width = Int, 4
	case typeBool:
		out.Kind, width = Bool, 1
	default:
		return nil, fmt.Errorf("elements of type %d: only float32, int32, int64 and bool are read; export the model without quantization", t.dataType)
	}
	if raw.size == 0 && len(t.ints) == n {
		out.I = append(make([]int64, 0, n), t.ints...)
		return out, nil
	}
	if raw.size != int64(n)*int64(width) {
		return nil, errMalformed
	}
	raw.kind = protowire.BytesType
	b, err := raw.bytes(file)
	if err != nil {
		return nil, err
	}
	out.I = make([]int64, n)
	for i := range out.I {
		v := uint64(0)
		for j := range width {
			v |= uint64(b[i*width+j]) << (8 * j)
		}
		if width == 4 {
			out.I[i] = int64(int32(v))
		} else {
			out.I[i] = int64(v)
		}
	}
	return out, nil
}

// readFloats reads little-endian floats, a little at a time: weights would otherwise be in
// memory twice.
func readFloats(file io.ReaderAt, offset int64, to []float32) error {
	block := make([]byte, min(len(to)*4, 1<<18))
	for len(to) > 0 {
		b := block[:min(len(to)*4, len(block))]
		if _, err := file.ReadAt(b, offset); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		n := len(b) / 4
		for i := range to[:n] {
			to[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[i*4:]))
		}
		to = to[n:]
		offset += int64(len(b))
	}
	return nil
}
