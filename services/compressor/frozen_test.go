package compressor_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/bench/trace"
	"tollgate.dev/services/compressor/store/memory"
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
// whatever order, without a note of it: the provider finds what it has kept. In a conversation
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
			here := newService(t, compressor.Options{Prices: prices, MaxTextBytes: tc.most})
			there := newService(t, compressor.Options{Prices: prices, MaxTextBytes: tc.most})
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

// With notes it is so too behind a turn that went out as it came because there was no time: on two
// replicas that share the notes, in processes that begin anew, and after a pause. That turn itself tells
// what it loses. Before it, and when the notes are too old, the bytes are those of a process that has none.
func TestEarlierTurnsGoOutAsTheyDidWithNotes(t *testing.T) {
	const late, turns, long = 3, 12, 6 // which turn is late, how many there are, and before which everybody rests
	prices := shipped(t)
	for name, rests := range map[string]time.Duration{"within the hour": 50 * time.Minute, "later": 1000 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			times, changed := clocktest.New(), 0
			for _, tr := range trace.All()[1:] { // the first is sources, which stay
				if !tr.Tools {
					continue
				}
				notes := memory.NewNotes(memory.Options{Clock: times})
				replica := func(timeout time.Duration) *compressor.Service {
					return newService(t, compressor.Options{
						Prices: prices, Clock: times, Notes: notes, NotesTimeout: compressor.AtOnce, Timeout: timeout,
					})
				}
				one, other, without := replica(time.Minute), replica(time.Minute), newService(t, compressor.Options{Prices: prices, Timeout: time.Minute})
				var before [][]byte
				var touched bool // earlier turns went out compressed
				for i := range min(tr.Turns(), turns) {
					times.Advance(20 * time.Second)
					service := one
					one, other = other, one
					switch i {
					case late:
						service = replica(time.Nanosecond)
					case long - 1:
						other = replica(time.Minute) // begins anew
					case long:
						times.Advance(rests)
					}
					body, err := tr.Request(i, "gpt-5", trace.None)
					if err != nil {
						t.Fatal(err)
					}
					req := compressor.Request{Provider: "openai", Model: "gpt-5", Tenant: "acme", Body: body}
					got := compress(t, service, req)
					now, fresh := messages(t, out(body, got)), messages(t, out(body, compress(t, without, req)))
					as := func(earlier [][]byte) bool {
						return slices.EqualFunc(earlier, now[:len(earlier)], bytes.Equal)
					}
					switch old := i >= long && rests > time.Hour; {
					case i == late:
						if !got.Late || touched != (got.Cache.Lost > 0) {
							t.Errorf("%s, turn %d: late %t, %d tokens are told as lost", tr.Name, i, got.Late, got.Cache.Lost)
						}
					case i < late || old:
						if !as(fresh) {
							t.Errorf("%s, turn %d is not what a process without notes sends", tr.Name, i)
						}
						fallthrough
					default:
						if i != long || !old {
							if !as(before) {
								t.Errorf("%s, turn %d begins otherwise than the turn before", tr.Name, i)
							}
						}
					}
					if before, touched = now, touched || got.Body != nil; got.Body != nil {
						changed++
					}
				}
			}
			if changed < 10 {
				t.Errorf("only %d turns changed: what is the test about?", changed)
			}
		})
	}
}

// out is what goes out of a request.
func out(body []byte, r compressor.Result) []byte {
	if r.Body != nil {
		return r.Body
	}
	return body
}
