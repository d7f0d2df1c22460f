package reading

import (
	"strings"

	"tollgate.dev/services/cache/lexicon"
)

// Opposites reports whether two words are antonyms, by the lexicon or by their form: hot and cold,
// fair and unfair, careful and careless.
func Opposites(x, y *Word) bool {
	if x.Entry == 0 || y.Entry == 0 {
		return false
	}
	return lexicon.Opposites(x.Entry, y.Entry) || lexicon.Opposites(y.Entry, x.Entry) || turned(x.Lemma, y.Lemma) || turned(y.Lemma, x.Lemma)
}

// turned reports whether a is b with a prefix or an ending that turns it around.
func turned(a, b string) bool {
	if len(b) < 4 {
		return false
	}
	if rest, ok := strings.CutSuffix(a, b); ok {
		switch rest {
		case "un", "in", "im", "il", "ir", "dis", "non", "non-", "anti", "anti-", "de", "mis":
			return true
		}
	}
	for _, ends := range [...][2]string{{"less", "ful"}} {
		if x, ok := strings.CutSuffix(a, ends[0]); ok {
			if y, ok := strings.CutSuffix(b, ends[1]); ok && x == y {
				return true
			}
		}
	}
	return false
}
