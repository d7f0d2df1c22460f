package onnx

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Encoder is a graph that is asked as BERT and its kin are: by the identifiers of a text's
// tokens. It is safe for concurrent use.
type Encoder struct {
	graph   *Model
	types   bool // whether it asks for token types
	threads int
}

// NewEncoder takes a graph whose inputs are input_ids, attention_mask and, with some,
// token_type_ids. A run uses threads processors at the most.
func NewEncoder(m *Model, threads int) (*Encoder, error) {
	e := &Encoder{graph: m, threads: threads}
	inputs := m.Inputs()
	for _, name := range inputs {
		switch name {
		case "input_ids", "attention_mask":
		case "token_type_ids":
			e.types = true
		default:
			return nil, fmt.Errorf("the model asks for an input %q", name)
		}
	}
	if !slices.Contains(inputs, "input_ids") || !slices.Contains(inputs, "attention_mask") {
		return nil, errors.New("the model does not ask for input_ids and attention_mask")
	}
	return e, nil
}

// Run gives what the graph answers to one sequence, of which it looks at tokens whose mask
// is 1. It ends with ctx as [Model.Run] does.
func (e *Encoder) Run(ctx context.Context, ids, mask []int64) (*Tensor, error) {
	shape := []int{1, len(ids)}
	in := map[string]*Tensor{
		"input_ids":      {Kind: Int, Shape: shape, I: ids},
		"attention_mask": {Kind: Int, Shape: shape, I: mask},
	}
	if e.types {
		in["token_type_ids"] = &Tensor{Kind: Int, Shape: shape, I: make([]int64, len(ids))}
	}
	return e.graph.Run(ctx, in, e.threads)
}
