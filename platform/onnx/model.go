// Package onnx runs the ONNX graphs that BERT-like token classifiers are exported to, on the
// processor, in Go: see docs/adr/0014. It knows the operators that the exporters of PyTorch
// write for them, in float32, and refuses a model with any other when it is opened.
package onnx

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"tollgate.dev/platform/sgemm"
)

// Model is a graph with its weights. It is safe for concurrent use.
type Model struct {
	nodes   []node
	inputs  []string
	outputs []int
	values  []*Tensor // constants; nil where a run computes the value
	feed    map[string]int
	lastUse []int // the last node that reads a value; -1 for none
	mul     *sgemm.Multiplier
}

// node is one operation.
type node struct {
	op         string
	run        operator
	in, out    []int // numbers of values; -1 for one that is left out
	attributes map[string]attribute
	opset      int64
}

type attribute struct {
	f      float32
	i      int64
	s      string
	ints   []int64
	tensor *Tensor
}

func (n *node) int(name string, otherwise int64) int64 {
	if a, ok := n.attributes[name]; ok {
		return a.i
	}
	return otherwise
}

// Open reads a model. Tensors that are kept outside of its file are looked for in the same
// folder, and nowhere else.
func Open(path string) (*Model, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	m, err := read(file, info.Size(), filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("onnx: %s: %w", filepath.Base(path), err)
	}
	return m, nil
}

// Inputs returns the names of the tensors that a run must be given.
func (m *Model) Inputs() []string { return slices.Clone(m.inputs) }

// loader builds a Model from its file.
type loader struct {
	file   io.ReaderAt
	folder string
	model  *Model
	number map[string]int
	opset  int64
	files  map[string]*os.File // of the tensors that are kept outside
}

func read(file io.ReaderAt, size int64, folder string) (*Model, error) {
	l := &loader{
		file: file, folder: folder, number: map[string]int{}, files: map[string]*os.File{},
		model: &Model{mul: sgemm.New(), feed: map[string]int{}},
	}
	defer func() {
		for _, f := range l.files {
			_ = f.Close() // it was only read
		}
	}()
	var graph field
	err := fields(file, 0, size, func(f field) error {
		switch f.num {
		case modelGraph:
			graph = f
		case modelOpset:
			return l.readOpset(f)
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case graph.size == 0 || l.opset == 0:
		return nil, errMalformed
	case l.opset < 11:
		return nil, fmt.Errorf("operator set %d: 11 or later is read", l.opset)
	}
	if err := l.readGraph(graph); err != nil {
		return nil, err
	}
	if err := l.check(); err != nil {
		return nil, err
	}
	return l.model, l.model.fold()
}

func (l *loader) readOpset(at field) error {
	domain, version := "", int64(0)
	err := fields(l.file, at.offset, at.offset+at.size, func(f field) (err error) {
		switch f.num {
		case opsetDomain:
			domain, err = f.string(l.file)
		case opsetVersion:
			version = int64(min(f.value, math.MaxInt32))
		}
		return err
	})
	if domain == "" {
		l.opset = version
	}
	return err
}

// valueOf numbers the values of the graph by their names.
func (l *loader) valueOf(name string) int {
	if name == "" {
		return -1
	}
	n, ok := l.number[name]
	if !ok {
		n = len(l.model.values)
		l.number[name] = n
		l.model.values = append(l.model.values, nil)
	}
	return n
}

func (l *loader) readGraph(at field) error {
	var inputs, outputs []string
	err := fields(l.file, at.offset, at.offset+at.size, func(f field) error {
		switch f.num {
		case graphNode:
			return l.readNode(f)
		case graphInitializer:
			raw, err := readTensor(l.file, f)
			if err != nil {
				return err
			}
			t, err := raw.load(l.file, l.external)
			if err != nil {
				return err
			}
			l.model.values[l.valueOf(raw.name)] = t
		case graphInput, graphOutput:
			return fields(l.file, f.offset, f.offset+f.size, func(v field) error {
				if v.num != valueName {
					return nil
				}
				name, err := v.string(l.file)
				if f.num == graphInput {
					inputs = append(inputs, name)
				} else {
					outputs = append(outputs, name)
				}
				return err
			})
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range inputs {
		n := l.valueOf(name)
		// Old exporters list the weights among the inputs.
		if n >= 0 && l.model.values[n] == nil {
			l.model.inputs = append(l.model.inputs, name)
			l.model.feed[name] = n
		}
	}
	for _, name := range outputs {
		l.model.outputs = append(l.model.outputs, l.valueOf(name))
	}
	return nil
}

func (l *loader) readNode(at field) error {
	n := node{attributes: map[string]attribute{}, opset: l.opset}
	domain := ""
	err := fields(l.file, at.offset, at.offset+at.size, func(f field) error {
		switch f.num {
		case nodeInput, nodeOutput:
			name, err := f.string(l.file)
			if err != nil {
				return err
			}
			if f.num == nodeInput {
				n.in = append(n.in, l.valueOf(name))
			} else {
				n.out = append(n.out, l.valueOf(name))
			}
		case nodeOpType:
			var err error
			n.op, err = f.string(l.file)
			return err
		case nodeDomain:
			var err error
			domain, err = f.string(l.file)
			return err
		case nodeAttribute:
			return l.readAttribute(f, n.attributes)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var known bool
	n.run, known = operators[n.op]
	if !known || (domain != "" && domain != "ai.onnx") {
		return fmt.Errorf("operator %q of %q is not known here; export the model as it is, without optimizing or quantizing it", n.op, domain)
	}
	l.model.nodes = append(l.model.nodes, n)
	return nil
}

func (l *loader) readAttribute(at field, to map[string]attribute) error {
	name, a := "", attribute{}
	err := fields(l.file, at.offset, at.offset+at.size, func(f field) (err error) {
		switch f.num {
		case attrName:
			name, err = f.string(l.file)
		case attrFloat:
			a.f = math.Float32frombits(uint32(f.value)) //nolint:gosec // 32 bits were read
		case attrInt:
			a.i = int64(f.value) //nolint:gosec // two's complement, as encoded
		case attrString:
			a.s, err = f.string(l.file)
		case attrInts:
			a.ints, err = f.varints(l.file, a.ints)
		case attrTensor:
			var raw rawTensor
			if raw, err = readTensor(l.file, f); err == nil {
				a.tensor, err = raw.load(l.file, l.external)
			}
		}
		return err
	})
	to[name] = a
	return err
}

// external opens the file of a tensor that is kept outside of the model. The file stays in
// the folder: a model must not read another file of the machine.
func (l *loader) external(entries map[string]string) (io.ReaderAt, field, error) {
	path := entries["location"]
	if !filepath.IsLocal(path) {
		return nil, field{}, fmt.Errorf("%w: a tensor is kept outside of the model's folder", errMalformed)
	}
	file := l.files[path]
	if file == nil {
		var err error
		if file, err = os.Open(filepath.Join(l.folder, path)); err != nil {
			return nil, field{}, err
		}
		l.files[path] = file
	}
	info, err := file.Stat()
	if err != nil {
		return nil, field{}, err
	}
	at := field{}
	if s := entries["offset"]; s != "" {
		if at.offset, err = strconv.ParseInt(s, 10, 64); err != nil {
			return nil, field{}, errMalformed
		}
	}
	at.size = info.Size() - at.offset
	if s := entries["length"]; s != "" {
		if at.size, err = strconv.ParseInt(s, 10, 64); err != nil {
			return nil, field{}, errMalformed
		}
	}
	if at.offset < 0 || at.size < 0 || at.offset > info.Size() || at.size > info.Size()-at.offset {
		return nil, field{}, errMalformed
	}
	return file, at, nil
}

// check makes sure that every value is there before it is read.
func (l *loader) check() error {
	m := l.model
	known := make([]bool, len(m.values))
	for i, t := range m.values {
		known[i] = t != nil
	}
	for _, n := range m.feed {
		known[n] = true
	}
	for _, n := range m.nodes {
		for _, v := range n.in {
			if v >= 0 && !known[v] {
				return fmt.Errorf("%w: a value is read before it is computed", errMalformed)
			}
		}
		for _, v := range n.out {
			if v < 0 {
				continue
			}
			if known[v] {
				return fmt.Errorf("%w: a value is computed twice", errMalformed)
			}
			known[v] = true
		}
	}
	if len(m.outputs) == 0 {
		return fmt.Errorf("%w: no output", errMalformed)
	}
	for _, v := range m.outputs {
		if v < 0 || !known[v] {
			return fmt.Errorf("%w: an output that nothing computes", errMalformed)
		}
	}
	return nil
}

// fold computes what needs no input once and for all, and notes when the rest is read for
// the last time.
func (m *Model) fold() error {
	rest := m.nodes[:0]
	r := &run{model: m, values: m.values, threads: 1, scratch: make([]*sgemm.Scratch, 1), free: map[int][][]float32{}}
	for _, n := range m.nodes {
		constant := true
		for _, v := range n.in {
			constant = constant && (v < 0 || m.values[v] != nil)
		}
		if !constant {
			rest = append(rest, n)
			continue
		}
		out, err := r.apply(&n)
		if err != nil {
			return err
		}
		out.home = nil // no run takes its buffer back
		m.values[n.out[0]] = out
	}
	m.nodes = rest
	m.lastUse = slices.Repeat([]int{-1}, len(m.values))
	for i, n := range m.nodes {
		for _, v := range n.in {
			if v >= 0 {
				m.lastUse[v] = i
			}
		}
	}
	for _, v := range m.outputs {
		m.lastUse[v] = len(m.nodes)
	}
	return nil
}
