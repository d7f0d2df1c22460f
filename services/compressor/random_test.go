package compressor_test

import (
	"fmt"
	"testing"
	"time"

	"tollgate.dev/platform/money"
	"tollgate.dev/platform/pricing"
	"tollgate.dev/services/compressor"
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

// knows has the team ask for the profile for hours, so that it is known how conversations go.
func (s *shelf) knows(t testing.TB, m bill.Model, profile string) {
	t.Helper()
	compress(t, s.service(t), compressor.Request{Provider: m.Provider, Model: m.Name, Profile: profile, Tenant: "t", Body: agent(t, true, 2)})
	s.clock.Advance(2 * time.Hour)
}

// forgets is after how long a provider has forgotten what nobody asked for.
const forgets = 10 * time.Minute

// FuzzBill is that for more seeds, models and profiles.
func FuzzBill(f *testing.F) {
	models, profiles := several(), []string{"default", "rag", "chat"}
	f.Add(uint64(1000))
	f.Fuzz(func(t *testing.T, seed uint64) {
		notDearer(t, seed, models[seed/3%8], profiles[seed/24%3], 0)
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
//
// A call without compression pays anew for the turns since the last such call, for they were
// shortened, and the next one with it for those that were not, which it tells. It cannot know
// whether they were sent, and tells as much where they were not: there more is saved than said.
//
// most bounds the text that is shortened, in bytes; 0 is the default. It returns what was billed.
func notDearer(t *testing.T, seed uint64, m bill.Model, profile string, most int) []bill.Turn {
	t.Helper()
	prices := shipped(t)
	if m.Name == unpriced {
		price, _ := prices.Table.Lookup("openai", "gpt-5")
		price.Model = unpriced
		prices.Table = pricing.NewTable(price)
	}
	s, tr := newShelf(), trace.Random(seed)
	s.most = most
	account, err := (&bill.Biller{Service: s.service(t), Counter: &counter, Prices: prices.Table}).Open(m, profile, "t")
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("seed %d, %s/%s%s, %s", seed, m.Provider, m.Name, m.Note, profile)
	price, _ := prices.Table.Lookup(m.Provider, m.Name)
	step := func(tokens int64) money.Nano {
		return price.Cost(pricing.Usage{Input: tokens}, pricing.Options{}) - price.Cost(pricing.Usage{CachedInput: tokens}, pricing.Options{})
	}
	anew := func(tokens int64) money.Nano { // in place of being read
		if !m.Rules.Writes {
			return step(tokens)
		}
		return price.Cost(pricing.Usage{CacheWrite: tokens}, pricing.Options{}) - price.Cost(pricing.Usage{CachedInput: tokens}, pricing.Options{})
	}
	s.knows(t, m, profile)
	b, rested, forgot, began := &account.Bill, false, false, false
	var said, untold money.Nano         // what was saved by what is said, and by calls that were off
	var allowed, over, under money.Nano // what these may lose, and what is said too much and too little
	var on, off int64                   // up to where the provider has the conversation, shortened and as it came
	holds := func(turn int) {
		t.Helper()
		if lost := b.Paid - b.Full - allowed; lost > step(max(m.Rules.Step-1, 0))*money.Nano(turn) {
			t.Errorf("%s: %s of %s are lost after turn %d", name, lost, b.Full, turn)
		}
	}
	for i := range tr.Turns() {
		s.clock.Advance(tr.Pause(i))
		if tr.Pause(i) > forgets {
			account.Forget()
			rested, forgot, on, off = true, true, 0, 0
		}
		body, err := tr.Request(i, m.Name, m.Breakpoints)
		if err != nil {
			t.Fatal(err)
		}
		if tr.Unsent(i) {
			continue
		}
		if tr.Off(i) {
			turn, err := account.Off(body)
			if err != nil {
				t.Fatal(err)
			}
			untold += turn.Full - turn.Paid
			allowed += anew(max(on-off, 0))
			off = turn.Without.Prompt()
			holds(i)
			continue
		}
		turn, err := account.Call(t.Context(), body)
		if err != nil {
			t.Fatal(err)
		}
		missed := anew(max(off-on, 0))
		if began {
			allowed += missed
		}
		holds(i)
		said += turn.Said
		var above, below money.Nano
		if forgot || m.Rules.Writes {
			above = missed
		}
		if began { // of a text that was shortened in between, the provider finds the beginning, too
			below = step(max(off-on, 0))
		}
		if i > 0 && tr.Unsent(i-1) {
			below = step(turn.Without.Prompt())
		}
		over, under = over+above, under+below
		wrong := turn.Said - (turn.Full - turn.Paid)
		if wrong > above+step(128) || wrong < -below-step(128) && !forgot && !m.Rules.Writes {
			t.Errorf("%s, turn %d: %s are saved, %s said\n%+v\n%+v\n%+v", name, i, turn.Full-turn.Paid, turn.Said, turn.Without, turn.With, turn.Result.Cache)
		}
		on, began, forgot = turn.Without.Prompt(), true, false
	}
	saved := b.Full - b.Paid - untold
	wrong, slack := said-saved, max(b.Full/50, step(64)*money.Nano(tr.Turns()))
	if wrong > over+slack || wrong < -under-slack && !rested && !m.Rules.Writes {
		t.Errorf("%s: %s of %s are saved, %s said", name, saved, b.Full, said)
	}
	if saved > under+step(128) && said <= 0 || saved < -over-step(128) && said >= 0 {
		t.Errorf("%s: %s are saved, %s said", name, saved, said)
	}
	return b.Turns
}
