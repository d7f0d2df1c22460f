package cache

import (
	"context"
	"encoding/binary"
	"hash/maphash"
	"log/slog"
	"testing"
	"time"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/cache/embed"
)

// Of what goes beyond the index it is remembered which entries were met: not for ever, and of another answer to
// the same request nothing.
func TestWhatWasMetIsRememberedBeyond(t *testing.T) {
	m := metBeyond{seed: maphash.MakeSeed()}
	ns := Namespace{Tenant: "t", Model: "m"}
	of := func(i int) (f Fingerprint) {
		binary.BigEndian.PutUint64(f[:], uint64(i))
		return f
	}
	m.add(ns, of(0), 5)
	if !m.has(ns, of(0), 5) || m.has(ns, of(0), 6) || m.has(Namespace{Tenant: "t"}, of(0), 5) || m.has(ns, of(1), 5) {
		t.Error("it does not tell entries apart")
	}
	for i := range 3 * mostMet {
		m.add(ns, of(i), 5)
		if n := len(m.newer) + len(m.last); n > 2*mostMet {
			t.Fatalf("%d are remembered", n)
		}
	}
	if m.has(ns, of(0), 5) || !m.has(ns, of(3*mostMet-1), 5) || !m.has(ns, of(2*mostMet), 5) {
		t.Error("the last ones are not those that are remembered")
	}
}

// found is what holds one question.
type found struct{ kept *Kept }

func (*found) Keep(context.Context, []Key) error { return nil }

func (f *found) Near(context.Context, Scope, []int8, int, float64) ([]*Kept, error) {
	k := *f.kept
	return []*Kept{&k}, nil
}

// version is an embedder that is never asked.
type version struct{ embed.Embedder }

func (version) Version() string { return "v" }

// An entry that was met before it left the index is not met for the first time when it comes back.
func TestWhatWasMetComesBackAsMet(t *testing.T) {
	clk := clocktest.New()
	kept := &Kept{
		Key: Key{Namespace: Namespace{Tenant: "t"}}, Question: Question{Text: "What is a lute?"},
		Vector: []int8{1, 2}, Embedder: "v", Expires: clk.Now().Add(time.Hour).Truncate(time.Millisecond),
	}
	for name, met := range map[string]bool{"met": true, "not met": false} {
		t.Run(name, func(t *testing.T) {
			b := newBeyond(Options{Vectors: &found{kept}, Embedder: version{}, Clock: clk, Timeout: -1, Logger: slog.New(slog.DiscardHandler)})
			q := newQuestions(DefaultIndexBytes, clk, b.evicted)
			if err := q.add(kept, read(kept.Question.Text, false), "v"); err != nil {
				t.Fatal(err)
			}
			went := q.of(&kept.Key)[0]
			if met && !went.meet() {
				t.Fatal("a new one was met before")
			}
			b.evicted(went)
			q.purge(kept.Key.Selector(), "v")
			if !b.recall(t.Context(), q, &Request{Key: kept.Key, Question: &kept.Question}, kept.Vector, 0.5) {
				t.Fatal("it does not come back")
			}
			if back := q.of(&kept.Key); len(back) != 1 || back[0].meet() == met {
				t.Errorf("%d came back, as one that is met for the first time: %t", len(back), !met)
			}
		})
	}
}
