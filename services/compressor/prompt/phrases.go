package prompt

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// phraseFiles have the phrases by which requests are told, a file for each language. A line that
// begins with # is a comment, and one in brackets says what those after it are for, with commas
// between. A word that ends in * stands for all that begin so, one with a * at both ends for all
// that have it in them, _ for any word and <language> for the names of languages. A phrase with $
// at its end stands where a clause ends. What has signs of a script without spaces between words
// is looked for as it stands.
//
//go:embed phrases
var phraseFiles embed.FS

// phrase is what a text is searched for, word by word.
type phrase struct {
	words []string
	ends  bool // at the end of a clause
	of    *language
}

// phrases are those of one meaning.
type phrases struct {
	exact   map[string][]phrase // by the first word
	stems   map[string][]phrase // by what the first word begins with
	within  []phrase            // whose first word may have anything before it
	written []string            // in scripts without spaces
}

// language has the phrases of one language by what they are for, the names of the sections.
type language struct {
	name     string
	sections map[string]*phrases
}

// none is the section that a language lacks.
var none = &phrases{}

func (l *language) section(name string) *phrases {
	if p := l.sections[name]; p != nil {
		return p
	}
	return none
}

// has tells whether a phrase of a section begins at a word.
func (l *language) has(section string, words []word, i int) bool {
	n, _ := l.section(section).at(words, i)
	return n > 0
}

// any tells whether one begins at any of the words.
func (l *language) any(section string, words []word) bool {
	for i := range words {
		if l.has(section, words, i) {
			return true
		}
	}
	return false
}

// The sections.
const (
	everyWord      = "every word"        // a translation, a correction, a copy is asked for
	everyWordUsers = "every word, users" // so it is where a user asks, and not the application
	negated        = "not"
	notNegated     = "but"
	asksWhy        = "why" // before what takes back: why not do it?
	secondPerson   = "can you"
	wish           = "i want"
	telling        = "tell"
	being          = "is"
	ordersWork     = "order"
	ofTheAnswer    = "manner"
	answerWords    = "answer"
	quantities     = "quantity"
	givenNames     = "documents"
	twoDocuments   = "two"
	whichDocument  = "which one"
	beforeCommand  = "polite"
	noCommand      = "closed"
	asking         = "ask"
	objects        = "object"
	conjunctions   = "and"
	pronouns       = "it"
	questionTags   = "tag"
)

// languages are all; taking has what is looked for whatever the language: in everyone's words,
// and in users'.
var (
	languages = loadLanguages()
	taking    = func() map[bool]*phrases {
		all := map[bool]*phrases{}
		for _, users := range []bool{false, true} {
			all[users] = &phrases{}
			for _, l := range languages {
				all[users].join(l.section(everyWord))
				if users {
					all[users].join(l.section(everyWordUsers))
				}
			}
		}
		return all
	}()
)

func loadLanguages() []*language {
	files, err := phraseFiles.ReadDir("phrases")
	if err != nil {
		panic(err) // it is part of the program
	}
	var all []*language
	for _, f := range files {
		raw, err := phraseFiles.ReadFile("phrases/" + f.Name())
		if err != nil {
			panic(err)
		}
		l, err := readLanguage(strings.TrimSuffix(f.Name(), ".txt"), string(raw))
		if err != nil {
			panic(err)
		}
		all = append(all, l)
	}
	return all
}

// readLanguage reads a file of phrases.
func readLanguage(name, text string) (*language, error) {
	l := &language{name: name, sections: map[string]*phrases{}}
	said := map[string][]string{}
	section := ""
	for line := range strings.Lines(text) {
		switch line = strings.TrimSpace(line); {
		case line == "", line[0] == '#':
		case line[0] == '[':
			section = strings.Trim(line, "[]")
			l.sections[section] = &phrases{}
		case section == "":
			return nil, fmt.Errorf("%s: %q is in no section", name, line)
		default:
			for p := range strings.SplitSeq(line, ",") {
				if p = strings.TrimSpace(p); p != "" {
					said[section] = append(said[section], p)
				}
			}
		}
	}
	for section, list := range said {
		for _, p := range list {
			if before, after, ok := strings.Cut(p, "<language>"); ok {
				for _, name := range said["languages"] {
					l.sections[section].add(l, before+name+after)
				}
				continue
			}
			l.sections[section].add(l, p)
		}
	}
	return l, nil
}

func (p *phrases) add(l *language, text string) {
	if strings.ContainsFunc(text, dense) {
		p.written = append(p.written, text)
		return
	}
	in := phrase{of: l}
	text, in.ends = strings.CutSuffix(text, "$")
	for word := range strings.FieldsSeq(text) {
		if word == "_" || strings.Contains(word, "*") {
			in.words = append(in.words, word)
			continue
		}
		for _, w := range wordsOf(word) {
			in.words = append(in.words, w.text)
		}
	}
	if p.exact == nil {
		p.exact, p.stems = map[string][]phrase{}, map[string][]phrase{}
	}
	switch first := in.words[0]; {
	case first[0] == '*':
		p.within = append(p.within, in)
	case strings.HasSuffix(first, "*"):
		first = strings.TrimSuffix(first, "*")
		p.stems[first] = append(p.stems[first], in)
	default:
		p.exact[first] = append(p.exact[first], in)
	}
}

func (p *phrases) join(other *phrases) {
	if p.exact == nil {
		p.exact, p.stems = map[string][]phrase{}, map[string][]phrase{}
	}
	for first, list := range other.exact {
		p.exact[first] = append(p.exact[first], list...)
	}
	for first, list := range other.stems {
		p.stems[first] = append(p.stems[first], list...)
	}
	p.within = append(p.within, other.within...)
	p.written = append(p.written, other.written...)
}

// word is one of a text, in lower case, with what stands behind it.
type word struct {
	text string
	gap  gap
}

// gap is what parts a word from the next one.
type gap uint8

const (
	noGap    gap = iota
	comma        // or another mark within a sentence
	sentence     // its end
	question     // and it asks
)

// wordsOf are the words of a text: letters, marks and digits. All else parts them.
func wordsOf(text string) []word {
	all := make([]word, 0, len(text)/6+1)
	start := -1
	put := func(end int) {
		if start >= 0 {
			all = append(all, word{text: strings.ToLower(text[start:end])})
			start = -1
		}
	}
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRuneInString(text[at:])
		if unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) {
			if start < 0 {
				start = at
			}
			at += size
			continue
		}
		put(at)
		at += size
		if n := len(all); n > 0 {
			all[n-1].gap = max(all[n-1].gap, gapOf(r, at == len(text) || text[at] <= ' '))
		}
	}
	put(len(text))
	return all
}

// gapOf is what a mark parts words by. A full stop or a colon does so before white space alone.
func gapOf(r rune, spaced bool) gap {
	switch r {
	case '?', '？', '؟', '\u037e':
		return question
	case '!', ';', '\n', '。', '！', '；', '\u0964':
		return sentence
	case '.', ':', '…':
		if spaced {
			return sentence
		}
	case ',', '(', ')', '—', '–', '，', '、', '،', '：', '"', '“', '”', '¿', '¡':
		return comma
	}
	return noGap
}

// at returns the longest phrase that stands at a word, by how many words it has; 0 is none.
func (p *phrases) at(words []word, i int) (n int, of *language) {
	try := func(list []phrase) {
		for k := range list {
			if in := &list[k]; len(in.words) > n && in.stands(words, i) {
				n, of = len(in.words), in.of
			}
		}
	}
	if i >= len(words) || p.exact == nil {
		return 0, nil
	}
	first := words[i].text
	try(p.exact[first])
	for end := range first {
		if list := p.stems[first[:end]]; list != nil {
			try(list)
		}
	}
	try(p.stems[first])
	for k := range p.within {
		if strings.Contains(first, strings.Trim(p.within[k].words[0], "*")) {
			try(p.within[k : k+1])
		}
	}
	return n, of
}

func (in *phrase) stands(words []word, i int) bool {
	if i+len(in.words) > len(words) {
		return false
	}
	for k := 1; k < len(in.words); k++ {
		want, got := in.words[k], words[i+k].text
		stem, open := strings.CutSuffix(want, "*")
		if words[i+k-1].gap >= sentence || want != "_" && want != got && !(open && strings.HasPrefix(got, stem)) {
			return false
		}
	}
	last := i + len(in.words) - 1
	return !in.ends || last == len(words)-1 || words[last].gap != noGap
}

// has tells whether a text has one of the phrases that nothing before it takes back.
func (p *phrases) has(words []word, text string) bool {
	for i := range words {
		if n, of := p.at(words, i); n > 0 && !of.negates(words, i) {
			return true
		}
	}
	return slices.ContainsFunc(p.written, func(w string) bool { return writtenIn(w, text) })
}

// writtenIn tells whether signs stand in a text, and no sign before them says not to.
func writtenIn(signs, text string) bool {
	for {
		at := strings.Index(text, signs)
		if at < 0 {
			return false
		}
		if before := text[:at]; !slices.ContainsFunc([]string{"不要", "请勿", "勿", "不得", "别"}, func(not string) bool { return strings.HasSuffix(before, not) }) {
			return true
		}
		text = text[at+len(signs):]
	}
}

// negatedWithin is how many words may stand between what takes back an order and the order.
const negatedWithin = 2

// negates tells whether what stands at a word is taken back: `do not translate`, and not `do not
// only translate`.
func (l *language) negates(words []word, i int) bool {
	for j := i - 1; j >= 0 && j >= i-negatedWithin-3 && words[j].gap == noGap; j-- {
		if n, _ := l.section(notNegated).at(words, j); n > 0 {
			return false
		}
		if n, _ := l.section(negated).at(words, j); n > 0 && j+n <= i && i-j-n <= negatedWithin {
			return j == 0 || words[j-1].gap != noGap || !l.has(asksWhy, words, j-1)
		}
	}
	return false
}
