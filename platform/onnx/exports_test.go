package onnx

import (
	"compress/gzip"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// Models as the two exporters of PyTorch write them, in several operator sets and with
// either form of attention, give PyTorch's answers, with one processor and with two.
func TestExportsAsRecorded(t *testing.T) {
	var answers []struct {
		File   string
		Shape  []int
		IDs    []int64 `json:"ids"`
		Mask   []int64
		Logits []float32
	}
	folder := filepath.Join("testdata", "exports")
	f, err := os.Open(filepath.Join(folder, "answers.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(&answers); err != nil {
		t.Fatal(err)
	}
	tried := map[string]int{}
	for _, a := range answers {
		tried[a.File]++
		m, err := Open(filepath.Join(folder, a.File))
		if err != nil {
			t.Fatal(err)
		}
		for threads := 1; threads <= 2; threads++ {
			got, err := m.Run(t.Context(), map[string]*Tensor{
				"input_ids":      {Kind: Int, Shape: a.Shape, I: a.IDs},
				"attention_mask": {Kind: Int, Shape: a.Shape, I: a.Mask},
			}, threads)
			if err != nil {
				t.Fatalf("%s: %v", a.File, err)
			}
			if len(got.F) != len(a.Logits) {
				t.Fatalf("%s: an answer in the shape %v to %v", a.File, got.Shape, a.Shape)
			}
			for i, want := range a.Logits {
				if math.Abs(float64(got.F[i]-want)) > 1e-5 {
					t.Fatalf("%s, %v: answer %d is %v, want %v", a.File, a.Shape, i, got.F[i], want)
				}
			}
		}
	}
	if len(tried) != 7 {
		t.Fatalf("%d models were tried: %v", len(tried), tried)
	}
}
