//go:build !race

// The race detector takes minutes for what has one goroutine: make test runs this without it.

package compressor_test

import (
	"testing"
	"time"

	"tollgate.dev/platform/money"
	"tollgate.dev/platform/pricing"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/bench/bill"
	"tollgate.dev/services/compressor/bench/trace"
	"tollgate.dev/services/compressor/store/memory"
)

// bars are the most that is paid of the bills of conversations with tools, or with much to
// read. The others are about as small as what providers keep, and save less. The files that are
// read in coding stay whole.
var bars = map[string]float64{"coding": 0.8, "data": 0.45, "web": 0.8, "operations": 0.6, "chat": 0.77}

// billed tells whether a conversation is billed at a model in a profile: all in default at one
// of each kind of cache, and those about as small as what is kept, which decide on it, at each
// other; of the other profiles the strictest caches.
func billed(m bill.Model, profile string, small bool) bool {
	if profile != compressor.DefaultProfile {
		return small && m.Breakpoints == trace.None && (m.Name == "gpt-5" || m.Name == "gemini-3.1-pro-preview")
	}
	switch m.Name + m.Note {
	case "gpt-5", "gpt-6-luna", "claude-sonnet-4-5":
		return true
	case "gemini-2.5-flash", "claude-sonnet-4-5system": // as others
		return false
	}
	return small
}

// What a conversation costs with compression is never more than what it costs without, at any
// turn, at any provider, in any profile. Groq keeps shorter prompts of some models than of
// others, from 128 tokens on, and doesn't say of which: there, that is so of the whole bill.
func TestCompressionNeverRaisesTheBill(t *testing.T) {
	prices := shipped(t)
	biller := bill.Biller{Service: newService(t, compressor.Options{Prices: prices, Notes: memory.NewNotes(memory.Options{}), NotesTimeout: time.Minute}), Counter: &counter, Prices: prices.Table}
	all := trace.All()
	for _, m := range bill.Models() {
		for profile := range compressor.Profiles() {
			for _, tr := range all {
				_, large := bars[tr.Name]
				if !billed(m, profile, !large) {
					continue
				}
				t.Run(m.Provider+"/"+m.Name+m.Note+"/"+profile+"/"+tr.Name, func(t *testing.T) {
					b, err := biller.Bill(t.Context(), tr, m, profile)
					if err != nil {
						t.Fatal(err)
					}
					shorter := m.Note == "128"
					var full, paid money.Nano
					for i, turn := range b.Turns {
						full += turn.Full
						paid += turn.Paid
						if paid > full && (!shorter || i == len(b.Turns)-1) {
							t.Errorf("%s of %s are paid after turn %d", paid, full, i)
						}
					}
					frozen := m.Breakpoints == trace.Moving || m.Breakpoints == trace.Questions
					if frozen && paid != full {
						t.Error("what is before a breakpoint, or is going to be, changed")
					}
					if bar, ok := bars[tr.Name]; ok && !frozen && b.Ratio() > bar {
						t.Errorf("%.3f of the bill is paid, want %.2f at most", b.Ratio(), bar)
					}
					countsAgree(t, b)
					if !shorter {
						savingsAgree(t, b, m, prices)
					}
				})
			}
		}
	}
}

// countsAgree tells whether the sizes that the compressor says are those that are billed.
func countsAgree(t *testing.T, b bill.Bill) {
	t.Helper()
	for i, turn := range b.Turns {
		if turn.Result.Original != turn.Without.Prompt() || turn.Result.Compressed != turn.With.Prompt() {
			t.Errorf("turn %d: %d to %d tokens, billed are %d and %d", i, turn.Result.Original, turn.Result.Compressed, turn.Without.Prompt(), turn.With.Prompt())
		}
	}
}

// savingsAgree tells whether what an answer says that it saved is what the bills differ by.
//
// OpenAI counts what it found in steps of 128 tokens, with compression and without: a turn may
// be off by the discount on so many. Where a cache is written at a rate of its own, what is
// said goes by the rate of the input, and so says up to the difference of these too little.
func savingsAgree(t *testing.T, b bill.Bill, m bill.Model, prices compressor.Listed) {
	t.Helper()
	price, _ := prices.Table.Lookup(m.Provider, m.Name)
	rate := func(u pricing.Usage) money.Nano { return price.Cost(u, pricing.Options{}) }
	const step = 128
	tolerance := rate(pricing.Usage{Input: step}) - rate(pricing.Usage{CachedInput: step}) + 2
	for i, turn := range b.Turns {
		saved := turn.Full - turn.Paid
		slack := tolerance
		if m.Rules.Writes {
			written := max(turn.Without.CacheWrite-turn.With.CacheWrite, 0)
			slack += rate(pricing.Usage{CacheWrite: written}) - rate(pricing.Usage{Input: written})
		}
		if off := saved - turn.Said; off < -slack || off > slack {
			t.Errorf("turn %d: %s are saved, %s said, %s allowed between\n%+v\n%+v\n%+v", i, saved, turn.Said, slack, turn.Without, turn.With, turn.Result.Cache)
		}
	}
}
