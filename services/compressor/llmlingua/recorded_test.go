package llmlingua

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tollgate.dev/platform/tokens"
)

// What the reference implementation did: testdata/README.md says how it was recorded.

var models = []string{"bert", "xlmr"}

type recordedCase struct {
	Name     string
	Contexts []string
	Options  struct {
		Rate                    *float64
		TargetToken             int      `json:"target_token"`
		ForceTokens             []string `json:"force_tokens"`
		ForceReserveDigit       bool     `json:"force_reserve_digit"`
		DropConsecutive         bool     `json:"drop_consecutive"`
		ChunkEndTokens          []string `json:"chunk_end_tokens"`
		TokenToWord             string   `json:"token_to_word"`
		UseContextLevelFilter   bool     `json:"use_context_level_filter"`
		UseTokenLevelFilter     *bool    `json:"use_token_level_filter"`
		TargetContext           int      `json:"target_context"`
		ContextLevelRate        float64  `json:"context_level_rate"`
		ContextLevelTargetToken int      `json:"context_level_target_token"`
		ForceContextIDs         []int    `json:"force_context_ids"`
	}
	Error  string
	Texts  []string
	Tokens []int
}

func (c recordedCase) options() ContextOptions {
	rate := 0.5 // the reference's default
	if c.Options.Rate != nil {
		rate = *c.Options.Rate
	}
	return ContextOptions{
		Options: Options{
			Rate: rate, TargetTokens: c.Options.TargetToken, ForceTokens: c.Options.ForceTokens,
			ForceReserveDigit: c.Options.ForceReserveDigit, DropConsecutive: c.Options.DropConsecutive,
			ChunkEndTokens: c.Options.ChunkEndTokens, FirstToken: c.Options.TokenToWord == "first",
		},
		Filter: c.Options.UseContextLevelFilter, Rate: c.Options.ContextLevelRate, TargetTokens: c.Options.ContextLevelTargetToken,
		Target: c.Options.TargetContext, Always: c.Options.ForceContextIDs,
		WholeContexts: c.Options.UseTokenLevelFilter != nil && !*c.Options.UseTokenLevelFilter,
	}
}

type recording struct {
	Cases  []recordedCase
	Chunks recordedModel
}

// recordedModel answers with the probabilities that PyTorch gave, by the chunk's identifiers.
type recordedModel map[string]struct {
	Mask          string
	Probabilities []float32
}

func (m recordedModel) probabilities(_ context.Context, a asked) ([]float32, error) {
	answer, ok := m[key(a.ids)]
	switch {
	case !ok:
		return nil, errors.New("a chunk that the reference did not ask about")
	case answer.Mask != mask(a.mask):
		return nil, errors.New("another mask than the reference's")
	}
	return answer.Probabilities, nil
}

func key(ids []int64) string {
	s := make([]string, len(ids))
	for i, id := range ids {
		s[i] = strconv.FormatInt(id, 10)
	}
	return strings.Join(s, ",")
}

func mask(bits []int64) string {
	s := make([]byte, len(bits))
	for i, b := range bits {
		s[i] = '0' + byte(b)
	}
	return string(s)
}

func readRecording(t testing.TB, name string, to any) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(to); err != nil {
		t.Fatal(err)
	}
}

func openModel(t testing.TB, model string, s Settings) *Engine {
	t.Helper()
	e, err := Open(t.Context(), filepath.Join("testdata", model), s, new(tokens.Counter))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// With the probabilities that PyTorch gave, every text is the reference's to the byte: the
// chunks, the words, the threshold, what is kept and how it is written.
func TestArithmeticAsRecorded(t *testing.T) {
	for _, model := range models {
		t.Run(model, func(t *testing.T) {
			var r recording
			readRecording(t, filepath.Join(model, "cases.json.gz"), &r)
			e := openModel(t, model, Settings{})
			e.model = r.Chunks
			compareCases(t, e, r.Cases)
		})
	}
}

// The exported model, run in Go, gives PyTorch's probabilities within a ten-thousandth, and
// with them every text is the reference's as well.
func TestEngineAsRecorded(t *testing.T) {
	for _, model := range models {
		t.Run(model, func(t *testing.T) {
			var r recording
			readRecording(t, filepath.Join(model, "cases.json.gz"), &r)
			e := openModel(t, model, Settings{Concurrency: 2})
			if len(r.Chunks) < 50 {
				t.Fatalf("only %d chunks were recorded", len(r.Chunks))
			}
			worst, own, long := 0.0, maps.Clone(r.Chunks), 0
			for _, name := range slices.Sorted(maps.Keys(r.Chunks)) {
				chunk := r.Chunks[name]
				// Whole chunks take most of the time and are much alike: some are enough.
				if len(chunk.Mask) > sequence/2 {
					if long++; long > 6 {
						continue
					}
				}
				a := asked{mask: make([]int64, len(chunk.Mask))}
				for i, id := range strings.Split(name, ",") {
					n, err := strconv.ParseInt(id, 10, 64)
					if err != nil {
						t.Fatal(err)
					}
					a.ids, a.mask[i] = append(a.ids, n), int64(chunk.Mask[i]-'0')
				}
				got, err := e.model.probabilities(t.Context(), a)
				if err != nil {
					t.Fatal(err)
				}
				for i, p := range chunk.Probabilities {
					worst = max(worst, math.Abs(float64(got[i])-float64(p)))
				}
				chunk.Probabilities = got
				own[name] = chunk
			}
			t.Logf("%d chunks, at most %.1e apart", len(r.Chunks), worst)
			if worst > 1e-4 {
				t.Fatalf("probabilities are up to %v apart", worst)
			}
			for _, name := range []string{"talk all", "documents filtered"} {
				i := slices.IndexFunc(r.Cases, func(c recordedCase) bool { return c.Name == name })
				compareCases(t, e, r.Cases[i:i+1])
			}
			// The many other cases ask about the same chunks again.
			e.model = own
			compareCases(t, e, r.Cases)
		})
	}
}

func compareCases(t *testing.T, e *Engine, cases []recordedCase) {
	t.Helper()
	if len(cases) == 0 {
		t.Fatal("no case was recorded")
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			got, err := e.CompressContexts(t.Context(), c.Contexts, c.options())
			switch {
			case err != nil:
				t.Fatal(err)
			case c.Error != "":
				// The reference fails for text without a known word; it is kept here.
				if got.Texts[0] == "" {
					t.Fatal("nothing is left where the reference fails")
				}
			case !slices.Equal(got.Texts, c.Texts):
				t.Fatalf("got  %q\nwant %q", got.Texts, c.Texts)
			}
		})
	}
}

// The tokens of the contexts by which targets are computed are the reference's.
func TestCountAsRecorded(t *testing.T) {
	var r recording
	readRecording(t, filepath.Join("xlmr", "cases.json.gz"), &r)
	e := &Engine{counter: new(tokens.Counter)}
	for _, c := range r.Cases {
		if c.Tokens == nil {
			continue
		}
		if got, err := e.count(c.Contexts...); err != nil || got != c.Tokens[0] {
			t.Errorf("%s: %d tokens (%v), want %d", c.Name, got, err, c.Tokens[0])
		}
	}
}

// The percentile is NumPy's to the last bit.
func TestPercentileAsRecorded(t *testing.T) {
	var lines [][4]json.RawMessage
	readRecording(t, "percentiles.json.gz", &lines)
	if len(lines) < 100 {
		t.Fatalf("only %d were recorded", len(lines))
	}
	for _, line := range lines {
		var (
			values  []float64
			kinds   string
			percent int
			want    float64
		)
		for i, to := range []any{&values, &kinds, &percent, &want} {
			if err := json.Unmarshal(line[i], to); err != nil {
				t.Fatal(err)
			}
		}
		of := make([]probability, len(values))
		for i, v := range values {
			of[i] = probability{v, kinds[i] == 'd'}
		}
		if got := percentile(of, percent); got != want {
			t.Errorf("the %d. percentile of %v (%s) is %v, want %v", percent, values, kinds, got, want)
		}
	}
	if got := percentile(nil, 50); !math.IsNaN(got) {
		t.Errorf("the percentile of nothing is %v", got)
	}
}
