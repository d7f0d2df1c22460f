package compressor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/pricing"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/bench/bill"
	"tollgate.dev/services/compressor/bench/trace"
	"tollgate.dev/services/compressor/store/memory"
)

// shelf is what tests of documents that many ask about share: time, and notes.
type shelf struct {
	clock *clocktest.Fake
	notes compressor.Notes
	most  int // bytes of text; 0 is the default
}

func newShelf() *shelf {
	c := clocktest.New()
	return &shelf{clock: c, notes: memory.NewNotes(memory.Options{Clock: c})}
}

func (s *shelf) service(t testing.TB) *compressor.Service {
	t.Helper()
	return newService(t, compressor.Options{Prices: shipped(t), Clock: s.clock, Notes: s.notes, NotesTimeout: time.Minute, MaxTextBytes: s.most})
}

func request(t testing.TB, tr *trace.Trace, turn int, model string) []byte {
	t.Helper()
	body, err := tr.Request(turn, model, trace.None)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// Many questions about the same documents are not dearer with compression than without. What
// may be lost is bounded at any time: nobody knows of the first documents that they will be
// asked about again, and all that is lost until that is learned is less than to read the
// largest of them once at the full rate in place of the cached one. After that nothing is
// lost. What is said is what was saved, but for the steps in which providers and we count.
func TestManyQuestionsAboutTheSameDocuments(t *testing.T) {
	t.Parallel()
	prices := shipped(t)
	for _, m := range bill.Sharing() {
		for _, profile := range []string{"default", "rag"} {
			for _, w := range []struct{ sets, questions, singles int }{
				{3, 1, 0}, {6, 2, 0}, {6, 3, 0}, {6, 10, 0}, {4, 30, 0}, {4, 3, 2}, {3, 10, 3},
			} {
				if m.Name != "gpt-5" && (w.questions == 30 || (m.Name == "gpt-4.1") != (profile == "rag")) || m.Rules.Kind == bill.Newest && w.sets > 4 {
					continue // as the others
				}
				t.Run(fmt.Sprintf("%s/%s/%d questions, %d singles", m.Name, profile, w.questions, w.singles), func(t *testing.T) {
					t.Parallel()
					s := newShelf()
					account, err := (&bill.Biller{Service: s.service(t), Counter: &counter, Prices: prices.Table}).Open(m, profile, "t")
					if err != nil {
						t.Fatal(err)
					}
					price, _ := prices.Table.Lookup(m.Provider, m.Name)
					calls := trace.Asked(w.sets, w.questions, w.singles)
					var worst, bound money.Nano
					var half bill.Bill
					for i, c := range calls {
						s.clock.Advance(time.Minute)
						turn, err := account.Call(t.Context(), request(t, c, 0, m.Name))
						if err != nil {
							t.Fatal(err)
						}
						whole := turn.Without.Prompt()
						once := price.Cost(pricing.Usage{Input: whole}, pricing.Options{}) - price.Cost(pricing.Usage{CachedInput: whole}, pricing.Options{})
						bound = max(bound, once)
						worst = max(worst, account.Bill.Paid-account.Bill.Full)
						if worst > bound {
							t.Fatalf("call %d: %s lost, more than %s", i, worst, bound)
						}
						if i >= len(calls)/2 {
							half.Full += turn.Full
							half.Paid += turn.Paid
						}
						if off := turn.Full - turn.Paid - turn.Said; m.Rules.Kind != bill.Newest && (off > once/20 || off < -once/20) {
							t.Errorf("call %d: %s are saved, %s said\n%+v\n%+v\n%+v", i, turn.Full-turn.Paid, turn.Said, turn.Without, turn.With, turn.Result.Cache)
						}
					}
					t.Logf("paid %.3f, of the later half %.3f; lost at most %.2f of the bound", account.Bill.Ratio(), half.Ratio(), float64(worst)/float64(max(bound, 1)))
					if half.Paid > half.Full {
						t.Errorf("%.3f of the bill is paid when it is known how documents are asked about", half.Ratio())
					}
				})
			}
		}
	}
}

// Where many documents are asked about at once, all that are under way before the first one
// comes again are lost on alike; what begins later is not.
func TestDocumentsAtTheSameTime(t *testing.T) {
	const abreast, waves, questions = 12, 3, 4
	prices := shipped(t)
	for _, profile := range []string{"default", "rag"} {
		s := newShelf()
		m := bill.Sharing()[0]
		account, err := (&bill.Biller{Service: s.service(t), Counter: &counter, Prices: prices.Table}).Open(m, profile, "t")
		if err != nil {
			t.Fatal(err)
		}
		calls := trace.Asked(abreast*waves, questions, 0)
		for wave := range waves {
			before := account.Bill
			for n := range questions {
				for i := range abreast {
					s.clock.Advance(20 * time.Second)
					if _, err := account.Call(t.Context(), request(t, calls[(wave*abreast+i)*questions+n], 0, m.Name)); err != nil {
						t.Fatal(err)
					}
				}
			}
			full, paid := account.Bill.Full-before.Full, account.Bill.Paid-before.Paid
			t.Logf("%s, wave %d: %.3f", profile, wave, float64(paid)/float64(full))
			if wave > 0 && paid > full {
				t.Errorf("%s: %s are paid in place of %s", profile, paid, full)
			}
		}
	}
}

// A conversation that began with documents that stayed as they were goes on with them, on
// another replica as well, and for as long as it goes on.
func TestConversationsKeepWhatWasLeft(t *testing.T) {
	s := newShelf()
	here, there := s.service(t), s.service(t)
	req := compressor.Request{Provider: "openai", Model: "gpt-5", Tenant: "t"}
	ask := func(on *compressor.Service, c *trace.Trace, turn int) (sent []byte, got compressor.Result) {
		t.Helper()
		r := req
		r.Body = request(t, c, turn, req.Model)
		if got = compress(t, on, r); got.Body != nil {
			return got.Body, got
		}
		return r.Body, got
	}
	talks := trace.Asked(1, 3, 0)
	first, _ := ask(here, talks[0], 0)
	if bytes.Equal(first, request(t, talks[0], 0, req.Model)) {
		t.Fatal("the first is not compressed")
	}
	second, got := ask(there, talks[1], 0)
	if got.Body != nil || got.Cache.Lost == 0 || got.Engine != compressor.None {
		t.Fatalf("the second: %d to %d tokens by %q, %+v", got.Original, got.Compressed, got.Engine, got.Cache)
	}
	if _, got = ask(here, talks[2], 0); got.Body != nil || got.Cache.Lost != 0 || got.Engine != "" {
		t.Errorf("the third: %d to %d tokens by %q, %+v", got.Original, got.Compressed, got.Engine, got.Cache)
	}
	if sent, _ := ask(there, talks[0], 1); !bytes.HasPrefix(sent, first[:len(first)-2]) {
		t.Error("the first goes on with other bytes")
	}
	for range 3 {
		s.clock.Advance(50 * time.Minute)
		if sent, _ := ask(here, talks[1], 1); !bytes.HasPrefix(sent, second[:len(second)-2]) {
			t.Error("the second goes on with other bytes")
		}
		if again, _ := ask(here, talks[1], 0); !bytes.Equal(again, second) {
			t.Error("the second, sent again, becomes another")
		}
	}
	whole := request(t, talks[0], 0, req.Model)
	// Of the first nobody knows any more, nor has a provider kept it.
	if sent, _ := ask(there, talks[0], 1); !bytes.HasPrefix(sent, whole[:len(whole)-2]) {
		t.Error("the first goes on as it was shortened hours ago")
	}
	// Others know nothing of it, nor does anybody when it is long ago.
	req.Tenant = "u"
	if _, got := ask(here, talks[2], 0); got.Body == nil {
		t.Error("another tenant's prompt stays as it is")
	}
	req.Tenant = "t"
	s.clock.Advance(2 * time.Hour)
	if _, got := ask(s.service(t), talks[2], 0); got.Body == nil {
		t.Error("it stays as it is after hours")
	}
}

// What one team's documents come to is learned of it and of that model alone, also where
// another team has the same documents.
func TestHabitsAreATeamsOwn(t *testing.T) {
	const sets, questions = 3, 2
	s := newShelf()
	service := s.service(t)
	calls := trace.Asked(sets, questions, 0)
	for i, step := range []struct {
		tenant, model string
		set, question int
		stays         bool
		later         time.Duration
	}{
		{"a", "gpt-5", 0, 0, false, 0},
		{"b", "gpt-5", 0, 0, false, 0},
		{"a", "gpt-5", 0, 1, true, 0}, // it comes again
		{"a", "gpt-5", 1, 0, true, 0}, // so may this one
		{"a", "gpt-5-mini", 2, 0, false, 0},
		{"b", "gpt-5", 1, 0, false, 10 * time.Minute},
		{"b", "gpt-5", 1, 1, true, 0},
		{"b", "gpt-5", 2, 0, false, 0}, // of this team's, one of two came again
	} {
		s.clock.Advance(step.later)
		body := request(t, calls[step.set*questions+step.question], 0, step.model)
		got := compress(t, service, compressor.Request{Provider: "openai", Model: step.model, Tenant: step.tenant, Body: body})
		if (got.Body == nil) != step.stays {
			t.Errorf("step %d: %d to %d tokens, want it to stay: %t", i, got.Original, got.Compressed, step.stays)
		}
	}
}

// Tags are taken out of documents that stay as they are, and nothing else; that loses nothing.
func TestTaggedDocumentsStay(t *testing.T) {
	s := newShelf()
	service := s.service(t)
	text := strings.Repeat("The mill by the river is old, and nobody knows how it came to stand there. ", 200)
	for n := range 4 {
		body := []byte(`{"messages":[{"role":"user","content":"<llmlingua, rate=0.4>` + text + `</llmlingua> Question ` + strings.Repeat("x", n+1) + `: how old is it?"}]}`)
		got := compress(t, service, compressor.Request{Provider: "openai", Model: "gpt-5", Body: body})
		whole := bytes.Contains(got.Body, []byte(text))
		if whole != (n > 0) || bytes.Contains(got.Body, []byte("llmlingua")) || (got.Cache.Lost > 0) != (n == 1) {
			t.Errorf("question %d: %d to %d tokens, whole: %t, %+v", n, got.Original, got.Compressed, whole, got.Cache)
		}
	}
}

// What is noted of a prompt of any size is small, and none of its words is in it.
func TestNotesAreSmallAndHaveNoWords(t *testing.T) {
	n := &notesFake{}
	s := newService(t, compressor.Options{Prices: shipped(t), Notes: n})
	text := strings.Repeat("The mill by the river is old, and nobody knows how it came to stand there. ", 100)
	body := []byte(`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,` +
		strings.Repeat("A", 8<<20) + `"}},{"type":"text","text":"` + text + `\n\nHow old is it?"}]}]}`)
	if got := compress(t, s, compressor.Request{Provider: "openai", Model: "gpt-5", Body: body}); got.Body == nil {
		t.Fatal("it is not compressed")
	}
	if len(n.last) == 0 {
		t.Fatal("nothing is noted")
	}
	for _, note := range n.last {
		if len(note.Text) > compressor.MaxNoteBytes || strings.Contains(note.Name+note.Text, "mill") || note.Life <= 0 {
			t.Errorf("%s has %d bytes, for %s", note.Name, len(note.Text), note.Life)
		}
	}
}

// The same prompt once more is no other question: it becomes what it became, and what its
// beginning has in common with the first is not counted as lost.
func TestTheSamePromptAgain(t *testing.T) {
	s := newShelf()
	service := s.service(t)
	req := compressor.Request{Provider: "openai", Model: "gpt-5", Body: request(t, trace.Asked(1, 1, 0)[0], 0, "gpt-5")}
	first := compress(t, service, req)
	for range 3 {
		got := compress(t, service, req)
		if first.Body == nil || !bytes.Equal(got.Body, first.Body) || got.Cache.Lost != 0 || got.Cache.Read != got.Original-got.Compressed {
			t.Errorf("%d to %d tokens, %+v", got.Original, got.Compressed, got.Cache)
		}
	}
}

// Prompts that nobody keeps, and models whose cache costs the same, have nobody ask for notes.
func TestNotesAreAskedWhereTheyMatter(t *testing.T) {
	behind := request(t, trace.Asked(1, 1, 0)[0], 0, "any")
	for name, tc := range map[string]struct {
		provider, model string
		body            []byte
		asked           bool
	}{
		"documents":                        {"openai", "gpt-5", behind, true},
		"a model without a price":          {"openai", "unheard-of", behind, true},
		"a small prompt":                   {"openai", "gpt-5", request(t, trace.All()[7], 0, "gpt-5"), false},
		"tool results":                     {"openai", "gpt-5", talk(t, true, 400), true},
		"a cache at the price of input":    {"groq", "llama-3.3-70b-versatile", behind, false},
		"a cache of whole messages":        {"openai", "gpt-6-luna", behind, true},
		"a cache that the caller is asked": {"anthropic", "claude-sonnet-4-5", behind, false},
	} {
		n := &notesFake{}
		s := newService(t, compressor.Options{Prices: shipped(t), Notes: n})
		got := compress(t, s, compressor.Request{Provider: tc.provider, Model: tc.model, Body: tc.body})
		if (n.read > 0) != tc.asked || (n.written > 0) != tc.asked {
			t.Errorf("%s: %d notes are asked for, %d written; %d to %d tokens", name, n.read, n.written, got.Original, got.Compressed)
		}
	}
}

// notesFake are notes that fail, hang, or remember nothing.
type notesFake struct {
	read, written int
	last          []compressor.Note // written
	fails         error
	hangs         bool
}

func (n *notesFake) wait(ctx context.Context) error {
	if n.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	return n.fails
}

func (n *notesFake) Read(ctx context.Context, _ string, notes []compressor.Note) ([]string, error) {
	n.read++
	return make([]string, len(notes)), n.wait(ctx)
}

func (n *notesFake) Write(ctx context.Context, _ string, notes []compressor.Note) error {
	n.written++
	n.last = notes
	return n.wait(ctx)
}

// Without notes prompts are compressed as if nobody had heard of them. Those that do not
// answer are left alone for a while, and found again.
func TestNotesAreAway(t *testing.T) {
	talks := trace.Asked(1, 8, 0)
	for name, n := range map[string]*notesFake{"failing": {fails: errors.New("away")}, "hanging": {hangs: true}} {
		t.Run(name, func(t *testing.T) {
			c := clocktest.New()
			s := newService(t, compressor.Options{Prices: shipped(t), Notes: n, NotesTimeout: time.Millisecond, Clock: c})
			ask := func(i int) {
				t.Helper()
				if got := compress(t, s, compressor.Request{Provider: "openai", Model: "gpt-5", Body: request(t, talks[i], 0, "gpt-5")}); got.Body == nil || got.Cache.Lost != 0 {
					t.Errorf("question %d: %d to %d tokens, %+v", i, got.Original, got.Compressed, got.Cache)
				}
			}
			for i := range 5 {
				ask(i)
			}
			if n.read+n.written != 3 {
				t.Errorf("%d asked, %d written", n.read, n.written)
			}
			c.Advance(time.Second)
			ask(5)
			ask(6)
			if n.read+n.written != 4 {
				t.Errorf("%d asked, %d written after a second", n.read, n.written)
			}
			n.fails, n.hangs = nil, false
			c.Advance(time.Second)
			ask(7)
			ask(7)
			if n.read != 7 || n.written < 4 {
				t.Errorf("%d asked, %d written when they are back", n.read, n.written)
			}
		})
	}
}

// goneNotes are asked by callers that go meanwhile, as long as gone tells so.
type goneNotes struct {
	notesFake
	gone context.CancelFunc
}

func (n *goneNotes) Read(ctx context.Context, tenant string, notes []compressor.Note) ([]string, error) {
	if n.gone != nil {
		n.gone()
	}
	texts, err := n.notesFake.Read(ctx, tenant, notes)
	return texts, errors.Join(err, ctx.Err())
}

// Callers that hang up say nothing of the notes: these are asked by the next one.
func TestNotesAreNotAwayForCallersThatAre(t *testing.T) {
	var log bytes.Buffer
	n := &goneNotes{}
	s := newService(t, compressor.Options{
		Prices: shipped(t), Notes: n, NotesTimeout: time.Minute, Clock: clocktest.New(), Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	req := compressor.Request{Provider: "openai", Model: "gpt-5", Body: agent(t, true, 4)}
	const hangUps = 5
	for range hangUps {
		ctx, gone := context.WithCancel(t.Context())
		n.gone = gone
		if got, err := s.Compress(ctx, req); err != nil || got.Body != nil {
			t.Errorf("%d to %d tokens, %v", got.Original, got.Compressed, err)
		}
	}
	n.gone = nil
	compress(t, s, req)
	if n.read <= hangUps || n.written == 0 || log.Len() > 0 {
		t.Errorf("%d asked, %d written, logged: %s", n.read, n.written, &log)
	}
}
