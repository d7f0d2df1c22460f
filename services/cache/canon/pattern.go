package canon

import (
	"strconv"
	"strings"
	"sync"

	"tollgate.dev/services/cache/reading"
)

// atom is a word on its way into the form.
type atom struct {
	text    string
	form    reading.Form
	word    *reading.Word // nil for what a table put in
	frame   bool
	plain   bool // its capitals say nothing
	article bool // one stood before it
	many    bool // several of it, where one is another thing
}

// rule is a line of a table.
type rule struct {
	pattern []want
	become  []want
	capture bool // {ing} is in the pattern
}

// want is a word of a pattern, or of what replaces it.
type want struct {
	text     string
	form     reading.Form
	any      map[string]bool // a set instead of the text
	optional bool
	frame    bool
	name     bool // only as a name
	take     int  // for what replaces: the word matched by that one of the pattern, from 1
}

// book is a table, by the first two words of its patterns, of which the second is empty where
// it may be any; those that begin with a set stand under each of its words.
type book map[[2]string][]*rule

type books struct {
	opening, frames, phrases book
	closing                  book // by the last word
}

var tables = sync.OnceValue(func() *books {
	return &books{
		opening: compile(opening, false), closing: compile(closing, true),
		frames: compile(frames, false), phrases: compile(phrases, false),
	}
})

const (
	anyIng  = "{ing}"
	anyMost = "{most}"
)

func compile(table string, byLast bool) book {
	b := book{}
	for line := range strings.Lines(table) {
		from, to, ok := strings.Cut(strings.TrimSpace(line), "->")
		if !ok {
			continue
		}
		r := &rule{}
		for f := range strings.FieldsSeq(from) {
			w := parse(f)
			r.capture = r.capture || w.text == anyIng
			r.pattern = append(r.pattern, w)
		}
		for f := range strings.FieldsSeq(to) {
			if n, ok := strings.CutPrefix(f, "$"); ok {
				i, err := strconv.Atoi(n)
				if err != nil || i < 1 || i > len(r.pattern) || r.pattern[i-1].optional {
					panic("canon: " + line) // a mistake in the tables
				}
				r.become = append(r.become, want{take: i})
				continue
			}
			r.become = append(r.become, parse(f))
		}
		firsts := map[string]bool{}
		seconds := []string{""}
		if p := r.pattern; !byLast && len(p) > 1 && !p[0].optional && !p[1].optional {
			seconds = p[1].words()
		}
		keys := r.pattern
		if byLast {
			keys = []want{r.pattern[len(r.pattern)-1]}
			for i := len(r.pattern) - 1; i > 0 && r.pattern[i].optional; i-- {
				keys = append(keys, r.pattern[i-1])
			}
		}
		for _, w := range keys {
			for k := range w.any {
				firsts[k] = true
			}
			if w.any == nil {
				firsts[w.text] = true
			}
			if !w.optional && !byLast {
				break
			}
		}
		for k := range firsts {
			for _, second := range seconds {
				b[[2]string{k, second}] = append(b[[2]string{k, second}], r)
			}
		}
	}
	return b
}

// words are those that the want fits, or one empty word when there are too many to list.
func (w *want) words() []string {
	switch {
	case w.text == anyIng || w.text == anyMost:
		return []string{""}
	case w.any == nil:
		return []string{w.text}
	}
	var all []string
	for s := range w.any {
		all = append(all, s)
	}
	return all
}

func parse(f string) want {
	f, optional := strings.CutSuffix(f, "?")
	w := want{text: f, optional: optional}
	switch {
	case f == anyIng, f == anyMost:
	case f[0] == '{':
		w.any = map[string]bool{}
		for s := range strings.FieldsSeq(sets[strings.Trim(f, "{}")]) {
			w.any[s] = true
		}
		if len(w.any) == 0 {
			panic("canon: no set " + f)
		}
	case f == strings.ToUpper(f) && f[0] >= 'A':
		w.frame = true
	case strings.HasSuffix(f, "^"):
		w.text, w.name = f[:len(f)-1], true
	case strings.HasSuffix(f, "+d"):
		w.text, w.form = f[:len(f)-2], reading.Past
	case strings.HasSuffix(f, "+ing"):
		w.text, w.form = f[:len(f)-4], reading.Ing
	case strings.HasSuffix(f, "+t"):
		w.text, w.form = f[:len(f)-2], reading.Most
	case f == "best":
		w.text, w.form = "good", reading.Most
	}
	return w
}

func (w *want) fits(a *atom) bool {
	switch {
	case a.frame || a.word != nil && (a.word.Quoted || a.word.Kept):
		return false
	case w.text == anyIng:
		return a.form == reading.Ing
	case w.text == anyMost:
		return a.form == reading.Most
	case w.any != nil:
		return w.any[a.text] && a.form <= reading.S
	case w.name:
		return w.text == a.text && a.word != nil && a.word.Capital
	}
	return w.text == a.text && (w.form == a.form || w.form == reading.Base && a.form == reading.S)
}

// match fits the rule at the beginning of atoms; it returns how many it covers, and for each
// word of the pattern which atom it fitted, or -1.
func (r *rule) match(atoms []atom, at *[16]int8) int {
	n := 0
	for i := range r.pattern {
		at[i] = -1
		if n < len(atoms) && r.pattern[i].fits(&atoms[n]) {
			at[i] = int8(n)
			n++
			continue
		}
		if !r.pattern[i].optional {
			return 0
		}
	}
	return n
}

// apply replaces atoms[from:from+n] by what the rule says.
func (r *rule) apply(atoms []atom, from, n int, at *[16]int8) []atom {
	var to [8]atom
	k := 0
	for _, w := range r.become {
		if w.take > 0 {
			if i := at[w.take-1]; i >= 0 {
				to[k] = atoms[from+int(i)]
				k++
			}
			continue
		}
		to[k] = atom{text: w.text, form: w.form, frame: w.frame}
		if len(r.become) == n && !w.frame { // word for word
			to[k].word = atoms[from+k].word
			to[k].plain = r.pattern[k].name
		} else if last := atoms[from+n-1].word; len(r.become) == 1 && n > 1 && !w.frame && last != nil && !last.Function && last.Kind == reading.Plain {
			to[k].word, to[k].plain = last, last.Lemma != w.text // a cell phone is a phone
		}
		k++
	}
	if r.capture {
		to[k] = atoms[from+n-1]
		to[k].form = reading.Base
		k++
	}
	for i := range n {
		if k > 0 && atoms[from+i].many {
			to[k-1].many = true
		}
	}
	if k > n { // nothing in the tables grows by more than a word
		atoms = append(atoms, make([]atom, k-n)...)
		copy(atoms[from+k:], atoms[from+n:len(atoms)-(k-n)])
	} else {
		atoms = append(atoms[:from+k], atoms[from+n:]...)
	}
	copy(atoms[from:], to[:k])
	return atoms
}

// longest returns the rule that covers the most atoms at the beginning.
func (b book) longest(atoms []atom, at *[16]int8) (*rule, int) {
	if len(atoms) == 0 || atoms[0].frame {
		return nil, 0
	}
	var best *rule
	most := 0
	var try [16]int8
	look := func(rules []*rule) {
		for _, r := range rules {
			if n := r.match(atoms, &try); n > most {
				best, most, *at = r, n, try
			}
		}
	}
	look(b[[2]string{atoms[0].text}])
	if len(atoms) > 1 {
		look(b[[2]string{atoms[0].text, atoms[1].text}])
	}
	return best, most
}
