//go:build !race

// The race detector takes minutes for what has one goroutine: make test runs this without it.

package compressor_test

import (
	"bytes"
	"testing"
	"time"

	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/bench/bill"
	"tollgate.dev/services/compressor/bench/trace"
)

// A turn that notes do not know becomes what it becomes where they do: the bytes are the same at a
// replica that saw the prompt that ended in it, and in every later prompt.
func TestTurnsInAGapAreTheSameAnywhere(t *testing.T) {
	m := gpt5(t)
	for _, tools := range []bool{true, false} {
		for name, sent := range map[string]string{"one": "++.+++", "two": "++..++", "two gaps": "+.+.++"} {
			all, some := newShelf(), newShelf()
			all.knows(t, m, "default")
			some.knows(t, m, "default")
			for i, how := range sent {
				req := compressor.Request{Provider: m.Provider, Model: m.Name, Tenant: "t", Body: agent(t, tools, i+1)}
				want := compress(t, all.service(t), req)
				if how == '.' {
					continue
				}
				if got := compress(t, some.service(t), req); got.Body == nil || !bytes.Equal(got.Body, want.Body) {
					t.Errorf("%s, tools %t, turn %d: %d to %d tokens, and %d where all is known", name, tools, i, got.Original, got.Compressed, want.Compressed)
				}
			}
		}
	}
}

// A conversation that goes on with another profile keeps what it sent: the new one is for what is
// new, at every replica.
func TestAnotherProfileIsForWhatIsNew(t *testing.T) {
	m := gpt5(t)
	stages := map[string]compressor.Profile{ // others each
		"default": {Rate: 0.5, MinTokens: 300, Stages: []string{"extractive", "json_space"}},
		"rag":     {Rate: 0.5, MinTokens: 1500, Stages: []string{"repeat", "json_table"}},
		"chat":    {Rate: 0.3, Stages: []string{"fold", "extractive"}},
	}
	test := func(tr *trace.Trace, profiles map[string]compressor.Profile) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			s := newShelf()
			replica := func() *compressor.Service {
				return newService(t, compressor.Options{Prices: shipped(t), Clock: s.clock, Notes: s.notes, NotesTimeout: time.Minute, Profiles: profiles})
			}
			here, there := replica(), replica()
			asked := func(turn int) compressor.Request {
				r := compressor.Request{Provider: m.Provider, Model: m.Name, Tenant: "t", Body: request(t, tr, turn, m.Name)}
				r.Profile = []string{"default", "rag", "chat"}[turn/2%3]
				if turn == tr.Turns()-1 {
					r.Rate = 0.2
				}
				return r
			}
			var before sending
			for i := range tr.Turns() {
				body, on := asked(i).Body, here
				if i%2 == 1 {
					on = there
				}
				got := compress(t, on, asked(i))
				if got.Body != nil {
					body = got.Body
				}
				now := sending{messages(t, body), got.Compressed}
				for j, message := range before.messages {
					if (tr.Tools || before.tokens >= 1024) && !bytes.Equal(message, now.messages[j]) {
						t.Fatalf("turn %d, message %d goes out as %.300s, and before as %.300s", i, j, now.messages[j], message)
					}
				}
				if got.Cache.Lost > 0 && before.tokens >= 1024+128 {
					t.Errorf("turn %d: %+v", i, got.Cache)
				}
				before = now
			}
			// What is asked for now is heard: the last turn has a rate of its own.
			last := asked(tr.Turns() - 1)
			last.Rate = 0
			if other := compress(t, here, last); tr.Turns() > 1 && other.Compressed < before.tokens {
				t.Errorf("at the rate 0.2 the prompt has %d tokens, at the profile's %d", before.tokens, other.Compressed)
			}
		}
	}
	for _, tr := range append(trace.All()[1:], trace.Asked(1, 1, 0)...) {
		t.Run(tr.Name, test(tr, nil))
		t.Run(tr.Name+"/stages", test(tr, stages))
	}
}

// Any conversation: at no turn is the bill with compression above the bill without, nor is what
// is said to be saved another than what was. Seeds 93 and 105 were said to lose what they did
// not, and 126 lost, while plans
// went by what stages were expected to save.
func TestRandomConversationsAreNotDearer(t *testing.T) {
	models, profiles := several(), []string{"default", "rag", "chat"}
	for i, m := range models {
		notDearer(t, uint64(i), m, profiles[i/3%3], 0)
	}
	notDearer(t, 93, models[0], "rag", 0)
	notDearer(t, 105, models[1], "rag", 0)
	notDearer(t, 126, models[1], "rag", 0)
	for seed := uint64(5); seed < 120; seed += 7 {
		notDearer(t, seed, models[seed%8], profiles[seed%3], 0) // turns are not sent
		notDearer(t, seed+1, models[seed/3%8], "default", 0)    // compression is turned off and on
	}
	notDearer(t, 3086, models[0], "rag", 0) // nothing of what stands in between is shortened
}

// Nor are those that pass the bound of text that is shortened: where a breakpoint is behind all of it
// what follows is shortened, and where the provider keeps prompts by itself it stays.
func TestLongConversationsAreNotDearer(t *testing.T) {
	const most = 8 << 10
	marked := bill.Rules{Kind: bill.Marked, Least: 1024, Writes: true}
	anthropic := bill.Model{Provider: "anthropic", Name: "claude-sonnet-4-5", Note: " before", Breakpoints: trace.Before, Rules: marked}
	beyond := 0 // turns that were shortened behind a history as long as the bound
	for seed := range uint64(6) {
		for _, turn := range notDearer(t, seed, anthropic, "default", most) {
			marked := turn.Body[:max(bytes.LastIndex(turn.Body, []byte(`"cache_control"`)), 0)]
			history := 0
			for _, m := range bytes.SplitAfter(marked, []byte(`{"role":`))[1:] {
				if bytes.HasPrefix(m, []byte(`"tool"`)) {
					history += len(m)
				}
			}
			if history > 2*most && len(turn.Result.Stages) > 0 {
				beyond++
			}
		}
		notDearer(t, seed, several()[0], "default", most)
	}
	if beyond == 0 {
		t.Error("nothing was shortened behind a breakpoint that is far on")
	}
}

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
