package e2e_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"tollgate.dev/e2e/harness"
)

// TestBrokenStreams shows what comes of a stream that a provider does not bring to
// its own end: one event with the error, no [DONE], and a charge for what was used.
func TestBrokenStreams(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		directives string
		not        []string // providers for whom it is a proper end
		settings   string   // of the router
	}{
		"cut after three events":      {directives: ";cut=3"},
		"cut within an event":         {directives: ";cut-bytes=700"},
		"a damaged event":             {directives: ";malformed-chunk=3"},
		"the provider's own error":    {directives: ";error-at=3"},
		"cut at the end":              {directives: ";cut=8"},
		"cut in pieces of five bytes": {directives: ";cut=4;split=5"},
		"standing still":              {directives: ";hang-at=3", settings: ", stream_idle_timeout: 1"},
		// Gemini's stream ends with its body; the others have a last event of their own.
		"without the last event": {directives: ";no-done", not: []string{"gemini"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := harness.Start(t, harness.Options{Config: harness.SimulatedConfig(
				"router_settings: {num_retries: 0"+test.settings+"}\nlitellm_settings: {cache: true}", upstreamModels(test.directives)...)})
			for provider := range upstreams {
				if slices.Contains(test.not, provider) {
					continue
				}
				t.Run(provider, func(t *testing.T) {
					t.Parallel()
					g := g.For(t)
					key, prompt := g.NewTenantKey(nil), g.Prompt(t)
					requestID := "broken-" + key.ID
					call := harness.Call{
						Key: key.Secret, Body: harness.ChatStream(provider, prompt), Header: http.Header{"X-Request-Id": {requestID}},
					}
					events := g.OpenStream(call).Rest(t)
					assertBroken(t, events)
					record := g.Usage(t, requestID)
					if record.GetCostNanos() == 0 || record.GetUsage().GetInput() == 0 || !strings.HasPrefix(record.GetError(), "provider_") {
						t.Errorf("the ledger says cost %d, %d prompt tokens, error %q", record.GetCostNanos(), record.GetUsage().GetInput(), record.GetError())
					}
					// What was sent of the answer is charged, whatever the provider had reported by then.
					if got, least := record.GetUsage().GetOutput(), int64(len(textOf(t, events))/8); got < least {
						t.Errorf("%d output tokens are charged for %d bytes of text", got, len(textOf(t, events)))
					}
					// Half an answer is no answer to keep.
					call.Header = nil
					again := g.OpenStream(call)
					assertBroken(t, again.Rest(t))
					if got := again.Header.Get("X-Cache"); got != "miss" {
						t.Errorf("X-Cache is %q after a broken stream", got)
					}
				})
			}
		})
	}
}

func assertBroken(t *testing.T, events []string) {
	t.Helper()
	if len(events) < 2 {
		t.Fatalf("the events are %q", events)
	}
	last := events[len(events)-1]
	var envelope struct {
		Error *harness.Error `json:"error"`
	}
	if err := json.Unmarshal([]byte(last), &envelope); err != nil || envelope.Error == nil {
		t.Fatalf("the last event is no error: %q (%v)", last, err)
	}
	if e := envelope.Error; !strings.HasPrefix(e.Code, "provider_") || e.Message == "" || e.Type == "" {
		t.Errorf("the error is %+v", e)
	}
	for _, event := range events[:len(events)-1] {
		if event == "[DONE]" || strings.HasPrefix(event, `{"error"`) {
			t.Errorf("before the error there is %q", event)
		}
		var chunk harness.Completion
		if err := json.Unmarshal([]byte(event), &chunk); err != nil {
			t.Errorf("a damaged chunk reached the caller: %q", event)
		}
	}
}

// TestOddStreams shows that what is unusual in a stream, but no fault, reaches the
// caller as a whole stream; and that usage which a provider does not report is
// counted, and marked as estimated.
func TestOddStreams(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		directives string
		estimated  bool
	}{
		"one byte at a time":   {directives: ";split=1"},
		"CR LF and comments":   {directives: ";crlf;keepalive;split=3"},
		"usage in mid-stream":  {directives: ";usage-mid"},
		"without usage":        {directives: ";no-usage", estimated: true},
		"a single large chunk": {directives: ";chunks=1;bytes=200000"},
		"many small chunks":    {directives: ";chunks=2000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := harness.Start(t, harness.Options{Config: harness.SimulatedConfig("", upstreamModels(test.directives)...)})
			for provider := range upstreams {
				t.Run(provider, func(t *testing.T) {
					t.Parallel()
					g := g.For(t)
					stream := g.OpenStream(harness.Call{Body: harness.ChatStream(provider, g.Prompt(t))})
					events := stream.Rest(t)
					if events[len(events)-1] != "[DONE]" {
						t.Errorf("the last event is %q", events[len(events)-1])
					}
					text := ""
					for _, event := range events[:len(events)-1] {
						var chunk harness.Completion
						if err := json.Unmarshal([]byte(event), &chunk); err != nil {
							t.Fatalf("%v: %q", err, event)
						}
						for _, choice := range chunk.Choices {
							text += choice.Delta.Content
						}
					}
					if !strings.HasPrefix(text, "This is a simulated answer from") {
						t.Errorf("the text begins %.60q", text)
					}
					if strings.Contains(test.directives, "bytes=200000") && len(text) != 200000 {
						t.Errorf("the text has %d bytes", len(text))
					}
					record := g.Usage(t, stream.Header.Get("X-Request-Id"))
					if record.GetCostNanos() == 0 || record.GetUsage().GetEstimated() != test.estimated || record.GetError() != "" {
						t.Errorf("the ledger says cost %d, estimated %t, error %q", record.GetCostNanos(), record.GetUsage().GetEstimated(), record.GetError())
					}
				})
			}
		})
	}
}

// textOf is the text of a stream's chunks.
func textOf(t *testing.T, events []string) (text string) {
	t.Helper()
	for _, event := range events {
		var chunk struct {
			Choices []struct {
				Delta struct{ Content string }
			}
		}
		if err := json.Unmarshal([]byte(event), &chunk); err != nil {
			t.Fatal(err)
		}
		for _, choice := range chunk.Choices {
			text += choice.Delta.Content
		}
	}
	return text
}
