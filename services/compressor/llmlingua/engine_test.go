package llmlingua

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/tokens"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// compress compresses one text.
func (e *Engine) compress(ctx context.Context, text string, o Options) (string, error) {
	r, err := e.CompressContexts(ctx, []string{text}, ContextOptions{Options: o})
	if err != nil {
		return "", err
	}
	return r.Texts[0], nil
}

// forgetful is a model that holds every token for as needed as its place in the chunk.
type forgetful struct{ calls atomic.Int64 }

func (f *forgetful) probabilities(_ context.Context, a asked) ([]float32, error) {
	f.calls.Add(1)
	out := make([]float32, len(a.ids))
	for i := range out {
		out[i] = float32(i) / float32(len(out))
	}
	return out, nil
}

// blocked is a model that computes until it is let go, whatever its context says.
type blocked struct {
	entered chan struct{}
	release chan struct{}
	running atomic.Int64
	most    atomic.Int64
}

func newBlocked() *blocked {
	return &blocked{entered: make(chan struct{}, 1000), release: make(chan struct{})}
}

func (b *blocked) probabilities(ctx context.Context, a asked) ([]float32, error) {
	now := b.running.Add(1)
	defer b.running.Add(-1)
	for most := b.most.Load(); now > most && !b.most.CompareAndSwap(most, now); most = b.most.Load() {
	}
	b.entered <- struct{}{}
	<-b.release
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return (&forgetful{}).probabilities(ctx, a)
}

// broken is a model at fault.
type broken struct{}

func (broken) probabilities(_ context.Context, a asked) ([]float32, error) {
	var out []float32
	return out[:len(a.ids)], nil
}

// A panic of the model's fails the call, which quotes nothing, and neither the process nor the
// calls after it.
func TestAPanicIsAnError(t *testing.T) {
	e := openModel(t, "bert", Settings{})
	for range 3 { // more than there are slots
		e.model = broken{}
		if _, err := e.compress(t.Context(), manyChunks, Options{Rate: 0.5}); err == nil || strings.Contains(err.Error(), "range") {
			t.Fatalf("got %v", err)
		}
	}
	e.model = &forgetful{}
	if _, err := e.compress(t.Context(), manyChunks, Options{Rate: 0.5}); err != nil {
		t.Error(err)
	}
}

// manyChunks is a text of several chunks.
var manyChunks = strings.Repeat("Der Schlüssel liegt unter der Fußmatte. ", 100)

// A rate of one asks no model, and so does text without a token.
func TestNoModelIsAsked(t *testing.T) {
	for _, model := range models {
		e := openModel(t, model, Settings{})
		f := &forgetful{}
		e.model = f
		for text, want := range map[string]string{"": "", " \n": "", "the services": "the services"} {
			if got, err := e.compress(t.Context(), text, Options{Rate: 1}); err != nil || got != want {
				t.Errorf("%s: %q became %q (%v), want %q", model, text, got, err, want)
			}
		}
		if got, err := e.compress(t.Context(), " ", Options{Rate: 0.5}); err != nil || got != "" {
			t.Errorf("%s: a space became %q (%v)", model, got, err)
		}
		if n := f.calls.Load(); n != 0 {
			t.Errorf("%s: the model was asked %d times", model, n)
		}
	}
}

// Chunks end at the last token that may end one, and else where the model has read enough:
// the reference lets one be a token longer than the model reads beside its own two.
func TestChunks(t *testing.T) {
	e := openModel(t, "xlmr", Settings{})
	lengths := func(chunks []string) []int {
		out := make([]int, len(chunks))
		for i, c := range chunks {
			out[i] = len(e.tokenizer.Tokenize(c))
		}
		return out
	}
	if got := e.tokenizer.Tokenize("a ."); !slices.Equal(got, []string{"▁a", "▁", "."}) {
		t.Fatalf("the sentences of the test are other tokens: %q", got)
	}
	dots := strings.Repeat("a a a a a a a a a . ", 60)
	for name, c := range map[string]struct {
		text string
		ends []string
		want []int
	}{
		"short":        {strings.Repeat("a ", 510), nil, []int{510}},
		"no end":       {strings.Repeat("a ", 1100), nil, []int{511, 511, 78}},
		"at sentences": {dots, []string{"."}, []int{506, 154}},
		"other ends":   {dots, []string{"\n"}, []int{511, 149}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := lengths(e.chunks(c.text, c.ends)); !slices.Equal(got, c.want) {
				t.Errorf("got chunks of %v tokens, want %v", got, c.want)
			}
		})
	}
}

// Options that say nothing are refused, without a word of the text.
func TestOptionsAreChecked(t *testing.T) {
	e := openModel(t, "xlmr", Settings{})
	for name, o := range map[string]Options{
		"no rate":           {},
		"negative rate":     {Rate: -1},
		"empty token":       {Rate: 0.5, ForceTokens: []string{""}},
		"too many to force": {Rate: 0.5, ForceTokens: make([]string, 101)},
	} {
		_, err := e.compress(t.Context(), "secret", o)
		if !errs.Is(err, errs.InvalidRequest) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// Tokens to keep are kept at any rate, also those that are several tokens to the model or none.
func TestForceTokens(t *testing.T) {
	for _, model := range models {
		e := openModel(t, model, Settings{})
		e.model = &forgetful{}
		got, err := e.compress(t.Context(), "Anna: who\napproved it? Ben: nobody", Options{Rate: 0.1, ForceTokens: []string{"\n", "Anna", "approved it"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, kept := range []string{"\n", "Anna", "approved it"} {
			if !strings.Contains(got, kept) {
				t.Errorf("%s: %q is not in %q", model, kept, got)
			}
		}
	}
}

// A call ends with its context, though the model is still computing; Close waits for that,
// and later calls say that the engine is closed.
func TestDeadlineAndClose(t *testing.T) {
	e := openModel(t, "xlmr", Settings{})
	b := newBlocked()
	e.model = b
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := e.compress(ctx, manyChunks, Options{Rate: 0.5}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want the deadline", err)
	}
	if _, err := e.compress(ctx, "x", Options{Rate: 0.5}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want the deadline", err)
	}
	result := make(chan error, 1)
	go func() {
		_, err := e.compress(context.WithoutCancel(t.Context()), manyChunks, Options{Rate: 0.5})
		result <- err
	}()
	<-b.entered // whichever call's chunk it is, one is being computed
	closed := make(chan struct{})
	go func() {
		e.Close()
		close(closed)
	}()
	if err := <-result; !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v, want ErrClosed", err)
	}
	select {
	case <-closed:
		if b.running.Load() > 0 {
			t.Fatal("Close did not wait for the model")
		}
	default:
	}
	close(b.release)
	<-closed
	if n := b.running.Load(); n != 0 {
		t.Fatalf("%d chunks are still being computed", n)
	}
	if _, err := e.compress(t.Context(), "x y", Options{Rate: 0.5}); !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v, want ErrClosed", err)
	}
}

// No more chunks are computed at a time than the settings say, over all calls.
func TestConcurrencyIsBounded(t *testing.T) {
	e := openModel(t, "xlmr", Settings{Concurrency: 2})
	b := newBlocked()
	e.model = b
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, err := e.compress(t.Context(), manyChunks, Options{Rate: 0.5}); err != nil {
				t.Error(err)
			}
		})
	}
	<-b.entered
	<-b.entered // two are inside, and a third may not be
	close(b.release)
	wg.Wait()
	if most := b.most.Load(); most != 2 {
		t.Fatalf("%d chunks were computed at the same time, want 2", most)
	}
}

// Calls at the same time give what they give one after the other.
func TestConcurrentCalls(t *testing.T) {
	e := openModel(t, "bert", Settings{Concurrency: 2, Threads: 2})
	texts := []string{"Who approved the change?", "Nobody knew! The minutes say only this.", manyChunks[:300]}
	want := make([]string, len(texts))
	for i, text := range texts {
		var err error
		if want[i], err = e.compress(t.Context(), text, Options{Rate: 0.5}); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for range 4 {
		for i, text := range texts {
			wg.Go(func() {
				if got, err := e.compress(t.Context(), text, Options{Rate: 0.5}); err != nil || got != want[i] {
					t.Errorf("got %q (%v), want %q", got, err, want[i])
				}
			})
		}
	}
	wg.Wait()
}

// A model that was exported without the added tokens is asked with its unknown token in
// their place.
func TestModelWithoutAddedTokens(t *testing.T) {
	folder := copyModel(t, "xlmr", func(c map[string]any) { c["vocab_size"] = 423 })
	e, err := Open(t.Context(), folder, Settings{}, new(tokens.Counter))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if id := e.tokenizer.ID(added(0)); id < 422 {
		t.Fatalf("the first added token has id %d", id)
	}
	got, err := e.compress(t.Context(), "the services\n\nof models", Options{Rate: 0.2, ForceTokens: []string{"x", "\n"}})
	if err != nil || strings.Count(got, "\n") != 2 {
		t.Fatalf("got %q (%v)", got, err)
	}
}

// A folder that is not such a model's is refused, and the error says why.
func TestOpenRefuses(t *testing.T) {
	set := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) { c[name] = value }
	}
	for name, c := range map[string]struct {
		change func(map[string]any)
		want   string
	}{
		"type":      {set("model_type", "gpt2"), "gpt2"},
		"tokenizer": {set("model_type", "bert"), "[CLS]"},
		"positions": {set("max_position_embeddings", 256), "less than 512"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), copyModel(t, "xlmr", c.change), Settings{}, new(tokens.Counter))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want an error with %q", err, c.want)
			}
		})
	}
	for _, missing := range []string{"config.json", "tokenizer.json", "model.onnx"} {
		folder := copyModel(t, "xlmr", func(map[string]any) {})
		if err := os.Remove(filepath.Join(folder, missing)); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), folder, Settings{}, new(tokens.Counter)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("without %s: got %v", missing, err)
		}
	}
	if _, err := Open(t.Context(), filepath.Join("testdata", "xlmr"), Settings{Threads: -1}, new(tokens.Counter)); err == nil {
		t.Error("a negative number of threads was taken")
	}
}

func copyModel(t *testing.T, model string, change func(config map[string]any)) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(filepath.Join("testdata", model))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "config.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var c map[string]any
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	change(c)
	if data, err = json.Marshal(c); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// Whatever tokens a chunk has, each that is text is in exactly one word, and a word has as
// many probabilities as tokens.
func FuzzMerge(f *testing.F) {
	f.Add("▁a b ▁c , [NEW0] ##d <unk> 1", "b [NEW0]", true)
	f.Add("##a ##b [CLS] #", "", false)
	f.Fuzz(func(t *testing.T, text, keep string, digits bool) {
		chunk := strings.Fields(text)
		probabilities := make([]float32, len(chunk))
		for i := range probabilities {
			probabilities[i] = 0.5
		}
		for name, family := range families() {
			words := family.merge(chunk, probabilities, forced{tokens: strings.Fields(keep), from: []string{"\n"}, to: []string{"[NEW0]"}}, digits)
			sum, want := 0, 0
			for _, token := range chunk {
				if !slices.Contains(family.special, token) {
					want++
				}
			}
			for _, w := range words {
				if sum += len(w.tokens); len(w.tokens) == 0 || len(w.plain) != len(w.tokens) {
					t.Fatalf("%s: a word of %d and %d tokens", name, len(w.tokens), len(w.plain))
				}
				if p := value(w.tokens, false); !(p.value >= 0.5 && p.value <= 1) {
					t.Fatalf("%s: a probability of %v", name, p)
				}
			}
			if sum != want {
				t.Fatalf("%s: %d tokens in words, want %d", name, sum, want)
			}
		}
	})
}

// What the model has said of a tenant's texts it says again for another, who would be told by the time
// that somebody has sent them.
func TestNoTenantFindsWhatAnotherHasSent(t *testing.T) {
	e := openModel(t, "bert", Settings{})
	f := &forgetful{}
	e.model = f
	before, all := int64(0), int64(0)
	for i, tenant := range []string{"acme", "acme", "emca", "", "emca"} {
		if _, err := e.CompressContexts(t.Context(), []string{manyChunks}, ContextOptions{Tenant: tenant, Options: Options{Rate: 0.5}}); err != nil {
			t.Fatal(err)
		}
		asked := f.calls.Load() - before
		if before = f.calls.Load(); i == 0 {
			all = asked
		}
		if again := i == 1 || i == 4; again != (asked == 0) || !again && asked != all {
			t.Errorf("call %d, of %q: the model is asked %d times, of %d chunks", i, tenant, asked, all)
		}
	}
}
