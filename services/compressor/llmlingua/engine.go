// Package llmlingua compresses prompts as LLMLingua-2 does (Pan and others, "LLMLingua-2:
// Data Distillation for Efficient and Faithful Task-Agnostic Prompt Compression", 2024): a
// small model says of every token how much it is needed, and the least needed words go.
//
// The operator brings the model: a folder with model.onnx, tokenizer.json and config.json,
// exported from one of the two that Microsoft has published. Everything else is here, and
// gives what the reference implementation (llmlingua 0.2.2) gives, word for word; where that
// fails, the comments say what is done instead.
package llmlingua

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"tollgate.dev/platform/hftokenizer"
	"tollgate.dev/platform/onnx"
	"tollgate.dev/platform/tokens"
)

// ErrClosed is returned by calls to an Engine that was closed.
var ErrClosed = errors.New("llmlingua: the engine was closed")

// Engine compresses by a model. It is safe for concurrent use.
type Engine struct {
	tokenizer *hftokenizer.Tokenizer
	family    family
	counter   *tokens.Counter
	model     classifier
	answers   answers

	slots chan struct{} // one for each chunk that may be computed
	stop  chan struct{} // closed when the engine is

	mu     sync.Mutex
	closed bool
	runs   sync.WaitGroup
}

// classifier gives the probability that each token of a chunk is needed.
type classifier interface {
	probabilities(ctx context.Context, a asked) ([]float32, error)
}

// config is what is read of config.json.
type config struct {
	ModelType    string `json:"model_type"`
	VocabSize    int    `json:"vocab_size"`
	MaxPositions int    `json:"max_position_embeddings"`
}

// Open reads the model in a folder, and asks it once: a model that does not run is found
// here. counter is the process's own. Close the engine in the end.
func Open(ctx context.Context, folder string, s Settings, counter *tokens.Counter) (*Engine, error) {
	c, err := readConfig(filepath.Join(folder, "config.json"))
	if err != nil {
		return nil, fmt.Errorf("llmlingua: %w", err)
	}
	tokenizer, err := readTokenizer(filepath.Join(folder, "tokenizer.json"))
	if err != nil {
		return nil, fmt.Errorf("llmlingua: %w", err)
	}
	e, err := newEngine(c, s, tokenizer, counter)
	if err != nil {
		return nil, fmt.Errorf("llmlingua: %w", err)
	}
	m, err := onnx.Open(filepath.Join(folder, "model.onnx"))
	if err != nil {
		return nil, fmt.Errorf("llmlingua: %w", err)
	}
	if e.model, err = newNetwork(m, s, c, int64(tokenizer.ID(e.family.unknown))); err != nil {
		return nil, fmt.Errorf("llmlingua: %w", err)
	}
	if _, err := e.model.probabilities(ctx, e.ask("", "")); err != nil {
		return nil, fmt.Errorf("llmlingua: the model does not run: %w", err)
	}
	return e, nil
}

func newEngine(c config, s Settings, tokenizer *hftokenizer.Tokenizer, counter *tokens.Counter) (*Engine, error) {
	family, ok := families()[c.ModelType]
	if !ok {
		return nil, fmt.Errorf("a model of type %q: only bert and xlm-roberta are known", c.ModelType)
	}
	for _, token := range family.special {
		if got := tokenizer.Tokenize(token); len(got) != 1 || tokenizer.Token(tokenizer.ID(got[0])) != token {
			return nil, fmt.Errorf("the tokenizer lacks %s: it does not belong to a model of type %s", token, c.ModelType)
		}
	}
	// RoBERTa counts positions from two on.
	if c.MaxPositions < sequence || (c.ModelType == "xlm-roberta" && c.MaxPositions < sequence+2) {
		return nil, fmt.Errorf("the model reads less than %d tokens at once", sequence)
	}
	for i := range maxForceTokens {
		tokenizer.Add(added(i))
	}
	if s.Concurrency < 0 || s.Threads < 0 {
		return nil, errors.New("a negative number of threads")
	}
	return &Engine{
		tokenizer: tokenizer, family: family, counter: counter,
		slots: make(chan struct{}, max(s.Concurrency, 1)), stop: make(chan struct{}),
	}, nil
}

func readConfig(path string) (config, error) {
	var c config
	data, err := os.ReadFile(path)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("config.json: %w", err)
	}
	return c, nil
}

func readTokenizer(path string) (*hftokenizer.Tokenizer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return hftokenizer.Parse(data)
}

// Close makes calls end with ErrClosed, and waits for what is being computed.
func (e *Engine) Close() {
	e.mu.Lock()
	if !e.closed {
		e.closed = true
		close(e.stop)
	}
	e.mu.Unlock()
	e.runs.Wait()
}

// enter counts a run in, so that Close waits for it.
func (e *Engine) enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.runs.Add(1)
	return true
}

// probabilities asks the model about chunks, several at a time as far as there are slots. It
// returns as soon as ctx ends; what was being computed ends at its next operation, and Close
// waits for it.
func (e *Engine) probabilities(ctx context.Context, chunks []asked) ([][]float32, error) {
	if len(chunks) == 0 {
		return nil, nil
	}
	if !e.enter() {
		return nil, ErrClosed
	}
	ctx, cancel := context.WithCancelCause(ctx)
	out := make([][]float32, len(chunks))
	done := make(chan struct{})
	go func() {
		defer e.runs.Done()
		defer close(done)
		e.all(ctx, cancel, chunks, out)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	case <-e.stop:
		cancel(ErrClosed)
	}
	err := context.Cause(ctx)
	cancel(nil)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// all computes every chunk and returns when none is being computed any more. The first
// failure ends ctx.
func (e *Engine) all(ctx context.Context, fail context.CancelCauseFunc, chunks []asked, out [][]float32) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(len(chunks), cap(e.slots)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(chunks)); i = next.Add(1) - 1 {
				p, err := e.chunk(ctx, chunks[i])
				if err != nil {
					fail(err)
					return
				}
				out[i] = p
			}
		})
	}
	wg.Wait()
}

// chunk asks the model about one chunk, in its turn. A panic of the model's is an error: it runs
// in a goroutine that no caller recovers.
func (e *Engine) chunk(ctx context.Context, a asked) (p []float32, err error) {
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, fmt.Errorf("llmlingua: a panic at %s", debug.Stack()) // what it says may quote the prompt
		}
	}()
	key := a.key()
	if p, ok := e.answers.get(key); ok {
		return p, nil
	}
	select {
	case e.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-e.slots }()
	if p, err = e.model.probabilities(ctx, a); err == nil {
		e.answers.put(key, p)
	}
	return p, err
}

// network is the model as a graph.
type network struct {
	encoder *onnx.Encoder
	size    int64 // of its vocabulary
	unknown int64
}

func newNetwork(m *onnx.Model, s Settings, c config, unknown int64) (*network, error) {
	encoder, err := onnx.NewEncoder(m, max(s.Threads, 1))
	if err != nil {
		return nil, err
	}
	return &network{encoder: encoder, size: int64(c.VocabSize), unknown: unknown}, nil
}

func (n *network) probabilities(ctx context.Context, a asked) ([]float32, error) {
	ids := slices.Clone(a.ids)
	for i, id := range ids {
		// A model that was exported without the added tokens has no embedding of them.
		if id >= n.size {
			ids[i] = n.unknown
		}
	}
	logits, err := n.encoder.Run(ctx, ids, a.mask)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(logits.Shape, []int{1, len(ids), 2}) || logits.Kind != onnx.Float {
		return nil, fmt.Errorf("the model answers in the shape %v, and not with two labels for each token", logits.Shape)
	}
	out := make([]float32, len(ids))
	for i := range out {
		drop, keep := float64(logits.F[2*i]), float64(logits.F[2*i+1])
		p := 1 / (1 + math.Exp(drop-keep))
		if math.IsNaN(p) {
			return nil, errors.New("the model answers with what is no number")
		}
		out[i] = float32(p)
	}
	return out, nil
}
