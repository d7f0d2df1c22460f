package obs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"tollgate.dev/platform/obs"
	"tollgate.dev/platform/secret"
	"tollgate.dev/platform/secret/secrettest"
)

const (
	apiKey = "sk-live-0123456789abcdef"
	prompt = "my grandmother's diagnosis"
)

func logger(t *testing.T, w io.Writer, o obs.LogOptions) *slog.Logger {
	t.Helper()
	l, err := obs.NewLogger(w, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

type failure struct{ text string }

func (f failure) Error() string { return f.text }

func TestLogsHideSecretsWhereverTheyStand(t *testing.T) {
	u, err := url.Parse("https://user:" + apiKey + "@h/path?key=" + apiKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []obs.Format{obs.JSON, obs.Text} {
		var buf bytes.Buffer
		l := logger(t, &buf, obs.LogOptions{Format: format})
		l.Info("calling with " + apiKey)
		l.With("k", apiKey).WithGroup("g").Info("m", apiKey, 1, //nolint:sloglint // a key of a record may hold a secret too
			slog.Group("deep", "k", "x "+apiKey))
		l.Info("m", "err", fmt.Errorf("wrapped: %w", failure{"refused " + apiKey}))
		l.Info("m", "any", struct{ K string }{apiKey}, "map", map[string]any{"k": apiKey})
		l.Info("m", "bytes", []byte(apiKey+prompt), "raw", json.RawMessage(`{"content":"`+prompt+`"}`))
		l.Info("m", "header", http.Header{"Authorization": {apiKey}, "X-Note": {prompt}}, "url", u)
		l.Info("m", "request", &http.Request{URL: u}, "response", &http.Response{}, "none", (*url.URL)(nil))
		l.Info("m", "proto", wrapperspb.String(prompt))
		l.Info("m", "typed", secret.New(apiKey), "list", []secret.String{secret.New(apiKey)})
		l.Info("m", "lazy", slog.AnyValue(valuer{}))
		secrettest.AssertNoLeak(t, buf.String(), apiKey, prompt)
		if got := bytes.Count(buf.Bytes(), []byte("\n")); got != 10 {
			t.Errorf("%s: %d lines:\n%s", format, got, buf.String())
		}
	}
}

type valuer struct{}

func (valuer) LogValue() slog.Value { return slog.AnyValue(errors.New(apiKey)) }

func TestLogsCarryTheRequest(t *testing.T) {
	var buf bytes.Buffer
	l := logger(t, &buf, obs.LogOptions{})
	ctx := obs.WithRequest(t.Context(), &obs.Request{ID: "req_1", TenantID: "acme", Route: "/v1/models"})
	l.With("a", 1).InfoContext(ctx, "served", "status", 200, "again", obs.RequestOf(ctx))
	var got map[string]any
	if err := json.Unmarshal(buf.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for k, want := range map[string]any{"msg": "served", "request_id": "req_1", "tenant_id": "acme", "route": "/v1/models", "a": 1.0, "status": 200.0} {
		if got[k] != want {
			t.Errorf("%s is %v, want %v", k, got[k], want)
		}
	}
	if _, there := got["user_id"]; there {
		t.Error("an empty field was written")
	}
	if again, ok := got["again"].(map[string]any); !ok || again["tenant_id"] != "acme" {
		t.Errorf("as a value: %v", got["again"])
	}
	if obs.RequestOf(t.Context()) != (obs.Request{}) {
		t.Error("a context without a request has one")
	}
}

func TestLoggerOptions(t *testing.T) {
	var buf bytes.Buffer
	level := new(slog.LevelVar)
	l := logger(t, &buf, obs.LogOptions{Format: obs.Text, Level: level})
	l.Debug("one")
	level.Set(slog.LevelDebug)
	l.Debug("two")
	if s := buf.String(); bytes.Contains(buf.Bytes(), []byte("one")) || !bytes.Contains(buf.Bytes(), []byte("msg=two")) {
		t.Error(s)
	}
	if _, err := obs.NewLogger(&buf, obs.LogOptions{Format: "xml"}); err == nil {
		t.Error("xml was accepted")
	}
}

func BenchmarkLog(b *testing.B) {
	l, err := obs.NewLogger(io.Discard, obs.LogOptions{})
	if err != nil {
		b.Fatal(err)
	}
	ctx := obs.WithRequest(b.Context(), &obs.Request{ID: "req_0193572c-8f00-7000-8000-000000000000", TenantID: "acme"})
	b.ReportAllocs()
	for b.Loop() {
		l.InfoContext(ctx, "served", "model", "gpt-4o", "status", 200)
	}
}
