package compressor

import (
	"slices"
	"strings"
	"testing"
)

// turnsOf is a course of so many turns.
func turnsOf(n int, fates ...fate) *course {
	c := &course{fates: make([]fate, n), keys: make([]string, n)}
	for i := range n {
		c.fates[i], c.keys[i] = shortened, "0.5-aabbccdd"
		if i < len(fates) {
			c.fates[i] = fates[i]
		}
	}
	return c
}

// A note on turns is taken as it was written, or not at all: an unknown letter in it is of another
// version, and may say that what looks like a turn to shorten went out as it came.
func TestNotesOnTurnsAreTakenWholeOrNotAtAll(t *testing.T) {
	from := turnsOf(4, left, original, left, shortened)
	from.keys[1] = "0.3-aabbccdd"
	text := from.text(false)
	to := turnsOf(4)
	if !to.take(text, 4) || to.known != 4 || !slices.Equal(to.fates, from.fates) || !slices.Equal(to.keys, from.keys) {
		t.Errorf("%q became %+v", text, to)
	}
	for name, text := range map[string]string{
		"of no version":          text[1:],
		"of another version":     string(text[0]+1) + text[1:],
		"with an unknown letter": strings.Replace(text, string(original), "x", 1),
		"of another length":      strings.Replace(text, string(original), "", 1),
		"with an unknown number": text[:len(text)-1] + "9",
		"without profiles":       "",
		"with too few numbers":   text[:len(text)-1],
	} {
		to := turnsOf(4)
		if want := turnsOf(4); to.take(text, 4) || to.known != 0 || !slices.Equal(to.fates, want.fates) || !slices.Equal(to.keys, want.keys) {
			t.Errorf("a note %s, %q, became %+v", name, text, to)
		}
	}
}

// Nor is a note written that is longer than notes may be.
func TestNotesOnTurnsAreNotTooLong(t *testing.T) {
	head := len(turnsOf(1).text(false)) - 1 // before the letters
	if got := turnsOf(MaxNoteBytes - head).text(false); len(got) != MaxNoteBytes {
		t.Errorf("the longest note has %d bytes", len(got))
	}
	if got := turnsOf(MaxNoteBytes - head + 1).text(false); got != "" {
		t.Errorf("a note has %d bytes", len(got))
	}
}
