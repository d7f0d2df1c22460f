package trace_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor/bench/trace"
)

// Each trace grows message by message, is the same each time, and is of the size that it is
// there for.
func TestTraces(t *testing.T) {
	var counter tokens.Counter
	sizes := map[string][2]int64{ // of the last turn
		"coding": {10_000, 60_000}, "data": {10_000, 60_000}, "web": {10_000, 60_000}, "operations": {10_000, 60_000}, "chat": {10_000, 60_000},
		"edge": {1100, 4000}, "edge-chat": {1100, 1900}, "slow": {3000, 5000},
	}
	again := trace.All()
	for i, tr := range trace.All() {
		t.Run(tr.Name, func(t *testing.T) {
			var last []json.RawMessage
			for turn := range tr.Turns() {
				body, err := tr.Request(turn, "gpt-4o", trace.None)
				if err != nil {
					t.Fatal(err)
				}
				if other, err := again[i].Request(turn, "gpt-4o", trace.None); err != nil || !bytes.Equal(body, other) {
					t.Fatalf("turn %d is another the second time: %v", turn, err)
				}
				var request struct {
					Tools, Messages []json.RawMessage
				}
				if err := json.Unmarshal(body, &request); err != nil {
					t.Fatal(err)
				}
				if (len(request.Tools) > 0) != tr.Tools || len(request.Messages) <= len(last) {
					t.Errorf("turn %d: %d tools, %d messages after %d", turn, len(request.Tools), len(request.Messages), len(last))
				}
				for j := range last {
					if !bytes.Equal(last[j], request.Messages[j]) {
						t.Errorf("turn %d has another message %d", turn, j)
					}
				}
				if last = request.Messages; turn < tr.Turns()-1 {
					continue
				}
				n, err := counter.Count(tokens.O200k, string(body))
				if want := sizes[tr.Name]; err != nil || n.Tokens < want[0] || n.Tokens > want[1] || tr.Turns() < 8 || tr.Turns() > 25 {
					t.Errorf("%d tokens in %d turns, want %v: %v", n.Tokens, tr.Turns(), want, err)
				}
			}
		})
	}
}

// Breakpoints stand where clients set them, and nothing else differs.
func TestBreakpoints(t *testing.T) {
	tr := trace.All()[0]
	for b, want := range map[trace.Breakpoints][]int{trace.None: nil, trace.System: {0}, trace.Moving: {0, 3}} {
		body, err := tr.Request(1, "claude-sonnet-4-5", b)
		if err != nil {
			t.Fatal(err)
		}
		var request struct {
			Messages []struct{ Content json.RawMessage }
		}
		if err := json.Unmarshal(body, &request); err != nil {
			t.Fatal(err)
		}
		for i, m := range request.Messages {
			marked := bytes.Contains(m.Content, []byte(`"cache_control":{"type":"ephemeral"}`))
			if expected := len(want) > 0 && (i == want[0] || i == want[len(want)-1]); marked != expected {
				t.Errorf("%d: message %d has a breakpoint: %t", b, i, marked)
			}
		}
	}
}
