package quota_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"tollgate.dev/platform/quota"
)

var errDown = errors.New("it is down")

func events(tenant string, sequences ...int64) (out []*quota.Event) {
	for _, s := range sequences {
		out = append(out, quota.FromRecord(record(tenant, s)))
	}
	return out
}

func run(t *testing.T, s quota.Source, h quota.Handler, o quota.Options) error {
	t.Helper()
	o.Backoff, o.BackoffMax = time.Microsecond, time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return quota.NewConsumer(s, h, o).Run(ctx)
}

func TestRepetitionsHaveOneEffect(t *testing.T) {
	b := newBook()
	s := &source{log: slices.Concat(events("a", 1, 2, 3, 2, 3, 1), events("b", 1), events("a", 3, 4), events("b", 1, 2))}
	if err := run(t, s, b, quota.Options{}); err != nil {
		t.Fatal(err)
	}
	b.audit(t, 4, "a")
	b.audit(t, 2, "b")
	if s.committed != len(s.log) {
		t.Errorf("committed %d of %d", s.committed, len(s.log))
	}
}

func TestGaps(t *testing.T) {
	refuse := func(context.Context, quota.Gap) error { return errDown }
	var told []quota.Gap
	note := func(_ context.Context, g quota.Gap) error { told = append(told, g); return nil }
	for name, c := range map[string]struct {
		log     []*quota.Event
		opts    quota.Options
		effects []int64
		err     func(error) bool
		told    []quota.Gap
	}{
		"without a ledger": {
			log: events("a", 1, 2, 5, 6), effects: []int64{1, 2},
			err: func(err error) bool {
				var gap *quota.GapError
				return errors.As(err, &gap) && gap.Gap == quota.Gap{TenantID: "a", After: 2, Before: 5}
			},
		},
		"from the ledger": {
			log: events("a", 1, 2, 5, 6), opts: quota.Options{Ledger: &ledger{n: 6}, OnGap: note},
			effects: []int64{1, 2, 3, 4, 5, 6}, told: []quota.Gap{{TenantID: "a", After: 2, Before: 5}},
		},
		"from the ledger, page by page": {
			log: events("a", 1, 1200), opts: quota.Options{Ledger: &ledger{n: 1300, page: 7}}, effects: upTo(1200),
		},
		"at the beginning": {
			log: events("a", 4), opts: quota.Options{Ledger: &ledger{n: 4}}, effects: []int64{1, 2, 3, 4},
		},
		"no beginning is wanted": {
			log: events("a", 4, 5, 7), opts: quota.Options{JoinLate: true, OnGap: note}, effects: []int64{4, 5, 7},
			told: []quota.Gap{{TenantID: "a", After: 5, Before: 7}},
		},
		"accepted": {
			log: events("a", 1, 5, 5, 6, 4), opts: quota.Options{OnGap: note}, effects: []int64{1, 5, 6},
			told: []quota.Gap{{TenantID: "a", After: 1, Before: 5}},
		},
		"refused": {
			log: events("a", 1, 5), opts: quota.Options{Ledger: &ledger{n: 5}, OnGap: refuse}, effects: []int64{1},
			err: func(err error) bool { return errors.Is(err, errDown) },
		},
		"the ledger does not have it": {
			log: events("a", 1, 5), opts: quota.Options{Ledger: &ledger{n: 3}}, effects: []int64{1, 2, 3},
			err: func(err error) bool {
				var gap *quota.GapError
				return errors.As(err, &gap) && gap.After == 3 && gap.Before == 5
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			told = nil
			b := newBook()
			s := &source{log: c.log}
			err := run(t, s, b, c.opts)
			if c.err == nil && err != nil || c.err != nil && !c.err(err) {
				t.Errorf("error is %v", err)
			}
			if !slices.Equal(b.effects["a"], c.effects) || !slices.Equal(told, c.told) {
				t.Errorf("effects %v, want %v; told %v, want %v", b.effects["a"], c.effects, told, c.told)
			}
			if err != nil && s.committed == s.next {
				t.Error("what could not be applied was committed")
			}
		})
	}
}

func upTo(n int64) (out []int64) {
	for i := int64(1); i <= n; i++ {
		out = append(out, i)
	}
	return out
}

func TestMalformedMessages(t *testing.T) {
	log := slices.Concat(events("a", 1), []*quota.Event{nil}, events("a", 2))
	s := &source{log: log}
	var malformed *quota.MalformedError
	if err := run(t, s, newBook(), quota.Options{}); !errors.As(err, &malformed) || malformed.Offset != 1 || s.committed > 1 {
		t.Errorf("error is %v, committed %d", err, s.committed)
	}
	b, told := newBook(), 0
	err := run(t, &source{log: log}, b, quota.Options{OnMalformed: func(context.Context, *quota.MalformedError) error { told++; return nil }})
	if err != nil || told != 1 {
		t.Errorf("told %d times, %v", told, err)
	}
	b.audit(t, 2, "a")
	for name, text := range map[string]string{
		"no JSON": "x", "no id": `{"tenantId":"t","payload":{"tenantId":"t","sequence":1}}`,
		"no sequence":         `{"eventId":"e","tenantId":"t","payload":{"tenantId":"t"}}`,
		"two tenants":         `{"eventId":"e","tenantId":"t","payload":{"tenantId":"u","sequence":1}}`,
		"another currency":    `{"eventId":"e","tenantId":"t","payload":{"tenantId":"t","sequence":1,"cost":1,"currency":"EUR"}}`,
		"an amount as text":   `{"eventId":"e","tenantId":"t","payload":{"tenantId":"t","sequence":1,"cost":"1 USD"}}`,
		"an amount too fine":  `{"eventId":"e","tenantId":"t","payload":{"tenantId":"t","sequence":1,"cost":0.0000000001}}`,
		"an amount too high":  `{"eventId":"e","tenantId":"t","payload":{"tenantId":"t","sequence":1,"cost":1e30}}`,
		"a negative sequence": `{"eventId":"e","tenantId":"t","payload":{"tenantId":"t","sequence":-1}}`,
		"half a sequence":     `{"eventId":"e","tenantId":"t","payload":{"tenantId":"t","sequence":1.5}}`,
	} {
		if _, err := quota.Decode([]byte(text)); err == nil {
			t.Errorf("%s is decoded", name)
		}
	}
}

// Events of a newer release have members and types that this one does not know, and budgets
// without end where it has an end. What it knows of them counts as ever.
func TestEventsOfANewerRelease(t *testing.T) {
	var log []*quota.Event
	for i, text := range []string{
		`{"schemaVersion":7,"eventId":"e%d","occurredAt":"2026-11-28T12:00:00.000Z","tenantId":"t","region":{"id":"eu"},
			"payload":{"tenantId":"t","sequence":%d,"cost":0.5,"currency":"USD","exchange":{"currency":"EUR","rate":1.1},"tokens":{"prompt":3,"imagined":9}}}`,
		`{"type":"budget.foretold","eventId":"e%d","occurredAt":"2026-11-28T12:00:01.000Z","tenantId":"t",
			"payload":{"tenantId":"t","sequence":%d,"cost":0,"budget":{"budgetId":"b","omen":[1,2]}}}`,
		`{"eventId":"e%d","occurredAt":"2026-11-28T12:00:02.123456Z","tenantId":"t","payload":{"tenantId":"t","sequence":%d,"cost":0.25,"window":null}}`,
	} {
		e, err := quota.Decode(fmt.Appendf(nil, text, i+1, i+1))
		if err != nil {
			t.Fatal(err)
		}
		if usage := i != 1; e.IsUsage() != usage {
			t.Errorf("event %d is usage: %t", i+1, e.IsUsage())
		}
		log = append(log, e)
	}
	b := newBook()
	if err := run(t, &source{log: slices.Concat(log, log)}, b, quota.Options{}); err != nil {
		t.Fatal(err)
	}
	b.audit(t, 3, "t")
	if b.costs != 750_000_000 {
		t.Errorf("the events cost %d", b.costs)
	}
}

// The end of a context ends Run without an error, and what was done is committed while
// nothing comes.
func TestIdleCommitsAndStops(t *testing.T) {
	s := &source{log: events("a", 1, 2), block: true}
	b := newBook()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	committed := make(chan int, 16)
	c := quota.NewConsumer(watched{s, committed}, b, quota.Options{CommitEvery: time.Millisecond})
	go func() { done <- c.Run(ctx) }()
	for n := 0; n < 2; {
		select {
		case n = <-committed:
		case <-time.After(time.Minute):
			t.Fatal("nothing was committed")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	b.audit(t, 2, "a")
}

type watched struct {
	*source
	committed chan<- int
}

func (w watched) Commit(ctx context.Context) error {
	err := w.source.Commit(ctx)
	w.committed <- w.source.committed
	return err
}

// Everything that can fail does, at random: deliveries repeat, parts of the topic are gone,
// the handler fails before and after its commit, the ledger fails, the consumer is
// stopped, another member of the group works on the same tenants. Each event has one
// effect, in order.
func TestExactlyOnceUnderFaults(t *testing.T) {
	const n, tenants, rounds = 200, 5, 30
	names := make([]string, tenants)
	for i := range names {
		names[i] = fmt.Sprint("tenant", i)
	}
	for round := range rounds {
		random := rand.New(rand.NewPCG(uint64(round), 1)) //nolint:gosec // chance, not secrets
		log := randomLog(random, names, n)
		b, l := newBook(), &ledger{n: n}
		flaky := func(in int) func() error {
			return func() error {
				if random.IntN(in) == 0 {
					return errDown
				}
				return nil
			}
		}
		b.before, b.after, l.fail = flaky(9), flaky(9), flaky(3)
		members := []*source{{log: log, fail: flaky(20)}, {log: log, fail: flaky(20)}}
		for alive := true; alive; {
			alive = false
			for _, s := range members {
				life, end := context.WithCancel(t.Context())
				steps := random.IntN(400)
				s.fail = func() error {
					if steps--; steps < 0 {
						end()
						return life.Err()
					}
					return flaky(20)()
				}
				err := quota.NewConsumer(s, b, quota.Options{
					Ledger: l, Backoff: time.Nanosecond, BackoffMax: time.Nanosecond, CommitEvery: time.Duration(1 + random.IntN(1000)),
				}).Run(life)
				end()
				if err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
				if s.committed < len(log) {
					alive = true
					s.restart()
				}
			}
		}
		b.audit(t, n, names...)
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
}

// randomLog has each tenant's events in order, with repetitions of what came before, and
// with holes, but for the last event.
func randomLog(random *rand.Rand, names []string, n int64) (log []*quota.Event) {
	next := make([]int64, len(names))
	for open := len(names); open > 0; {
		i := random.IntN(len(names))
		if next[i] == n {
			continue
		}
		switch {
		case random.IntN(15) == 0 && next[i] > 0: // a relay sends a part again
			for s := 1 + random.Int64N(next[i]); s <= next[i]; s++ {
				log = append(log, events(names[i], s)...)
			}
		case random.IntN(20) == 0: // a part is gone
			next[i] = min(n-1, next[i]+random.Int64N(30))
		default:
			next[i]++
			log = append(log, events(names[i], next[i])...)
			if next[i] == n {
				open--
			}
		}
	}
	return log
}
