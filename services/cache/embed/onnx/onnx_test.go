package onnx_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tollgate.dev/services/cache/embed"
	"tollgate.dev/services/cache/embed/embedtest"
	"tollgate.dev/services/cache/embed/onnx"
)

// model is a small one with random weights; testdata/README.md says how it was recorded.
var model = filepath.Join("testdata", "bert")

func open(t testing.TB, folder string, o onnx.Options) *onnx.Embedder {
	t.Helper()
	e, err := onnx.Open(t.Context(), folder, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestConformance(t *testing.T) {
	embedtest.Run(t, func(t *testing.T) embed.Embedder {
		t.Helper()
		return open(t, model, onnx.Options{Concurrency: 2, Timeout: time.Minute})
	})
}

// Vectors are those of sentence-transformers, up to the rounding of float32.
func TestAsRecorded(t *testing.T) {
	for name, c := range map[string]struct{ folder, vectors string }{
		"the mean of all": {model, "vectors.json.gz"},
		"the first token": {change(t, map[string]string{"1_Pooling/config.json": pooledByFirst}), "first.json.gz"},
	} {
		t.Run(name, func(t *testing.T) {
			e := open(t, c.folder, onnx.Options{Timeout: time.Minute})
			lines := recorded(t, c.vectors)
			if len(lines) < 100 {
				t.Fatalf("only %d texts were recorded", len(lines))
			}
			to := make([]float32, e.Dim())
			for _, line := range lines {
				if _, err := e.Embed(t.Context(), line.text, to); err != nil {
					t.Errorf("%q: %v", line.text, err)
					continue
				}
				for i, want := range line.vector {
					if d := math.Abs(float64(to[i] - want)); d > 1e-5 {
						t.Errorf("%q: number %d is %v, want %v", line.text, i, to[i], want)
						break
					}
				}
			}
		})
	}
}

type text struct {
	text   string
	vector []float32
}

func (r *text) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[]any{&r.text, &r.vector})
}

func recorded(t testing.TB, file string) (lines []text) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(model, file))
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(&lines); err != nil {
		t.Fatal(err)
	}
	return lines
}

// A text of more tokens than the model reads is refused: the reference would cut it.
func TestTooLong(t *testing.T) {
	e := open(t, model, onnx.Options{})
	to := make([]float32, e.Dim())
	for n, want := range map[int]error{46: nil, 47: embed.ErrTooLong} { // and [CLS] and [SEP]
		if _, err := e.Embed(t.Context(), strings.Repeat("? ", n), to); !errors.Is(err, want) {
			t.Errorf("%d tokens: got %v, want %v", n, err, want)
		}
	}
}

// A call ends in its time.
func TestTimeout(t *testing.T) {
	e := open(t, model, onnx.Options{Timeout: time.Nanosecond})
	if _, err := e.Embed(t.Context(), "What?", make([]float32, e.Dim())); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// change copies the model's folder, and writes or deletes ("") files in it.
func change(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(model)); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		path := filepath.Join(folder, name)
		if content == "" {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// The layout of sentence-transformers is read, with the graph in a folder of its own.
func TestLayout(t *testing.T) {
	graph, err := os.ReadFile(filepath.Join(model, "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	folder := change(t, map[string]string{
		"model.onnx": "", "onnx/model.onnx": string(graph),
		"1_Pooling/config.json": `{"word_embedding_dimension": 24, "pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true}`,
	})
	if got, want := open(t, folder, onnx.Options{}).Version(), open(t, model, onnx.Options{}).Version(); got != want {
		t.Errorf("the version is %s, and was %s", got, want)
	}
}

// pooledByFirst is as sentence-transformers writes it for BAAI's bge models.
const pooledByFirst = `{"word_embedding_dimension": 24, "pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false,
	"pooling_mode_max_tokens": false, "pooling_mode_mean_sqrt_len_tokens": false}`

// What changes vectors, or which texts have one, changes the version.
func TestVersion(t *testing.T) {
	tokenizer, err := os.ReadFile(filepath.Join(model, "tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{open(t, model, onnx.Options{}).Version(): true}
	for name, files := range map[string]map[string]string{
		"tokenizer": {"tokenizer.json": string(tokenizer) + "\n"},
		"weights":   {"model.onnx_data": "x"},
		"length":    {"sentence_bert_config.json": `{"max_seq_length": 32}`},
		"pooling":   {"1_Pooling/config.json": pooledByFirst},
	} {
		version := open(t, change(t, files), onnx.Options{}).Version()
		if seen[version] {
			t.Errorf("another %s has the same version", name)
		}
		seen[version] = true
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no configuration":      {map[string]string{"config.json": ""}, "config.json"},
		"another configuration": {map[string]string{"config.json": "{"}, "config.json"},
		"another model":         {map[string]string{"config.json": `{"model_type":"mpnet"}`}, "mpnet"},
		"another family":        {map[string]string{"config.json": `{"model_type":"xlm-roberta","max_position_embeddings":64}`}, "lacks <s>"},
		"no positions":          {map[string]string{"config.json": `{"model_type":"bert"}`}, "0 tokens"},
		"another pooling":       {map[string]string{"1_Pooling/config.json": `{"pooling_mode_lasttoken":true,"pooling_mode_mean_tokens":false}`}, "pools"},
		"first and mean":        {map[string]string{"1_Pooling/config.json": `{"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":true}`}, "pools"},
		"no pooling":            {map[string]string{"1_Pooling/config.json": `{"pooling_mode_cls_token":false,"pooling_mode_mean_tokens":false}`}, "pools"},
		"two poolings":          {map[string]string{"1_Pooling/config.json": `{"pooling_mode_max_tokens":true,"pooling_mode_mean_tokens":true}`}, "pools"},
		"no tokenizer":          {map[string]string{"tokenizer.json": ""}, "tokenizer.json"},
		"another tokenizer":     {map[string]string{"tokenizer.json": "{}"}, "hftokenizer"},
		"no graph":              {map[string]string{"model.onnx": ""}, "model.onnx"},
		"another graph":         {map[string]string{"model.onnx": "x"}, "model.onnx"},
	} {
		if _, err := onnx.Open(t.Context(), change(t, c.files), onnx.Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
	if _, err := onnx.Open(t.Context(), model, onnx.Options{Threads: -1}); err == nil {
		t.Error("a negative number of threads was taken")
	}
}

// The time of a text by the model in the folder that TOLLGATE_EMBED_MODEL names, or else by
// the small one of the tests.
func BenchmarkEmbed(b *testing.B) {
	folder := os.Getenv("TOLLGATE_EMBED_MODEL")
	if folder == "" {
		folder = model
	}
	e := open(b, folder, onnx.Options{Timeout: time.Minute})
	to := make([]float32, e.Dim())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Embed(b.Context(), "How do I reset the password of my account?", to); err != nil {
			b.Fatal(err)
		}
	}
}
