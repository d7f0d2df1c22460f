package onnx

import "fmt"

func reshape(_ *run, n *node, in []*Tensor) (*Tensor, error) {
	dims, err := in[1].ints()
	if err != nil {
		return nil, err
	}
	open, known := -1, 1
	for i, d := range dims {
		switch {
		case d == -1 && open < 0:
			open = i
			continue
		case d == 0 && n.int("allowzero", 0) == 0:
			if i >= len(in[0].Shape) {
				return nil, errShape
			}
			dims[i] = in[0].Shape[i]
		case d < 0 || d > maxElements:
			return nil, errShape
		}
		if known *= dims[i]; known > maxElements {
			return nil, errShape
		}
	}
	if open >= 0 {
		if known == 0 {
			return nil, errShape
		}
		dims[open] = in[0].len() / known
		known *= dims[open]
	}
	if known != in[0].len() {
		return nil, fmt.Errorf("%w: %v to %v", errShape, in[0].Shape, dims)
	}
	return in[0].view(dims), nil
}

// axes returns an operator's axes: an input in later operator sets, an attribute before.
func axes(n *node, in []*Tensor, at int) ([]int, error) {
	if len(in) > at && in[at] != nil {
		return in[at].ints()
	}
	out := make([]int, 0, 1)
	for _, a := range n.attributes["axes"].ints {
		out = append(out, int(a))
	}
	return out, nil
}

func unsqueeze(_ *run, n *node, in []*Tensor) (*Tensor, error) {
	at, err := axes(n, in, 1)
	if err != nil {
		return nil, err
	}
	rank := len(in[0].Shape) + len(at)
	fresh := make([]bool, rank)
	for _, a := range at {
		if a, err = axisOf(a, rank); err != nil {
			return nil, err
		}
		if fresh[a] {
			return nil, errShape
		}
		fresh[a] = true
	}
	out, next := make([]int, rank), 0
	for i := range out {
		if fresh[i] {
			out[i] = 1
			continue
		}
		out[i] = in[0].Shape[next]
		next++
	}
	return in[0].view(out), nil
}

func transpose(r *run, n *node, in []*Tensor) (*Tensor, error) {
	t := in[0]
	rank := len(t.Shape)
	perm := make([]int, rank)
	for i := range perm {
		perm[i] = rank - 1 - i
	}
	if p := n.attributes["perm"].ints; p != nil {
		if len(p) != rank {
			return nil, errShape
		}
		seen := make([]bool, rank)
		for i, d := range p {
			if d < 0 || d >= int64(rank) || seen[d] {
				return nil, errShape
			}
			seen[d] = true
			perm[i] = int(d)
		}
	}
	all, dims, steps := strides(t.Shape, t.Shape), make([]int, rank), make([]int, rank)
	for i, p := range perm {
		dims[i], steps[i] = t.Shape[p], all[p]
	}
	if t.Kind != Float || rank < 2 {
		return r.strided(t, dims, steps, make([]int, rank))
	}
	out, err := r.floats(dims)
	if err != nil || len(out.F) == 0 {
		return out, err
	}
	// Each part is one index of the outer dimensions, of which attention has enough.
	outer := dims[:rank-2]
	rows, width, rowStep, step := dims[rank-2], dims[rank-1], steps[rank-2], steps[rank-1]
	r.split(product(outer), rows*width, func(from, to int) {
		for part := from; part < to; part++ {
			start, rest := 0, part
			for i := len(outer) - 1; i >= 0; i-- {
				start += rest % outer[i] * steps[i]
				rest /= outer[i]
			}
			copyMatrix(out.F[part*rows*width:], t.F[start:], rows, width, rowStep, step)
		}
	})
	return out, nil
}

// copyMatrix copies a matrix with these steps between its rows and columns, in blocks that
// stay in the cache whichever way it lies.
func copyMatrix(to, from []float32, rows, width, rowStep, step int) {
	if step == 1 {
		for r := range rows {
			copy(to[r*width:(r+1)*width], from[r*rowStep:])
		}
		return
	}
	const block = 16
	for r0 := 0; r0 < rows; r0 += block {
		for c0 := 0; c0 < width; c0 += block {
			for r := r0; r < min(r0+block, rows); r++ {
				for c := c0; c < min(c0+block, width); c++ {
					to[r*width+c] = from[r*rowStep+c*step]
				}
			}
		}
	}
}
