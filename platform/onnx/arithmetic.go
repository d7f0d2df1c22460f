package onnx

import (
	"fmt"
	"math"
	"slices"
)

// elementwise makes an operator of a function that is applied to each float.
func elementwise(f func(to, from []float32)) func(*run, *node, []*Tensor) (*Tensor, error) {
	return func(r *run, n *node, in []*Tensor) (*Tensor, error) {
		if in[0].Kind != Float {
			return nil, fmt.Errorf("%w: of what is no float", errShape)
		}
		out, err := r.like(n, 0, in[0])
		if err != nil {
			return nil, err
		}
		r.split(len(out.F), 1, func(from, to int) { f(out.F[from:to], in[0].F[from:to]) })
		return out, nil
	}
}

// pairwise is an arithmetic operation on rows: to and a are as long as each other, b is as
// long as well, or a single number.
type pairwise struct {
	floats func(to, a, b []float32)
	ints   func(a, b int64) (int64, bool)
}

var (
	add = pairwise{addRow, func(a, b int64) (int64, bool) { return a + b, true }}
	sub = pairwise{subRow, func(a, b int64) (int64, bool) { return a - b, true }}
	mul = pairwise{mulRow, func(a, b int64) (int64, bool) { return a * b, true }}
	div = pairwise{divRow, func(a, b int64) (int64, bool) {
		if b == 0 {
			return 0, false
		}
		return a / b, true
	}}
)

func addRow(to, a, b []float32) {
	if len(b) == 1 {
		y := b[0]
		for i, x := range a {
			to[i] = x + y
		}
		return
	}
	for i, x := range a {
		to[i] = x + b[i]
	}
}

func subRow(to, a, b []float32) {
	if len(b) == 1 {
		y := b[0]
		for i, x := range a {
			to[i] = x - y
		}
		return
	}
	for i, x := range a {
		to[i] = x - b[i]
	}
}

func mulRow(to, a, b []float32) {
	if len(b) == 1 {
		y := b[0]
		for i, x := range a {
			to[i] = x * y
		}
		return
	}
	for i, x := range a {
		to[i] = x * b[i]
	}
}

func divRow(to, a, b []float32) {
	if len(b) == 1 {
		y := b[0]
		for i, x := range a {
			to[i] = x / y
		}
		return
	}
	for i, x := range a {
		to[i] = x / b[i]
	}
}

func arithmetic(f pairwise) func(*run, *node, []*Tensor) (*Tensor, error) {
	return func(r *run, n *node, in []*Tensor) (*Tensor, error) {
		a, b := in[0], in[1]
		dims, err := broadcast(a.Shape, b.Shape)
		switch {
		case err != nil:
			return nil, err
		case a.Kind == Bool || a.Kind != b.Kind:
			return nil, fmt.Errorf("%w: kinds do not fit", errShape)
		case a.Kind == Int:
			return integers(f, a, b, dims)
		}
		var out *Tensor
		switch {
		case slices.Equal(dims, a.Shape):
			out, err = r.like(n, 0, a)
		case slices.Equal(dims, b.Shape):
			out, err = r.like(n, 1, b)
		default:
			out, err = r.floats(dims)
		}
		if err != nil || len(out.F) == 0 {
			return out, err
		}
		out.Shape = dims
		f.broadcast(r, out, a, b)
		return out, nil
	}
}

// broadcast computes out, row by row. The last dimension of a row, of attention's mask for
// example, may be repeated on either side.
func (f pairwise) broadcast(r *run, out, a, b *Tensor) {
	switch {
	case len(a.F) == len(out.F) && len(b.F) == len(out.F):
		r.split(len(out.F), 1, func(from, to int) { f.floats(out.F[from:to], a.F[from:to], b.F[from:to]) })
		return
	case len(a.F) == len(out.F) && len(b.F) == 1:
		r.split(len(out.F), 1, func(from, to int) { f.floats(out.F[from:to], a.F[from:to], b.F) })
		return
	}
	dims := out.Shape
	last := len(dims) - 1
	width := dims[last]
	sa, sb := strides(a.Shape, dims), strides(b.Shape, dims)
	single := func(t *Tensor, at, step int) []float32 {
		if step == 0 {
			return t.F[at : at+1]
		}
		return t.F[at : at+width]
	}
	// The rows of the first dimension that is not 1 are shared out.
	first := 0
	for first < last && dims[first] == 1 {
		first++
	}
	if first == last {
		first = 0
	}
	inner := product(dims[first+1:])
	part := slices.Clone(dims[first:])
	r.split(dims[first], inner, func(from, to int) {
		var repeated []float32
		part := slices.Clone(part)
		part[0] = to - from
		if first == last {
			part[0] = width // one row; never split, since dims[0] is then 1 or the row itself
		}
		walk(part, sa[first:], sb[first:], func(o, ia, ib int) {
			o += from * inner
			x := single(a, ia+from*sa[first], sa[last])
			y := single(b, ib+from*sb[first], sb[last])
			to := out.F[o : o+width]
			if len(x) != width {
				if repeated == nil {
					repeated = make([]float32, width)
				}
				for i := range repeated {
					repeated[i] = x[0]
				}
				x = repeated
			}
			f.floats(to, x, y)
		})
	})
}

func integers(f pairwise, a, b *Tensor, dims []int) (*Tensor, error) {
	size, err := result(dims)
	if err != nil {
		return nil, err
	}
	out := &Tensor{Kind: Int, Shape: dims, I: make([]int64, size)}
	fits := true
	pairs(a, b, out, func(o, x, y int) {
		v, ok := f.ints(a.I[x], b.I[y])
		out.I[o] = v
		fits = fits && ok
	})
	if !fits {
		return nil, fmt.Errorf("%w: division by zero", errShape)
	}
	return out, nil
}

// pairs visits each element of out with those of a and b that belong to it.
func pairs(a, b, out *Tensor, visit func(o, a, b int)) {
	sa, sb := strides(a.Shape, out.Shape), strides(b.Shape, out.Shape)
	last := len(out.Shape) - 1
	if last < 0 {
		visit(0, 0, 0)
		return
	}
	walk(out.Shape, sa, sb, func(o, x, y int) {
		for i := range out.Shape[last] {
			visit(o+i, x+i*sa[last], y+i*sb[last])
		}
	})
}

func compare(f func(a, b int64) bool) func(*run, *node, []*Tensor) (*Tensor, error) {
	return func(_ *run, _ *node, in []*Tensor) (*Tensor, error) {
		a, b := in[0], in[1]
		dims, err := broadcast(a.Shape, b.Shape)
		if err != nil {
			return nil, err
		}
		if a.Kind == Float || b.Kind == Float {
			return nil, fmt.Errorf("%w: of floats", errShape)
		}
		size, err := result(dims)
		if err != nil {
			return nil, err
		}
		out := &Tensor{Kind: Bool, Shape: dims, I: make([]int64, size)}
		pairs(a, b, out, func(o, x, y int) { out.I[o] = truth(f(a.I[x], b.I[y])) })
		return out, nil
	}
}

// pow knows the one power that the exporters write: the square of a variance.
func pow(r *run, n *node, in []*Tensor) (*Tensor, error) {
	if in[0].Kind != Float || len(in[1].F) != 1 || in[1].F[0] != 2 {
		return nil, fmt.Errorf("%w: only the square of floats is known", errShape)
	}
	return elementwise(func(to, from []float32) {
		for i, x := range from {
			to[i] = x * x
		}
	})(r, n, in)
}

// reduceMean knows the mean over the last dimension, as a normalization takes it.
func reduceMean(r *run, n *node, in []*Tensor) (*Tensor, error) {
	t := in[0]
	at, err := axes(n, in, 1)
	if err != nil || len(at) != 1 || t.Kind != Float || n.int("keepdims", 1) != 1 {
		return nil, fmt.Errorf("%w: only the mean over the last dimension is known", errShape)
	}
	axis, err := axisOf(at[0], len(t.Shape))
	if err != nil || axis != len(t.Shape)-1 || t.Shape[axis] == 0 {
		return nil, fmt.Errorf("%w: only the mean over the last dimension is known", errShape)
	}
	dims := slices.Clone(t.Shape)
	width := dims[axis]
	dims[axis] = 1
	out, err := r.floats(dims)
	if err != nil {
		return nil, err
	}
	for i := range out.F {
		sum := 0.0
		for _, x := range t.F[i*width : (i+1)*width] {
			sum += float64(x)
		}
		out.F[i] = float32(sum / float64(width))
	}
	return out, nil
}

func layerNormalization(r *run, n *node, in []*Tensor) (*Tensor, error) {
	t, scale := in[0], in[1]
	axis, err := axisOf(int(n.int("axis", -1)), len(t.Shape))
	if err != nil {
		return nil, err
	}
	width := t.Shape[len(t.Shape)-1]
	var bias []float32
	if len(in) > 2 && in[2] != nil {
		bias = in[2].F
	} else {
		bias = make([]float32, width)
	}
	if t.Kind != Float || axis != len(t.Shape)-1 || width == 0 || len(scale.F) != width || len(bias) != width {
		return nil, fmt.Errorf("%w: only the last dimension of floats is normalized", errShape)
	}
	epsilon := float64(float32(1e-5))
	if a, ok := n.attributes["epsilon"]; ok {
		epsilon = float64(a.f)
	}
	out, err := r.like(n, 0, t)
	if err != nil {
		return nil, err
	}
	r.split(len(t.F)/width, width, func(from, to int) {
		for i := from; i < to; i++ {
			normalize(out.F[i*width:(i+1)*width], t.F[i*width:(i+1)*width], scale.F, bias, epsilon)
		}
	})
	return out, nil
}

func normalize(to, from, scale, bias []float32, epsilon float64) {
	sum, squares := 0.0, 0.0
	for _, x := range from {
		sum += float64(x)
	}
	mean := sum / float64(len(from))
	for _, x := range from {
		d := float64(x) - mean
		squares += d * d
	}
	m, inverse := float32(mean), float32(1/math.Sqrt(squares/float64(len(from))+epsilon))
	for i, x := range from {
		to[i] = (x-m)*inverse*scale[i] + bias[i]
	}
}

func softmax(r *run, n *node, in []*Tensor) (*Tensor, error) {
	t := in[0]
	otherwise := int64(-1)
	if n.opset < 13 {
		otherwise = 1
	}
	axis, err := axisOf(int(n.int("axis", otherwise)), len(t.Shape))
	if err != nil {
		return nil, err
	}
	// Before operator set 13 the dimensions from axis on were one; for the last it is the same.
	if t.Kind != Float || axis != len(t.Shape)-1 {
		return nil, fmt.Errorf("%w: only over the last dimension of floats", errShape)
	}
	out, err := r.like(n, 0, t)
	if err != nil || len(out.F) == 0 {
		return out, err
	}
	width := t.Shape[axis]
	r.split(len(t.F)/width, width, func(from, to int) {
		for i := from; i < to; i++ {
			softmaxRow(out.F[i*width:(i+1)*width], t.F[i*width:(i+1)*width])
		}
	})
	return out, nil
}

func softmaxRow(to, from []float32) {
	top := from[0]
	for _, x := range from {
		top = max(top, x)
	}
	sum := float32(0)
	for i, x := range from {
		e := exp(x - top)
		to[i] = e
		sum += e
	}
	inverse := 1 / sum
	for i := range to {
		to[i] *= inverse
	}
}

// exp is e to the x for x ≤ 0, within two units in the last place. math.Exp takes five times
// as long, and attention takes three million of them a layer.
func exp(x float32) float32 {
	if x < -87 {
		return 0 // below the smallest normal number; a masked position is far below
	}
	if x != x {
		return x
	}
	// x = n·ln 2 + r with |r| ≤ ln 2 / 2; ln 2 in two parts, so that n·ln 2 is exact enough.
	const log2e, high, low = 1.4426950408889634, 0.693145751953125, 1.42860682030941723212e-6
	n := float32(int32(x*log2e - 0.5))
	r := x - n*high - n*low
	// The Taylor series to the seventh power: its rest is below 1e-8 for this r.
	p := 1 + r*(1+r*(1.0/2+r*(1.0/6+r*(1.0/24+r*(1.0/120+r*(1.0/720+r*(1.0/5040)))))))
	return p * math.Float32frombits(uint32(int32(n)+127)<<23) //nolint:gosec // -126 ≤ n ≤ 0
}

// erf is the error function by Abramowitz and Stegun 7.1.26, within 1.5e-7.
func erf(to, from []float32) {
	const p, a1, a2, a3, a4, a5 = 0.3275911, 0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429
	for i, x := range from {
		abs := math.Float32frombits(math.Float32bits(x) &^ (1 << 31))
		t := 1 / (1 + p*abs)
		y := 1 - t*(a1+t*(a2+t*(a3+t*(a4+t*a5))))*exp(-abs*abs)
		to[i] = math.Float32frombits(math.Float32bits(y) | math.Float32bits(x)&(1<<31))
	}
}

// gelu is the Gaussian error linear unit in its exact form.
func gelu(r *run, n *node, in []*Tensor) (*Tensor, error) {
	if a := n.attributes["approximate"].s; a != "" && a != "none" {
		return nil, fmt.Errorf("%w: only the exact form is known", errShape)
	}
	return elementwise(func(to, from []float32) {
		var block [256]float32
		for len(from) > 0 {
			size := min(len(block), len(from))
			for i, x := range from[:size] {
				block[i] = x * (1 / math.Sqrt2)
			}
			erf(block[:size], block[:size])
			for i, x := range from[:size] {
				to[i] = x * 0.5 * (1 + block[i])
			}
			to, from = to[size:], from[size:]
		}
	})(r, n, in)
}

func matMul(r *run, _ *node, in []*Tensor) (*Tensor, error) {
	a, b := in[0], in[1]
	if a.Kind != Float || b.Kind != Float || len(a.Shape) < 2 || len(b.Shape) < 2 {
		return nil, fmt.Errorf("%w: only matrices of floats", errShape)
	}
	k, n := a.Shape[len(a.Shape)-1], b.Shape[len(b.Shape)-1]
	if b.Shape[len(b.Shape)-2] != k {
		return nil, fmt.Errorf("%w: %v by %v", errShape, a.Shape, b.Shape)
	}
	rows := a.Shape[len(a.Shape)-2]
	outerA, outerB := a.Shape[:len(a.Shape)-2], b.Shape[:len(b.Shape)-2]
	outer, err := broadcast(outerA, outerB)
	if err != nil {
		return nil, err
	}
	out, err := r.floats(slices.Concat(outer, []int{rows, n}))
	if err != nil || len(out.F) == 0 {
		return out, err
	}
	m := r.model.mul
	if product(outerB) == 1 {
		// One matrix for all rows: the weights of a layer.
		rows *= product(outerA)
		r.splitOnto(m.Panels(n), rows*k, func(thread, from, to int) {
			m.Multiply(r.scratchOf(thread), out.F, a.F, b.F, rows, k, n, from, to)
		})
		return out, nil
	}
	sa, sb := strides(outerA, outer), strides(outerB, outer)
	offset := func(part int, s []int) int {
		at := 0
		for i := len(outer) - 1; i >= 0; i-- {
			at += part % outer[i] * s[i]
			part /= outer[i]
		}
		return at
	}
	r.splitOnto(product(outer), rows*k*n, func(thread, from, to int) {
		for p := from; p < to; p++ {
			x, w := offset(p, sa)*rows*k, offset(p, sb)*k*n
			m.Multiply(r.scratchOf(thread), out.F[p*rows*n:(p+1)*rows*n], a.F[x:x+rows*k], b.F[w:w+k*n], rows, k, n, 0, m.Panels(n))
		}
	})
	return out, nil
}
