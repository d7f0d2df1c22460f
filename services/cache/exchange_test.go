package cache

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/cache/threshold"
)

// shelf is [Evidence] of one replica, and meanwhile does something before it answers.
type shelf struct {
	states    sync.Map // Namespace → []byte
	meanwhile func(Namespace)
	lease     Lease
	away      error
}

func (s *shelf) Exchange(_ context.Context, ns Namespace, _ Lease, state []byte) (states [][]byte, err error) {
	if s.away != nil {
		return nil, s.away
	}
	if len(state) > 0 {
		s.states.Store(ns, state)
	}
	if v, ok := s.states.Load(ns); ok {
		states = append(states, v.([]byte)) //nolint:forcetypeassert // nothing else is kept
	}
	s.meanwhile(ns)
	return states, nil
}

func (s *shelf) Claim(_ context.Context, c Claim) (Lease, error) {
	return Lease{c.Name, s.lease.Token}, s.away
}

func (s *shelf) has(ns Namespace, want []byte) bool {
	v, ok := s.states.Load(ns)
	return ok && bytes.Equal(v.([]byte), want) //nolint:forcetypeassert // nothing else is kept
}

// learn with room for so many thresholds.
func learn(t *testing.T, kept *shelf, clk clock.Clock, room int) (*learners, *exchange) {
	t.Helper()
	how, err := Learning{Replica: "a", Namespaces: room, Evidence: kept}.complete()
	if err != nil {
		t.Fatal(err)
	}
	opts := Options{Clock: clk, Logger: slog.New(slog.DiscardHandler), Observer: noObserver{}}
	l := newLearners(how, opts)
	return l, newExchange(l, how, opts)
}

// seen is the state of who observed so many right answers, and was told of them by decisions of its own.
func seen(t *testing.T, l *learners, n int) (state []byte, d threshold.Decision) {
	t.Helper()
	one, err := threshold.New(l.policy, "a")
	if err != nil {
		t.Fatal(err)
	}
	d = one.Decide(0.9, 0, true)
	for range n {
		one.Observe(d, false)
	}
	return one.OwnState(), d
}

// What is told to a threshold while it is dropped counts: in the one that takes its place, or because
// it stays.
func TestNothingIsLostWhenAThresholdIsDropped(t *testing.T) {
	first, second := Namespace{Tenant: "1"}, Namespace{Tenant: "2"}
	kept := &shelf{meanwhile: func(Namespace) {}}
	l, x := learn(t, kept, clocktest.New(), 1)
	want, d := seen(t, l, 2)
	l.observe(first, d, false)
	x.shareAll(t.Context()) // reads
	l.of(second)
	once := sync.OnceFunc(func() { l.observe(first, d, false) })
	kept.meanwhile = func(ns Namespace) {
		if ns == first {
			once()
		}
	}
	x.drop(t.Context()) // keeps what the first knows, and is told more of it meanwhile
	for range 3 {
		x.shareAll(t.Context())
	}
	if !kept.has(first, want) {
		t.Error("what was told while it was dropped is lost")
	}
}

// A threshold that is forgotten stays closed, whoever would drop it then: it is held no longer, and what it
// were told would be lost.
func TestWhatIsForgottenStaysClosed(t *testing.T) {
	ns := Namespace{Tenant: "1"}
	l, x := learn(t, &shelf{meanwhile: func(Namespace) {}}, clocktest.New(), 1)
	_, d := seen(t, l, 1)
	x.shareAll(t.Context())
	at := l.of(ns)
	x.shareAll(t.Context()) // reads
	l.observe(ns, d, false) // so that it is ahead of what is kept
	l.forget()              // while the exchange goes through those that are too many
	l.drop(at)
	if heard := at.tell(func(*threshold.Learner) {}); heard != closed {
		t.Errorf("it was told something: %d", heard)
	}
}

func TestNothingIsLostWhileManyAreDropped(t *testing.T) {
	const tellers, times = 4, 100 // of a namespace, fewer than may wait
	all := []Namespace{{Tenant: "1"}, {Tenant: "2"}}
	kept := &shelf{meanwhile: func(Namespace) {}}
	l, x := learn(t, kept, clocktest.New(), 1)
	want, d := seen(t, l, tellers*times/len(all))
	var wg sync.WaitGroup
	for g := range tellers {
		wg.Go(func() {
			for i := range times {
				l.observe(all[(g+i)%len(all)], d, false)
			}
		})
	}
	told := make(chan struct{})
	go func() { wg.Wait(); close(told) }()
	for done := false; !done; {
		select {
		case <-told:
			done = true
		default:
		}
		x.shareAll(t.Context())
		x.drop(t.Context())
	}
	for range 3 {
		x.shareAll(t.Context())
	}
	for _, ns := range all {
		if !kept.has(ns, want) {
			t.Errorf("something that was told of %v is lost", ns)
		}
	}
}

// A round that takes longer than a lease renews it on the way, and what is asked for the first time needn't wait
// for its end.
func TestALongRoundOutlivesNoLease(t *testing.T) {
	clk, late := clocktest.New(), Namespace{Tenant: "late"}
	kept := &shelf{meanwhile: func(Namespace) {}}
	const namespaces = 10 * atOnce
	l, x := learn(t, kept, clk, namespaces)
	decides := func(ns Namespace) bool {
		return l.decide(ns, &answered{}, 0.9, 0).Verdict == threshold.Compare
	}
	_, d := seen(t, l, 1)
	all := make([]Namespace, namespaces)
	for i := range all {
		all[i] = Namespace{Tenant: "early", Model: strconv.Itoa(i)}
		decides(all[i])
	}
	x.shareAll(t.Context())
	for len(l.fresh) > 0 {
		<-l.fresh
	}
	passed, exchanged, waited := 0, 0, 0
	var mu sync.Mutex
	kept.meanwhile = func(Namespace) {
		mu.Lock()
		defer mu.Unlock()
		clk.Advance(DefaultLease / 4 / atOnce)
		for _, ns := range all {
			if !decides(ns) {
				passed++
			}
		}
		if exchanged++; exchanged > atOnce && !decides(late) {
			waited++
		}
	}
	for _, ns := range all {
		l.observe(ns, d, false)
	}
	if x.shareAll(t.Context()); exchanged < len(all) {
		t.Fatalf("the round has %d exchanges", exchanged)
	}
	if passed > 0 {
		t.Errorf("%d decisions were let pass while a round went on", passed)
	}
	if waited > 2*atOnce {
		t.Errorf("who asks first was let pass in %d exchanges of %d", waited, exchanged)
	}
}

// What was learned here is exchanged in the next round; of what is in use and did not change it is read now and
// then what others know, and of what nobody uses nothing is.
func TestWhatIsExchangedInARound(t *testing.T) {
	changes, used, unused := Namespace{Tenant: "changes"}, Namespace{Tenant: "used"}, Namespace{Tenant: "unused"}
	var mu sync.Mutex
	exchanges := map[Namespace]int{}
	l, x := learn(t, &shelf{meanwhile: func(ns Namespace) {
		mu.Lock()
		defer mu.Unlock()
		exchanges[ns]++
	}}, clocktest.New(), 10)
	_, d := seen(t, l, 1)
	for _, ns := range []Namespace{changes, used, unused} {
		l.of(ns)
	}
	x.shareAll(t.Context()) // reads
	clear(exchanges)
	for range 4 * refreshRounds {
		l.observe(changes, d, false)
		l.of(used)
		x.shareAll(t.Context())
	}
	want := map[Namespace]int{changes: 4 * refreshRounds, used: 4}
	if !maps.Equal(exchanges, want) {
		t.Errorf("exchanges %v, want %v", exchanges, want)
	}
	l.of(unused) // is in use again
	if x.shareAll(t.Context()); exchanges[unused] != 1 {
		t.Errorf("what is in use again was exchanged %d times", exchanges[unused])
	}
}

// Many are exchanged at the same time, and not too many.
func TestManyAreExchangedAtOnce(t *testing.T) {
	var mu sync.Mutex
	var under, most, all int
	full := make(chan struct{})
	kept := &shelf{meanwhile: func(Namespace) {
		mu.Lock()
		under++
		most = max(most, under)
		if all++; all == atOnce {
			close(full)
		}
		mu.Unlock()
		select { // until as many are under way as are at once
		case <-full:
		case <-t.Context().Done():
		}
		mu.Lock()
		under--
		mu.Unlock()
	}}
	l, x := learn(t, kept, clocktest.New(), 100)
	for i := range 3 * atOnce {
		l.of(Namespace{Tenant: strconv.Itoa(i)})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		x.shareAll(ctx)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		t.Fatal("one waits for the other")
	}
	if most != atOnce {
		t.Errorf("%d at once, want %d", most, atOnce)
	}
	for i := range 3 * atOnce {
		if !l.of(Namespace{Tenant: strconv.Itoa(i)}).known.Load() {
			t.Errorf("%d was not read", i)
		}
	}
}

// Under a name nothing is decided after its lease is over, before others may take it. Who has it again
// goes on; who finds that another had it meanwhile knows what that one kept, and nothing else.
func TestNothingIsDecidedWithoutALease(t *testing.T) {
	clk, ns := clocktest.New(), Namespace{Tenant: "1"}
	kept := &shelf{meanwhile: func(Namespace) {}}
	l, x := learn(t, kept, clk, 1)
	decides := func() bool {
		return l.decide(ns, &answered{}, 0.9, 0).Verdict == threshold.Compare
	}
	one, d := seen(t, l, 1)
	if x.shareAll(t.Context()); decides() {
		t.Fatal("something is decided that was not read")
	}
	x.shareAll(t.Context())
	l.observe(ns, d, false)
	if x.shareAll(t.Context()); !decides() || !kept.has(ns, one) {
		t.Fatal("nothing is decided under a lease")
	}
	kept.away = errors.New("away")
	clk.Advance(DefaultLease * 8 / 10)
	if x.shareAll(t.Context()); !decides() {
		t.Error("nothing is decided while the lease holds")
	}
	l.observe(ns, d, false)
	clk.Advance(DefaultLease / 10)
	if x.shareAll(t.Context()); decides() {
		t.Error("something is decided as the lease ends")
	}
	kept.away = nil
	two, _ := seen(t, l, 2)
	if x.shareAll(t.Context()); !decides() || !kept.has(ns, two) {
		t.Error("it does not go on with the name that it has again")
	}
	for name, lose := range map[string]func(){
		"another token": func() { clk.Advance(DefaultLease); kept.lease.Token++ },
		"taken":         func() { clk.Advance(DefaultLease); kept.away = ErrTaken },
		"lost":          func() { kept.away = ErrLost },
	} {
		t.Run(name, func(t *testing.T) {
			l.observe(ns, d, false)
			lose()
			if x.shareAll(t.Context()); decides() {
				t.Error("something is decided under a name that another has")
			}
			kept.away = nil
			if x.shareAll(t.Context()); !decides() {
				t.Error("nothing is decided with the next lease")
			}
			if x.shareAll(t.Context()); !kept.has(ns, two) {
				t.Error("what the one before learned last is kept by the next")
			}
		})
	}
}

// A log tells since when a namespace is served by what was learned, and since when it is not: once each.
func TestPhasesAreLogged(t *testing.T) {
	ns := Namespace{Tenant: "acme", Provider: "openai", Model: "gpt-4o"}
	l, x := learn(t, &shelf{meanwhile: func(Namespace) {}}, clocktest.New(), 2)
	var log bytes.Buffer
	x.log = slog.New(slog.NewTextHandler(&log, nil))
	l.of(Namespace{Tenant: "other"}) // learns all the time
	l.of(ns)
	told := func(want string) {
		t.Helper()
		for range 2 {
			x.round(t.Context())
		}
		if got := log.String(); want == "" && got != "" || !strings.HasSuffix(strings.TrimSpace(got), want) || strings.Count(got, "\n") > 1 {
			t.Errorf("the log is %q, want one line that ends in %q", got, want)
		}
		log.Reset()
	}
	compare := func(wrong bool, phase threshold.Phase) {
		t.Helper()
		for n := 0; l.of(ns).learner.Phase() != phase; n++ {
			if n == 10_000 {
				t.Fatalf("it is still %v", l.of(ns).learner.Phase())
			}
			l.observe(ns, l.decide(ns, &answered{}, 0.9, 0), wrong)
		}
	}
	const named = "tenant_id=acme provider=openai model=gpt-4o "
	told("")
	compare(false, threshold.Serving)
	told(named + "phase=serving before=learning")
	compare(true, threshold.Resting)
	told(named + "phase=resting before=serving")
}
