package onnx

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func exported(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "exports", "xlmr-sdpa-18-dynamo.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func inputs(length int) map[string]*Tensor {
	t := &Tensor{Kind: Int, Shape: []int{1, length}, I: make([]int64, length)}
	for i := range t.I {
		t.I[i] = 1
	}
	return map[string]*Tensor{"input_ids": t, "attention_mask": t}
}

// A run ends with its context, and needs every input in its shape.
func TestRunRefuses(t *testing.T) {
	data := exported(t)
	m, err := read(bytes.NewReader(data), int64(len(data)), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Run(ctx, inputs(3), 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's end", err)
	}
	if _, err := m.Run(t.Context(), map[string]*Tensor{"input_ids": inputs(3)["input_ids"]}, 1); err == nil {
		t.Error("ran without an input")
	}
	in := inputs(3)
	in["input_ids"] = &Tensor{Kind: Int, Shape: []int{2, 3}, I: []int64{1}}
	if _, err := m.Run(t.Context(), in, 1); !errors.Is(err, errShape) {
		t.Errorf("got %v, want an error of the shape", err)
	}
	in["input_ids"] = &Tensor{Kind: Int, Shape: []int{1, 1}, I: []int64{1 << 40}}
	if _, err := m.Run(t.Context(), in, 1); !errors.Is(err, errShape) {
		t.Errorf("got %v, want an error of the index", err)
	}
}

// What is no model, or one with an operator that is not known, is refused.
func TestOpenRefuses(t *testing.T) {
	data := exported(t)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":  {nil, "well-formed"},
		"text":     {[]byte("hello"), "well-formed"},
		"half":     {data[:len(data)/2], "well-formed"},
		"operator": {bytes.ReplaceAll(data, []byte("MatMul"), []byte("MatSum")), "MatSum"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "model.onnx")
			if err := os.WriteFile(path, c.data, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(path); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want an error with %q", err, c.want)
			}
		})
	}
	if _, err := Open(filepath.Join(t.TempDir(), "model.onnx")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// Weights in a file of their own are read from the model's folder, and from nowhere else.
func TestWeightsOutside(t *testing.T) {
	folder := filepath.Join("testdata", "exports")
	var answers [2][]float32
	for i, name := range []string{"bert-sdpa-14.onnx", "bert-outside-14.onnx"} {
		m, err := Open(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		out, err := m.Run(t.Context(), inputs(9), 1)
		if err != nil {
			t.Fatal(err)
		}
		answers[i] = out.F
	}
	if !slices.Equal(answers[0], answers[1]) {
		t.Errorf("%v with the weights inside, %v with them outside", answers[0], answers[1])
	}
	data, err := os.ReadFile(filepath.Join(folder, "bert-outside-14.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	for name, location := range map[string]string{"above": "../t-outside-14.bin", "missing": "bert-nowhere-14.bin", "rooted": "/ert-outside-14.bin"} {
		changed := bytes.ReplaceAll(data, []byte("bert-outside-14.bin"), []byte(location))
		if _, err := read(bytes.NewReader(changed), int64(len(changed)), folder); err == nil {
			t.Errorf("%s: the weights were read", name)
		}
	}
	short := t.TempDir()
	if err := os.WriteFile(filepath.Join(short, "bert-outside-14.bin"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := read(bytes.NewReader(data), int64(len(data)), short); !errors.Is(err, errMalformed) {
		t.Errorf("of a file that is too short: %v", err)
	}
}

// Whatever is in a file, it is refused or gives an answer.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"xlmr-sdpa-18-dynamo.onnx", "bert-eager-11.onnx"} {
		data, err := os.ReadFile(filepath.Join("testdata", "exports", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	folder := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := read(bytes.NewReader(data), int64(len(data)), folder)
		if err != nil {
			return
		}
		in := map[string]*Tensor{}
		for _, name := range m.Inputs() {
			in[name] = inputs(4)["input_ids"]
		}
		_, _ = m.Run(t.Context(), in, 1) // an error is as good as an answer
	})
}

// A panic on a run's own thread reaches who called, after all threads have ended.
func TestAPanicReachesTheCaller(t *testing.T) {
	r := &run{threads: 4}
	defer func() {
		if p := recover(); p != "broken" {
			t.Errorf("recovered %v", p)
		}
	}()
	r.splitOnto(4, small, func(thread, _, _ int) {
		if thread == 2 {
			panic("broken")
		}
	})
	t.Error("no panic")
}
