package compressor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/pricing"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/bench/bill"
	"tollgate.dev/services/compressor/bench/trace"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/store/file"
)

// agent is a conversation of an agent's so many tool calls long, or a user's so many questions
// about documents.
func agent(t testing.TB, tools bool, turns int) []byte {
	t.Helper()
	messages := []any{map[string]any{"role": "system", "content": strings.Repeat("You look after the mill by the river. ", 150)}}
	for i := range turns {
		text := fmt.Sprintf("Part %d. ", i) + strings.Repeat(fmt.Sprintf("The mill %d stands by the river.\n", i), 120)
		if i > 0 {
			messages = append(messages, map[string]any{"role": "assistant", "content": "It is so."})
		}
		if tools {
			messages = append(messages, map[string]any{"role": "tool", "content": text})
		} else {
			messages = append(messages, map[string]any{"role": "user", "content": "Context:\n" + text + "\n\nQuestion: which is it?"})
		}
	}
	request := map[string]any{"messages": messages}
	if tools {
		request["tools"] = []any{map[string]any{"type": "function", "function": map[string]any{"name": "look"}}}
	}
	raw, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// failing fails when it is told to.
func failing(fails *bool) compressor.Stage {
	return fake{"failing", func(context.Context, *prompt.Draft) error {
		if *fails {
			return errors.New("broken")
		}
		return nil
	}}
}

func gpt5(t testing.TB) bill.Model {
	t.Helper()
	for _, m := range bill.Sharing() {
		if m.Name == "gpt-5" {
			return m
		}
	}
	t.Fatal("no such model")
	return bill.Model{}
}

// What went out as it came because there was no time, or after a failure, goes out so in later
// turns, too: the provider has it. What is said is what was saved.
func TestTurnsThatFailedStay(t *testing.T) {
	prices, m := shipped(t), gpt5(t)
	price, _ := prices.Table.Lookup(m.Provider, m.Name)
	for _, tools := range []bool{true, false} {
		for name, fail := range map[string]func(turn int) bool{
			"once":  func(turn int) bool { return turn == 3 },
			"often": func(turn int) bool { return turn%2 == 0 },
			"first": func(turn int) bool { return turn < 2 },
		} {
			s, fails := newShelf(), false
			service := newService(t, compressor.Options{
				Prices: prices, Clock: s.clock, Notes: s.notes, NotesTimeout: time.Minute, Stages: []compressor.Stage{halve, failing(&fails)},
			})
			account, err := (&bill.Biller{Service: service, Counter: &counter, Prices: prices.Table}).Open(m, "default", "t")
			if err != nil {
				t.Fatal(err)
			}
			var said, lost money.Nano
			for i := range 10 {
				fails = fail(i)
				turn, err := account.Call(t.Context(), agent(t, tools, i+1))
				if err != nil {
					t.Fatal(err)
				}
				said += turn.Said
				lost = max(lost, turn.Paid-turn.Full)
				// The provider finds what the first shortened text begins with, too: up to the half of it.
				step, text := price.Cost(pricing.Usage{Input: 256}, pricing.Options{}), price.Cost(pricing.Usage{Input: 1100}, pricing.Options{})
				off := turn.Said - (turn.Full - turn.Paid)
				if off > step || off < -step && (!fails || i < 2) || off < -2*text {
					t.Errorf("%s, tools %t, turn %d: %s are saved, %s said\n%+v\n%+v\n%+v", name, tools, i, turn.Full-turn.Paid, turn.Said, turn.Without, turn.With, turn.Result.Cache)
				}
			}
			// Of the turns that failed, those lose that come after one that was compressed.
			if most := account.Bill.Full + lost; account.Bill.Paid > most {
				t.Errorf("%s, tools %t: %s are paid, and one failure costs %s of %s", name, tools, account.Bill.Paid, lost, account.Bill.Full)
			}
		}
	}
}

// The same prompt again, after there was no time to count it: nothing went out otherwise.
func TestNothingIsLostOfWhatFailedAgain(t *testing.T) {
	s := newShelf()
	service := newService(t, compressor.Options{Prices: shipped(t), Clock: s.clock, Notes: s.notes, NotesTimeout: time.Minute, Timeout: time.Nanosecond})
	for i := range 3 {
		got := compress(t, service, compressor.Request{Provider: "openai", Model: "gpt-5", Body: agent(t, true, 4)})
		if got.Body != nil || (got.Cache.Lost > 0) != (i == 0) { // at first nobody knows
			t.Errorf("time %d: %+v", i, got)
		}
	}
	// Nor is it where the team has asked for the profile for long: it is the first time that
	// the prompt goes out.
	s.clock.Advance(2 * time.Hour)
	if got := compress(t, service, compressor.Request{Provider: "openai", Model: "gpt-5", Body: agent(t, true, 4)}); got.Cache.Lost != 0 {
		t.Errorf("after hours: %+v", got.Cache)
	}
}

// Where nobody knows whether earlier turns went out otherwise, or it is known that they did,
// what is said to be saved is no more than what is.
func TestNoMoreIsSaidThanIsKnown(t *testing.T) {
	prices, m := shipped(t), gpt5(t)
	price, _ := prices.Table.Lookup(m.Provider, m.Name)
	talks := trace.Asked(1, 3, 0)
	ask := func(s *compressor.Service, c *trace.Trace, turn int, profile string) compressor.Result {
		t.Helper()
		return compress(t, s, compressor.Request{Provider: m.Provider, Model: m.Name, Tenant: "t", Profile: profile, Body: request(t, c, turn, m.Name)})
	}
	t.Run("after a restart", func(t *testing.T) {
		here := newShelf().service(t)
		ask(here, talks[0], 0, "")
		if got := ask(here, talks[1], 0, ""); got.Body != nil {
			t.Fatal("the second is not left")
		}
		there := newShelf().service(t)
		got := ask(there, talks[1], 1, "")
		if got.Body == nil || got.Saved(&price) >= 0 {
			t.Errorf("%s said to be saved, %+v", got.Saved(&price), got.Cache)
		}
		if got := ask(there, talks[1], 1, ""); got.Cache.Lost > 0 {
			t.Errorf("known by now: %+v", got.Cache)
		}
	})
	for _, tools := range []bool{true, false} {
		s := newShelf()
		service := s.service(t)
		call := func(turns int, profile string) compressor.Result {
			t.Helper()
			return compress(t, service, compressor.Request{Provider: m.Provider, Model: m.Name, Tenant: "t", Profile: profile, Body: agent(t, tools, turns)})
		}
		if got := call(4, ""); got.Body == nil || got.Cache.Lost == 0 {
			t.Errorf("turned on, tools %t: %s said to be saved, %d to %d tokens, %+v", tools, got.Saved(&price), got.Original, got.Compressed, got.Cache)
		}
		if got := call(5, ""); got.Cache.Lost > 0 {
			t.Errorf("goes on, tools %t: %+v", tools, got.Cache)
		}
		if got := call(6, "rag"); got.Cache.Lost > 0 {
			t.Errorf("another profile, tools %t: %+v", tools, got.Cache)
		}
		// The profile that the first turns have is there no more.
		profiles := compressor.Profiles()
		profiles[compressor.DefaultProfile] = compressor.Profile{Rate: 0.5, MinTokens: 400}
		service = newService(t, compressor.Options{Prices: prices, Clock: s.clock, Notes: s.notes, NotesTimeout: time.Minute, Profiles: profiles})
		if got := call(7, "rag"); got.Cache.Lost == 0 {
			t.Errorf("a profile that is gone, tools %t: %s said to be saved, %+v", tools, got.Saved(&price), got.Cache)
		}
		if got := call(8, "rag"); got.Cache.Lost > 0 {
			t.Errorf("and goes on, tools %t: %+v", tools, got.Cache)
		}
	}
}

// Where compression is turned on in the middle, earlier turns stay as the provider has them. Turns
// that were not sent by themselves, as a cache before the provider answered or several came in one
// request, are shortened as all others, and so is what was sent while compression was turned off: that
// costs as much as two conversations at the most, and no more is said to be saved than by the calls that asked for it.
func TestTurnedOffAndOn(t *testing.T) {
	prices, m := shipped(t), gpt5(t)
	price, _ := prices.Table.Lookup(m.Provider, m.Name)
	for name, tc := range map[string]struct {
		turns string // + asks for compression, - does not, . is not sent, o is another model's
		ratio float64
	}{
		"off every other turn":   {"+-+-+-+-+-", 1.15},
		"off after a while":      {"++++-+-+-+", 1.11},
		"off once":               {"++++-+++++", 0.95},
		"turned on":              {"-----+++++", 0.99},
		"a cached answer":        {"++.+++++++", 0.75},
		"cached answers":         {"++..+...++", 0.75},
		"several at once":        {"+.+.+.+.+.+", 0.75},
		"several from the first": {".+..+..+..+", 0.75},
		"another model's turn":   {"++o+o+++++", 0.7},
		"and another's at first": {"oooo++++++", 0.7},
	} {
		for _, tools := range []bool{true, false} {
			s := newShelf()
			s.knows(t, m, "default")
			account, err := (&bill.Biller{Service: s.service(t), Counter: &counter, Prices: prices.Table}).Open(m, "default", "t")
			if err != nil {
				t.Fatal(err)
			}
			var said, untold money.Nano
			for i, how := range tc.turns {
				body := agent(t, tools, i+1)
				var turn bill.Turn
				switch how {
				case '-':
					turn, err = account.Off(body)
					untold += turn.Full - turn.Paid
				case '.':
				case 'o':
					compress(t, s.service(t), compressor.Request{Provider: m.Provider, Model: "gpt-5-mini", Tenant: "t", Body: body})
				default:
					turn, err = account.Call(t.Context(), body)
					said += turn.Said
				}
				if err != nil {
					t.Fatal(err)
				}
				if b := account.Bill; b.Paid > b.Full+price.Cost(pricing.Usage{Input: 128}, pricing.Options{}) && !strings.Contains(tc.turns, "-") {
					t.Errorf("%s, tools %t: %s of %s are paid after turn %d", name, tools, b.Paid, b.Full, i)
				}
			}
			saved := account.Bill.Full - account.Bill.Paid - untold
			if step := price.Cost(pricing.Usage{Input: 128 * 10}, pricing.Options{}); said-saved > step || said <= 0 && saved > step || account.Bill.Ratio() > tc.ratio {
				t.Errorf("%s, tools %t: %.3f of the bill is paid, want %.2f at most; %s of %s said to be saved", name, tools, account.Bill.Ratio(), tc.ratio, said, saved)
			}
		}
	}
}

// awayNotes fail while they are away.
type awayNotes struct {
	compressor.Notes
	away bool
}

var errAway = errors.New("away")

func (n *awayNotes) Read(ctx context.Context, tenant string, notes []compressor.Note) ([]string, error) {
	if n.away {
		return nil, errAway
	}
	return n.Notes.Read(ctx, tenant, notes)
}

func (n *awayNotes) Write(ctx context.Context, tenant string, notes []compressor.Note) error {
	if n.away {
		return errAway
	}
	return n.Notes.Write(ctx, tenant, notes)
}

// A prompt that is sent again goes out as it did, also the one with which compression was turned on.
func TestTurnedOnAndSentAgain(t *testing.T) {
	m, s := gpt5(t), newShelf()
	s.knows(t, m, "default")
	service := s.service(t)
	req := compressor.Request{Provider: m.Provider, Model: m.Name, Tenant: "t", Body: agent(t, true, 5)}
	first := compress(t, service, req)
	if first.Body == nil {
		t.Fatal("nothing is shortened")
	}
	if again := compress(t, service, req); !bytes.Equal(again.Body, first.Body) {
		t.Errorf("%d to %d tokens, and then to %d", first.Original, first.Compressed, again.Compressed)
	}
}

// partialNotes lose what is written under a kind of name.
type partialNotes struct {
	compressor.Notes
	loses string
}

func (n partialNotes) Write(ctx context.Context, tenant string, notes []compressor.Note) error {
	notes = slices.DeleteFunc(slices.Clone(notes), func(note compressor.Note) bool { return strings.HasPrefix(note.Name, n.loses) })
	return n.Notes.Write(ctx, tenant, notes)
}

// Of notes that are written together one may be lost: what is noted of a turn is enough.
func TestTurnsAreKnownByTheirOwnNotes(t *testing.T) {
	m, s := gpt5(t), newShelf()
	s.notes = partialNotes{s.notes, "asked:"}
	s.knows(t, m, "default")
	service := s.service(t)
	for turns := range 5 {
		got := compress(t, service, compressor.Request{Provider: m.Provider, Model: m.Name, Tenant: "t", Body: agent(t, true, turns+1)})
		if got.Body == nil || got.Cache.Lost > 0 {
			t.Errorf("%d turns: %d to %d tokens, %+v", turns+1, got.Original, got.Compressed, got.Cache)
		}
	}
}

// An original that goes out after a gap, for a failure, loses what is known to have gone out shortened.
func TestWhatAFailureLosesAfterAGap(t *testing.T) {
	m, s, fails := gpt5(t), newShelf(), false
	service := newService(t, compressor.Options{
		Prices: shipped(t), Clock: s.clock, Notes: s.notes, NotesTimeout: time.Minute, Stages: []compressor.Stage{halve, failing(&fails)},
	})
	call := func(turns int) compressor.Result {
		return compress(t, service, compressor.Request{Provider: m.Provider, Model: m.Name, Tenant: "t", Body: agent(t, true, turns)})
	}
	size := call(3).Original
	fails = true
	if got := call(6); got.Body != nil || got.Cache.Lost <= 0 || got.Cache.Lost > size {
		t.Errorf("%+v, and %d tokens were sent", got.Cache, size)
	}
}

// A process that starts again on its folder of notes goes on with what was left, byte for byte, in
// a conversation and in another question about the documents.
func TestWhatWasLeftStaysAfterARestart(t *testing.T) {
	times, dir := clocktest.New(), t.TempDir()
	prices, m := shipped(t), gpt5(t)
	run := func(c *trace.Trace, turn int) (sent []byte, got compressor.Result) {
		t.Helper()
		notes, err := file.Open(dir, file.Options{Clock: times})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := notes.Close(); err != nil {
				t.Error(err)
			}
		}()
		s := newService(t, compressor.Options{Prices: prices, Clock: times, Notes: notes, NotesTimeout: compressor.AtOnce})
		body := request(t, c, turn, m.Name)
		if got = compress(t, s, compressor.Request{Provider: m.Provider, Model: m.Name, Tenant: "t", Body: body}); got.Body != nil {
			body = got.Body
		}
		times.Advance(time.Minute)
		return body, got
	}
	talks := trace.Asked(1, 3, 0)
	if _, got := run(talks[0], 0); got.Body == nil {
		t.Fatal("the first is not compressed")
	}
	second, got := run(talks[1], 0)
	if got.Body != nil {
		t.Fatal("the second is not left")
	}
	if next, _ := run(talks[1], 1); !bytes.HasPrefix(next, second[:len(second)-2]) {
		t.Error("the second goes on with other bytes")
	}
	if _, got := run(talks[2], 0); got.Body != nil || got.Cache.Lost != 0 {
		t.Errorf("the third: %d to %d tokens, %+v", got.Original, got.Compressed, got.Cache)
	}
}

// What a process noted itself it knows while notes are away.
func TestTurnsAreKnownWhileNotesAreAway(t *testing.T) {
	n := &notesFake{fails: errors.New("away")}
	fails := true
	service := newService(t, compressor.Options{Prices: shipped(t), Clock: clocktest.New(), Notes: n, Stages: []compressor.Stage{halve, failing(&fails)}})
	body := agent(t, true, 3)
	compress(t, service, compressor.Request{Provider: "openai", Model: "gpt-5", Body: body})
	fails = false
	next := agent(t, true, 4)
	got := compress(t, service, compressor.Request{Provider: "openai", Model: "gpt-5", Body: next})
	end := bytes.LastIndex(body, []byte(`],"tools"`))
	if got.Body == nil || !bytes.HasPrefix(got.Body, body[:end]) || got.Cache != (compressor.CacheEffect{}) {
		t.Errorf("%d to %d tokens, %+v", got.Original, got.Compressed, got.Cache)
	}
}

// slowNotes are written when they are let, but for calls that write themselves.
type slowNotes struct {
	compressor.Notes
	release        chan struct{}
	waits          atomic.Bool
	calls, written atomic.Int64
}

// aCall marks the context of a call.
type aCall struct{}

func (n *slowNotes) Write(ctx context.Context, tenant string, notes []compressor.Note) error {
	if ctx.Value(aCall{}) != nil {
		n.calls.Add(1)
		return n.Notes.Write(ctx, tenant, notes)
	}
	n.waits.Store(true)
	<-n.release
	n.written.Add(1)
	return n.Notes.Write(ctx, tenant, notes)
}

// No call waits for notes to be written while Run does that, and what waits at its end is
// written then.
func TestNotesAreWrittenBesideTheCalls(t *testing.T) {
	n := &slowNotes{Notes: newShelf().notes, release: make(chan struct{})}
	service := newService(t, compressor.Options{Prices: shipped(t), Notes: n, NotesTimeout: time.Minute})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()
	req := compressor.Request{Provider: "openai", Model: "gpt-5", Tenant: "t", Body: request(t, trace.Asked(1, 1, 0)[0], 0, "gpt-5")}
	call := func() {
		if _, err := service.Compress(context.WithValue(t.Context(), aCall{}, true), req); err != nil {
			t.Error(err)
		}
	}
	for !n.waits.Load() { // it does not run yet
		call()
	}
	before := n.calls.Load()
	for range 3 {
		call()
	}
	stop()
	close(n.release)
	if err := <-ended; err != nil || n.calls.Load() != before || n.written.Load() < 4 {
		t.Errorf("calls wrote %d times, and %d times beside them: %v", n.calls.Load()-before, n.written.Load(), err)
	}
}
