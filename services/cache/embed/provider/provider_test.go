package provider_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/secret"
	"tollgate.dev/platform/secret/secrettest"
	"tollgate.dev/services/cache/embed"
	"tollgate.dev/services/cache/embed/embedtest"
	"tollgate.dev/services/cache/embed/provider"
)

const (
	key  = "sk-embedding-key-of-a-test"
	food = "The food was delicious and the waiter..."
)

// serve answers every request with f, on a real server.
func serve(t *testing.T, f http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return server.URL + "/v1/"
}

func open(t *testing.T, o provider.Options) *provider.Embedder {
	t.Helper()
	if o.Model == "" {
		o.Model = "text-embedding-3-small"
	}
	if o.Dim == 0 {
		o.Dim = 4
	}
	o.Key = secret.New(key)
	e, err := provider.New(marking{}, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// marking is the default client, and marks what found no connection.
type marking struct{}

func (marking) Do(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultClient.Do(r)
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return nil, errors.Join(err, provider.ErrUnsent)
	}
	return resp, err
}

// model is a provider whose vectors hang on the text alone. It answers in the form that it
// is asked for.
func model(t *testing.T, dim int) http.HandlerFunc {
	t.Helper()
	return func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Input    string `json:"input"`
			Encoding string `json:"encoding_format"`
		}
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			t.Errorf("it was asked with what is no JSON: %v", err)
		}
		seed := fnv.New64a()
		_, _ = io.WriteString(seed, asked.Input)
		random := rand.New(rand.NewPCG(seed.Sum64(), 1)) //nolint:gosec // the same each time
		numbers, packed := make([]float32, dim), []byte(nil)
		for i := range numbers {
			numbers[i] = random.Float32() - 0.5
			packed = binary.LittleEndian.AppendUint32(packed, math.Float32bits(numbers[i]))
		}
		var form any = numbers
		if asked.Encoding == "base64" {
			form = base64.StdEncoding.EncodeToString(packed)
		}
		answer := map[string]any{"data": []any{map[string]any{"embedding": form}}, "usage": map[string]any{"prompt_tokens": 3}}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Errorf("the answer did not get away: %v", err)
		}
	}
}

func TestConformance(t *testing.T) {
	url := serve(t, model(t, 96))
	for name, o := range map[string]provider.Options{
		"base64": {URL: url, Dim: 96},
		"float":  {URL: url, Dim: 96, Floats: true},
	} {
		t.Run(name, func(t *testing.T) {
			embedtest.Run(t, func(t *testing.T) embed.Embedder {
				t.Helper()
				return open(t, o)
			})
		})
	}
}

// Requests are what OpenAI documents, and its answers are read, in both forms.
func TestAsDocumented(t *testing.T) {
	for _, form := range []string{"base64", "float"} {
		t.Run(form, func(t *testing.T) {
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost || r.URL.Path != "/v1/embeddings" || r.Header.Get("Authorization") != "Bearer "+key ||
					r.Header.Get("Content-Type") != "application/json" {
					t.Errorf("it was asked by %s %s with %v", r.Method, r.URL, r.Header)
				}
				got, err := io.ReadAll(r.Body)
				if want := strings.TrimSpace(file(t, "request."+form+".json")); err != nil || string(got) != want {
					t.Errorf("it was asked\n%s\nnot\n%s", got, want)
				}
				_, _ = io.WriteString(w, file(t, "reply."+form+".json"))
			})
			e := open(t, provider.Options{URL: url, Floats: form == "float", Shorten: form == "float"})
			to := make([]float32, 4)
			bill, err := e.Embed(t.Context(), food, to)
			if err != nil || bill != (embed.Bill{Tokens: 8}) {
				t.Fatalf("the bill is %+v, %v", bill, err)
			}
			documented := []float64{0.0023064255, -0.009327292, 0.015797727, -0.0028842222}
			length := 0.0
			for _, x := range documented {
				length = math.Hypot(length, x)
			}
			for i, want := range documented {
				if got := float64(to[i]); math.Abs(got-want/length) > 1e-6 {
					t.Errorf("number %d is %v, want %v", i, got, want/length)
				}
			}
		})
	}
}

func file(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// What providers answer instead of a vector becomes an error of its kind, which says nothing
// of the text or the key, even where the provider does. What was refused costs nothing; tokens that
// the provider bills are known, and of an answer that can't be read nobody knows.
func TestRefused(t *testing.T) {
	quotes := fmt.Sprintf(`{"error":{"message":"bad: %s, key %s"}}`, food, key)
	unknown := embed.Bill{Unknown: true}
	vector := func(form string) string {
		return fmt.Sprintf(`{"data":[{"embedding":%s}],"usage":{"prompt_tokens":8}}`, form)
	}
	for name, c := range map[string]struct {
		status int
		body   string
		want   errs.Reason
		bill   embed.Bill
	}{
		"credential":          {401, quotes, errs.ProviderError, embed.Bill{}},
		"model":               {404, quotes, errs.ProviderError, embed.Bill{}},
		"rate limit":          {429, quotes, errs.ProviderRateLimited, embed.Bill{}},
		"failure":             {500, quotes, errs.ProviderError, embed.Bill{}},
		"bad gateway":         {502, quotes, errs.ProviderUnavailable, embed.Bill{}},
		"overloaded":          {503, quotes, errs.ProviderUnavailable, embed.Bill{}},
		"late":                {504, quotes, errs.ProviderTimeout, embed.Bill{}},
		"redirect":            {307, quotes, errs.ProviderError, embed.Bill{}},
		"no JSON":             {200, food + key, errs.ProviderError, unknown},
		"an error":            {200, quotes, errs.ProviderError, embed.Bill{}},
		"two vectors":         {200, `{"data":[{"embedding":[1]},{"embedding":[1]}]}`, errs.ProviderError, unknown},
		"no vector":           {200, vector(`null`), errs.ProviderError, embed.Bill{Tokens: 8}},
		"a short vector":      {200, vector(`[1,2,3]`), errs.ProviderError, embed.Bill{Tokens: 8}},
		"a long vector":       {200, vector(`[1,2,3,4,5]`), errs.ProviderError, embed.Bill{Tokens: 8}},
		"a short one packed":  {200, vector(`"AACAPw=="`), errs.ProviderError, embed.Bill{Tokens: 8}},
		"a long one packed":   {200, vector(`"` + strings.Repeat("AACAPwAAgD8AAIA/", 3) + `"`), errs.ProviderError, embed.Bill{Tokens: 8}},
		"half a number":       {200, vector(`"AAAA"`), errs.ProviderError, embed.Bill{Tokens: 8}},
		"words":               {200, vector(`"` + food + `"`), errs.ProviderError, embed.Bill{Tokens: 8}},
		"a list of words":     {200, vector(`["` + food + `"]`), errs.ProviderError, embed.Bill{Tokens: 8}},
		"zeros":               {200, vector(`[0,0,0,0]`), errs.ProviderError, embed.Bill{Tokens: 8}},
		"no numbers":          {200, vector(`"AADAfwAAwH8AAMB/AADAfw=="`), errs.ProviderError, embed.Bill{Tokens: 8}},
		"two that are billed": {200, `{"data":[{"embedding":[1]},{"embedding":[1]}],"usage":{"prompt_tokens":8}}`, errs.ProviderError, embed.Bill{Tokens: 8}},
		"a negative bill":     {200, `{"data":[{"embedding":null}],"usage":{"prompt_tokens":-8}}`, errs.ProviderError, unknown},
		"too much":            {200, strings.Repeat(" ", 1<<20) + vector(`[1,2,3,4]`), errs.ProviderError, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "42")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			bill, err := open(t, provider.Options{URL: url}).Embed(t.Context(), food, make([]float32, 4))
			if !errs.Is(err, c.want) || bill != c.bill {
				t.Fatalf("got %v and the bill %+v, want %s and %+v", err, bill, c.want, c.bill)
			}
			if c.want == errs.ProviderRateLimited && errs.Of(err).RetryAfter != 42*time.Second {
				t.Errorf("to wait for %v", errs.Of(err).RetryAfter)
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				secrettest.AssertNoLeak(t, e.Error(), key, food)
			}
		})
	}
}

// What a provider refuses by a status that is about the text says nothing of it as a provider, until it
// refuses many texts in a row.
func TestRefusedTexts(t *testing.T) {
	for _, status := range []int{400, 413, 422} {
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			var asked struct{ Input string }
			if err := json.NewDecoder(r.Body).Decode(&asked); err == nil && asked.Input == food {
				_, _ = io.WriteString(w, `{"data":[{"embedding":[1,0,0,0]}]}`)
				return
			}
			w.WriteHeader(status)
		})
		e := open(t, provider.Options{URL: url})
		for round := range 2 {
			for i := range 18 {
				bill, err := e.Embed(t.Context(), fmt.Sprint("bad ", i), make([]float32, 4))
				if ok := errors.Is(err, embed.ErrRefused); ok != (i < 16) || ok == errs.Is(err, errs.ProviderError) || bill != (embed.Bill{}) {
					t.Errorf("%d, round %d, text %d: %v, and the bill %+v", status, round, i, err, bill)
				}
			}
			if _, err := e.Embed(t.Context(), food, make([]float32, 4)); err != nil {
				t.Error(err)
			}
		}
	}
}

// A provider that does not answer, or breaks off, ends a call in time. Only a request that did not
// leave is known to cost nothing.
func TestAway(t *testing.T) {
	hangs := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	breaks := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"data":`)
	})
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	left := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer left.Close()
	unavailable := func(err error) bool { return errs.Is(err, errs.ProviderUnavailable) }
	unknown := embed.Bill{Unknown: true}
	for name, c := range map[string]struct {
		url     string
		timeout time.Duration
		is      func(error) bool
		bill    embed.Bill
	}{
		"hangs":            {hangs, 20 * time.Millisecond, func(err error) bool { return errs.Is(err, errs.ProviderTimeout) }, unknown},
		"hangs for longer": {hangs, time.Hour, func(err error) bool { return errors.Is(err, context.DeadlineExceeded) }, unknown},
		"breaks off":       {breaks, 0, unavailable, unknown},
		"is not there":     {closed.URL, 0, unavailable, embed.Bill{}},
		"has left":         {left.URL, 0, unavailable, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			if c.timeout == time.Hour {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 20*time.Millisecond)
				defer cancel()
			}
			bill, err := open(t, provider.Options{URL: c.url, Timeout: c.timeout}).Embed(ctx, food, make([]float32, 4))
			if !c.is(err) || bill != c.bill {
				t.Fatalf("got %v, and the bill %+v", err, bill)
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				secrettest.AssertNoLeak(t, e.Error(), key, food)
			}
		})
	}
}

// An answer without usage has a vector, and what it costs is unknown; one that says 0 costs nothing.
func TestWithoutUsage(t *testing.T) {
	for usage, want := range map[string]embed.Bill{"": {Unknown: true}, `,"usage":{}`: {Unknown: true}, `,"usage":{"prompt_tokens":0}`: {}} {
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"data":[{"embedding":[1,0,0,0]}]%s}`, usage)
		})
		if bill, err := open(t, provider.Options{URL: url}).Embed(t.Context(), food, make([]float32, 4)); err != nil || bill != want {
			t.Errorf("%q: the bill is %+v, %v", usage, bill, err)
		}
	}
}

// Nothing is billed for what isn't sent.
func TestNotAsked(t *testing.T) {
	url := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it was asked") })
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		over bool
		text string
		want error
	}{
		"nothing to embed": {false, " ", embed.ErrNothing},
		"too long":         {false, strings.Repeat("x", 1<<20), embed.ErrTooLong},
		"no time":          {true, food, context.Canceled},
	} {
		ctx := t.Context()
		if c.over {
			ctx = ended
		}
		if bill, err := open(t, provider.Options{URL: url}).Embed(ctx, c.text, make([]float32, 4)); !errors.Is(err, c.want) || bill != (embed.Bill{}) {
			t.Errorf("%s: %v, and the bill %+v", name, err, bill)
		}
	}
}

// Without a key none is sent.
func TestNoKey(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if _, ok := r.Header["Authorization"]; ok {
			t.Error("a credential was sent")
		}
		model(t, 4)(w, r)
	})
	e, err := provider.New(http.DefaultClient, provider.Options{URL: url, Model: "m", Dim: 4})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Embed(t.Context(), food, make([]float32, 4)); err != nil {
		t.Fatal(err)
	}
}

// Vectors of two models, dimensions or places are of two versions.
func TestVersion(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range []provider.Options{
		{URL: "https://a.example/v1"}, {URL: "https://b.example/v1"}, {URL: "https://a.example/v1", Model: "m"},
		{URL: "https://a.example/v1", Dim: 5},
	} {
		seen[open(t, o).Version()] = true
	}
	if len(seen) != 4 {
		t.Errorf("got %v", seen)
	}
	for version := range seen {
		secrettest.AssertNoLeak(t, version, key)
	}
}

func TestNewRefuses(t *testing.T) {
	good := provider.Options{URL: "https://a.example/v1", Model: "m", Dim: 4}
	for name, change := range map[string]func(*provider.Options){
		"no URL":            func(o *provider.Options) { o.URL = "" },
		"another scheme":    func(o *provider.Options) { o.URL = "ftp://a.example" },
		"no host":           func(o *provider.Options) { o.URL = "https:///v1" },
		"a URL with a key":  func(o *provider.Options) { o.URL = "https://x:" + key + "@a.example" },
		"a query":           func(o *provider.Options) { o.URL = "https://a.example?key=" + key },
		"no model":          func(o *provider.Options) { o.Model = "" },
		"no dimension":      func(o *provider.Options) { o.Dim = 0 },
		"a large dimension": func(o *provider.Options) { o.Dim = 1 << 20 },
	} {
		o := good
		change(&o)
		if _, err := provider.New(http.DefaultClient, o); err == nil {
			t.Errorf("%s: it was taken", name)
		} else {
			secrettest.AssertNoLeak(t, err.Error(), key)
		}
	}
	if _, err := provider.New(nil, good); err == nil {
		t.Error("without a client: it was taken")
	}
}
