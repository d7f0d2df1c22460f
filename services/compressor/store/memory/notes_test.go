package memory_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/store/memory"
	"tollgate.dev/services/compressor/storetest"
)

func TestNotes(t *testing.T) {
	storetest.RunNotes(t, func(*testing.T) storetest.NotesRig {
		c := clocktest.New()
		return storetest.NotesRig{Notes: memory.NewNotes(memory.Options{Clock: c}), Pass: c.Advance}
	})
}

// Where there is no room, the oldest notes of the tenant that has the most go, whatever their
// lives, and also where they are written anew again and again.
func TestNotesAreBounded(t *testing.T) {
	n := memory.NewNotes(memory.Options{MaxBytes: 100 << 10, Clock: clocktest.New()})
	note := func(i int) []compressor.Note {
		return []compressor.Note{{Name: fmt.Sprint(i), Text: strings.Repeat("x", 1000), Life: time.Duration(1+i%2) * time.Hour}}
	}
	write := func(tenant string, i int) {
		if err := n.Write(t.Context(), tenant, note(i)); err != nil {
			t.Fatal(err)
		}
	}
	held := func(tenant string, of int) (n2 int) {
		for i := range of {
			texts, err := n.Read(t.Context(), tenant, note(i))
			if err != nil {
				t.Fatal(err)
			}
			n2 += len(texts[0]) / 1000
		}
		return n2
	}
	for i := range 10 {
		write("small", i)
	}
	for i := range 1000 {
		write("large", i%500)
	}
	if small, large := held("small", 10), held("large", 500); small != 10 || large < 20 || large > 90 {
		t.Errorf("%d and %d are there", small, large)
	}
}
