package cache

import (
	"encoding/binary"
	"hash/maphash"
	"testing"
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
