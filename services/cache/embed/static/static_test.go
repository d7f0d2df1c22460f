package static

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tollgate.dev/platform/hftokenizer"
	"tollgate.dev/services/cache/embed"
	"tollgate.dev/services/cache/embed/embedtest"
)

func TestConformance(t *testing.T) {
	embedtest.Run(t, func(t *testing.T) embed.Embedder {
		t.Helper()
		return open(t)
	})
}

func open(t testing.TB) *Embedder {
	t.Helper()
	e, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func vector(t testing.TB, e *Embedder, text string) []float32 {
	t.Helper()
	to := make([]float32, e.Dim())
	if _, err := e.Embed(t.Context(), text, to); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return to
}

func cosine(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// Tokens are the reference's (tokenizers 0.23.3, the model's own tokenizer.json), and vectors
// point where the sums point that distill/ computed in NumPy.
func TestAsRecorded(t *testing.T) {
	e := open(t)
	lines := recorded(t)
	if len(lines) < 300 {
		t.Fatalf("only %d texts were recorded", len(lines))
	}
	for _, line := range lines {
		if got := e.words.split(nil, line.text); !slices.Equal(got, line.ids) {
			t.Errorf("%q:\n got %d\nwant %d", line.text, got, line.ids)
			continue
		}
		got := vector(t, e, line.text)
		largest := slices.MaxFunc(line.sums, func(a, b int64) int { return int(max(a, -a) - max(b, -b)) })
		by := float64(largest) / float64(got[slices.Index(line.sums, largest)])
		for i, sum := range line.sums {
			if d := float64(got[i])*by - float64(sum); d > 1e-5*by || d < -1e-5*by {
				t.Errorf("%q: number %d is %v, want %v", line.text, i, got[i], float64(sum)/by)
			}
		}
	}
}

type text struct {
	text string
	ids  []int32
	sums []int64 // the first ones of the vector, before it is divided by its length
}

func (r *text) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[]any{&r.text, &r.ids, &r.sums})
}

func recorded(t testing.TB) (lines []text) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "texts.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(&lines); err != nil {
		t.Fatal(err)
	}
	return lines
}

// Vectors are the same bits on every processor. These were computed on amd64, and on 386
// with floating point in software.
func TestSameBitsEverywhere(t *testing.T) {
	e := open(t)
	for text, want := range map[string][]float32{
		"How do I reset the password of my account?": {0.065378495, -0.1400329, 0.0039678225, 0.039756354},
		"naïve CAFÉ 今天":                              {-1.2040573e-05, -0.054500293, -0.009048296, -0.03903049},
		"a":                                          {0.052796368, 0.105592735, 0, -0.026398184},
	} {
		v := vector(t, e, text)
		if got := append(v[:2:2], v[254:]...); !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

var duplicates = [][2]string{
	{"How do I reset my password?", "I forgot my password, how can I change it?"},
	{"What is the capital of France?", "Which city is France's capital?"},
	{"How can I lose weight fast?", "What is the quickest way to lose weight?"},
	{"Write a function that sorts a list in Python", "python code to sort a list"},
	{"Why is the sky blue?", "What makes the sky look blue?"},
	{"How much does a flight from Berlin to Paris cost?", "price of a plane ticket from Berlin to Paris"},
}

// Texts of one meaning are nearer to each other than to any other.
func TestNearest(t *testing.T) {
	e := open(t)
	for i, p := range duplicates {
		from := vector(t, e, p[0])
		near := cosine(from, vector(t, e, p[1]))
		for j, other := range duplicates {
			for _, text := range other {
				if far := cosine(from, vector(t, e, text)); i != j && far >= near {
					t.Errorf("%q is nearer to %q (%.3f) than to %q (%.3f)", p[0], text, far, p[1], near)
				}
			}
		}
	}
}

// A table that is not whole is refused.
func TestParseRefuses(t *testing.T) {
	for name, data := range map[string]string{
		"nothing":        "",
		"another magic":  "X" + table[1:],
		"cut":            table[:len(table)-1],
		"longer":         table + "x",
		"odd dimensions": table[:8] + "\x03" + table[9:],
		"no dimensions":  table[:8] + "\x00\x00" + table[10:],
		"unknown token":  table[:20] + "\xff\xff\xff\x7f" + table[24:],
		"lines":          strings.Replace(table, "\n", "x", 1),
	} {
		if _, err := parse(data); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}

// What a change of the table changes is its version.
func TestVersion(t *testing.T) {
	changed := []byte(table)
	changed[len(changed)-1] ^= 1
	other, err := parse(string(changed))
	if err != nil {
		t.Fatal(err)
	}
	if got := other.Version(); got == open(t).Version() {
		t.Errorf("two tables are %s", got)
	}
}

// No text makes the splitter fail, and its tokens are those of the exact tokenizer.
func FuzzSplit(f *testing.F) {
	e := open(f)
	tokenizer := reference(f, e)
	for _, line := range recorded(f) {
		f.Add(line.text)
	}
	f.Add("\xff\xfe a\xed\xa0\x80b \u1734 \U00011938 \u302e")
	f.Fuzz(func(t *testing.T, text string) {
		got := e.words.split(nil, text)
		var want []int32
		for _, token := range tokenizer.Tokenize(text) {
			want = append(want, int32(tokenizer.ID(token)))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q:\n got %d\nwant %d", text, got, want)
		}
	})
}

// reference is the tokenizer of the table's vocabulary, with no special tokens.
func reference(t testing.TB, e *Embedder) *hftokenizer.Tokenizer {
	t.Helper()
	vocab := map[string]int32{}
	for token, id := range e.words.firsts {
		vocab[token] = id
	}
	for token, id := range e.words.rests {
		vocab[restMark+token] = id
	}
	data, err := json.Marshal(map[string]any{
		"normalizer":    map[string]any{"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "lowercase": true},
		"pre_tokenizer": map[string]any{"type": "BertPreTokenizer"},
		"model":         map[string]any{"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": restMark, "max_input_chars_per_word": maxWord, "vocab": vocab},
		"decoder":       map[string]any{"type": "WordPiece", "prefix": restMark},
	})
	if err != nil {
		t.Fatal(err)
	}
	tokenizer, err := hftokenizer.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return tokenizer
}

// An ordinary question takes no memory.
func TestNoAllocation(t *testing.T) {
	e := open(t)
	to := make([]float32, e.Dim())
	if n := testing.AllocsPerRun(100, func() {
		if _, err := e.Embed(t.Context(), "What is the best way to learn the guitar at home?", to); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkEmbed(b *testing.B) {
	e := open(b)
	to := make([]float32, e.Dim())
	for name, text := range map[string]string{
		"12 words":                "How can I reset the password of my account on this website?",
		"12 words, typographic":   "How can I reset the “password” of my café’s account on it?",
		"20 Chinese characters":   "今天北京的天气怎么样我应该带伞吗请告诉我吧",
		"2 KB":                    strings.Repeat("How can I reset the password of my account on this website? ", 34),
		"32 KB that nobody knows": strings.Repeat("xqzjkvwqx", 3600),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Embed(b.Context(), text, to); err != nil && text[0] != 'x' {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(); err != nil {
			b.Fatal(err)
		}
	}
}
