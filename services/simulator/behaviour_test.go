package simulator_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"tollgate.dev/services/simulator"
)

// dialects are the same plain request in each dialect, with %s for directives.
var dialects = []struct {
	name, whole, stream, body, streamBody string
}{
	{"openai", openAI, openAI, `{"model":"gpt-4o%s",` + hello + `}`, `{"model":"gpt-4o%s","stream":true,` + hello + `}`},
	{"groq", groq, groq, `{"model":"llama-3.3-70b-versatile%s",` + hello + `}`, `{"model":"llama-3.3-70b-versatile%s","stream":true,` + hello + `}`},
	{"anthropic", claude, claude, `{"model":"claude-sonnet-4-5%s","max_tokens":4000,` + hello + `}`, `{"model":"claude-sonnet-4-5%s","max_tokens":4000,"stream":true,` + hello + `}`},
	{"gemini", "/gemini/v1beta/models/gemini-2.5-flash%s:generateContent", "/gemini/v1beta/models/gemini-2.5-flash%s:streamGenerateContent?alt=sse", `{` + gHello + `}`, `{` + gHello + `}`},
}

func with(s, spec string) string { return strings.Replace(s, "%s", spec, 1) }

func TestMissingCredentials(t *testing.T) {
	b := start(t, simulator.Options{})
	for _, tc := range []struct {
		path, drop string
		status     int
		want       string
	}{
		{openAI, "Authorization", 401, `{"error":{"code":null,"message":"You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).","param":null,"type":"invalid_request_error"}}`},
		{groq, "Authorization", 401, `{"error":{"code":"invalid_api_key","message":"Invalid API Key","type":"invalid_request_error"}}`},
		{claude, "X-Api-Key", 401, `{"error":{"message":"x-api-key header is required","type":"authentication_error"},"request_id":"req_sim3","type":"error"}`},
		{claude, "Anthropic-Version", 400, `{"error":{"message":"anthropic-version: header is required","type":"invalid_request_error"},"request_id":"req_sim4","type":"error"}`},
		{gemini25, "X-Goog-Api-Key", 403, `{"error":{"code":403,"message":"Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.","status":"PERMISSION_DENIED"}}`},
	} {
		if got := b.ask(tc.status, tc.path, `{}`, tc.drop, "").json(); got != tc.want {
			t.Errorf("%s without %s: %s", tc.path, tc.drop, got)
		}
	}
}

func TestStatus(t *testing.T) {
	b := start(t, simulator.Options{})
	for _, tc := range []struct {
		dialect int
		spec    string
		status  int
		retry   string
		path    []any
		want    string
	}{
		{0, ";status=429;retry-after=2", 429, "2", []any{"error", "code"}, "rate_limit_exceeded"},
		{0, ";status=500", 500, "", []any{"error", "type"}, "server_error"},
		{0, ";error=context-length", 400, "", []any{"error", "code"}, "context_length_exceeded"},
		{0, ";error=quota", 429, "", []any{"error", "code"}, "insufficient_quota"},
		{0, ";status=401", 401, "", []any{"error", "code"}, "invalid_api_key"},
		{1, ";status=429;retry-after=1500ms", 429, "2", []any{"error", "code"}, "rate_limit_exceeded"},
		{2, ";status=529", 529, "", []any{"error", "type"}, "overloaded_error"},
		{2, ";status=429", 429, "", []any{"error", "type"}, "rate_limit_error"},
		{2, ";status=413", 413, "", []any{"error", "type"}, "request_too_large"},
		{3, ";status=429;retry-after=3", 429, "3", []any{"error", "details", 0, "retryDelay"}, "3s"},
		{3, ";status=503", 503, "", []any{"error", "status"}, "UNAVAILABLE"},
	} {
		d := dialects[tc.dialect]
		res, body, err := b.post(with(d.whole, tc.spec), with(d.body, tc.spec))
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != tc.status || res.Header.Get("Retry-After") != tc.retry || parse(t, body).str(tc.path...) != tc.want {
			t.Errorf("%s%s: %d, Retry-After %q: %s", d.name, tc.spec, res.StatusCode, res.Header.Get("Retry-After"), body)
		}
	}
	// The model may be nothing but directives, and the header works as well.
	b.ask(500, openAI, `{"model":"sim-status=500",`+hello+`}`)
	b.ask(503, openAI, `{"model":"gpt-4o",`+hello+`}`, "X-Simulate", "status=503")
}

func TestFailTimes(t *testing.T) {
	b := start(t, simulator.Options{})
	for i, want := range []int{503, 503, 200, 200} {
		b.ask(want, openAI, `{"model":"gpt-4o;fail-times=2;status=503",`+hello+`}`)
		if i == 0 {
			b.ask(503, openAI, `{"model":"gpt-4o;fail-times=2;status=503;key=other",`+hello+`}`)
		}
	}
	b.sim.Reset()
	b.ask(503, openAI, `{"model":"gpt-4o;fail-times=2;status=503",`+hello+`}`)
}

func TestDamagedStreams(t *testing.T) {
	b := start(t, simulator.Options{})
	for _, d := range dialects {
		plain := b.events(with(d.stream, ""), with(d.streamBody, ""))
		run := func(spec string) ([]event, string, error) {
			_, raw, err := b.post(with(d.stream, spec), with(d.streamBody, spec))
			return split(raw), raw, err
		}
		if ev, _, err := run(";cut=3"); len(ev) != 3 || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s cut: %d events, %v", d.name, len(ev), err)
		}
		if _, raw, err := run(";cut-bytes=100"); len(raw) != 100 || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s cut-bytes: %d bytes, %v", d.name, len(raw), err)
		}
		if ev, _, err := run(";malformed-chunk=3"); err != nil || len(ev) != len(plain) || !json.Valid([]byte(ev[1].data)) || json.Valid([]byte(ev[2].data)) {
			t.Errorf("%s malformed-chunk: %d events, %v", d.name, len(ev), err)
		}
		if ev, _, err := run(";error-at=2"); err != nil || len(ev) != 3 || !strings.Contains(ev[2].data, `"error"`) {
			t.Errorf("%s error-at: %v, %v", d.name, ev, err)
		}
		if ev, _, err := run(";chunks=20"); err != nil || len(ev) <= 20 {
			t.Errorf("%s chunks: %d events, %v", d.name, len(ev), err)
		}
		for _, spec := range []string{";crlf", ";split=3", ";keepalive"} {
			ev, raw, err := run(spec)
			if err != nil || len(ev) != len(plain) || spec == ";crlf" && strings.Count(raw, "\n") != strings.Count(raw, "\r\n") {
				t.Errorf("%s%s: %d events, want %d, %v", d.name, spec, len(ev), len(plain), err)
			}
		}
		if ev, _, err := run(";no-done"); err != nil || d.name != "gemini" && len(ev) != len(plain)-1 {
			t.Errorf("%s no-done: %d events, %v", d.name, len(ev), err)
		}
		if _, raw, err := run(";no-usage"); err != nil || strings.Contains(strings.ToLower(raw), `"usage`) {
			t.Errorf("%s no-usage: %v %s", d.name, err, raw)
		}
		if _, raw, err := run(";usage-mid"); err != nil || strings.Count(strings.ToLower(raw), `"usage`) < 3 {
			t.Errorf("%s usage-mid: %v %s", d.name, err, raw)
		}
	}
}

func TestDamagedAnswers(t *testing.T) {
	b := start(t, simulator.Options{})
	for _, d := range dialects {
		run := func(spec string) (string, error) {
			_, raw, err := b.post(with(d.whole, spec), with(d.body, spec))
			return raw, err
		}
		if raw, err := run(";cut=0"); err == nil || raw != "" {
			t.Errorf("%s cut=0: %q, %v", d.name, raw, err)
		}
		if raw, err := run(";cut-bytes=10"); len(raw) != 10 || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s cut-bytes: %q, %v", d.name, raw, err)
		}
		if raw, err := run(";malformed-chunk=1"); err != nil || json.Valid([]byte(raw)) {
			t.Errorf("%s malformed: %q, %v", d.name, raw, err)
		}
		if raw, err := run(";tokens=200;no-usage;delay=1ms;first-byte=1ms"); err != nil || len(raw) < 800 {
			t.Errorf("%s tokens: %d bytes, %v", d.name, len(raw), err)
		}
	}
	calls := b.sim.Calls()
	if first := calls[0]; !first.Cut || first.Cancelled || first.Status != 0 {
		t.Errorf("cut=0 was noted as %+v", first)
	}
}

// TestClientGoes wants the simulator to see a client that leaves, before the
// answer and in the middle of one.
func TestClientGoes(t *testing.T) {
	b := start(t, simulator.Options{KeepBodies: 20})
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	for i, spec := range []string{";hang", ";hang-at=2", ";first-byte=10m"} {
		call, leave := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() {
			res, err := b.client.Do(b.request(call, openAI, with(dialects[0].streamBody, spec)))
			if err == nil {
				_, err = io.Copy(io.Discard, bufio.NewReader(res.Body))
				_ = res.Body.Close()
			}
			done <- err
		}()
		if err := b.sim.Wait(ctx, func(c []simulator.Call) bool { return len(c) == i+1 && c[i].Model == "gpt-4o"+spec }); err != nil {
			t.Fatal(err)
		}
		leave()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: client got %v", spec, err)
		}
		if err := b.sim.Wait(ctx, func(c []simulator.Call) bool { return c[i].Done }); err != nil {
			t.Fatal(err)
		}
		c := b.sim.Calls()[i]
		if !c.Cancelled || c.Provider != simulator.OpenAI || c.Name != "gpt-4o" || !c.Stream {
			t.Errorf("%s: %+v", spec, c)
		}
		if string(c.Body) != `{"model":"gpt-4o;han`[:len(c.Body)] && i < 2 || c.Header.Get("Authorization") != "" {
			t.Errorf("kept body %q, headers %v", c.Body, c.Header)
		}
	}
	if tot := b.sim.Totals(); tot.Calls != 3 || tot.Cancelled != 3 || tot.Active != 0 {
		t.Errorf("totals %+v", tot)
	}
}

func TestRecorderIsBounded(t *testing.T) {
	b := start(t, simulator.Options{MaxCalls: 2})
	for i := range 5 {
		b.ask(200, openAI, fmt.Sprintf(`{"model":"m%d",%s}`, i, hello))
	}
	calls := b.sim.Calls()
	if len(calls) != 2 || calls[0].Model != "m3" || calls[1].Model != "m4" || calls[1].BytesOut == 0 || calls[1].BytesIn == 0 {
		t.Errorf("calls %+v", calls)
	}
}

func TestShutdownEndsHangingCalls(t *testing.T) {
	b := start(t, simulator.Options{})
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	done := make(chan error, 1)
	go func() {
		_, _, err := b.post(openAI, `{"model":"sim-hang",`+hello+`}`)
		done <- err
	}()
	if err := b.sim.Wait(ctx, func(c []simulator.Call) bool { return len(c) == 1 && c[0].Name == "sim" }); err != nil {
		t.Fatal(err)
	}
	if err := b.sim.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("the hanging call was answered")
	}
	if c := b.sim.Calls()[0]; !c.Done || c.Cancelled {
		t.Errorf("noted as %+v", c)
	}
	if _, err := b.sim.Start(ctx, "127.0.0.1:0"); err == nil {
		t.Error("started after Shutdown")
	}
}

func TestSameRequestsSameAnswers(t *testing.T) {
	run := func(seed uint64) string {
		b := start(t, simulator.Options{Seed: seed})
		out := ""
		for _, d := range dialects {
			_, raw, err := b.post(with(d.stream, ""), with(d.streamBody, ""))
			if err != nil {
				t.Fatal(err)
			}
			out += raw
		}
		return out
	}
	if first := run(1); first != run(1) {
		t.Error("equal runs differ")
	}
	if run(1) == run(2) {
		t.Error("the seed changes nothing")
	}
}

func TestBodyLimit(t *testing.T) {
	b := start(t, simulator.Options{MaxBody: 100})
	b.ask(http.StatusRequestEntityTooLarge, claude, `{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"`+strings.Repeat("x", 200)+`"}]}`)
}

// TestShutdownDeadline wants Shutdown to wait for no delayed call, even when its
// own time is up already.
func TestShutdownDeadline(t *testing.T) {
	b := start(t, simulator.Options{})
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	done := make(chan error, 1)
	go func() {
		_, _, err := b.post(openAI, `{"model":"gpt-4o;delay=10m",`+hello+`}`)
		done <- err
	}()
	if err := b.sim.Wait(ctx, func(c []simulator.Call) bool { return len(c) == 1 && c[0].Name == "gpt-4o" }); err != nil {
		t.Fatal(err)
	}
	late, cancel := context.WithCancel(ctx)
	cancel()
	if err := b.sim.Shutdown(late); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("the delayed call was answered")
	}
	if tot := b.sim.Totals(); tot.Active != 0 {
		t.Errorf("totals %+v", tot)
	}
}
