package compressor_test

import (
	"bytes"
	"testing"
	"time"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/bench/trace"
)

// sending is a turn as it goes out.
type sending struct {
	messages [][]byte
	tokens   int64
}

// sent are a conversation's turns as they go out. They are compressed from the last one on if
// backwards.
func sent(t *testing.T, s *compressor.Service, tr *trace.Trace, req compressor.Request, backwards bool) []sending {
	t.Helper()
	turns := make([]sending, tr.Turns())
	for n := range turns {
		i := n
		if backwards {
			i = len(turns) - 1 - n
		}
		body, err := tr.Request(i, req.Model, trace.None)
		if err != nil {
			t.Fatal(err)
		}
		req.Body = body
		got := compress(t, s, req)
		if got.Body != nil {
			body = got.Body
		}
		turns[i] = sending{messages(t, body), got.Compressed}
	}
	return turns
}

// broken counts the turns that the provider has kept, and whose messages the next turn does
// not begin with, as another replica sent it.
func broken(one, other []sending, least int64) (n int) {
	for i := range len(one) - 1 {
		for j, m := range one[i].messages {
			if one[i].tokens >= least && !bytes.Equal(m, other[i+1].messages[j]) {
				n++
				break
			}
		}
	}
	return n
}

// What went out in one turn goes out in the next byte for byte, from whatever replica, in
// whatever order and at whatever time: the provider finds what it has kept. In a conversation
// without tools that is asked only of prompts that are long enough to be kept. Where nothing
// is kept that is cheaper, earlier turns follow the last question, and only there.
func TestEarlierTurnsGoOutAsTheyDid(t *testing.T) {
	all := trace.All()
	small := all[len(all)-4:]
	prices := shipped(t)
	for _, tc := range []struct {
		provider, model, profile string
		least                    int64 // tokens
		frozen                   bool
		traces                   []*trace.Trace
		most                     int // bytes of text; 0 is the default
	}{
		{"openai", "gpt-5", "default", 1024, true, all[1:], 0}, // the first is sources, which stay
		{"gemini", "gemini-2.5-pro", "rag", 2048, true, small, 0},
		{"gemini", "gemini-3.1-pro-preview", "chat", 4096, true, small, 0},
		{"openai", "gpt-4o", "rag", 1024, true, small, 0},
		{"openai", "unheard-of", "chat", 1024, true, small, 0},
		{"openai", "gpt-5-mini", "default", 1024, true, all[3:4], 24 << 10}, // whose bound is passed soon
		{"groq", "openai/gpt-oss-120b", "default", 1024, true, small, 0},
		{"groq", "llama-3.3-70b-versatile", "default", 0, false, small, 0},
		{"anthropic", "claude-sonnet-4-5", "default", 0, false, small, 0},
	} {
		t.Run(tc.model+"/"+tc.profile, func(t *testing.T) {
			req := compressor.Request{Provider: tc.provider, Model: tc.model, Profile: tc.profile}
			times := clocktest.New()
			here := newService(t, compressor.Options{Prices: prices, Clock: times, MaxTextBytes: tc.most})
			times.Advance(1000 * time.Hour)
			there := newService(t, compressor.Options{Prices: prices, Clock: times, MaxTextBytes: tc.most})
			changed := 0
			for _, tr := range tc.traces {
				least := tc.least
				if tr.Tools {
					least = 0
				}
				n := broken(sent(t, here, tr, req, false), sent(t, there, tr, req, true), least)
				if changed += n; tc.frozen && n > 0 {
					t.Errorf("%s: %d turns begin otherwise than the turn before", tr.Name, n)
				}
			}
			if !tc.frozen && changed == 0 {
				t.Error("no turn followed its question: what is the test about?")
			}
		})
	}
}
