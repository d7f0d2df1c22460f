package onnx

import (
	"fmt"
	"math"
	"slices"
)

// operator computes a node's first result.
type operator struct {
	inputs int // how many must be there
	apply  func(r *run, n *node, in []*Tensor) (*Tensor, error)
}

// operators are those that occur in exported BERT-like classifiers.
var operators = map[string]operator{
	"Add":                {2, arithmetic(add)},
	"Cast":               {1, cast},
	"Concat":             {1, concat},
	"Constant":           {0, constant},
	"ConstantOfShape":    {1, constantOfShape},
	"CumSum":             {2, cumSum},
	"Div":                {2, arithmetic(div)},
	"Dropout":            {1, same},
	"Equal":              {2, compare(func(a, b int64) bool { return a == b })},
	"Erf":                {1, elementwise(erf)},
	"Expand":             {2, expand},
	"Gather":             {2, gather},
	"Gelu":               {1, gelu},
	"Identity":           {1, same},
	"LayerNormalization": {2, layerNormalization},
	"MatMul":             {2, matMul},
	"Mul":                {2, arithmetic(mul)},
	"Not":                {1, not},
	"Pow":                {2, pow},
	"ReduceMean":         {1, reduceMean},
	"Reshape":            {2, reshape},
	"Shape":              {1, shape},
	"Slice":              {3, slice},
	"Softmax":            {1, softmax},
	"Sqrt":               {1, elementwise(sqrt)},
	"Sub":                {2, arithmetic(sub)},
	"Transpose":          {1, transpose},
	"Unsqueeze":          {1, unsqueeze},
	"Where":              {3, where},
}

func same(_ *run, _ *node, in []*Tensor) (*Tensor, error) { return in[0].view(in[0].Shape), nil }

func constant(_ *run, n *node, _ []*Tensor) (*Tensor, error) {
	switch {
	case n.attributes["value"].tensor != nil:
		return n.attributes["value"].tensor, nil
	case has(n, "value_int"):
		return &Tensor{Kind: Int, Shape: []int{}, I: []int64{n.attributes["value_int"].i}}, nil
	case has(n, "value_ints"):
		v := n.attributes["value_ints"].ints
		return &Tensor{Kind: Int, Shape: []int{len(v)}, I: v}, nil
	case has(n, "value_float"):
		return &Tensor{Kind: Float, Shape: []int{}, F: []float32{n.attributes["value_float"].f}}, nil
	default:
		return nil, fmt.Errorf("%w: a constant of no known kind", errMalformed)
	}
}

func has(n *node, name string) bool { _, ok := n.attributes[name]; return ok }

func constantOfShape(r *run, n *node, in []*Tensor) (*Tensor, error) {
	dims, err := in[0].ints()
	if err != nil {
		return nil, err
	}
	value := n.attributes["value"].tensor
	if value == nil {
		value = &Tensor{Kind: Float, F: []float32{0}}
	}
	if value.len() != 1 {
		return nil, errShape
	}
	if value.Kind == Float {
		out, err := r.floats(dims)
		if err != nil {
			return nil, err
		}
		for i := range out.F {
			out.F[i] = value.F[0]
		}
		return out, nil
	}
	size, err := result(dims)
	if err != nil {
		return nil, err
	}
	return &Tensor{Kind: value.Kind, Shape: dims, I: slices.Repeat(value.I, size)}, nil
}

func shape(_ *run, n *node, in []*Tensor) (*Tensor, error) {
	rank := int64(len(in[0].Shape))
	bound := func(i int64) int64 {
		if i < 0 {
			i += rank
		}
		return max(0, min(i, rank))
	}
	from, to := bound(n.int("start", 0)), bound(n.int("end", rank))
	out := &Tensor{Kind: Int, Shape: []int{int(max(to-from, 0))}}
	for i := from; i < to; i++ {
		out.I = append(out.I, int64(in[0].Shape[i]))
	}
	return out, nil
}

// The data types that Cast turns into, by their numbers in onnx.proto.
func cast(r *run, n *node, in []*Tensor) (*Tensor, error) {
	t := in[0]
	var to Kind
	switch n.int("to", 0) {
	case typeFloat:
		to = Float
	case typeInt32, typeInt64:
		to = Int
	case typeBool:
		to = Bool
	default:
		return nil, fmt.Errorf("to type %d: only float32, int32, int64 and bool are known", n.int("to", 0))
	}
	if to == t.Kind {
		return t.view(t.Shape), nil
	}
	if to == Float {
		out, err := r.floats(t.Shape)
		if err != nil {
			return nil, err
		}
		for i, v := range t.I {
			out.F[i] = float32(v)
		}
		return out, nil
	}
	out := &Tensor{Kind: to, Shape: t.Shape, I: make([]int64, t.len())}
	for i := range out.I {
		switch {
		case t.Kind == Float && to == Int:
			out.I[i] = int64(t.F[i])
		case t.Kind == Float:
			out.I[i] = truth(t.F[i] != 0)
		case to == Bool:
			out.I[i] = truth(t.I[i] != 0)
		default:
			out.I[i] = t.I[i]
		}
	}
	return out, nil
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func not(_ *run, _ *node, in []*Tensor) (*Tensor, error) {
	if in[0].Kind != Bool {
		return nil, fmt.Errorf("%w: of what is no bool", errShape)
	}
	out := &Tensor{Kind: Bool, Shape: in[0].Shape, I: make([]int64, len(in[0].I))}
	for i, v := range in[0].I {
		out.I[i] = 1 - v
	}
	return out, nil
}

func concat(r *run, n *node, in []*Tensor) (*Tensor, error) {
	rank := len(in[0].Shape)
	axis, err := axisOf(int(n.int("axis", 0)), rank)
	if err != nil {
		return nil, err
	}
	dims := slices.Clone(in[0].Shape)
	dims[axis] = 0
	for _, t := range in {
		if t == nil || t.Kind != in[0].Kind || len(t.Shape) != rank {
			return nil, errShape
		}
		for i, d := range t.Shape {
			if i != axis && d != dims[i] {
				return nil, errShape
			}
		}
		dims[axis] += t.Shape[axis]
	}
	out, err := r.empty(in[0].Kind, dims)
	if err != nil {
		return nil, err
	}
	at := 0
	for outer := range product(dims[:axis]) {
		for _, t := range in {
			size := product(t.Shape[axis:])
			if t.Kind == Float {
				copy(out.F[at:], t.F[outer*size:(outer+1)*size])
			} else {
				copy(out.I[at:], t.I[outer*size:(outer+1)*size])
			}
			at += size
		}
	}
	return out, nil
}

// empty returns a tensor with unspecified contents.
func (r *run) empty(kind Kind, dims []int) (*Tensor, error) {
	if kind == Float {
		return r.floats(dims)
	}
	size, err := result(dims)
	if err != nil {
		return nil, err
	}
	return &Tensor{Kind: kind, Shape: dims, I: make([]int64, size)}, nil
}

func gather(r *run, n *node, in []*Tensor) (*Tensor, error) {
	data, indices := in[0], in[1]
	axis, err := axisOf(int(n.int("axis", 0)), len(data.Shape))
	if err != nil {
		return nil, err
	}
	if indices.Kind == Float {
		return nil, fmt.Errorf("%w: indices that are no integers", errShape)
	}
	dims := slices.Concat(data.Shape[:axis], indices.Shape, data.Shape[axis+1:])
	out, err := r.empty(data.Kind, dims)
	if err != nil {
		return nil, err
	}
	size, rows := product(data.Shape[axis+1:]), data.Shape[axis]
	at := 0
	for outer := range product(data.Shape[:axis]) {
		for _, i := range indices.I {
			if i < 0 {
				i += int64(rows)
			}
			if i < 0 || i >= int64(rows) {
				return nil, fmt.Errorf("%w: index %d of %d", errShape, i, rows)
			}
			from := (outer*rows + int(i)) * size
			if data.Kind == Float {
				copy(out.F[at:at+size], data.F[from:from+size])
			} else {
				copy(out.I[at:at+size], data.I[from:from+size])
			}
			at += size
		}
	}
	return out, nil
}

// slice takes ranges out of some dimensions, in steps of one as the exporters write them.
func slice(r *run, _ *node, in []*Tensor) (*Tensor, error) {
	t := in[0]
	starts, err1 := in[1].ints()
	ends, err2 := in[2].ints()
	if err1 != nil || err2 != nil || len(starts) != len(ends) || len(starts) > len(t.Shape) {
		return nil, errShape
	}
	at := make([]int, len(starts))
	for i := range at {
		at[i] = i
	}
	var err error
	if len(in) > 3 && in[3] != nil {
		if at, err = in[3].ints(); err != nil || len(at) != len(starts) {
			return nil, errShape
		}
	}
	if len(in) > 4 && in[4] != nil {
		steps, err := in[4].ints()
		if err != nil || slices.ContainsFunc(steps, func(s int) bool { return s != 1 }) {
			return nil, fmt.Errorf("%w: a step that is not one", errShape)
		}
	}
	from, dims := make([]int, len(t.Shape)), slices.Clone(t.Shape)
	for i, a := range at {
		if a, err = axisOf(a, len(t.Shape)); err != nil {
			return nil, err
		}
		d := t.Shape[a]
		lo, hi := starts[i], ends[i]
		if lo < 0 {
			lo += d
		}
		if hi < 0 {
			hi += d
		}
		lo, hi = max(0, min(lo, d)), max(0, min(hi, d))
		from[a], dims[a] = lo, max(hi-lo, 0)
	}
	return r.strided(t, dims, strides(t.Shape, t.Shape), from)
}

// strided copies the elements of t that a walk in steps visits.
func (r *run) strided(t *Tensor, dims, steps, from []int) (*Tensor, error) {
	out, err := r.empty(t.Kind, dims)
	if err != nil || out.len() == 0 {
		return out, err
	}
	start, step, width := 0, 1, 1
	for i, f := range from {
		start += f * steps[i]
	}
	if len(dims) > 0 {
		width, step = dims[len(dims)-1], steps[len(dims)-1]
	}
	walk(dims, steps, steps, func(o, a, _ int) {
		a += start
		for i := range width {
			if t.Kind == Float {
				out.F[o+i] = t.F[a+i*step]
			} else {
				out.I[o+i] = t.I[a+i*step]
			}
		}
	})
	return out, nil
}

func expand(r *run, _ *node, in []*Tensor) (*Tensor, error) {
	dims, err := in[1].ints()
	if err != nil {
		return nil, err
	}
	if dims, err = broadcast(in[0].Shape, dims); err != nil {
		return nil, err
	}
	if slices.Equal(dims, in[0].Shape) {
		return in[0].view(dims), nil
	}
	return r.strided(in[0], dims, strides(in[0].Shape, dims), make([]int, len(dims)))
}

func cumSum(_ *run, n *node, in []*Tensor) (*Tensor, error) {
	at, err := in[1].ints()
	if err != nil || len(at) != 1 || in[0].Kind == Float || n.int("exclusive", 0) != 0 || n.int("reverse", 0) != 0 {
		return nil, fmt.Errorf("%w: only forward, of integers", errShape)
	}
	axis, err := axisOf(at[0], len(in[0].Shape))
	if err != nil {
		return nil, err
	}
	out := &Tensor{Kind: Int, Shape: in[0].Shape, I: slices.Clone(in[0].I)}
	size := product(in[0].Shape[axis+1:])
	row := size * in[0].Shape[axis]
	for i := range out.I {
		if i%row >= size {
			out.I[i] += out.I[i-size]
		}
	}
	return out, nil
}

func where(r *run, _ *node, in []*Tensor) (*Tensor, error) {
	cond, a, b := in[0], in[1], in[2]
	if cond.Kind != Bool || a.Kind != b.Kind {
		return nil, fmt.Errorf("%w: kinds do not fit", errShape)
	}
	dims, err := broadcast(a.Shape, b.Shape)
	if err == nil {
		dims, err = broadcast(dims, cond.Shape)
	}
	if err != nil {
		return nil, err
	}
	out, err := r.empty(a.Kind, dims)
	if err != nil || out.len() == 0 {
		return out, err
	}
	// walk follows two tensors at a time: first what is chosen from, then where.
	sa, sb, sc := strides(a.Shape, dims), strides(b.Shape, dims), strides(cond.Shape, dims)
	width, last := 1, len(dims)-1
	step := func(s []int) int {
		if last < 0 {
			return 0
		}
		return s[last]
	}
	if last >= 0 {
		width = dims[last]
	}
	choose := func(from *Tensor, s []int, when int64) {
		walk(dims, s, sc, func(o, f, c int) {
			for i := range width {
				if cond.I[c+i*step(sc)] != when {
					continue
				}
				if from.Kind == Float {
					out.F[o+i] = from.F[f+i*step(s)]
				} else {
					out.I[o+i] = from.I[f+i*step(s)]
				}
			}
		})
	}
	choose(a, sa, 1)
	choose(b, sb, 0)
	return out, nil
}

func sqrt(to, from []float32) {
	for i, x := range from {
		to[i] = float32(math.Sqrt(float64(x)))
	}
}
