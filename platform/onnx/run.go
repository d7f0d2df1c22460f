package onnx

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"tollgate.dev/platform/sgemm"
)

// run is one evaluation of the graph. Its buffers are its own and go with it.
type run struct {
	model   *Model
	values  []*Tensor
	threads int
	free    map[int][][]float32 // by length: layers repeat
	node    int
	scratch []*sgemm.Scratch // one a thread
}

// Run evaluates the graph with integer inputs by name, on at most threads processors, and
// returns its first output. A context that ends is seen between two operations, which take
// some ten milliseconds each at the most.
func (m *Model) Run(ctx context.Context, inputs map[string]*Tensor, threads int) (*Tensor, error) {
	r := &run{
		model: m, values: slices.Clone(m.values), threads: max(threads, 1), free: map[int][][]float32{},
	}
	r.scratch = make([]*sgemm.Scratch, r.threads)
	for name, n := range m.feed {
		t := inputs[name]
		if t == nil {
			return nil, fmt.Errorf("onnx: no input %q was given", name)
		}
		if size, err := elements(t.Shape); err != nil || size != t.len() {
			return nil, fmt.Errorf("onnx: input %q: %w", name, errShape)
		}
		r.values[n] = t
	}
	for i := range m.nodes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := &m.nodes[i]
		r.node = i
		out, err := r.apply(n)
		if err != nil {
			return nil, fmt.Errorf("onnx: %w", err)
		}
		r.values[n.out[0]] = out
		r.release(n)
	}
	return r.values[m.outputs[0]], nil
}

// apply runs a node on the values that there are.
func (r *run) apply(n *node) (*Tensor, error) {
	in := make([]*Tensor, len(n.in))
	for i, v := range n.in {
		if v >= 0 {
			in[i] = r.values[v]
		}
	}
	if least := n.run.inputs; len(in) < least || slices.Contains(in[:least], nil) {
		return nil, fmt.Errorf("%w: %s lacks an input", errMalformed, n.op)
	}
	// Of the operators that are known, only Dropout and LayerNormalization have results
	// besides the first, which nothing reads in a graph for inference.
	if len(n.out) == 0 || n.out[0] < 0 {
		return nil, fmt.Errorf("%w: %s without a result", errMalformed, n.op)
	}
	out, err := n.run.apply(r, n, in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.op, err)
	}
	return out, nil
}

// result returns how many elements a tensor has that is to be computed.
func result(shape []int) (int, error) {
	n, err := elements(shape)
	if err == nil && n > maxResult {
		err = fmt.Errorf("%w: a result of %d elements", errShape, n)
	}
	return n, err
}

// floats returns a tensor of floats with unspecified contents.
func (r *run) floats(shape []int) (*Tensor, error) {
	n, err := result(shape)
	if err != nil {
		return nil, err
	}
	t := &Tensor{Kind: Float, Shape: shape, home: &storage{refs: 1}}
	if free := r.free[n]; len(free) > 0 {
		t.F = free[len(free)-1]
		r.free[n] = free[:len(free)-1]
	} else {
		t.F = make([]float32, n)
	}
	t.home.data = t.F
	return t, nil
}

// like returns the tensor for a result of the shape of an input that is computed
// element by element: the input itself, when nothing else will read it.
func (r *run) like(n *node, input int, t *Tensor) (*Tensor, error) {
	v := n.in[input]
	if t.home != nil && t.home.refs == 1 && r.model.lastUse != nil && r.model.lastUse[v] == r.node {
		t.home.refs++
		return &Tensor{Kind: Float, Shape: t.Shape, F: t.F, home: t.home}, nil
	}
	return r.floats(t.Shape)
}

// view returns the tensor in another shape of as many elements.
func (t *Tensor) view(shape []int) *Tensor {
	if t.home != nil {
		t.home.refs++
	}
	return &Tensor{Kind: t.Kind, Shape: shape, F: t.F, I: t.I, home: t.home}
}

// release takes back what the node was the last to read.
func (r *run) release(n *node) {
	for i, v := range n.in {
		if v < 0 || r.model.lastUse[v] != r.node || slices.Contains(n.in[:i], v) {
			continue
		}
		t := r.values[v]
		r.values[v] = nil
		if t == nil || t.home == nil {
			continue
		}
		if t.home.refs--; t.home.refs == 0 {
			r.free[len(t.home.data)] = append(r.free[len(t.home.data)], t.home.data)
		}
	}
}

// scratchOf returns a thread's working space.
func (r *run) scratchOf(thread int) *sgemm.Scratch {
	if r.scratch[thread] == nil {
		r.scratch[thread] = new(sgemm.Scratch)
	}
	return r.scratch[thread]
}

// small is how many elements are not worth another goroutine.
const small = 1 << 14

// split calls work for ranges that together are [0, n), on all the run's threads when the
// n parts are of cost elements each and that is much.
func (r *run) split(n, cost int, work func(from, to int)) {
	r.splitOnto(n, cost, func(_, from, to int) { work(from, to) })
}

// splitOnto panics where work does, on whichever thread.
func (r *run) splitOnto(n, cost int, work func(thread, from, to int)) {
	threads := min(r.threads, n)
	if threads <= 1 || n*cost < small {
		work(0, 0, n)
		return
	}
	var wg sync.WaitGroup
	var failed atomic.Pointer[any]
	for t := 1; t < threads; t++ {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					failed.Store(&p)
				}
			}()
			work(t, n*t/threads, n*(t+1)/threads)
		})
	}
	func() {
		defer wg.Wait() // their memory is the run's
		work(0, 0, n/threads)
	}()
	if p := failed.Load(); p != nil {
		panic(*p) // where who called may recover it
	}
}
