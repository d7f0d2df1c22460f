package mesh

import (
	"errors"
	"net"
	"testing"

	"tollgate.dev/platform/clock"
)

// quiet is a link that nobody serves: what it says stays in it.
func quiet(t *testing.T) *link {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return &link{wire: newWire(near, near), of: &links{}, calls: make(map[uint32]*linkCall)}
}

// kinds are the frames that wait to be written.
func (w *wire) kinds() []kind {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []kind
	for at := 0; at < len(w.unwritten); at += frameHeader {
		out = append(out, kind(w.unwritten[at+4]))
	}
	return out
}

// A link that nobody uses is asked nothing; one that is used is asked once, and not while it is
// heard of.
func TestPulse(t *testing.T) {
	l := quiet(t)
	rounds := func(n int) {
		for range n {
			l.watch()
		}
	}
	rounds(2 * endedAfter)
	if asked := l.kinds(); len(asked) > 0 {
		t.Fatalf("an idle link was asked %v", asked)
	}
	c, number := l.begin()
	for range 2 * endedAfter {
		l.heard.Add(1)
		l.watch()
	}
	if asked := l.kinds(); len(asked) > 0 {
		t.Fatalf("a link that is heard of was asked %v", asked)
	}
	rounds(retiredAfter - 1)
	if asked := l.kinds(); len(asked) != 1 || asked[0] != kindPing {
		t.Errorf("a silent link was asked %v", asked)
	}
	l.heard.Add(1) // at the last moment
	rounds(1 + retiredAfter)
	if again, _ := l.begin(); again != nil {
		t.Error("a link that is silent takes a call")
	}
	select {
	case <-l.over:
		t.Error("it ended under a call that may be answered")
	default:
	}
	rounds(endedAfter - retiredAfter)
	select {
	case <-l.over:
	default:
		t.Fatal("it did not end")
	}
	if _, _, err := l.call(t.Context(), c, number, nil); !errors.Is(err, errSilent) {
		t.Errorf("its call ends with %v", err)
	}
}

// A call that came and went between two rounds was lost as well: the link is asked all the same,
// and ends once it takes no more calls.
func TestPulseOfShortCalls(t *testing.T) {
	l := quiet(t)
	_, number := l.begin()
	l.forget(number)
	for range retiredAfter {
		l.watch()
	}
	if asked := l.kinds(); len(asked) != 1 || asked[0] != kindPing {
		t.Errorf("it was asked %v", asked)
	}
	select {
	case <-l.over:
	default:
		t.Error("it did not end")
	}
}

// Others are preferred to an endpoint whose link is silent, though it answers probes, until the
// link takes no more calls: the next one opens another.
func TestASilentLinkIsAvoided(t *testing.T) {
	e := &endpoint{}
	l := quiet(t)
	l.of = &e.links
	e.links.current = l
	e.links.add(l)
	l.begin()
	for round := 1; round < endedAfter; round++ {
		e.links.watch()
		avoided := round >= avoidedAfter && round < retiredAfter
		if got := e.rank(clock.Real()) == unreachable; got != avoided {
			t.Errorf("after %d silent rounds it is avoided: %t", round, got)
		}
	}
	l.heard.Add(1)
	if e.links.watch(); e.rank(clock.Real()) != ready {
		t.Error("it is avoided though it was heard of")
	}
}
