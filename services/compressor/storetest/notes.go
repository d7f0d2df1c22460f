package storetest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate.dev/services/compressor"
)

// NotesRig are notes to test and their time.
type NotesRig struct {
	// Notes are none yet, and have room for some megabytes.
	Notes compressor.Notes
	// Pass lets time pass, where the clock is a test's; nil where it passes by itself.
	Pass func(time.Duration)
}

// RunNotes holds notes to [compressor.Notes]' contract.
func RunNotes(t *testing.T, open func(t *testing.T) NotesRig) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, *notes){
		"RoundTrip":   testNotesRoundTrip,
		"Isolation":   testNotesIsolation,
		"Life":        testNotesLife,
		"Concurrency": testNotesConcurrency,
	} {
		t.Run(name, func(t *testing.T) { test(t, &notes{open(t)}) })
	}
}

type notes struct{ NotesRig }

func (n *notes) write(t *testing.T, tenant string, notes ...compressor.Note) {
	t.Helper()
	if err := n.Notes.Write(t.Context(), tenant, notes); err != nil {
		t.Fatal(err)
	}
}

// texts are what a tenant reads under names.
func (n *notes) texts(t *testing.T, tenant string, life time.Duration, names ...string) []string {
	t.Helper()
	asked := make([]compressor.Note, len(names))
	for i, name := range names {
		asked[i] = compressor.Note{Name: name, Life: life}
	}
	texts, err := n.Notes.Read(t.Context(), tenant, asked)
	if err != nil || len(texts) != len(names) {
		t.Fatalf("%d texts of %d names, %v", len(texts), len(names), err)
	}
	return texts
}

func (n *notes) want(t *testing.T, tenant, name, text string) {
	t.Helper()
	if got := n.texts(t, tenant, time.Hour, name)[0]; got != text {
		t.Errorf("%q of %q is %d bytes, want %d", name, tenant, len(got), len(text))
	}
}

func testNotesRoundTrip(t *testing.T, n *notes) {
	t.Helper()
	largest := strings.Repeat("\x00\xff", compressor.MaxNoteBytes/2)
	n.write(t, "t", compressor.Note{Name: "a", Text: "1", Life: time.Hour}, compressor.Note{Name: "b", Text: largest, Life: time.Hour})
	n.write(t, "t", compressor.Note{Name: "a", Text: "2", Life: time.Minute})
	n.write(t, "t")
	if got := n.texts(t, "t", time.Hour, "b", "none", "a"); got[0] != largest || got[1] != "" || got[2] != "2" {
		t.Errorf("%d bytes, %q, %q", len(got[0]), got[1], got[2])
	}
	if got := n.texts(t, "t", time.Hour); len(got) != 0 {
		t.Errorf("nothing asked for: %q", got)
	}
}

func testNotesIsolation(t *testing.T, n *notes) {
	t.Helper()
	for i, tenant := range hostile() {
		for j, name := range hostile() {
			n.want(t, tenant, name, "")
			n.write(t, tenant, compressor.Note{Name: name, Text: fmt.Sprintf("%d of %d", j, i), Life: time.Hour})
		}
	}
	for i, tenant := range hostile() {
		for j, name := range hostile() {
			n.want(t, tenant, name, fmt.Sprintf("%d of %d", j, i))
		}
	}
	n.want(t, "another", "a", "")
}

// What is read or written again lives on.
func testNotesLife(t *testing.T, n *notes) {
	t.Helper()
	const life = 100 * time.Millisecond
	for _, name := range []string{"short", "read", "written"} {
		n.write(t, "t", compressor.Note{Name: name, Text: name, Life: life})
	}
	n.texts(t, "t", time.Hour, "read")
	n.write(t, "t", compressor.Note{Name: "written", Text: "again", Life: time.Hour})
	if n.Pass != nil {
		n.Pass(life)
	}
	tick := time.NewTicker(life / 4)
	defer tick.Stop()
	// To look is to let it live on: for no longer than until the next look.
	for deadline := time.Now().Add(patience); n.texts(t, "t", time.Millisecond, "short")[0] != ""; <-tick.C { //nolint:forbidigo // a test's patience is the system's
		if !time.Now().Before(deadline) { //nolint:forbidigo // as above
			t.Fatal("it is still there")
		}
	}
	n.want(t, "t", "read", "read")
	n.want(t, "t", "written", "again")
}

func testNotesConcurrency(t *testing.T, n *notes) {
	t.Helper()
	const workers, rounds = 8, 50
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			tenant := fmt.Sprint("t", w%3)
			for i := range rounds {
				own := compressor.Note{Name: fmt.Sprint("own ", w, " ", i), Text: fmt.Sprint(w), Life: time.Hour}
				shared := compressor.Note{Name: "shared", Text: tenant, Life: time.Hour}
				if err := n.Notes.Write(t.Context(), tenant, []compressor.Note{own, shared}); err != nil {
					t.Error(err)
				}
				if got, err := n.Notes.Read(t.Context(), tenant, []compressor.Note{shared, own}); err != nil || got[0] != tenant || got[1] != own.Text {
					t.Error(got, err)
				}
			}
		})
	}
	wg.Wait()
}
