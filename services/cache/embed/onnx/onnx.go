// Package onnx embeds texts by a sentence encoder that the operator brings: a folder as
// sentence-transformers exports one. The model is computed in Go; see docs/adr/0014.
package onnx

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tollgate.dev/platform/hftokenizer"
	"tollgate.dev/platform/onnx"
	"tollgate.dev/services/cache/embed"
)

// Options are an Embedder's. Zero fields take the defaults that they name.
type Options struct {
	// Threads is how many processors share the work on one text; 0 is 1.
	Threads int
	// Concurrency is how many texts are computed at the same time; 0 is 1. The others wait.
	Concurrency int
	// Timeout bounds a call with its wait, besides its context; 0 is 1 s. It is seen between
	// two operations, which take some ten milliseconds at the most.
	Timeout time.Duration
}

const defaultTimeout = time.Second

// maxBytes is the length from which on a text is too long whatever its tokens: no such model
// reads more than some hundred of them, and to count them takes time.
const maxBytes = 32 << 10

// Embedder embeds by a model. It is safe for concurrent use.
type Embedder struct {
	tokenizer  *hftokenizer.Tokenizer
	model      *onnx.Encoder
	begin, end int64
	longest    int // in tokens, with those two
	first      bool
	dim        int
	version    string
	slots      chan struct{}
	timeout    time.Duration
}

// special are the tokens between which a text is put, by the model_type of config.json.
var special = map[string][2]string{"bert": {"[CLS]", "[SEP]"}, "xlm-roberta": {"<s>", "</s>"}}

// Open reads the model in a folder, and asks it once: a model that does not run is found
// here. The folder holds config.json, tokenizer.json, model.onnx (or onnx/model.onnx), and,
// where the model has them, sentence_bert_config.json and 1_Pooling/config.json. Models
// other than BERT and XLM-RoBERTa are refused, and so is another pooling than the mean of all
// tokens or the first one alone (CLS).
func Open(ctx context.Context, folder string, o Options) (*Embedder, error) {
	e, err := open(ctx, folder, o)
	if err != nil {
		return nil, fmt.Errorf("embed/onnx: %w", err)
	}
	return e, nil
}

func open(ctx context.Context, folder string, o Options) (*Embedder, error) {
	if o.Threads < 0 || o.Concurrency < 0 || o.Timeout < 0 {
		return nil, errors.New("a negative number of threads or time")
	}
	s, err := readShape(folder)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(folder, "tokenizer.json")
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	e := &Embedder{longest: s.longest, first: s.first, slots: make(chan struct{}, max(o.Concurrency, 1)), timeout: o.Timeout}
	if e.timeout == 0 {
		e.timeout = defaultTimeout
	}
	if e.tokenizer, err = hftokenizer.Parse(data); err != nil {
		return nil, err
	}
	for i, token := range s.special {
		id := e.tokenizer.ID(token)
		if e.tokenizer.Token(id) != token {
			return nil, fmt.Errorf("the tokenizer lacks %s", token)
		}
		*[...]*int64{&e.begin, &e.end}[i] = int64(id)
	}
	path := filepath.Join(folder, "model.onnx")
	if _, err := os.Stat(path); err != nil {
		path = filepath.Join(folder, "onnx", "model.onnx")
	}
	graph, err := onnx.Open(path)
	if err != nil {
		return nil, err
	}
	if e.model, err = onnx.NewEncoder(graph, max(o.Threads, 1)); err != nil {
		return nil, err
	}
	if e.version, err = version(file, path, s); err != nil {
		return nil, err
	}
	first, err := e.hidden(ctx, []int64{e.begin, e.end})
	if err != nil {
		return nil, fmt.Errorf("the model does not run: %w", err)
	}
	e.dim = first.Shape[2]
	return e, nil
}

// version is a hash of all that vectors depend on. Weights in files of their own lie beside
// the model and begin with its name, as the exporters write them.
func version(tokenizer, model string, s shape) (string, error) {
	weights, err := filepath.Glob(model + "[._]*")
	if err != nil {
		return "", err
	}
	slices.Sort(weights)
	sum := sha256.New()
	for _, path := range append([]string{tokenizer, model}, weights...) {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		n, err := io.Copy(sum, f)
		_ = f.Close() // it was only read
		if err != nil {
			return "", err
		}
		_, _ = fmt.Fprintf(sum, "\n%d\n", n) // a hash takes all
	}
	pooling := ""
	if s.first {
		pooling = "cls-"
	}
	return fmt.Sprintf("onnx-1-%s%d-%x", pooling, s.longest, sum.Sum(nil)[:16]), nil
}

// shape is what is read of a model's configuration.
type shape struct {
	special [2]string
	longest int  // in tokens, with the special ones
	first   bool // the first token's numbers are the text's, and not the mean of all
}

func readShape(folder string) (s shape, err error) {
	var config struct {
		ModelType    string `json:"model_type"`
		MaxPositions int    `json:"max_position_embeddings"`
	}
	if err := read(filepath.Join(folder, "config.json"), &config); err != nil {
		return s, err
	}
	tokens, known := special[config.ModelType]
	if !known {
		return s, fmt.Errorf("a model of type %q: only bert and xlm-roberta are known", config.ModelType)
	}
	s.special, s.longest = tokens, config.MaxPositions
	if config.ModelType == "xlm-roberta" {
		s.longest -= 2 // it counts positions from two on
	}
	var sentence struct {
		Longest int `json:"max_seq_length"`
	}
	if err := readIfAny(filepath.Join(folder, "sentence_bert_config.json"), &sentence); err != nil {
		return s, err
	}
	if sentence.Longest > 0 {
		s.longest = min(s.longest, sentence.Longest)
	}
	if s.longest < 3 {
		return s, fmt.Errorf("the model reads %d tokens at once", s.longest)
	}
	s.first, err = readPooling(filepath.Join(folder, "1_Pooling", "config.json"))
	return s, err
}

// readPooling tells whether a model pools by its first token, and not by the mean of all, as it does
// where the file is absent.
func readPooling(path string) (first bool, err error) {
	pooling := map[string]any{"pooling_mode_mean_tokens": true}
	if err := readIfAny(path, &pooling); err != nil {
		return false, err
	}
	first, _ = pooling["pooling_mode_cls_token"].(bool)
	for mode, on := range pooling {
		want := mode == "pooling_mode_mean_tokens" && !first || mode == "pooling_mode_cls_token" && first
		if strings.HasPrefix(mode, "pooling_mode_") && on != want {
			return false, errors.New("the model pools by other than the mean of its tokens or the first one alone")
		}
	}
	return first, nil
}

func readIfAny(path string, to any) error {
	if err := read(path, to); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func read(path string, to any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, to); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return nil
}

// Dim is the number of dimensions.
func (e *Embedder) Dim() int { return e.dim }

// Version names the model and its tokenizer by their contents.
func (e *Embedder) Version() string { return e.version }

// Embed is [embed.Embedder]'s, for texts of as many tokens as the model reads, below 32 KiB.
// Nothing is billed. Between processors of two kinds the numbers differ by some 1e-6. Its
// errors are those of the interface, context.DeadlineExceeded after the time of the options,
// and of a model that does not answer with numbers.
func (e *Embedder) Embed(ctx context.Context, text string, to []float32) (embed.Bill, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return embed.Bill{}, err
	}
	if len(text) >= maxBytes {
		return embed.Bill{}, embed.ErrTooLong
	}
	ids := []int64{e.begin}
	for _, token := range e.tokenizer.Tokenize(text) {
		ids = append(ids, int64(e.tokenizer.ID(token)))
	}
	if len(ids) == 1 {
		return embed.Bill{}, embed.ErrNothing
	}
	if ids = append(ids, e.end); len(ids) > e.longest {
		return embed.Bill{}, embed.ErrTooLong
	}
	select {
	case e.slots <- struct{}{}:
	case <-ctx.Done():
		return embed.Bill{}, ctx.Err()
	}
	hidden, err := e.hidden(ctx, ids)
	<-e.slots
	if err != nil {
		return embed.Bill{}, err
	}
	rows := hidden.F
	if e.first {
		rows = rows[:e.dim]
	}
	return embed.Bill{}, pool(rows, to[:e.dim])
}

// hidden gives a row of numbers for each token.
func (e *Embedder) hidden(ctx context.Context, ids []int64) (*onnx.Tensor, error) {
	mask := make([]int64, len(ids))
	for i := range mask {
		mask[i] = 1
	}
	t, err := e.model.Run(ctx, ids, mask)
	if err != nil {
		return nil, err
	}
	if t.Kind != onnx.Float || len(t.Shape) != 3 || t.Shape[0] != 1 || t.Shape[1] != len(ids) || t.Shape[2] < 1 || (e.dim > 0 && t.Shape[2] != e.dim) {
		return nil, fmt.Errorf("the model answers in the shape %v, and not with a row for each token", t.Shape)
	}
	return t, nil
}

// pool writes the mean of the rows, with the length 1.
func pool(rows, to []float32) error {
	sums := make([]float64, len(to))
	for len(rows) > 0 {
		for i, x := range rows[:len(to)] {
			sums[i] += float64(x)
		}
		rows = rows[len(to):]
	}
	squares := 0.0
	for _, x := range sums {
		squares += x * x
	}
	if !(squares > 0) || math.IsInf(squares, 0) {
		return errors.New("embed/onnx: the model answers with what has no direction")
	}
	length := math.Sqrt(squares)
	for i, x := range sums {
		to[i] = float32(x / length)
	}
	return nil
}
