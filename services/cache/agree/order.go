package agree

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

var (
	// numbered begins a line that has a number in a list: "3.", "(3)", "**3.**", "Step 3:", "#3 -", "3rd:", "| 3 |".
	numbered = regexp.MustCompile(`(?i)^[-*+•–>#|_\s(]*(?:(?:step|stage|phase|place|rank|number|no\.?|part|day|week)\s*)?#?` +
		`(\d{1,3})(?:st|nd|rd|th)?(?:\*\*|__)?\s*[.):|–—-](?:[\s*_]|$)`)
	// lettered begins one that has a letter.
	lettered = regexp.MustCompile(`^[-*+•–>_\s(]*([a-hA-H])(?:\*\*|__)?[.)]\s`)
	// inner is such a number within a line.
	inner = regexp.MustCompile(`(?:^|\s)\(?(\d{1,2})[.)]\s+`)
)

// numberOf is the number that a line has in a list, 0 for none.
func numberOf(line string) int {
	if m := numbered.FindStringSubmatch(line); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return 0
		}
		return n
	}
	if m := lettered.FindStringSubmatch(line); m != nil {
		return int(m[1][0]|0x20-'a') + 1
	}
	return 0
}

// apiece is a line whose list stands within it, "1. this 2. that", as one line for each number.
func apiece(line string) (lines []string) {
	from, next := 0, 1
	for _, at := range inner.FindAllStringSubmatchIndex(line, -1) {
		if line[at[2]:at[3]] != strconv.Itoa(next) {
			continue
		}
		if head := strings.TrimSpace(line[from:at[0]]); head != "" {
			lines = append(lines, head)
		}
		from, next = at[0], next+1
	}
	if next <= 2 {
		return []string{line}
	}
	return append(lines, strings.TrimSpace(line[from:]))
}

// irregular are the numbers of a list that say more than the order of its lines: all that are not
// one more than the one before, or 1.
func (s *said) irregular() (all []int) {
	before := 0
	for _, n := range s.numbers {
		if n != 1 && n != before+1 {
			all = append(all, n)
		}
		before = n
	}
	return all
}

// ranking are words of a heading, or of a sentence, whose list has an order.
var ranking = reading.Set(`steps procedure instructions directions ranking rankings rank ranked ranks sequence timeline chronological
	chronologically alphabetical alphabetically stages phases process ordered podium top recipe`)

// ordering stand before an "order" that is a sequence.
var ordering = reading.Set("in this following correct right")

// ranks reports whether the words say that what they lead to has an order.
func ranks(words []word) bool {
	for i := range words {
		switch w := &words[i]; {
		case ranking[w.Text], w.Form == reading.Most && w.lead:
			return true
		case w.Text == "order" && i > 0: // no purchase, and not "in order to"
			before, after := words[i-1].Text, ""
			if i+1 < len(words) {
				after = words[i+1].Text
			}
			if ordering[before] && after != "to" && after != "that" {
				return true
			}
		}
	}
	return false
}

var (
	// sequels come after another step wherever they stand in a sentence.
	sequels = reading.Set("finally lastly afterwards afterward subsequently thereafter firstly secondly thirdly")
	// ordinals do where a sentence or a clause begins with them.
	ordinals = reading.Set("first second third fourth fifth next last")
)

// sequel reports whether a step begins at a word of a sentence.
func sequel(words []word, i int) bool {
	w := &words[i]
	next := func(text string) bool { return i+1 < len(words) && words[i+1].Text == text }
	switch {
	case sequels[w.Text]:
		return true
	case w.Text == "then":
		if i > 0 && (words[i-1].Text == "since" || words[i-1].Text == "by" || words[i-1].Text == "until" || words[i-1].Text == "back") {
			return false
		}
		// "If …, then …" is no order.
		return !slices.ContainsFunc(words[:i], func(v word) bool {
			return v.at == w.at && (v.Text == "if" || v.Text == "when")
		})
	case ordinals[w.Text]:
		begins := i == 0 || w.Break || words[i-1].at != w.at || words[i-1].Text == "and"
		return begins && i+1 < len(words) && words[i+1].at == w.at && (words[i+1].Break || bid(words, i+1))
	case w.Text == "after":
		return next("that") || next("this") || next("which")
	case w.Text == "followed":
		return next("by")
	}
	return false
}

// bid reports whether the word may tell somebody to do something: a verb, or what may be one
// before "the".
func bid(words []word, i int) bool {
	w := &words[i]
	if w.Kind != reading.Plain || w.Function || w.Form != reading.Base || w.Text != w.Lemma {
		return false
	}
	return w.Entry.First() == lexicon.Verb || w.Entry.Is(lexicon.Verb) && i+1 < len(words) && objects[words[i+1].Text]
}

// objects begin what something is done to.
var objects = reading.Set("the a an your this that it them these those all each every")

// commands finds the words that begin a clause that tells what to do: "Open the door, turn left and
// wait", also after "To leave,"; and the words that say what for.
func (s *said) commands() {
	tells, purpose := false, false // the sentence, the words
	for i := range s.words {
		w := &s.words[i]
		first := i == 0 || s.words[i-1].at != w.at
		last := i+1 == len(s.words) || s.words[i+1].at != w.at
		joined := !last && (s.words[i+1].Text == "and" || s.words[i+1].Text == "or") // "supply and demand"
		aim := !last && w.Text == "to" && bid(s.words, i+1)
		if first {
			tells, purpose = aim || bid(s.words, i) && !joined, false
			w.command = tells && !aim
		} else if w.Break || s.words[i-1].Text == "and" || s.words[i-1].Text == "then" {
			w.command = tells && bid(s.words, i)
		}
		purpose = aim || purpose && !w.Break && !w.command
		w.purpose = purpose
	}
}

// arrange finds the steps of an answer, whose order counts: the lines of a list with numbers, or
// of one whose heading says that it has an order; what "first", "then" and "finally" begin; and
// one sentence or clause after the other that tells what to do. Each word gets the number of its step
// from 1, or 0 before the first.
func (s *said) arrange() {
	s.commands()
	rising := false  // two numbers of which one comes after the other
	var marked []int // lines with a number
	for i := range s.lines {
		b := s.lines[i].number
		if b == 0 {
			continue
		}
		if len(marked) > 0 {
			a := s.lines[marked[len(marked)-1]].number
			rising = rising || b == a+1 || a == b+1 || a == 1 && b == 1
		}
		marked = append(marked, i)
	}
	// Where a list begins, what stands before it is no step.
	listed := rising
	starts := map[int]bool{} // lines that begin a step
	for _, i := range marked {
		starts[i] = rising
	}
	under := false // a heading that says so
	for i := range s.lines {
		l := &s.lines[i]
		words := s.words[l.from:l.to]
		switch {
		case l.heading:
			under = ranks(words)
		case under && !rising && l.from < l.to:
			starts[i] = true
			listed = true
		}
	}
	commands, sequenced := 0, false
	for i := range s.words {
		w := &s.words[i]
		sequenced = sequenced || sequel(s.words, i)
		if w.command && !s.lines[w.line].bullet && !starts[w.line] {
			commands++
		}
	}
	sequenced = sequenced || commands > 1
	closing := len(s.lines) // what stands below the list
	if listed {
		for closing > 0 && !starts[closing-1] && !s.lines[closing-1].bullet {
			closing--
		}
	}
	step, line := 0, -1
	for i := range s.words {
		w := &s.words[i]
		first := i == 0 || s.words[i-1].at != w.at
		switch {
		case w.line != line && starts[w.line]:
			step++
		case listed && step == 0, w.line >= closing, s.lines[w.line].heading:
			// what leads to the steps
		case sequenced && (first && !s.lines[w.line].bullet || sequel(s.words, i) || w.command):
			step++
		case s.begins(i) && s.ranked(w.at):
			step++
		}
		line = w.line
		if w.step = step; w.line >= closing {
			w.step = 0
		}
	}
	s.steps = step
	if step < 2 {
		s.steps = 0
	}
}

// begins reports whether a clause begins at a word.
func (s *said) begins(i int) bool {
	return i == 0 || s.words[i-1].at != s.words[i].at || s.words[i].Break || joints[s.words[i-1].Text]
}

// ranked reports whether a sentence says that what it lists has an order.
func (s *said) ranked(at int) bool {
	from := slices.IndexFunc(s.words, func(w word) bool { return w.at == at })
	to := from
	for to < len(s.words) && s.words[to].at == at {
		to++
	}
	return ranks(s.words[from:to])
}

// reordered: one answer has steps, and the other says them in another order, or it can't be told.
func (m *matching) reordered() (found bool) {
	if m.x.steps > 0 && m.x.steps == m.y.steps && m.exchanged() {
		return true
	}
	m.sides(func(s, o *said, to []int) { found = found || s.steps > 0 && moved(s, o, to) })
	return found
}

// moved: the words that only one step of s says stand in another order in o.
func moved(s, o *said, to []int) bool {
	const several = -1
	home := map[string]int{} // a word's step
	for i := range s.words {
		w := &s.words[i]
		if w.purpose {
			continue
		}
		if step, ok := home[w.Lemma]; ok && step != w.step {
			home[w.Lemma] = several
		} else {
			home[w.Lemma] = w.step
		}
	}
	type place struct{ first, at, step int }
	places := map[string]place{}
	for j := range o.words {
		w := &o.words[j]
		if w.purpose {
			continue
		}
		p, ok := places[w.Lemma]
		switch {
		case !ok:
			p = place{first: j, at: w.at, step: w.step}
		case p.at != w.at && (o.steps == 0 || p.step != w.step):
			p.at = several
		}
		places[w.Lemma] = p
	}
	type anchor struct{ step, first int }
	var anchors []anchor
	held := make([]bool, s.steps+1)
	full := make([]bool, s.steps+1)
	for i := range s.words {
		w := &s.words[i]
		if w.step == 0 || w.purpose || w.Kind == reading.Plain && (!content(&w.Word) || light[w.Lemma]) {
			continue
		}
		full[w.step] = true
		if to[i] < 0 || home[w.Lemma] == several {
			continue
		}
		if p, ok := places[o.words[to[i]].Lemma]; ok && p.at != several {
			anchors = append(anchors, anchor{w.step, p.first})
			held[w.step] = true
		}
	}
	for step := range full {
		if full[step] && !held[step] && s.steps != o.steps {
			return true // which of its steps it is can't be told
		}
	}
	slices.SortFunc(anchors, func(a, b anchor) int { return cmp.Or(a.first-b.first, a.step-b.step) })
	return !slices.IsSortedFunc(anchors, func(a, b anchor) int { return a.step - b.step })
}

// exchanged: of as many steps in both answers, one is rather another one of the other answer.
func (m *matching) exchanged() bool {
	p := m.x.contents(nil, nil)
	q := m.y.contents(m.x, m.of)
	for i := range p {
		own := shared(p[i], q[i])
		for j := range q {
			if shared(p[i], q[j]) > own || shared(p[j], q[i]) > own {
				return true
			}
		}
	}
	return false
}

// contents are what each step says; words with a partner in o by the partner's lemma.
func (s *said) contents(o *said, to []int) []map[string]bool {
	all := make([]map[string]bool, s.steps+1)
	for i := range all {
		all[i] = map[string]bool{}
	}
	stepOf := make([]int, len(s.lines)) // a line's last
	for i := range s.words {
		w := &s.words[i]
		stepOf[w.line] = w.step
		if w.Kind != reading.Plain || content(&w.Word) {
			lemma := w.Lemma
			if o != nil && to[i] >= 0 {
				lemma = o.words[to[i]].Lemma
			}
			all[w.step][lemma+" "+w.Unit] = true
		}
	}
	for _, line := range s.lines {
		for _, sign := range line.signed {
			all[stepOf[line.n]]["-"+sign] = true
		}
		for _, span := range line.spans {
			all[stepOf[line.n]]["`"+span] = true
		}
	}
	return all[1:]
}

// shared is the share of what two sets have in common.
func shared(a, b map[string]bool) float64 {
	common := 0
	for k := range a {
		if b[k] {
			common++
		}
	}
	if all := len(a) + len(b) - common; all > 0 {
		return float64(common) / float64(all)
	}
	return 1
}
