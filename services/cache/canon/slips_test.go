package canon_test

import (
	"testing"

	"tollgate.dev/services/cache/canon"
)

// served fails the test where two prompts are the same and should not be, or the other way round.
func served(t *testing.T, a, b string, want bool) {
	t.Helper()
	if how, ok := canon.Same(of(a), of(b)); ok != want {
		t.Errorf("%s | %s: %v %v, want %t: %s | %s", a, b, ok, how, want, of(a), of(b))
	}
}

// A name that is spelled nearly as a word is none mistyped.
func TestNamesAreNoSlips(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"how do I sort a list in ruvy", "how do I sort a list in ruby", false},        // short
		{"is a magnet like a mognet", "is a mognet like a magnet", false},              // a letter for another in six
		{"how do I make a scketch", "how do I make a sketch", false},                   // neither turned nor doubled
		{"how do I use seaborn for charts", "how do I use seaborne for charts", false}, // the last letter
		{"how do I open a sketcch", "how do I open a sketch", true},                    // doubled
		{"how do I cross a brdige", "how do I cross a bridge", true},                   // turned
		{"how do I grow a garder", "how do I grow a garden", false},                    // the last letter
		{"does succes make people happy", "does success make people happy", true},      // one of two at the end
		{"what is blanke", "what is blanket", false},                                   // alone
		{"how do I use chocolte", "how do I use chocolate", true},                      // alone, and long
		{"how do I store a blanekt", "how do I store a blanket", true},                 // with an article
		{"how do I use blanekt", "how do I use blanket", false},                        // alone
		{"how do I use a blanekt", "how do I use a blanket", true},                     // with an article
		{"what is a loop in scrpit", "what is a loop in script", false},                // alone behind a preposition
		{"is toluene in benzine", "is toluene in benzane", false},                      // a substance
		{"is chlorine dangerous", "is chlorane dangerous", false},                      // the ending
		{"where is sulphate found", "where is sulphote found", false},                  // a vowel
		{"is the mahcine safe", "is the machine safe", true},                           // the stem
		{"how do I build a mashine", "how do I build a machine", false},                // no key beside it
		{"is it a accurite plan", "is it a accurate plan", true},                       // no noun
		{"do I need to sepirate the eggs", "do I need to separate the eggs", true},     // no noun
		{"how do I file a complainnt", "how do I file a complaint", true},              // doubled
		{"how do I apply for a mortgaeg in Rome", "how do I apply for a mortgage in Rome", true},
	} {
		served(t, c.a, c.b, c.want)
	}
}

// What may be a name by where it stands is reserved, and what is mistyped within isn't.
func TestReserved(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"how do I draw in canva", "how do I draw in canvas", true},
		{"how do I draw in canvas", "how do I draw in canva", true},
		{"how do I draw on a tabblet", "how do I draw on a tablet", false},
		{"how do I draw in canvas", "how do I draw in canvas", false},
		{"how do I draw in canva", "how do I paint in canvas", false},
	} {
		if got := canon.Reserved(of(c.a), of(c.b)); got != c.want {
			t.Errorf("%s | %s: %t", c.a, c.b, got)
		}
	}
}
