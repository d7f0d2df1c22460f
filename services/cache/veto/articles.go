package veto

import (
	"slices"
	"strings"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// articles holds prompts apart in which an article says how much or which is meant: a number of
// protons and the number of them; in a minute and in minutes; what the economist says, which may be a
// name, and what an economist does; to install pandas and a panda. Most others say nothing.
func articles(p *pair) (string, string, bool) {
	if !p.near() {
		return "", "", false
	}
	if x, y, found := p.either(formed); found {
		return x, y, true
	}
	return p.either(func(p *pair) (string, string, bool) {
		for i, j := range p.a.to {
			j := int(j)
			if j < 0 || p.a.words[i].Lemma != p.b.words[j].Lemma || !p.a.indefinite(i) || p.b.indefinite(j) {
				continue
			}
			w, o := &p.a.words[i], &p.b.words[j]
			switch {
			case amounts[w.Text] && w.Text == o.Text && p.a.of(i) && p.b.of(j),
				measures[w.Lemma] && o.Form == reading.S && p.b.bare(j),
				p.b.definite(j) && o.Form == reading.Base && (p.a.individual(i) && p.b.individual(j) || p.which(i)):
				return p.a.text(i-1, i+1), p.b.text(j-1, j+1), true
			}
		}
		return "", "", false
	})
}

// formed finds an article or a plural that a form keeps, because it makes another thing of what it stands by, where
// the other has none and little else differs: to install pandas, and a panda; the order that a form keeps, because
// what stands in it is done in it, or one of it belongs to what follows: to fetch and rebase; the spelling that it keeps, as that
// of a name: the Labour Party; and the word that may be a name: canva.
func formed(p *pair) (string, string, bool) {
	if p.more() == "the" {
		for i := 0; i+1 < len(p.a.words); i++ {
			w, j := &p.a.words[i+1], int(p.a.to[i+1])
			if p.a.words[i].Text == "the" && j >= 0 && (j == 0 || p.b.words[j-1].Text != "the") && (!w.Capital || w.Case() == "^") &&
				w.Form == p.b.words[j].Form && (!p.a.of(i+1) || i > 0 && placing[p.a.words[i-1].Text]) {
				return p.a.text(i, i+2), p.b.at(j), true
			}
		}
	}
	if x, y, found := p.stepped(); found {
		return x, y, true
	}
	for i, j := range p.a.to {
		if j >= 0 && p.a.words[i].Lemma != p.b.words[j].Lemma && reading.Respelled(p.a.words[i].Lemma, p.b.words[j].Lemma) {
			return p.a.at(i), p.b.at(int(j)), true
		}
	}
	if x, y := p.differ(); len(x) == 2 && len(y) == 1 && x[0] == "the" && y[0] == x[1]+"+s" {
		return strings.Join(x, " "), x[1], true // the net and a net
	}
	x, y := p.instead()
	if p.edit.kept {
		return x, y, true
	}
	if x == "" || x != y+"+s" {
		return "", "", false
	}
	i, j := p.a.lemma(y), p.b.lemma(y)
	return x, y, i >= 0 && j >= 0 && (p.a.words[i].Form == reading.S || p.a.indefinite(i)) && p.b.words[j].Form == reading.Base && !p.b.indefinite(j)
}

// stepped finds two that are joined by "and" and stand in the other prompt in the other order, where a form doesn't
// bring both into one.
func (p *pair) stepped() (string, string, bool) {
	p.minimal()
	x, y := p.edit.a, p.edit.b
	n := len(x)
	if n != len(y) || n < 3 || n > 2*longestExchanged+1 {
		return "", "", false
	}
	for i := 1; i+1 < n; i++ {
		if j := n - 1 - i; p.a.ranked() && x[i] == "and" && y[j] == "and" && slices.Equal(x[:i], y[j+1:]) && slices.Equal(x[i+1:], y[:j]) {
			a, b := strings.Join(x, " "), strings.Join(y, " ")
			if p.turned {
				a, b = b, a
			}
			return a, b, true
		}
	}
	return "", "", false
}

// ranked reports whether the two beside "and" are doings, or something stands behind that may belong to one of them.
func (s *side) ranked() bool {
	i := s.find(and)
	if i < 1 || i+1 >= len(s.words) {
		return false
	}
	x, y := &s.words[i-1], &s.words[i+1]
	if x.Entry.First() == lexicon.Adverb && y.Entry.First() == lexicon.Adverb {
		return false // easily and smoothly
	}
	k := i + 1
	for k+1 < len(s.words) && article(s.words[k].Text) {
		k++
	}
	if k+1 < len(s.words) {
		return y.Kind == reading.Plain
	}
	return k == i+1 && (i < 2 || !article(s.words[i-2].Text)) && (isVerb(x) || isVerb(y))
}

// brief is how many words a prompt has at the most in which it tells which one is meant whether it is called "the" or
// "a". Longer ones tell it otherwise.
const brief = 12

// which reports whether "the" noun i may be a certain one, as it may where another noun says what sort it is: the return
// policy, and a return policy. The heart is any heart.
func (p *pair) which(i int) bool {
	w := p.a.words
	return len(w) <= brief && len(p.b.words) <= brief && i+1 < len(w) && !measures[w[i].Lemma] && content(&w[i]) && content(&w[i+1]) && w[i].Entry.First() == lexicon.Noun &&
		w[i+1].Entry.First() == lexicon.Noun
}

// amounts are nouns of which "a" of something is some of it, and "the" of it how much that is.
var amounts = reading.Set("number variety range percentage fraction proportion share majority amount quantity")

// measures are nouns of which several are more than one.
var measures = reading.Set("second minute hour day night week fortnight month year decade century millennium mile kilometer meter metre foot inch " +
	"yard acre pound kilogram kilo gram ounce ton tonne liter litre gallon pint spoon teaspoon tablespoon dollar euro cent penny degree dozen")

// indefinite reports whether "a" stands right before word i.
func (s *side) indefinite(i int) bool {
	return i > 0 && (s.words[i-1].Text == "a" || s.words[i-1].Text == "an") && s.words[i].Form == reading.Base
}

// definite reports whether "the" stands right before word i.
func (s *side) definite(i int) bool { return i > 0 && s.words[i-1].Text == "the" }

func (s *side) of(i int) bool { return i+1 < len(s.words) && s.words[i+1].Text == "of" }

// bare reports whether nothing before word i says how many are meant.
func (s *side) bare(i int) bool {
	if i == 0 {
		return true
	}
	w := &s.words[i-1]
	return !w.Break && w.Kind == reading.Plain && !article(w.Text) && (!w.Function || placing[w.Text] || begins(w.Text)) && w.Entry.First()&lexicon.Adjective == 0
}

// saying are verbs of what a paper does as well.
var saying = reading.Set("say write report publish print claim predict think call recommend endorse state argue")

// offices are held by one person each.
var offices = reading.Set("president pope king queen emperor empress chancellor mayor prophet")

// individual reports whether a question about noun i is about a single one, or one that is called so,
// when it stands with "the": who is the chef, what does the economist say, who reads the guardian.
func (s *side) individual(i int) bool {
	w := &s.words[i]
	if !content(w) || w.Entry.First() != lexicon.Noun {
		return false
	}
	if offices[w.Text] {
		return true
	}
	if i > 2 && i+1 == len(s.words) && (s.words[i-2].Text == "is" || s.words[i-2].Text == "was") {
		switch s.words[i-3].Text {
		case "who", "what", "where":
			return true
		}
	}
	if i > 1 {
		switch s.words[i-2].Lemma {
		case "read", "subscribe", "edit", "publish":
			return true
		}
	}
	return i+1 < len(s.words) && saying[s.words[i+1].Lemma]
}
