package agree

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

const fence = "```"

// said is an answer as it is compared.
type said struct {
	blocks []string // fenced code
	spans  []string // code within prose, in order
	first  string   // sentence
	lines  []line   // of prose
	// numbers that lists have before their lines; they are no words.
	numbers []int
	// steps are how many there are whose order counts, 0 for none. See arrange.
	steps  int
	asks   int    // questions
	plain  string // the prose without markup, case and punctuation
	words  []word
	opaque []string // sentences that can't be read
	signed []string // numbers below 0
	// units are clauses: runs of words between commas and conjunctions.
	units     int
	sentences int
	sections  int
	negations int
}

// line of the prose: the words from from to before to.
type line struct {
	n, from, to int
	number      int // in a list
	heading     bool
	bullet      bool
	signed      []string
	spans       []string
}

// word of the prose.
type word struct {
	reading.Word

	name bool
	// negation is the number of the "not" in whose reach it stands, from 1; 0 for none.
	negation int
	// lead is set in what leads to a list, as "The steps are:".
	lead bool
	unit int
	at   int // number of its sentence
	line int // number of its line of prose
	step int // see arrange
	// command is set where a clause begins that tells what to do, purpose where it is said what for.
	command, purpose bool
	// section is the number of the heading that it stands under.
	section int
}

// parse an answer into code and the words of its prose.
func parse(text string) *said {
	s := &said{}
	var plain strings.Builder
	var block []string
	fenced := false
	for text := range strings.SplitSeq(norm.NFKC.String(text), "\n") {
		trimmed := strings.TrimSpace(text)
		switch {
		case strings.HasPrefix(trimmed, fence):
			if fenced {
				s.blocks = append(s.blocks, strings.Join(block, "\n"))
			}
			fenced, block = !fenced, nil
		case fenced:
			if code := strings.TrimRightFunc(strings.ReplaceAll(text, "\t", "    "), unicode.IsSpace); code != "" {
				block = append(block, code)
			}
		case trimmed != "":
			for _, one := range apiece(trimmed) {
				plain.WriteString(s.prose(one))
				plain.WriteByte(' ')
			}
		}
	}
	if fenced { // cut
		s.blocks = append(s.blocks, strings.Join(block, "\n"))
	}
	s.plain = strings.Join(strings.Fields(plain.String()), " ")
	s.arrange()
	return s
}

// prose reads a line of it, and returns it muted.
func (s *said) prose(text string) string {
	spans := len(s.spans)
	bare := s.bare(text)
	l := line{
		n: len(s.lines), from: len(s.words), number: numberOf(text), heading: heading(text), bullet: bullet.MatchString(text),
		spans: s.spans[spans:],
	}
	if l.heading {
		s.sections++
	}
	for _, sign := range negative.FindAllStringSubmatch(bare, -1) {
		l.signed = append(l.signed, sign[1])
	}
	s.signed = append(s.signed, l.signed...)
	for _, sentence := range sentences(bare) {
		if s.first == "" {
			s.first = sentence
		}
		if strings.Contains(sentence, "?") {
			s.asks++
		}
		s.read(sentence, l.n)
	}
	l.to = len(s.words)
	s.lines = append(s.lines, l)
	return muted(bare)
}

var (
	bullet   = regexp.MustCompile(`^(?:[-*+•–>]\s+|#{1,6}\s+|(?:\*\*|__)?\d{1,3}[.)](?:\*\*|__)?\s+|\(\d{1,3}\)\s+)+`)
	digits   = regexp.MustCompile(`\d+`)
	rule     = regexp.MustCompile(`^[-*_|:=\s]{3,}$`)
	code     = regexp.MustCompile("`+([^`]+)`+")
	link     = regexp.MustCompile(`!?\[([^\]]*)\]\([^)\s]*\)`)
	emphasis = strings.NewReplacer("**", "", "__", "", "~~", "")
	single   = regexp.MustCompile(`(^|[\s(])[*_]([^*_]+)[*_]($|[\s).,:;!?])`)
	stops    = regexp.MustCompile(`[.!?…;]["')\]]*\s+`)
	negative = regexp.MustCompile(`(?:^|[\s(=:])[-−–](\d[\d.,]*)`)
)

// bare is a line without the marks of Markdown; code in it is taken out.
func (s *said) bare(line string) string {
	if rule.MatchString(line) {
		return ""
	}
	line = bullet.ReplaceAllStringFunc(line, func(m string) string {
		for _, d := range digits.FindAllString(m, -1) {
			if n, err := strconv.Atoi(d); err == nil {
				s.numbers = append(s.numbers, n)
			}
		}
		return ""
	})
	line = code.ReplaceAllStringFunc(line, func(m string) string {
		s.spans = append(s.spans, strings.TrimSpace(strings.Trim(m, "`")))
		return " "
	})
	line = emphasis.Replace(link.ReplaceAllString(line, "$1"))
	line = single.ReplaceAllString(line, "$1$2$3")
	if strings.HasPrefix(line, "|") || strings.Count(line, " | ") > 0 {
		line = strings.Trim(strings.ReplaceAll(line, "|", ", "), ", ")
	}
	return strings.TrimSpace(line)
}

// muted is a line in lower case, without the punctuation marks that say nothing: all but those
// within numbers and words, minus signs, and marks like % and @.
func muted(line string) string {
	runes := []rune(strings.ToLower(line))
	alnum := func(i int) bool {
		return i >= 0 && i < len(runes) && (unicode.IsLetter(runes[i]) || unicode.IsDigit(runes[i]))
	}
	var b strings.Builder
	for i, r := range runes {
		keep := !unicode.IsSpace(r)
		switch r {
		case '.', ',', ':', '\'':
			keep = alnum(i-1) && alnum(i+1)
		case '-', '–', '−':
			keep = !alnum(i-1) && i+1 < len(runes) && unicode.IsDigit(runes[i+1])
		case '"', '“', '”', '‘', '’', '(', ')', '[', ']', '!', '?', ';', '…', '—', '*', '_', '„', '«', '»':
			keep = false
		}
		if keep {
			b.WriteRune(r)
		} else {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// heading reports whether what follows a line stands under it.
func heading(line string) bool {
	return strings.HasPrefix(line, "#") || strings.HasSuffix(line, ":") || strings.HasSuffix(line, ":**") ||
		strings.HasPrefix(line, "**") && strings.HasSuffix(line, "**")
}

// sentences of a line. An abbreviation may end one: that matters little.
func sentences(line string) (all []string) {
	for line != "" {
		end := len(line)
		if at := stops.FindStringIndex(line); at != nil {
			end = at[1]
		}
		if s := strings.TrimSpace(line[:end]); s != "" {
			all = append(all, s)
		}
		line = line[end:]
	}
	return all
}

var (
	// negators deny what follows in their clause, so that it is no longer said.
	negators = reading.Set("not no never without nobody nothing neither nor cannot none hardly")
	// joints begin another clause, where the reach of a negation ends.
	joints = reading.Set("and but while whereas or nor although though because so if when since unless which where")
)

// asides follow a "one" that counts nothing.
var asides = reading.Set("of another who that which can could may might must should is or and to has with where such needs")

// reach of a negation, in words of content of its clause.
const reach = 3

// apart are words that only look like the plural of another.
var apart = reading.Set("https ios aws dns css js gps sms")

// read a sentence into words.
func (s *said) read(sentence string, line int) {
	r := reading.ReadAnswer(sentence)
	if r.Manner != reading.Prose {
		s.opaque = append(s.opaque, strings.Join(strings.Fields(strings.ToLower(r.Text)), " "))
		return
	}
	s.sentences++
	s.units++
	open := 0 // words that a negation still reaches
	lead := strings.HasSuffix(sentence, ":")
	for i := range r.Words {
		w := word{Word: r.Words[i], at: s.sentences, line: line, section: s.sections, lead: lead}
		if apart[w.Text] {
			w.Lemma = w.Text
		}
		if w.Text == "one" && i+1 < len(r.Words) && !asides[r.Words[i+1].Text] {
			w.Kind, w.Function, w.Lemma = reading.Number, false, "1"
		}
		if w.Break || joints[w.Text] {
			s.units++
			open = 0
		}
		w.unit = s.units
		w.name = w.Name() && (w.Entry.Is(lexicon.Name) || w.Capital && !w.First)
		switch {
		case negators[w.Text]:
			open = reach
			s.negations++
		case open > 0 && content(&w.Word):
			w.negation = s.negations
			open--
		}
		s.words = append(s.words, w)
	}
}

// light words carry little: what is said stays the same without them.
var light = reading.Set(`mean meaning number language body call include use get make take have help main common key follow step question answer general generally
	especially typical typically usual usually example instance also simply basically overall note sure certainly here way kind type
	thing following term refer consist various several commonly known know be become do let allow enable provide give need
	require appear seem say describe define definition enjoy hello hi please thank thanks stand
	there within of come`)

// content reports whether a word says something by itself.
func content(w *reading.Word) bool {
	return !w.Function && (w.Kind != reading.Plain || !negators[w.Text] && len(w.Lemma) > 0)
}
