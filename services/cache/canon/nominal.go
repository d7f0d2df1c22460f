package canon

import (
	"slices"
	"strings"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// Here is what asks by a verb or an adjective what others ask by its noun.

// sizes are the nouns of "how old" and its like.
var sizes = map[string]string{"old": "age", "tall": "height", "deep": "depth", "wide": "width", "heavy": "weight"}

// sized turns "how old is the moon" into its age, and "how far is A from B" into the distance between
// the two.
func sized(a []atom) []atom {
	switch {
	case is(a, 0, "how", "far", "is"):
		from := slices.IndexFunc(a, func(x atom) bool { return x.text == "from" })
		if from < 4 && !is(a, 3, "it", "from") || from+1 == len(a) {
			return a
		}
		to := slices.IndexFunc(a, func(x atom) bool { return x.text == "to" })
		var left, right []atom
		switch {
		case is(a, 3, "it", "from") && to > from+1 && to+1 < len(a):
			left, right = a[from+1:to], a[to+1:]
		case to < 0:
			left, right = a[3:from], a[from+1:]
		}
		return distance(a, left, right)
	case is(a, 0, "what", "is", "distance", "from"):
		if to := slices.IndexFunc(a, func(x atom) bool { return x.text == "to" }); to > 4 && to+1 < len(a) {
			return distance(a, a[4:to], a[to+1:])
		}
	case is(a, 0, "what", "is", "distance", "between"):
		if to := slices.IndexFunc(a, func(x atom) bool { return x.text == "and" }); to > 4 && to+1 < len(a) {
			return distance(a, a[4:to], a[to+1:])
		}
	case len(a) > 3 && is(a, 0, "how") && sizes[a[1].text] != "" && a[1].form == reading.Base && isBe(a[2].text) && things(a[3:]):
		be := a[2]
		a[0].text = "what"
		a[1], a[2] = be, atom{text: sizes[a[1].text]}
		return slices.Insert(a, 3, atom{text: "of"})
	case is(a, 0, "how", "many"):
		for i := 3; i < len(a); i++ {
			if is(a, i-1, "is", "there") && i+1 < len(a) && isPlace(a[i+1].text) {
				return slices.Delete(a, i, i+1)
			}
		}
	}
	return a
}

// distance asks for that between two things, which has no direction.
func distance(a, left, right []atom) []atom {
	if !things(left) || !things(right) {
		return a
	}
	if slices.CompareFunc(left, right, func(x, y atom) int { return strings.Compare(x.text, y.text) }) > 0 {
		left, right = right, left
	}
	out := make([]atom, 0, len(left)+len(right)+2)
	out = append(out, atom{text: "DISTANCE", frame: true})
	out = append(out, left...)
	out = append(out, atom{text: "and"})
	return append(out, right...)
}

// attitudes are verbs of what people think and feel, which all of them never do: why people hate
// something is why some do.
var attitudes = reading.Set("hate dislike love like prefer believe think say claim support oppose admire respect fear trust enjoy want despise")

// held leaves out how many people hold what is asked about.
func held(a []atom) []atom {
	if len(a) > 3 && (a[1].text == "some" || a[1].text == "many") && a[2].text == "people" && attitudes[a[3].text] {
		return slices.Delete(a, 1, 2)
	}
	return a
}

// happening turns "why do earthquakes happen" into what causes them.
func happening(a []atom) []atom {
	n := len(a)
	for i := 1; i+2 < n; i++ { // why something tends to happen
		if is(a, i, "tend", "to") && isFirst(&a[i+2], lexicon.Verb) {
			return slices.Delete(a, i, i+2)
		}
	}
	if a[n-1].text == "happen" && a[n-1].form <= reading.S && things(a[1:n-1]) {
		a[0].text = "REASON"
		return a[:n-1]
	}
	return a
}

// effect turns "how will X affect Y" and "what effect will X have on Y" into what the effect of X on Y
// is.
func effect(a []atom) []atom {
	if len(a) < 5 {
		return a
	}
	tense := func(s string) []atom {
		switch s {
		case "do":
			return []atom{{text: "is"}}
		case "did":
			return []atom{{text: "was"}}
		case "will":
			return []atom{{text: "will"}, {text: "be"}}
		}
		return nil
	}
	var aux string
	var x, y []atom
	switch {
	case a[0].text == "how":
		aux = a[1].text
		i := slices.IndexFunc(a, func(x atom) bool {
			return (x.text == "affect" || x.text == "effect" || x.text == "impact") && x.form == reading.Base
		})
		if i < 3 || i+1 == len(a) {
			return a
		}
		x, y = a[2:i], a[i+1:]
	case is(a, 0, "what", "effect"):
		aux = a[2].text
		i := slices.IndexFunc(a, func(x atom) bool { return x.text == "have" })
		if i < 4 || i+2 >= len(a) || a[i+1].text != "on" {
			return a
		}
		x, y = a[3:i], a[i+2:]
	default:
		return a
	}
	verb := tense(aux)
	if verb == nil || generic(x[0].text) || x[0].text == "it" || x[0].text == "this" || x[0].text == "that" {
		return a
	}
	out := make([]atom, 0, len(a)+4)
	out = append(append(out, atom{text: "what"}), verb...)
	out = append(append(out, atom{text: "effect"}, atom{text: "of"}), x...)
	return append(append(out, atom{text: "on"}), y...)
}

// agents are the nouns of who did what the verb says.
var agents = map[string]string{"invent": "inventor", "write": "author", "discover": "discoverer", "compose": "composer", "create": "creator"}

// agentive are these nouns.
var agentive = reading.Set("inventor author discoverer composer creator founder")

// spoken are verbs of how a word is said, which everybody does in the same way.
var spoken = reading.Set("pronounce spell")

// having are nouns of what something has, so that which of them it has is what those of it are.
var having = reading.Set("benefit advantage disadvantage drawback symptom feature")

// placed reports whether atoms are the name of one thing, and at most of where it is, or what it is of.
func placed(a []atom) bool {
	at := slices.IndexFunc(a, func(x atom) bool { return x.text == "of" || x.text == "in" })
	if at < 0 {
		at = len(a)
	} else if !things(a[at+1:]) {
		return false
	}
	from := 0
	for from < at && (a[from].form == reading.Most || a[from].form == reading.Base && isFirst(&a[from], lexicon.Adjective)) {
		from++
	}
	return things(a[from:at])
}

// asked brings questions into one construction that ask by a verb or by its noun, by an adjective or
// by its.
func asked(a []atom) []atom {
	n := len(a)
	if is(a, 0, "who") && agents[a[1].text] != "" && a[1].form == reading.Past {
		of := 2
		if is(a, of, "the") && (a[1].text == "invent" || a[1].text == "discover") && !(of+1 < len(a) && titled(&a[of+1])) { // who wrote the heat
			of++
		}
		if things(a[of:]) {
			agent := agents[a[1].text]
			w := &reading.Word{Text: agent, Lemma: agent, Entry: lexicon.Find(agent)}
			return append([]atom{{text: "who"}, {text: "is"}, {text: agent, word: w}, {text: "of"}}, a[of:]...)
		}
	}
	switch {
	case n < 4:
	case is(a, 0, "who", "was") && a[3].text == "of" && n > 4 && agentive[a[2].text]:
		a[1].text = "is"
	case is(a, 0, "how", "is") && spoken[a[n-1].text] && a[n-1].form == reading.Past && things(a[2:n-1]):
		verb := a[n-1]
		verb.form = reading.Base
		return append([]atom{{text: "HOW", frame: true}, verb}, a[2:n-1]...)
	case is(a, 0, "what", "is") && a[n-1].text == "call" && a[n-1].form == reading.Past && placed(a[2:n-1]):
		return append([]atom{{text: "what"}, {text: "is"}, {text: "name"}, {text: "of"}}, a[2:n-1]...)
	case is(a, 0, "what", "do") && n > 4 && generic(a[2].text) && a[3].text == "call" && a[3].form == reading.Base && placed(a[4:]):
		return append([]atom{{text: "what"}, {text: "is"}, {text: "name"}, {text: "of"}}, a[4:]...)
	case a[0].text == "what" && having[a[1].text] && a[2].text == "do" && a[n-1].text == "have" && n > 4 && things(a[3:n-1]):
		return append([]atom{{text: "what"}, {text: "is"}, a[1], {text: "of"}}, a[3:n-1]...)
	case a[0].text == "what" && is(a, n-2, "stand", "for") && things(a[1:n-2]):
		np := slices.Clone(a[1 : n-2])
		return append([]atom{{text: "what"}, {text: "is"}, {text: "full"}, {text: "form"}, {text: "of"}}, np...)
	case is(a, 0, "how", "do", "you", "feel", "about"):
		return append([]atom{{text: "OPINION", frame: true}}, a[5:]...)
	case is(a, 0, "what", "make") && a[n-2].text == "so" && noun(&a[n-1]) && a[n-1].word.Entry.Is(lexicon.Adjective) && things(a[2:n-2]):
		a[0].text, a[1] = "why", atom{text: "is"}
	case is(a, 0, "what", "is"): // what is life like in Peru; but what Anna is like isn't how she is
		if i := slices.IndexFunc(a, func(x atom) bool { return x.text == "like" }); i > 2 && i+1 < n && isPlace(a[i+1].text) && things(a[2:i]) && !a[i-1].word.Name() {
			a[0].text = "how"
			return slices.Delete(a, i, i+1)
		}
	case is(a, 0, "what", "do") && is(a, n-2, "stand", "for") && things(a[2:n-2]):
		np := slices.Clone(a[2 : n-2])
		return append([]atom{{text: "what"}, {text: "is"}, {text: "full"}, {text: "form"}, {text: "of"}}, np...)
	case is(a, 0, "where", "is") && (a[n-1].text == "locate" || a[n-1].text == "situate" || a[n-1].text == "situated") && a[n-1].form != reading.Ing:
		return a[:n-1]
	case a[0].text == "how" && (a[1].text == "is" && a[n-1].text == "different" || a[1].text == "do" && a[n-1].text == "differ") && joined(a[2:n-1]):
		a[1] = atom{text: "DIFFERENCE", frame: true}
		return a[1 : n-1]
	}
	return a
}

// titled reports whether an atom is a capitalised word.
func titled(a *atom) bool { return a.word != nil && a.word.Capital }
