package simulator_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tollgate.dev/services/simulator"
)

func TestMain(m *testing.M) {
	// net/http keeps a connection that it closes for half a second, on a goroutine of its own.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// The fixed instant of all tests.
var epoch = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// bench is a running simulator with a client of its own.
type bench struct {
	testing.TB
	sim    *simulator.Server
	base   string
	client *http.Client
}

func start(tb testing.TB, opt simulator.Options) *bench {
	tb.Helper()
	if opt.Now == nil {
		opt.Now = func() time.Time { return epoch }
	}
	sim := simulator.New(opt)
	addr, err := sim.Start(context.Background(), "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	transport := &http.Transport{}
	tb.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := sim.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return &bench{TB: tb, sim: sim, base: "http://" + addr, client: &http.Client{Transport: transport}}
}

var auth = map[string][2]string{
	"/openai": {"Authorization", "Bearer k"}, "/groq": {"Authorization", "Bearer k"},
	"/anthropic": {"X-Api-Key", "k"}, "/gemini": {"X-Goog-Api-Key", "k"},
}

func (b *bench) request(ctx context.Context, path, body string, header ...string) *http.Request {
	b.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, b.base+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	for prefix, h := range auth {
		if strings.HasPrefix(path, prefix) {
			req.Header.Set(h[0], h[1])
		}
	}
	if strings.HasPrefix(path, "/anthropic") {
		req.Header.Set("Anthropic-Version", "2023-06-01")
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i+1] == "" {
			req.Header.Del(header[i])
		} else {
			req.Header.Set(header[i], header[i+1])
		}
	}
	return req
}

// post sends a request and reads the whole answer; err is that of the body.
func (b *bench) post(path, body string, header ...string) (res *http.Response, answer string, err error) {
	b.Helper()
	res, err = b.client.Do(b.request(context.Background(), path, body, header...))
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = res.Body.Close() }()
	all, err := io.ReadAll(res.Body)
	return res, string(all), err
}

// ask posts and wants the status.
func (b *bench) ask(status int, path, body string, header ...string) object {
	b.Helper()
	res, answer, err := b.post(path, body, header...)
	if err != nil {
		b.Fatal(err)
	}
	if res.StatusCode != status {
		b.Fatalf("status %d, want %d: %s", res.StatusCode, status, answer)
	}
	return parse(b, answer)
}

// object is decoded JSON with paths: at("choices", 0, "message").
type object struct{ v any }

func parse(tb testing.TB, s string) object {
	tb.Helper()
	dec := json.NewDecoder(strings.NewReader(s))
	var v any
	if err := dec.Decode(&v); err != nil {
		tb.Fatalf("answer is not JSON: %v\n%s", err, s)
	}
	return object{v}
}

func (o object) at(path ...any) object {
	for _, p := range path {
		switch k := p.(type) {
		case string:
			m, _ := o.v.(map[string]any)
			o.v = m[k]
		case int:
			a, _ := o.v.([]any)
			if k < 0 {
				k += len(a)
			}
			if k < 0 || k >= len(a) {
				return object{}
			}
			o.v = a[k]
		}
	}
	return o
}

func (o object) str(path ...any) string { s, _ := o.at(path...).v.(string); return s }
func (o object) num(path ...any) int    { f, _ := o.at(path...).v.(float64); return int(f) }
func (o object) len(path ...any) int    { a, _ := o.at(path...).v.([]any); return len(a) }
func (o object) json(path ...any) string {
	b, _ := json.Marshal(o.at(path...).v) // what was decoded can be encoded
	return string(b)
}

// event is one event of a stream.
type event struct{ name, data string }

// events reads an event stream.
func (b *bench) events(path, body string, header ...string) []event {
	b.Helper()
	res, answer, err := b.post(path, body, header...)
	if err != nil {
		b.Fatal(err)
	}
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		b.Fatalf("status %d, type %q: %s", res.StatusCode, res.Header.Get("Content-Type"), answer)
	}
	return split(answer)
}

func split(stream string) []event {
	var out []event
	var e event
	sc := bufio.NewScanner(strings.NewReader(stream))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		line := strings.TrimSuffix(sc.Text(), "\r")
		switch {
		case line == "" && e.data != "":
			out = append(out, e)
			e = event{}
		case strings.HasPrefix(line, "event: "):
			e.name = line[7:]
		case strings.HasPrefix(line, "data: "):
			e.data = line[6:]
		}
	}
	return out
}

const weather = `{"type":"object","properties":{"city":{"type":"string","maxLength":12},"days":{"type":"integer","minimum":2},` +
	`"unit":{"enum":["C","F"]}},"required":["city","days","unit"],"additionalProperties":false}`
