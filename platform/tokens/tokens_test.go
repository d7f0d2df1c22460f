package tokens_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"tollgate.dev/platform/tokens"
)

const heapHelper = "TOKENS_TEST_REPORT_HEAP"

func TestMain(m *testing.M) {
	if os.Getenv(heapHelper) != "" {
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		fmt.Print(s.HeapAlloc + s.StackInuse)
		return
	}
	os.Exit(m.Run())
}

// A process that imports the package and never counts doesn't pay for the vocabularies.
func TestImportingCostsNoMemory(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), heapHelper+"=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var heap int
	if _, err := fmt.Sscan(string(out), &heap); err != nil || heap > 4<<20 {
		t.Errorf("a fresh process holds %q bytes (%v); want less than 4 MiB", out, err)
	}
}

var counter tokens.Counter

func count(t testing.TB, e tokens.Encoding, text string) tokens.Count {
	t.Helper()
	c, err := counter.Count(e, text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The counts that OpenAI's cookbook publishes ("How to count tokens with tiktoken").
func TestPublishedCounts(t *testing.T) {
	for _, tt := range []struct {
		text         string
		cl100k, o200 int64
	}{
		{"", 0, 0},
		{"tiktoken is great!", 6, 6},
		{"antidisestablishmentarianism", 6, 6},
		{"2 + 2 = 4", 7, 7},
		{"お誕生日おめでとう", 9, 8},
	} {
		if got := count(t, tokens.CL100k, tt.text); got != (tokens.Count{Tokens: tt.cl100k}) {
			t.Errorf("%q in cl100k_base: %+v, want exactly %d", tt.text, got, tt.cl100k)
		}
		if got := count(t, tokens.O200k, tt.text); got != (tokens.Count{Tokens: tt.o200}) {
			t.Errorf("%q in o200k_base: %+v, want exactly %d", tt.text, got, tt.o200)
		}
	}
}

// The cookbook's example conversation is 129 prompt tokens for gpt-4 and 124 for gpt-4o, by
// the API's own count.
func TestPublishedConversation(t *testing.T) {
	messages := []struct{ role, name, content string }{
		{"system", "", "You are a helpful, pattern-following assistant that translates corporate jargon into plain English."},
		{"system", "example_user", "New synergies will help drive top-line growth."},
		{"system", "example_assistant", "Things working well together will increase revenue."},
		{"system", "example_user", "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."},
		{"system", "example_assistant", "Let's talk later when we're less busy about how to do better."},
		{"user", "", "This late pivot means we don't have time to boil the ocean for the client deliverable."},
	}
	for model, want := range map[string]int64{"gpt-4-0613": 129, "gpt-4o": 124} {
		e, names := tokens.ForModel("openai", model), 0
		var sum int64
		for _, m := range messages {
			sum += count(t, e, m.role).Tokens + count(t, e, m.name).Tokens + count(t, e, m.content).Tokens
			if m.name != "" {
				names++
			}
		}
		if got := sum + tokens.ChatOverhead(len(messages), names); got != want {
			t.Errorf("%s: %d tokens, want %d", model, got, want)
		}
	}
}

func TestForBase(t *testing.T) {
	for base, want := range map[string]tokens.Encoding{
		"gpt-4o": tokens.O200k, "azure/gpt-4o-mini": tokens.O200k, "openai/gpt-4": tokens.CL100k, "gpt-35-turbo": tokens.CL100k,
		"groq/llama-3.3-70b-versatile": tokens.CL100kLike, "meta-llama/Llama-3.1-8B": tokens.CL100kLike, "openai/gpt-oss-20b": tokens.O200k,
		"anthropic/claude-3-haiku": tokens.Claude, "claude-haiku-9": tokens.ClaudeNew, "gemini/gemini-2.5-pro": tokens.Gemini,
		"": 0, "mistral-large": 0, "mine/gpt-4o": 0, "azure/": 0,
	} {
		if got, ok := tokens.ForBase(base); ok != (want != 0) || ok && got != want {
			t.Errorf("%q: %v, %t", base, got, ok)
		}
	}
}

func TestForModel(t *testing.T) {
	for _, tt := range []struct {
		provider, model string
		want            tokens.Encoding
	}{
		{"openai", "gpt-4o", tokens.O200k},
		{"openai", "gpt-4o-mini-2024-07-18", tokens.O200k},
		{"openai", "openai/gpt-4.1-nano", tokens.O200k},
		{"openai", "gpt-5-mini", tokens.O200k},
		{"openai", "gpt-5.4", tokens.O200kLike},
		{"openai", "gpt-6-sol", tokens.O200kLike},
		{"openai", "o3-pro", tokens.O200k},
		{"openai", "gpt-4", tokens.CL100k},
		{"openai", "gpt-4-turbo", tokens.CL100k},
		{"openai", "gpt-3.5-turbo", tokens.CL100k},
		{"openai", "text-embedding-3-small", tokens.CL100k},
		{"openai", "ft:gpt-4o-2024-08-06:acme::x", tokens.O200k},
		{"anthropic", "claude-sonnet-4-5-20250929", tokens.Claude},
		{"anthropic", "claude-3-5-haiku-20241022", tokens.Claude},
		{"anthropic", "claude-opus-4-7", tokens.ClaudeNew},
		{"anthropic", "claude-opus-5-5", tokens.ClaudeNew},
		{"gemini", "gemini-2.5-pro", tokens.Gemini},
		{"google", "google/gemini-2.5-pro", tokens.Gemini},
		{"groq", "groq/openai/gpt-oss-120b", tokens.O200k},
		{"groq", "llama-3.3-70b-versatile", tokens.CL100kLike},
		{"groq", "meta-llama/llama-4-scout-17b-16e-instruct", tokens.CL100kLike},
		{"groq", "mixtral-8x7b-32768", tokens.Generic},
		{"acme", "x", tokens.Generic},
		{"", "", tokens.Generic},
	} {
		got := tokens.ForModel(tt.provider, tt.model)
		if got != tt.want {
			t.Errorf("ForModel(%q, %q) = %s, want %s", tt.provider, tt.model, got, tt.want)
		}
		if exact := got == tokens.O200k || got == tokens.CL100k; got.Exact() != exact {
			t.Errorf("%s.Exact() = %v", got, got.Exact())
		}
	}
}

func TestEstimates(t *testing.T) {
	text := strings.Repeat("abcdefg ", 100) // 800 characters
	for e, want := range map[tokens.Encoding]int64{
		tokens.Claude: 229, tokens.ClaudeNew: 308, tokens.Gemini: 200, tokens.Generic: 267, tokens.Encoding(0): 267,
	} {
		if got := count(t, e, text); got != (tokens.Count{Tokens: want, Estimated: true}) {
			t.Errorf("%s: %+v, want %d, estimated", e, got, want)
		}
	}
	if got := count(t, tokens.Gemini, "漢字🙂é"); got.Tokens != 5 {
		t.Errorf("four characters beyond ASCII, one a pictograph: %d tokens, want 5", got.Tokens)
	}
	exact, like := count(t, tokens.O200k, text), count(t, tokens.O200kLike, text)
	if exact.Estimated || !like.Estimated || exact.Tokens != like.Tokens {
		t.Errorf("o200k %+v and its like %+v differ in more than the mark", exact, like)
	}
	if got := count(t, tokens.Claude, ""); got != (tokens.Count{Estimated: true}) {
		t.Errorf("nothing is %+v", got)
	}
}

// Long text is counted in pieces. On prose and code that makes no difference to the count:
// paragraphs that are counted alone add up, and the count stays exact.
func TestLongTextStaysExact(t *testing.T) {
	paragraph := "The gateway reserves an upper bound, then settles; it never\n" +
		"overspends (see ADR 7), does it?\n\nfunc main() {\n\tfmt.Println(\"x\", 12345, 3.14)\n}\nNaïve café, 2 × 3 — \"quoted\" text's end.\nNext "
	for _, e := range []tokens.Encoding{tokens.O200k, tokens.CL100k} {
		one := count(t, e, paragraph).Tokens
		// "Next" and " Next" differ by one piece only at the joint: count two to know the step.
		two := count(t, e, strings.Repeat(paragraph, 2)).Tokens
		const n = 500
		got := count(t, e, strings.Repeat(paragraph, n))
		if want := one + (n-1)*(two-one); got.Estimated || got.Tokens != want {
			t.Errorf("%s: %d paragraphs are %+v, want exactly %d", e, n, got, want)
		}
	}
}

func TestConcurrentFirstUse(t *testing.T) {
	var c tokens.Counter
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, e := range []tokens.Encoding{tokens.O200k, tokens.CL100k} {
				if got, err := c.Count(e, "tiktoken is great!"); err != nil || got.Tokens != 6 {
					t.Errorf("%s: %+v, %v", e, got, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestBound(t *testing.T) {
	body := []byte(`{"model":"m","messages":[{"role":"user","content":"hello"}]}`)
	n := int64(len(body))
	const preamble, tools = 256, 1024
	for _, tt := range []struct {
		name string
		r    tokens.Request
		want int64
	}{
		{"bytes and preamble", tokens.Request{Provider: "openai", Body: body}, n + preamble},
		{"tools", tokens.Request{Provider: "anthropic", Body: body, Tools: true}, n + preamble + tools},
		{"images by their own bound", tokens.Request{Provider: "openai", Body: body, Images: 2, ImageTokens: 1445}, n + preamble + 2890},
		{"negative fields", tokens.Request{Provider: "openai", Body: body, Images: -1, ImageTokens: -1}, n + preamble},
		{"saturates", tokens.Request{Body: body, Images: math.MaxInt64, ImageTokens: 2}, math.MaxInt64},
		{"a ligature that NFKC takes apart: 3 bytes to 33", tokens.Request{Provider: "anthropic", Body: []byte("\ufdfa")}, 33 + preamble},
		{"the same, escaped", tokens.Request{Provider: "anthropic", Body: []byte(`\ufdfa`)}, 33 + preamble},
		{"an escaped backslash escapes nothing", tokens.Request{Provider: "anthropic", Body: []byte(`\\ufdfa`)}, 7 + preamble},
		{"OpenAI doesn't normalize", tokens.Request{Provider: "openai", Body: []byte("\ufdfa")}, 3 + preamble},
		{"a body cut short", tokens.Request{Provider: "groq", Body: []byte(`\`)}, 1 + preamble},
	} {
		if got := tokens.Bound(tt.r); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

// What grows is found wherever it stands.
func TestBoundAnywhere(t *testing.T) {
	const preamble = 256
	for before := range 20 {
		for after := range 20 {
			plain := strings.Repeat("a", before) + "%s" + strings.Repeat("b", after)
			for text, grown := range map[string]int64{"\ufdfa": 30, `\ufdfa`: 27, `\n`: 0, "\u2013": 0} {
				body := fmt.Sprintf(plain, text)
				want := int64(len(body)) + grown + preamble
				if got := tokens.Bound(tokens.Request{Provider: "anthropic", Body: []byte(body)}); got != want {
					t.Fatalf("%q: %d, want %d", body, got, want)
				}
			}
		}
	}
}

func TestBoundDoesNotAllocate(t *testing.T) {
	body := bytes.Repeat([]byte(`plain \"text\" \u00e9é\ufdfa`), 100)
	if n := testing.AllocsPerRun(100, func() { tokens.Bound(tokens.Request{Provider: "anthropic", Body: body}) }); n != 0 {
		t.Errorf("Bound allocated %v times", n)
	}
}

// Counting a text, and its normalized form, never gives more than its bound; a text that is
// cut in pieces counts as its bytes at most.
func FuzzCountWithinBound(f *testing.F) {
	for _, s := range []string{"hello", "\ufdfa", "\xff\xfe", "ｆｕｌｌ", strings.Repeat("x ", 900), "a\n b\n\n/c", "ſt\u0301", "\x7f", "a\x7f\x7fb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 8192 {
			return
		}
		bound := tokens.Bound(tokens.Request{Provider: "anthropic", Body: []byte(text)})
		for _, e := range []tokens.Encoding{tokens.O200k, tokens.CL100k, tokens.Claude, tokens.ClaudeNew, tokens.Gemini, tokens.Generic} {
			got := count(t, e, text)
			if got.Tokens > int64(len(text)) || got.Tokens < 0 || (got.Tokens == 0) != (text == "") {
				t.Errorf("%s counts %d tokens in %d bytes", e, got.Tokens, len(text))
			}
			if !utf8.ValidString(text) && !got.Estimated {
				t.Errorf("%s: the count of invalid UTF-8 is not marked", e)
			}
		}
		if n := int64(len(norm.NFKC.String(text))); n > bound {
			t.Errorf("normalized, %d bytes are above the bound %d", n, bound)
		}
	})
}

func BenchmarkBound(b *testing.B) {
	body := bytes.Repeat([]byte("The quick brown fox jumps over the lazy dog. "), 200)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		tokens.Bound(tokens.Request{Provider: "anthropic", Body: body})
	}
}
