package compressor_test

import (
	"fmt"
	"testing"
	"time"

	"tollgate.dev/platform/money"
	"tollgate.dev/platform/pricing"
	"tollgate.dev/services/compressor/bench/bill"
	"tollgate.dev/services/compressor/bench/trace"
)

// several are models of each way to keep prompts. One is OpenAI's without its steps, and one has
// a price that the compressor does not know.
func several() []bill.Model {
	openai := bill.Rules{Kind: bill.Anywhere, Least: 1024, Step: 128}
	exact := bill.Rules{Kind: bill.Anywhere, Least: 1024}
	marked := bill.Rules{Kind: bill.Marked, Least: 1024, Writes: true}
	return []bill.Model{
		{Provider: "openai", Name: "gpt-5", Note: " exact", Rules: exact},
		{Provider: "gemini", Name: "gemini-2.5-pro", Rules: bill.Rules{Kind: bill.Anywhere, Least: 2048}},
		{Provider: "openai", Name: "gpt-5", Rules: openai},
		{Provider: "groq", Name: "openai/gpt-oss-120b", Rules: exact},
		{Provider: "openai", Name: unpriced, Rules: openai},
		{Provider: "anthropic", Name: "claude-sonnet-4-5", Note: " moving", Breakpoints: trace.Moving, Rules: marked},
		{Provider: "openai", Name: "gpt-6-luna", Rules: bill.Rules{Kind: bill.Newest, Least: 1024, Writes: true}},
		{Provider: "anthropic", Name: "claude-sonnet-4-5", Note: " system", Breakpoints: trace.System, Rules: marked},
	}
}

const unpriced = "unheard-of"

// forgets is after how long a provider has forgotten what nobody asked for.
const forgets = 10 * time.Minute

// Any conversation: at no turn is the bill with compression above the bill without, nor is what
// is said to be saved another than what was. Seeds 93 and 105 were said to lose what they did
// not, and 126 lost, while plans
// went by what stages were expected to save.
func TestRandomConversationsAreNotDearer(t *testing.T) {
	models, profiles := several(), []string{"default", "rag", "chat"}
	for i, m := range models {
		notDearer(t, uint64(i), m, profiles[i/3%3])
	}
	notDearer(t, 93, models[0], "rag")
	notDearer(t, 105, models[1], "rag")
	notDearer(t, 126, models[1], "rag")
}

// FuzzBill is that for more seeds, models and profiles.
func FuzzBill(f *testing.F) {
	models, profiles := several(), []string{"default", "rag", "chat"}
	f.Add(uint64(1000))
	f.Fuzz(func(t *testing.T, seed uint64) {
		notDearer(t, seed, models[seed/3%8], profiles[seed/24%3])
	})
}

// notDearer bills a conversation of random turns and pauses. Of each turn, what is said is off
// by 128 tokens' discount at most, and of all of them by 2 percent of the bill, or by half of
// such a step a turn.
//
// Where a provider counts in steps, what it finds may be up to a step less than the same, at
// each turn, with compression and without.
// After a pause nothing is found, which nobody knows before: what was said goes by the rate
// of what is found, and is too little. So it is where writing has a rate of its own.
func notDearer(t *testing.T, seed uint64, m bill.Model, profile string) {
	t.Helper()
	prices := shipped(t)
	if m.Name == unpriced {
		price, _ := prices.Table.Lookup("openai", "gpt-5")
		price.Model = unpriced
		prices.Table = pricing.NewTable(price)
	}
	s, tr := newShelf(), trace.Random(seed)
	account, err := (&bill.Biller{Service: s.service(t), Counter: &counter, Prices: prices.Table}).Open(m, profile, "t")
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("seed %d, %s/%s%s, %s", seed, m.Provider, m.Name, m.Note, profile)
	price, _ := prices.Table.Lookup(m.Provider, m.Name)
	step := func(tokens int64) money.Nano {
		return price.Cost(pricing.Usage{Input: tokens}, pricing.Options{}) - price.Cost(pricing.Usage{CachedInput: tokens}, pricing.Options{})
	}
	b, said, rested := &account.Bill, money.Nano(0), false
	for i := range tr.Turns() {
		s.clock.Advance(tr.Pause(i))
		if tr.Pause(i) > forgets {
			account.Forget()
			rested = true
		}
		body, err := tr.Request(i, m.Name, m.Breakpoints)
		if err != nil {
			t.Fatal(err)
		}
		turn, err := account.Call(t.Context(), body)
		if err != nil {
			t.Fatal(err)
		}
		if lost := b.Paid - b.Full; lost > step(max(m.Rules.Step-1, 0))*money.Nano(i) {
			t.Errorf("%s: %s of %s are lost after turn %d", name, lost, b.Full, i)
		}
		said += turn.Said
		off := turn.Said - (turn.Full - turn.Paid)
		if off > step(128) || off < -step(128) && tr.Pause(i) <= forgets && !m.Rules.Writes {
			t.Errorf("%s, turn %d: %s are saved, %s said\n%+v\n%+v\n%+v", name, i, turn.Full-turn.Paid, turn.Said, turn.Without, turn.With, turn.Result.Cache)
		}
	}
	saved := b.Full - b.Paid
	off := said - saved
	if most := max(b.Full/50, step(64)*money.Nano(tr.Turns())); off > most || off < -most && !rested && !m.Rules.Writes {
		t.Errorf("%s: %s of %s are saved, %s said", name, saved, b.Full, said)
	}
	if most := step(128); saved > most && said <= 0 || saved < -most && said >= 0 {
		t.Errorf("%s: %s are saved, %s said", name, saved, said)
	}
}
