package reading

import (
	"strings"

	"tollgate.dev/services/cache/lexicon"
)

// lemmas finds each word's lemma, form and entry.
func (s *splitter) lemmas() {
	spelling := Written(s.r.Words)
	for i := range s.r.Words {
		w := &s.r.Words[i]
		if w.Kind != Plain {
			continue
		}
		if _, ok := functions[w.Text]; ok {
			w.Function = !(w.Capital && len(w.Text) == 2 && s.upper2(w)) && !s.initial(i) && !s.abbreviation(i) &&
				!(w.Text == "will" && w.Capital && !w.First && !w.Capitals) // who is Will
			if w.Function {
				continue
			}
			if len(w.Text) == 1 {
				continue
			}
		}
		w.Lemma, w.Form, w.Entry = lemma(w.Text, s.respelled(i, spelling))
		sick := w.Text == diseased && !(i > 0 && aiding[s.r.Words[i-1].Text])
		if w.Capitals || w.Form == S && (!plural(w) || sick) { // HTTPS is not many HTTPs, nor is LED a kind of lead
			w.Lemma, w.Form, w.Entry = w.Text, Base, lexicon.Find(w.Text)
		}
		if w.Entry == 0 && !w.Capital && !w.Quoted {
			if f := corrected(w.Text); f != "" {
				w.Text, w.Lemma, w.Function = f, f, true
			}
		}
	}
}

// initial reports whether word i is a single letter that stands as a name: vitamin A, hepatitis a.
func (s *splitter) initial(i int) bool {
	w := &s.r.Words[i]
	if w.Text != "a" && w.Text != "i" {
		return false
	}
	if w.Text == "a" && w.Capital && !w.First {
		return true
	}
	if w.First || w.Break || i == 0 {
		return false
	}
	return lettered[s.r.Words[i-1].Text] || w.Text == "a" && (i+1 == len(s.r.Words) || s.r.Words[i+1].First)
}

// abbreviation reports whether word i is one that is spelled as a word of grammar: the WHO.
func (s *splitter) abbreviation(i int) bool {
	if i == 0 || !s.r.Words[i].Capitals {
		return false
	}
	switch s.r.Words[i-1].Text {
	case "the", "a", "an", "of", "for", "in", "by", "with", "from":
		return functions[s.r.Words[i].Text]&(pronoun|asking|auxiliary) != 0
	}
	return false
}

// lettered are nouns whose kinds are told by letters.
var lettered = Set("vitamin class type plan grade hepatitis group influenza appendix schedule option section part model " +
	"series level category formula variant figure team serie block exhibit")

// plural reports whether a word in -s is one of a word, and no abbreviation that ends in s. The
// s behind an abbreviation's capitals is a plural's.
func plural(w *Word) bool {
	if t := w.typed; len(t) > 2 && t[len(t)-1] == 's' && t[:len(t)-1] == strings.ToUpper(t[:len(t)-1]) {
		return true
	}
	return w.Entry.Lemma() || len(w.Lemma) > 4 || short3[w.Lemma]
}

// short3 are abbreviations that are words by now.
var short3 = Set("app blog url api pdf dvd cd tv pc id gpu cpu vm llm faq emoji meme gif vpn iphone ngo iit mba selfie")

// upper2 reports whether a capitalised word of grammar is an abbreviation: US, IT.
func (s *splitter) upper2(w *Word) bool {
	i := strings.Index(s.r.Text, strings.ToUpper(w.Text))
	return len(w.Text) == 2 && i >= 0
}

// lemma takes inflection off a word in lower case. The entry is 0 when the lexicon has none,
// and the lemma then is the word itself.
func lemma(text string, r respelling) (string, Form, lexicon.Word) {
	if ir, ok := irregular[text]; ok && (r == all || ir.form != Base) {
		return ir.lemma, ir.form, lexicon.Find(ir.lemma)
	}
	own := lexicon.Find(text)
	if l, f, e := regular(text, own); e != 0 {
		return spelled(l, f, e, r)
	}
	return spelled(text, Base, own, r)
}

// regular finds the stem of a regularly inflected word; the entry is 0 when it is none.
func regular(text string, own lexicon.Word) (string, Form, lexicon.Word) {
	n := len(text)
	if n < 4 {
		return "", 0, 0
	}
	var b [40]byte
	find := func(stem, tail string, parts lexicon.Part) lexicon.Word {
		if len(stem)+len(tail) > len(b) {
			return 0
		}
		w := lexicon.Find(append(append(b[:0], stem...), tail...))
		if w != 0 && (parts == 0xff || w.Is(parts)) {
			return w
		}
		return 0
	}
	lemma := own != 0 && own.Lemma()
	switch {
	case text[n-1] == 's':
		if strings.HasSuffix(text, "ss") || strings.HasSuffix(text, "us") || strings.HasSuffix(text, "is") ||
			strings.HasSuffix(text, "ics") || plurals[text] {
			return "", 0, 0
		}
		either := lexicon.Noun | lexicon.Verb
		if own == 0 || !own.Lemma() { // apps: words that are known, and no more
			either = 0xff
		}
		if strings.HasSuffix(text, "ies") && n > 4 {
			if w := find(text[:n-3], "y", either); w != 0 {
				return w.String(), S, w
			}
		}
		if w := find(text[:n-1], "", either); w != 0 {
			return w.String(), S, w
		}
		if strings.HasSuffix(text, "es") {
			if w := find(text[:n-2], "", either); w != 0 {
				return w.String(), S, w
			}
		}
	case strings.HasSuffix(text, "ed") && (!lemma || !own.Is(lexicon.Noun)):
		if w := verb(text[:n-2], find); w != 0 && !(lemma && own.First() == lexicon.Verb) {
			return w.String(), Past, w
		}
	case strings.HasSuffix(text, "ing") && n > 5 && (!lemma || own.Is(lexicon.Verb|lexicon.Adjective) || own.First() == lexicon.Noun && !own.Is(lexicon.Name)):
		if lemma && fixed[text] {
			return "", 0, 0
		}
		if w := verb(text[:n-3], find); w != 0 {
			return w.String(), Ing, w
		}
	case strings.HasSuffix(text, "er") && (!lemma || !own.Is(lexicon.Noun|lexicon.Verb)):
		if w := grade(text[:n-2], find); w != 0 {
			return w.String(), More, w
		}
	case strings.HasSuffix(text, "est") && (!lemma || !own.Is(lexicon.Noun|lexicon.Verb)):
		if w := grade(text[:n-3], find); w != 0 {
			return w.String(), Most, w
		}
	}
	return "", 0, 0
}

type finder func(stem, tail string, parts lexicon.Part) lexicon.Word

// verb finds the verb whose stem is left when -ed or -ing is taken off.
func verb(stem string, find finder) lexicon.Word {
	n := len(stem)
	if n < 2 {
		return 0
	}
	if stem[n-1] == 'i' { // studied
		if w := find(stem[:n-1], "y", lexicon.Verb); w != 0 {
			return w
		}
	}
	if n > 2 && stem[n-1] == stem[n-2] && strings.IndexByte("lsz", stem[n-1]) < 0 { // stopped
		if w := find(stem[:n-1], "", lexicon.Verb); w != 0 {
			return w
		}
	}
	// "hop" and "hope": a single consonant after a single vowel had an e.
	if w := find(stem, "e", lexicon.Verb); w != 0 && !strings.HasSuffix(stem, "ee") {
		if x := find(stem, "", lexicon.Verb); x == 0 || short(stem) {
			return w
		}
	}
	if w := find(stem, "", lexicon.Verb); w != 0 {
		return w
	}
	if n > 2 && stem[n-1] == stem[n-2] { // travelled
		return find(stem[:n-1], "", lexicon.Verb)
	}
	return 0
}

// short reports whether a stem ends in one vowel and one consonant that would be doubled.
func short(stem string) bool {
	n := len(stem)
	if n < 3 {
		return false
	}
	vowel := func(c byte) bool { return strings.IndexByte("aeiou", c) >= 0 }
	return !vowel(stem[n-1]) && strings.IndexByte("wxy", stem[n-1]) < 0 && vowel(stem[n-2]) && !vowel(stem[n-3]) && n <= 4
}

func grade(stem string, find finder) lexicon.Word {
	n := len(stem)
	if n < 2 {
		return 0
	}
	if stem[n-1] == 'i' {
		return find(stem[:n-1], "y", lexicon.Adjective)
	}
	if n > 2 && stem[n-1] == stem[n-2] {
		if w := find(stem[:n-1], "", lexicon.Adjective); w != 0 {
			return w
		}
	}
	if w := find(stem, "", lexicon.Adjective); w != 0 {
		return w
	}
	return find(stem, "e", lexicon.Adjective)
}

// plurals are words in -s that mean something else than one of them would.
var plurals = Set("glasses goods customs arms news means trousers pants jeans scissors clothes series species " +
	"thanks odds contents savings spirits manners lens alias atlas bias canvas christmas gas texas always perhaps " +
	"headquarters greens suds others yes bus plus minus james wales paris rails its looks wits sales " +
	"forces communications humanities athletics blues windows peoples damages premises proceeds remains " +
	"affairs provisions quarters spectacles dues masses morals takings " +
	"https ftps sftps ldaps sars bios cmos macos mars vegas honduras dallas kansas laos corps cosmos thermos chaos jenkins keras postgres " +
	"kubernetes mumps shingles hives rickets checkers draughts billiards craps grits briefs slacks braces suspenders sometimes besides " +
	"bellows gallows barracks crossroads cheers")

// diseased is a plural behind these alone: hearing aids. Elsewhere it may be one, or AIDS.
const diseased = "aids"

// aiding are words before a plural of aid.
var aiding = Set("hearing visual teaching study learning band navigation navigational sleep training walking mobility and memory " +
	"audio sensory foreign legal financial decision instructional marital ai reading vision mnemonic buoyancy")

// fixed are words in -ing that are nothing that one does.
var fixed = Set("building meeting wedding morning evening nothing something anything everything thing king ring " +
	"string spring wing being during meaning interesting feeling ceiling clothing setting painting ending beginning")

// corrected returns the word of grammar that an unknown word is one slip of the keyboard away
// from, when there is only one: two letters swapped, one missing, or one doubled.
func corrected(text string) string {
	if len(text) < 3 || len(text) > 8 {
		return ""
	}
	found := ""
	for _, w := range &slippery {
		if d := len(text) - len(w); d < -1 || d > 1 || !Slip(text, w) {
			continue
		}
		if found != "" {
			return ""
		}
		found = w
	}
	return found
}

// slippery are words of grammar that are long enough to be known again.
var slippery = [...]string{
	"what", "which", "when", "where", "should", "would", "could", "does", "have", "with", "without", "from", "about",
	"because", "between", "after", "before", "through", "there", "their", "your", "that", "this", "these", "those",
	"the", "and", "how", "why", "who", "are", "into", "some", "many", "much", "more", "most", "other", "please",
}

// Slip reports whether one of two words becomes the other by one slip of the keyboard: two
// neighbours swapped, a letter missing or doubled. It doesn't hold for a letter in place of
// another, which is too often another word.
func Slip(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	switch len(b) - len(a) {
	case 0:
		return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
	case 1:
		return i > 0 && a[i:] == b[i+1:] && !(i == len(a) && b[i] == 's' && i <= 4) // http and https are two
	}
	return false
}
