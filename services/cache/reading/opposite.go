package reading

import (
	"strings"

	"tollgate.dev/services/cache/lexicon"
)

// Opposites reports whether two words are antonyms, by the lexicon or by their form: hot and cold,
// fair and unfair, careful and careless, payer and payee.
func Opposites(x, y *Word) bool {
	if x.Entry == 0 || y.Entry == 0 {
		return sides(x.Lemma, y.Lemma) || sides(y.Lemma, x.Lemma)
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
	if x, ok := strings.CutSuffix(a, "less"); ok {
		if y, ok := strings.CutSuffix(b, "ful"); ok {
			return x == y
		}
	}
	return sides(a, b)
}

// sides reports whether a is the one to whom is done what b does: licensee and licensor.
func sides(a, b string) bool {
	x, ok := strings.CutSuffix(a, "ee")
	return ok && len(x) > 2 && (b == x+"er" || b == x+"or" || b == x+"r")
}
