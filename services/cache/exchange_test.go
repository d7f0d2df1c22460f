package cache

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/cache/threshold"
)

// shelf is [Evidence] of one replica, and meanwhile does something before it answers.
type shelf struct {
	states    sync.Map // Namespace → []byte
	meanwhile func(Namespace)
}

func (s *shelf) Exchange(_ context.Context, ns Namespace, _ string, state []byte) (states [][]byte, err error) {
	if len(state) > 0 {
		s.states.Store(ns, state)
	}
	if v, ok := s.states.Load(ns); ok {
		states = append(states, v.([]byte)) //nolint:errcheck,forcetypeassert // nothing else is kept
	}
	s.meanwhile(ns)
	return states, nil
}

func (s *shelf) has(ns Namespace, want []byte) bool {
	v, ok := s.states.Load(ns)
	return ok && bytes.Equal(v.([]byte), want) //nolint:errcheck,forcetypeassert // nothing else is kept
}

// learn with room for one threshold alone.
func learn(t *testing.T, kept *shelf) (*learners, *exchange) {
	t.Helper()
	how, err := Learning{Replica: "a", Namespaces: 1, Evidence: kept}.complete()
	if err != nil {
		t.Fatal(err)
	}
	opts := Options{Clock: clocktest.New(), Logger: slog.New(slog.DiscardHandler), Observer: noObserver{}}
	l := newLearners(how, opts.Observer)
	return l, newExchange(l, how, opts)
}

// seen is the state of who observed so many right answers, and was told of them by decisions of its own.
func seen(t *testing.T, l *learners, n int) (state []byte, d threshold.Decision) {
	t.Helper()
	one, err := threshold.New(l.policy, l.replica)
	if err != nil {
		t.Fatal(err)
	}
	d = one.Decide(0.9, 0)
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
	l, x := learn(t, kept)
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

func TestNothingIsLostWhileManyAreDropped(t *testing.T) {
	const tellers, times = 4, 100 // of a namespace, fewer than may wait
	all := []Namespace{{Tenant: "1"}, {Tenant: "2"}}
	kept := &shelf{meanwhile: func(Namespace) {}}
	l, x := learn(t, kept)
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
