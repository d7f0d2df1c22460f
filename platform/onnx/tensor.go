package onnx

import (
	"errors"
	"fmt"
	"math"
)

// Kind is the type of a tensor's elements.
type Kind uint8

// The kinds. Integers of every width are kept in 64 bits.
const (
	Float Kind = iota + 1
	Int
	Bool
)

// Tensor is an array of a shape, row after row. Exactly one of its slices holds the
// elements: F those of kind Float, I those of the others, with 0 and 1 for a Bool.
type Tensor struct {
	Kind  Kind
	Shape []int
	F     []float32
	I     []int64

	home *storage // the buffer that F is of, where a run lent it
}

// storage is a buffer that tensors of a run share: what reshapes a tensor does not copy it.
type storage struct {
	data []float32
	refs int
}

// maxElements bounds a tensor: 4 GiB of float32. The largest in use is the embedding of
// XLM-RoBERTa large, a quarter of that.
const maxElements = 1 << 30

// maxResult bounds what a run computes; the largest is attention's scores, of 16 × 512 × 512.
const maxResult = 1 << 26

var errShape = errors.New("shapes do not fit")

// elements returns how many elements a shape has.
func elements(shape []int) (int, error) {
	n := 1
	for _, d := range shape {
		if d < 0 || d > maxElements {
			return 0, fmt.Errorf("%w: dimension of %d", errShape, d)
		}
		if n *= d; n > maxElements {
			return 0, fmt.Errorf("%w: more than %d elements", errShape, maxElements)
		}
	}
	return n, nil
}

func (t *Tensor) len() int { return len(t.F) + len(t.I) }

// ints returns the elements of a tensor of integers as ints, for shapes and axes.
func (t *Tensor) ints() ([]int, error) {
	if t == nil || t.Kind == Float {
		return nil, errors.New("a shape or an axis that is no integer")
	}
	out := make([]int, len(t.I))
	for i, v := range t.I {
		// Slice's "to the end" is the largest 64-bit number.
		out[i] = int(max(min(v, math.MaxInt32), math.MinInt32))
	}
	return out, nil
}

// axisOf brings an axis, which may count from the end, into [0, rank).
func axisOf(axis, rank int) (int, error) {
	if axis < 0 {
		axis += rank
	}
	if axis < 0 || axis >= rank {
		return 0, fmt.Errorf("%w: axis %d of %d", errShape, axis, rank)
	}
	return axis, nil
}

// product multiplies dimensions of a shape that has been checked.
func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

// broadcast returns the shape that two shapes have together by ONNX's rule, NumPy's.
func broadcast(a, b []int) ([]int, error) {
	out := make([]int, max(len(a), len(b)))
	for i := range out {
		x, y := 1, 1
		if j := i - len(out) + len(a); j >= 0 {
			x = a[j]
		}
		if j := i - len(out) + len(b); j >= 0 {
			y = b[j]
		}
		switch {
		case x == y || y == 1:
			out[i] = x
		case x == 1:
			out[i] = y
		default:
			return nil, fmt.Errorf("%w: %v and %v", errShape, a, b)
		}
	}
	return out, nil
}

// strides returns how far apart in a tensor of the shape the elements are that follow each
// other along each dimension of out: 0 where the tensor repeats.
func strides(shape, out []int) []int {
	s := make([]int, len(out))
	step := 1
	for i := len(shape) - 1; i >= 0; i-- {
		if shape[i] != 1 {
			s[i+len(out)-len(shape)] = step
		}
		step *= shape[i]
	}
	return s
}

// walk calls visit for every row of out's last dimension with the offsets of the row in out
// and in two tensors of these strides.
func walk(out, sa, sb []int, visit func(o, a, b int)) {
	if product(out) == 0 {
		return
	}
	last := len(out) - 1
	if last < 0 {
		visit(0, 0, 0)
		return
	}
	at := make([]int, last)
	a, b := 0, 0
	for o := 0; ; o += out[last] {
		visit(o, a, b)
		i := last - 1
		for ; i >= 0; i-- {
			at[i]++
			a += sa[i]
			b += sb[i]
			if at[i] < out[i] {
				break
			}
			a -= sa[i] * out[i]
			b -= sb[i] * out[i]
			at[i] = 0
		}
		if i < 0 {
			return
		}
	}
}
