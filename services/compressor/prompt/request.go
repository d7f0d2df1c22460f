package prompt

import (
	"slices"
	"strings"
	"unicode"
)

// intent is what a user's words ask for, as far as their form tells.
type intent uint8

const (
	// unclear words neither ask nor order in a way that is known.
	unclear intent = iota
	// told wants to be told something of what is given: a question, or a request such as `name who …`.
	told
	// order wants something made of what is given, or done with it: whatever it is, a part may not do.
	order
)

// intentOf tells what is asked for, and whether it takes all of what is given to be answered: a
// sum, what is missing, how documents differ.
func intentOf(asked string) (what intent, whole bool) {
	main := languageOf(wordsOf(asked), english)
	maybe := false
	for text := range strings.Lines(asked) {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		labels := false
		if labelled(text, questionLabels) {
			labels = labelled(text, questionOnly)
			text = text[strings.IndexAny(text, ":：")+1:]
			text = strings.TrimPrefix(text, "\x9a") // of a colon of full width
		}
		if strings.ContainsFunc(text, dense) {
			i, all := writtenIntent(text, labels)
			what, whole = max(what, i), whole || all
			continue
		}
		words := wordsOf(text)
		language := languageOf(words, main)
		for len(words) > 0 {
			end := slices.IndexFunc(words, func(w word) bool { return w.gap >= sentence }) + 1
			if end == 0 {
				end = len(words)
			}
			switch i, loose := language.intentOf(words[:end], labels); {
			case i == told:
				what, whole = max(what, told), whole || language.takesWhole(words[:end])
			case i == order && loose:
				maybe = true
			case i == order:
				what = order
			}
			words = words[end:]
		}
		if labels {
			what = max(what, told)
		}
	}
	if what == unclear && maybe {
		what = order
	}
	return what, whole
}

// english is the language of a text whose words tell none.
var english = languages[slices.IndexFunc(languages, func(l *language) bool { return l.name == "en" })]

// smallWords are the words that tell the form of a sentence, with the places of their languages among
// all.
var smallWords = func() map[string][]int {
	all := map[string][]int{}
	for i, l := range languages {
		for _, section := range [...]string{noCommand, asking, objects, beforeCommand, secondPerson, wish, telling, ordersWork, being} {
			for word := range l.section(section).exact {
				if !slices.Contains(all[word], i) {
					all[word] = append(all[word], i)
				}
			}
		}
	}
	return all
}()

// languageOf is the language most of whose small words are in a text; of several, and of none,
// the other.
func languageOf(words []word, other *language) *language {
	counts := make([]int, len(languages))
	for _, w := range words {
		for _, i := range smallWords[w.text] {
			counts[i]++
		}
	}
	best, most := other, counts[slices.Index(languages, other)]
	for i, n := range counts {
		if n > most {
			best, most = languages[i], n
		}
	}
	return best
}

// intentOf is that of a sentence. An order is loose where nothing but its place tells that its
// first word is a command.
func (l *language) intentOf(words []word, labels bool) (what intent, loose bool) {
	asks := words[len(words)-1].gap == question
	if tag := l.tag(words); asks && tag > 0 {
		words, asks = words[:len(words)-tag], false
	}
	words = l.commanding(words)
	if len(words) == 0 {
		return unclear, false
	}
	for i := range words {
		if i > 0 && words[i-1].gap == noGap && !l.has(conjunctions, words, i-1) && !l.has(beforeCommand, words, i-1) {
			continue
		}
		n, _ := l.section(secondPerson).at(words, i)
		if n == 0 && i == 0 {
			n, _ = l.section(wish).at(words, i)
		}
		if n > 0 {
			if what := l.requested(l.commanding(words[i+n:])); what == order || i == 0 {
				return what, false
			}
		}
	}
	if l.any(answerWords, words[1:min(len(words), 6)]) && !asks {
		return unclear, false
	}
	if l.asksFirst(words) || asks && l.has(being, words, 0) {
		return told, false
	}
	n, of := 0, ""
	for _, section := range [...]string{ofTheAnswer, telling, ordersWork, being} {
		if m, _ := l.section(section).at(words, 0); m > n {
			n, of = m, section
		}
	}
	switch {
	case of == ordersWork && (!labels || l.has(objects, words, n) || n > 1):
		return order, false
	case of == ofTheAnswer && !asks:
		return unclear, false
	case of == telling:
		if l.goesOn(words) {
			return order, false
		}
		return told, false
	case of == being, asks, l.any(asking, words):
		return told, false
	case l.goesOn(words): // a statement, and then a command
		return order, false
	case len(words) == 1 || l.has(noCommand, words, 0) || l.has(noCommand, words, 1) && !l.has(objects, words, 1):
		return unclear, false
	}
	return order, !l.has(objects, words, 1)
}

// tag is how many words at the end only ask for assent: `, please?`
func (l *language) tag(words []word) int {
	for i := len(words) - 1; i > 0 && i >= len(words)-3; i-- {
		if words[i-1].gap == comma {
			if n, _ := l.section(questionTags).at(words, i); n == len(words)-i {
				return n
			}
			return 0
		}
	}
	return 0
}

// commanding is what is left of a sentence without the polite words before it.
func (l *language) commanding(words []word) []word {
	for len(words) > 0 {
		n, _ := l.section(beforeCommand).at(words, 0)
		if n == 0 {
			break
		}
		words = words[n:]
	}
	return words
}

// requested is what a second person is asked for, or what somebody wishes. In English the verb
// comes first, elsewhere it may stand at the end.
func (l *language) requested(words []word) intent {
	if len(words) == 0 {
		return unclear
	}
	if l.name != "en" {
		if l.any(telling, words) || l.any(asking, words) {
			return told
		}
		return order
	}
	ordered, _ := l.section(ordersWork).at(words, 0)
	if tells, _ := l.section(telling).at(words, 0); (tells > ordered || l.asksFirst(words)) && !l.goesOn(words) {
		return told
	}
	return order
}

// asksFirst tells whether a sentence begins with a word that asks, or with one behind a
// preposition.
func (l *language) asksFirst(words []word) bool {
	return l.has(asking, words, 0) || len(words) > 1 && l.has(noCommand, words, 0) && l.has(asking, words, 1)
}

// goesOn tells whether a request to be told something goes on with an order: `… and mend it`.
func (l *language) goesOn(words []word) bool {
	for i := 0; i+2 < len(words); i++ {
		if l.has(conjunctions, words, i) && !l.has(telling, words, i+1) && !l.has(ofTheAnswer, words, i+1) &&
			(l.has(pronouns, words, i+2) || l.has(ordersWork, words, i+1) && l.has(objects, words, i+2)) {
			return true
		}
	}
	return false
}

// takesWhole tells whether a question takes all of a text: it has a quantity, or names two
// documents.
func (l *language) takesWhole(words []word) bool {
	named, places := false, 0
	for i := range words {
		if l.has(quantities, words, i) || l.has(twoDocuments, words, i) {
			return true
		}
		if l.has(whichDocument, words, i) {
			places++
		}
		if l.has(givenNames, words, i) {
			named = true
			if i+1 < len(words) && words[i].gap == noGap && (isNumber(words[i+1].text) || len(words[i+1].text) == 1 && words[i+1].text != "a") {
				places++
			}
		}
	}
	return named && places > 1
}

// isOrder tells whether a text asks that something be done and nothing is asked beside it: it is no
// question, or one that speaks to who reads it, such as "Can you …?".
func isOrder(text string) bool {
	if !questioning(text) {
		return true
	}
	_, second := speaks(text)
	return second
}

// questioning tells whether a text has a question by a mark, a label or a word that asks.
func questioning(text string) bool {
	if strings.ContainsAny(text, "?？؟\u037e") || isWritten(asking, text) {
		return true
	}
	for line := range strings.Lines(text) {
		if labelled(strings.TrimSpace(line), questionOnly) {
			return true
		}
	}
	words := wordsOf(text)
	return languageOf(words, english).any(asking, words)
}

// isWritten tells whether a text has signs of a section in a script without spaces between words.
func isWritten(section, text string) bool {
	return slices.ContainsFunc(languages, func(l *language) bool {
		return slices.ContainsFunc(l.section(section).written, func(w string) bool { return strings.Contains(text, w) })
	})
}

// writtenIntent is intentOf for scripts without spaces between words.
func writtenIntent(text string, labels bool) (what intent, whole bool) {
	has := func(section string) bool { return isWritten(section, text) }
	asks := labels || has(asking) || strings.ContainsAny(text, "?？")
	switch {
	case has(secondPerson) && !has(telling) && !has(asking):
		return order, false
	case asks || has(telling):
		return told, has(quantities)
	}
	return unclear, false
}

// dense tells whether a character is of a script without spaces between words, or in which a
// syllable says much.
func dense(r rune) bool {
	return r >= 0x80 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}
