package compressor_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/bench/bill"
	"tollgate.dev/services/compressor/bench/trace"
	"tollgate.dev/services/compressor/store/memory"
)

// marking is how a client says in a turn where the provider's cache is to end.
type marking func(t *testing.T, tr *trace.Trace, turn int, model string) []byte

// inParts sets breakpoints as the traces do: in a content part that a string becomes for it.
func inParts(b trace.Breakpoints) marking {
	return func(t *testing.T, tr *trace.Trace, turn int, model string) []byte {
		t.Helper()
		body, err := tr.Request(turn, model, b)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
}

// inMessages sets one beside the content of the last message, and one in the last tool.
func inMessages(t *testing.T, tr *trace.Trace, turn int, model string) []byte {
	t.Helper()
	const mark = `,"cache_control":{"type":"ephemeral"}`
	body := string(inParts(trace.None)(t, tr, turn, model))
	head, last := body[:len(body)-len("}]}")], body[len(body)-len("}]}"):]
	body = strings.Replace(head, `}],"messages":`, mark+`}],"messages":`, 1) + mark + last
	if !json.Valid([]byte(body)) || strings.Count(body, mark) != 2 {
		t.Fatal("a breakpoint is not where it should be")
	}
	return []byte(body)
}

// said are the texts of a request's messages: what a provider counts, and finds again.
func said(t *testing.T, body []byte) (all []string) {
	t.Helper()
	for _, m := range messages(t, body) {
		var whole struct{ Content string }
		if json.Unmarshal(m, &whole) != nil {
			var parts struct{ Content []struct{ Text string } }
			if err := json.Unmarshal(m, &parts); err != nil {
				t.Fatal(err)
			}
			for _, p := range parts.Content {
				whole.Content += p.Text
			}
		}
		all = append(all, whole.Content)
	}
	return all
}

// What went out before a breakpoint appears goes out behind it, too, and what went out behind
// one when it is gone: at providers that keep prompts without being told, on two replicas that
// share their notes, and in processes that begin anew. Where the caller's breakpoints alone end
// the cache, what is before one stays.
func TestEarlierTurnsGoOutAsTheyDidWhereverBreakpointsAre(t *testing.T) {
	none, system, moving := inParts(trace.None), inParts(trace.System), inParts(trace.Moving)
	const first, turns, anew = 4, 8, 5 // where the conversation is found, how many turns are sent, and from which on another process serves
	prices := shipped(t)
	for name, tc := range map[string]struct {
		provider, model string
		marks           []marking // by turn; the last one holds for those to come
		changes         bool      // something is compressed
	}{
		"one appears":            {"openai", "gpt-5", []marking{none, none, none, system}, true},
		"a moving one appears":   {"gemini", "gemini-2.5-pro", []marking{none, none, none, moving}, true},
		"one vanishes":           {"openai", "gpt-5", []marking{moving, moving, moving, none}, true},
		"one comes and goes":     {"openai", "gpt-5", []marking{none, moving, none, inMessages, none, inMessages, moving, none}, true},
		"one always moves":       {"openai", "gpt-5", []marking{moving}, false},
		"they alone end a cache": {"anthropic", "claude-sonnet-4-5", []marking{none, system, none, inMessages, none, moving, moving, none}, true},
	} {
		told := tc.provider == "anthropic" // where its cache is to end
		t.Run(name, func(t *testing.T) {
			changed := 0
			for _, tr := range trace.All()[1:] { // the first is sources, which stay
				if !tr.Tools || tr.Turns() < first+turns {
					continue
				}
				times := clocktest.New()
				notes := memory.NewNotes(memory.Options{Clock: times})
				replica := func() *compressor.Service {
					return newService(t, compressor.Options{Prices: prices, Clock: times, Notes: notes, NotesTimeout: compressor.AtOnce})
				}
				one, other := replica(), replica()
				var before []string // what the provider keeps
				for i := range turns {
					times.Advance(20 * time.Second)
					if one, other = other, one; i == anew {
						one = replica()
					}
					body := tc.marks[min(i, len(tc.marks)-1)](t, tr, first+i, tc.model)
					got := compress(t, one, compressor.Request{Provider: tc.provider, Model: tc.model, Tenant: "acme", Body: body})
					if got.Body != nil {
						changed++
					}
					if i > 0 && got.Cache.Lost > 0 { // of the first one nobody knows
						t.Errorf("%s, turn %d: %d tokens are told as lost", tr.Name, i, got.Cache.Lost)
					}
					was, now := said(t, body), said(t, out(body, got))
					if !told {
						if !slices.Equal(before, now[:len(before)]) {
							t.Errorf("%s, turn %d begins otherwise than the turn before", tr.Name, i)
						}
						before = now
						continue
					}
					end := 0 // of what the caller marks
					for j, m := range messages(t, body) {
						if slices.Contains(members(t, m), "cache_control") {
							end = j + 1
						}
					}
					if !slices.Equal(was[:end], now[:end]) {
						t.Errorf("%s, turn %d: what is before a breakpoint changed", tr.Name, i)
					}
				}
			}
			if tc.changes != (changed > 0) {
				t.Errorf("%d turns changed: what is the test about?", changed)
			}
		})
	}
}

// members are the names of all members in a value, at any depth.
func members(t *testing.T, raw []byte) (names []string) {
	t.Helper()
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		t.Fatal(err)
	}
	var walk func(any)
	walk = func(value any) {
		switch v := value.(type) {
		case map[string]any:
			for name, inner := range v {
				names = append(names, name)
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(value)
	return names
}

// Nor is a conversation dearer than without compression when breakpoints come and go in it.
func TestBreakpointsNeverRaiseTheBill(t *testing.T) {
	none, moving := inParts(trace.None), inParts(trace.Moving)
	prices, m := shipped(t), gpt5(t)
	for _, tr := range trace.All()[1:] {
		if !tr.Tools {
			continue
		}
		account, err := (&bill.Biller{Service: newShelf().service(t), Counter: &counter, Prices: prices.Table}).Open(m, compressor.DefaultProfile, "t")
		if err != nil {
			t.Fatal(err)
		}
		for i := range min(tr.Turns(), 16) {
			mark := none
			if i%5 >= 3 {
				mark = moving
			}
			if _, err := account.Call(t.Context(), mark(t, tr, i, m.Name)); err != nil {
				t.Fatal(err)
			}
			if b := &account.Bill; b.Paid > b.Full {
				t.Errorf("%s: %s of %s are paid after turn %d", tr.Name, b.Paid, b.Full, i)
			}
		}
	}
}
