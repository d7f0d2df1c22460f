// Package storetest is what every compressor.Store must do, as tests.
package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/prompt"
)

// Rig is a store to test and its time.
type Rig struct {
	// Store is empty, and has room for some tens of megabytes.
	Store compressor.Store
	// Clock is what the store tells lives by.
	Clock clock.Clock
	// Pass lets time pass, where the clock is a test's; nil where it passes by itself.
	Pass func(time.Duration)
}

// Run holds a store to [compressor.Store]'s contract.
func Run(t *testing.T, open func(t *testing.T) Rig) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, *fixture){
		"RoundTrip":   testRoundTrip,
		"Isolation":   testIsolation,
		"Expiry":      testExpiry,
		"Extend":      testExtend,
		"TooLarge":    testTooLarge,
		"Concurrency": testConcurrency,
	} {
		t.Run(name, func(t *testing.T) { test(t, &fixture{open(t)}) })
	}
}

// Part is what was left out, under its own name.
func Part(text string) prompt.Omission {
	return prompt.Omission{Name: prompt.NameOf(text), Text: text}
}

type fixture struct{ Rig }

func (f *fixture) put(t *testing.T, tenant string, life time.Duration, parts ...prompt.Omission) {
	t.Helper()
	kept, err := f.Store.Put(t.Context(), tenant, parts, f.Clock.Now().Add(life))
	if err != nil || kept != len(parts) {
		t.Fatalf("put: %d of %d, %v", kept, len(parts), err)
	}
}

// has tells what a tenant finds under a name.
func (f *fixture) has(t *testing.T, tenant, name string) (string, bool) {
	t.Helper()
	text, ok, err := f.Store.Get(t.Context(), tenant, name)
	if err != nil || !ok && text != "" {
		t.Fatalf("get: %d bytes, %t, %v", len(text), ok, err)
	}
	return text, ok
}

func (f *fixture) want(t *testing.T, tenant string, parts ...prompt.Omission) {
	t.Helper()
	for _, p := range parts {
		if text, ok := f.has(t, tenant, p.Name); !ok || text != p.Text {
			t.Errorf("%q has %t of %q, %d bytes; want %d", tenant, ok, p.Name, len(text), len(p.Text))
		}
	}
}

func (f *fixture) wantNone(t *testing.T, tenant string, parts ...prompt.Omission) {
	t.Helper()
	for _, p := range parts {
		if _, ok := f.has(t, tenant, p.Name); ok {
			t.Errorf("%q has %q", tenant, p.Name)
		}
	}
}

func (f *fixture) pass(d time.Duration) {
	if f.Pass != nil {
		f.Pass(d)
	}
}

// patience is how long an end is waited for where time passes by itself.
const patience = 30 * time.Second

// awaitEnd waits until a tenant has a part no more.
func (f *fixture) awaitEnd(t *testing.T, tenant string, p prompt.Omission) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C { //nolint:forbidigo // a test's patience is the system's
		if _, ok := f.has(t, tenant, p.Name); !ok {
			return
		}
		if !time.Now().Before(deadline) { //nolint:forbidigo // as above
			t.Fatalf("%q still has %q", tenant, p.Name)
		}
	}
}

func testRoundTrip(t *testing.T, f *fixture) {
	t.Helper()
	parts := []prompt.Omission{
		Part("a word"), Part(""), Part("\x00 zero"), Part("two\nlines {\"and\": \"JSON\"}"), Part("ünïcode 漢字 🙂"),
		Part(strings.Repeat("long ", 200_000)),
	}
	f.wantNone(t, "t", parts...)
	f.put(t, "t", time.Hour, parts...)
	f.want(t, "t", parts...)
	f.put(t, "t", time.Hour, parts...) // again, as in the next turn
	f.want(t, "t", parts...)
	if kept, err := f.Store.Put(t.Context(), "t", nil, f.Clock.Now().Add(time.Hour)); kept != 0 || err != nil {
		t.Errorf("nothing: %d, %v", kept, err)
	}
}

// hostile are names that run into each other when joined, and that mean something to a
// store.
func hostile() []string {
	return []string{
		"a", "b", "a:b", "b:a", ":", "a:", ":a", "*", "?", "a*", "[a]", "a\\", "{a}", "}", "{", "}:a", "{a}:b", "%3A", "%", "a%3Ab",
		"\x00", "é", "\xff", " ", "+", "a b", "a+b", "\r\n", "..", "/", strings.Repeat("x", 1024), "",
	}
}

// Whatever tenants and names are called, no two of them meet.
func testIsolation(t *testing.T, f *fixture) {
	t.Helper()
	for i, tenant := range hostile() {
		for j, name := range hostile() {
			own := prompt.Omission{Name: name, Text: fmt.Sprintf("%d of %d", j, i)}
			f.wantNone(t, tenant, own)
			f.put(t, tenant, time.Hour, own)
		}
	}
	for i, tenant := range hostile() {
		for j, name := range hostile() {
			f.want(t, tenant, prompt.Omission{Name: name, Text: fmt.Sprintf("%d of %d", j, i)})
		}
	}
	f.wantNone(t, "another", Part("a"), prompt.Omission{Name: "a"})
}

func testExpiry(t *testing.T, f *fixture) {
	t.Helper()
	short, long := Part("short"), Part("long")
	f.put(t, "t", 50*time.Millisecond, short)
	f.put(t, "t", time.Hour, long)
	f.pass(50 * time.Millisecond)
	f.awaitEnd(t, "t", short)
	f.want(t, "t", long)
	for _, life := range []time.Duration{0, -time.Hour} {
		if kept, err := f.Store.Put(t.Context(), "t", []prompt.Omission{short}, f.Clock.Now().Add(life)); kept != 0 || err != nil {
			t.Errorf("a life of %v: %d, %v", life, kept, err)
		}
		f.wantNone(t, "t", short)
	}
}

// What is left out again lives on, whether or not it is alone.
func testExtend(t *testing.T, f *fixture) {
	t.Helper()
	again, once, fresh := Part("again"), Part("once"), Part("fresh")
	const life = 100 * time.Millisecond
	f.put(t, "t", life, again)
	f.put(t, "t", time.Hour, fresh, again)
	f.put(t, "t", life, once)
	f.pass(life)
	f.awaitEnd(t, "t", once) // which was put after the other
	f.want(t, "t", again, fresh)
}

func testTooLarge(t *testing.T, f *fixture) {
	t.Helper()
	largest := Part(strings.Repeat("x", compressor.MaxPartBytes))
	larger := Part(largest.Text + "x")
	kept, err := f.Store.Put(t.Context(), "t", []prompt.Omission{larger, largest}, f.Clock.Now().Add(time.Hour))
	if kept != 1 || err != nil {
		t.Errorf("%d kept, %v", kept, err)
	}
	f.want(t, "t", largest)
	f.wantNone(t, "t", larger)
	if kept, err := f.Store.Put(t.Context(), "t", []prompt.Omission{larger}, f.Clock.Now().Add(time.Hour)); kept != 0 || err != nil {
		t.Errorf("alone: %d kept, %v", kept, err)
	}
}

var errWrong = errors.New("another text")

func testConcurrency(t *testing.T, f *fixture) {
	t.Helper()
	const workers, rounds = 8, 50
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			tenant := fmt.Sprint("t", w%3)
			for i := range rounds {
				shared, own := Part(fmt.Sprint("shared ", i%7)), Part(fmt.Sprint("own ", w, " ", i))
				if kept, err := f.Store.Put(t.Context(), tenant, []prompt.Omission{shared, own}, f.Clock.Now().Add(time.Hour)); err != nil || kept != 2 {
					t.Error(kept, err)
				}
				for _, p := range []prompt.Omission{shared, own} {
					if text, ok, err := f.Store.Get(t.Context(), tenant, p.Name); err != nil || !ok || text != p.Text {
						t.Error(text, ok, errors.Join(err, errWrong))
					}
				}
			}
		})
	}
	wg.Wait()
	for w := range workers {
		for i := range rounds {
			own := Part(fmt.Sprint("own ", w, " ", i))
			f.want(t, fmt.Sprint("t", w%3), own)
			f.wantNone(t, fmt.Sprint("t", (w+1)%3), own)
		}
	}
}
