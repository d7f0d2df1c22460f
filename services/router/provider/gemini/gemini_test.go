package gemini

import (
	"net/http"
	"testing"
	"time"

	"tollgate.dev/platform/clock"
)

func TestCodecFacts(t *testing.T) {
	c := New()
	if c.BaseURL() != "https://generativelanguage.googleapis.com/v1beta" {
		t.Error(c.BaseURL())
	}
	header := http.Header{}
	c.Authorize(header, "k")
	if header.Get("x-goog-api-key") != "k" || len(header) != 1 {
		t.Error(header)
	}
	if d := c.now().Sub(clock.Real().Now()).Abs(); d > time.Minute {
		t.Error(d)
	}
}

func TestDescribe(t *testing.T) {
	for name, want := range map[string]model{
		"gemini-2.5-flash": {version: 205}, "gemini-2.5-pro;bytes=4": {version: 205, pro: true}, "models/gemini-3-pro-preview": {version: 300, pro: true},
		"gemini-3.1-flash-lite": {version: 301}, "gemini-3;chunks=2": {version: 300}, "gemini-flash-latest": {latest: true},
		"gemini-pro-latest": {latest: true, pro: true}, "gemini-exp-1206": {latest: true}, "gemma-4-31b-it": {}, "": {}, "gemini-12.34": {version: 1234},
	} {
		if got := describe(name); got != want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Reading an event again into the same memory leaves nothing of the one before.
func TestReadForgets(t *testing.T) {
	var r response
	for _, body := range []string{
		`{"candidates":[{"index":1,"content":{"parts":[{"text":"a","thought":true,"thoughtSignature":"s"},{"functionCall":{"name":"f"}}]},"finishReason":"STOP","citationMetadata":{}}],"usageMetadata":{"promptTokenCount":1},"promptFeedback":{"blockReason":"X"}}`,
		`{"candidates":[{"content":{"parts":[{"text":"b"},{"text":"c","newMetadata":{"x":1}}]}}]}`,
	} {
		if err := r.read([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	c := r.candidates[0]
	if r.hasUsage || r.usage.prompt != 0 || r.blockReason != "" || c.hasIndex || c.finishReason != "" || c.citations != nil || len(c.parts) != 2 {
		t.Errorf("%+v", r)
	}
	for _, p := range c.parts {
		if p.thought || p.signature != "" || p.call != nil || p.foreign != nil {
			t.Errorf("%+v", p)
		}
	}
}
