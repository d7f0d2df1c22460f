package canon

import (
	"strings"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// Here is what tells a slip of the keyboard from another word.

// mistyped reports whether one of two words is the other, mistyped: it must be unknown and the
// other known, and no other known word may be as near. Of a rare word an unknown neighbour is rather
// another term, as hexene is of hexane, so that it counts only where hardly two terms differ. Of two
// unknown ones see [turned].
func mistyped(x, y *piece) bool {
	switch {
	case x.slip == word && y.slip == broken:
		x, y = y, x
	case x.slip >= broken && y.slip >= broken:
		return turned(x.typed, y.typed)
	}
	if x.slip != broken || y.slip != word {
		return false
	}
	a, b := x.typed, y.typed // the unknown one is a
	if x.alone && len(b) < unmistaken || !plainly(a, b) || coined(a, b) || chemical(a, b, y.entry) {
		return false
	}
	if !y.entry.Is(lexicon.Common) {
		return turned(a, b) || doubled(a, b)
	}
	if reading.Slip(a, b) {
		return true
	}
	return len(a) == len(b) && missed(a, b) && !rivals(a, b)
}

// Reserved reports whether two forms differ in one word, of which the one is unknown and may be a name or a term of
// its own, because nothing but its end, or what names of products leave out, tells it from the other: canva and canvas.
func Reserved(a, b *Form) bool {
	if len(a.pieces) != len(b.pieces) {
		return false
	}
	at := -1
	for i := range a.pieces {
		if a.piece(i) != b.piece(i) {
			if at >= 0 {
				return false
			}
			at = i
		}
	}
	if at < 0 {
		return false
	}
	x, y := &a.pieces[at], &b.pieces[at]
	if x.slip == word {
		x, y = y, x
	}
	if x.slip != broken || y.slip != word {
		return false
	}
	s, t := x.typed, y.typed
	return x.alone && len(t) < unmistaken && (strings.HasPrefix(s, t) || strings.HasPrefix(t, s) || coined(s, t))
}

// unmistaken is the least length of a word of which a misspelling isn't taken for a name.
const unmistaken = 9

// plainly reports whether an unknown word is like a known one as hardly another word would be: Perl is
// no pearl, and Thanos no thanks. Both begin with the same letter, the known one is long, and a letter
// at its end isn't left out, nor another one there, as in Canva, unless it is doubled.
func plainly(unknown, known string) bool {
	n, m := len(unknown), len(known)
	if n < 5 || m < 6 || unknown[0] != known[0] {
		return false
	}
	short, long := unknown, known
	if n > m {
		short, long = known, unknown
	}
	k := len(long)
	twice := len(short)+1 == k && short == long[:k-1] && long[k-1] == long[k-2]
	if len(short) < k && short == long[:k-1] && !twice {
		return false
	}
	return m > 6 || turned(unknown, known) || once(short, long)
}

// once reports whether the longer word is the shorter one with a letter doubled.
func once(short, long string) bool {
	i := 0
	for i < len(short) && short[i] == long[i] {
		i++
	}
	return len(long) == len(short)+1 && i > 0 && long[i] == long[i-1] && short[i:] == long[i+1:]
}

// chemical reports whether an unknown word may be the name of another substance than a known noun is:
// fluorene and fluorine differ in the ending, and propenol and propanol in a vowel.
func chemical(unknown, known string, entry lexicon.Word) bool {
	return entry.First() == lexicon.Noun && (reading.Substances(unknown, known) ||
		reading.Substance(unknown) && reading.Substance(known) && len(unknown) == len(known) && missed(unknown, known))
}

// doubled reports whether two long words differ in a letter that one has twice and the other once.
func doubled(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return len(a) > 7 && once(a, b)
}

// turned reports whether two words that nobody knows, as names are, differ in two letters beside each
// other within them that have changed places. Hardly two names do: Quora and qoura.
func turned(a, b string) bool {
	return len(a) > 4 && len(a) == len(b) && a[0] == b[0] && !strings.ContainsAny(a, "0123456789") && reading.Slip(a, b)
}

// coined reports whether an unknown word differs from a known one as names of products do that are
// made of a word: an e is left out before an r at the end, as in tumblr, or the last letter of
// a short one is there twice, as in digg and fiverr; a guitarr is a guitar.
func coined(unknown, known string) bool {
	n, m := len(unknown), len(known)
	switch {
	case m == n+1 && unknown[n-1] == 'r' && known[m-1] == 'r' && known[m-2] == 'e' && unknown[:n-1] == known[:m-2]:
		return true
	case n == m+1 && m < 6 && unknown[:m] == known && unknown[n-1] == known[m-1]:
		return true
	}
	return false
}

// missed reports whether two words of the same length differ in one letter, within them, that is one
// beside it on the keyboard, or sounds like it: a mutex is nothing muted.
func missed(a, b string) bool {
	at := -1
	for i := range len(a) {
		if a[i] == b[i] {
			continue
		}
		if at >= 0 {
			return false
		}
		at = i
	}
	return at > 0 && at < len(a)-1 && (beside(a[at], b[at]) || beside(b[at], a[at]))
}

// beside reports whether b stands to the right of a or below it on the keyboard, or sounds like it.
func beside(a, b byte) bool {
	vowel := func(c byte) bool { return strings.IndexByte("aeiouy", c) >= 0 }
	return strings.IndexByte(keys[a], b) >= 0 || vowel(a) && vowel(b)
}

// keys are, for each letter, those to its right and below it, and that sound like it.
var keys = [256]string{
	'q': "wa", 'w': "esa", 'e': "rds", 'r': "tfd", 't': "ygf", 'y': "uhg", 'u': "ijh", 'i': "okj", 'o': "plk", 'p': "l",
	'a': "sz", 's': "dxz", 'd': "fcx", 'f': "gvc", 'g': "hbv", 'h': "jnb", 'j': "kmn", 'k': "lmc", 'c': "vs",
	'z': "x", 'x': "c", 'v': "b", 'b': "n", 'n': "m",
}

// rivals reports whether another known word has one letter of a differ.
func rivals(a, b string) bool {
	var t [40]byte
	if len(a) > len(t) {
		return true
	}
	copy(t[:], a)
	for i := range len(a) {
		for c := byte('a'); c <= 'z'; c++ {
			if c == a[i] {
				continue
			}
			t[i] = c
			if w := lexicon.Find(t[:len(a)]); w != 0 && w.Lemma() && string(t[:len(a)]) != b {
				return true
			}
		}
		t[i] = a[i]
	}
	return false
}

// alone reports whether the word at i is the whole of what is asked about, used or stood by, without
// an article, as names are: what is thanos, how do I install pandas, a loop in perl.
func alone(a []atom, i int) bool {
	if i == 0 || a[i].article || i+1 < len(a) && !grammar(&a[i+1]) && !a[i+1].word.Break {
		return false
	}
	switch before := &a[i-1]; {
	case before.frame:
		return !verbal[before.text]
	case before.word == nil || before.word.Function:
		return isBe(before.text) || before.text != "to" && preposition[before.text]
	default:
		return before.form != reading.Past && before.word.Entry.Is(lexicon.Verb)
	}
}

// verbal are the frames that a verb follows, or a subject.
var verbal = reading.Set("HOW CAN SHOULD NEED WHERE WHEN LIKE FAST EASY WHY WHICH ANYONE YOU ONESELF")

// preposition are those before what is used, stood by or spoken of.
var preposition = func() map[string]bool {
	m := reading.Prepositions("of in on at by for with without about from into like via than")
	m["and"], m["or"] = true, true
	return m
}()
