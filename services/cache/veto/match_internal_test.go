package veto

import (
	"slices"
	"strings"
	"testing"

	"tollgate.dev/services/cache/reading"
)

func matched(a, b string) *pair { return match(reading.Read(a), reading.Read(b)) }

// met are the words of content of a side with their partners, and what has none with a dash.
func (p *pair) met() (out []string) {
	for i := range p.a.words {
		w := &p.a.words[i]
		switch j := p.a.to[i]; {
		case j >= 0:
			out = append(out, w.Text+"="+p.b.words[j].Text)
		case content(w):
			out = append(out, w.Text+"=-")
		}
	}
	return out
}

// Words are partners that are equal, or mean the same, or are of one family, or of which one is a
// kind of the other; and what may be a slip of the other.
func TestMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, a, b, want string }{
		{"equal", "Where do owls nest?", "Where does an owl nest?", "owls=owl nest=nest"},
		{"each once", "Is tea tea?", "Is it tea?", "tea=tea tea=-"},
		{"synonyms", "How do I buy a car?", "How do I purchase an automobile?", "buy=purchase car=automobile"},
		{"aliases", "Is the movie good?", "Is the film good?", "movie=film good=good"},
		{"of one family", "Why did the bridge collapse?", "What caused the collapse of the bridge?", "bridge=bridge collapse=collapse"},
		{"a kind", "How do I wash a poodle?", "How do I wash a dog?", "wash=wash poodle=dog"},
		{"opposites", "Is the water hot?", "Is the water cold?", "water=water hot=-"},
		{"mistyped", "How do I fry parsnibs?", "How do I fry parsnips?", "fry=fry parsnibs=parsnips"},
		{"two words of the dictionary", "How do I clean a canvas?", "How do I clean a canvass?", "clean=clean canvas=-"},
		{"substances that nobody mistypes", "How do I store butane?", "How do I store butyne?", "store=store butane=-"},
		{"salts", "Is sodium sulfite toxic?", "Is sodium sulfide toxic?", "sodium=sodium sulfite=- toxic=toxic"},
		{"mistyped as if it was a substance", "Is a definite answer good?", "Is a definate answer good?", "definite=definate answer=answer good=good"}, //nolint:misspell // that is the point
		{"names that differ by a letter", "Who is Mira?", "Who is Mina?", "mira=-"},
		{"a name whose letter stands twice", "Who is Amir?", "Who is Aamir?", "amir=aamir"},
		{"plural of an unknown word", "What is a zorbix?", "What are zorbixs?", "zorbix=zorbixs"},
		{"short unknown words", "What is smtp?", "What is smtps?", "smtp=-"},
		{"numbers", "Who won in 2022?", "Who won in 2022?", "won=won 2022=2022"},
		{"other numbers", "Who won in 2022?", "Who won in 2023?", "won=won"},
		{"written apart", "What is timetravel?", "What is time travel?", "timetravel=time"},
		{"a short name", "Where is the USA?", "Where is the United States?", "usa=united"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(matched(c.a, c.b).met(), " "); got != c.want {
				t.Errorf("%q and %q: %s, want %s", c.a, c.b, got, c.want)
			}
		})
	}
}

// Partners are partners from both sides, and words without one are loose unless the other side has said
// them already.
func TestMatchIsMutual(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b         string
		close        float64
		looseA, rest string
	}{
		{"Where do owls nest?", "Where do owls nest?", 1, "", ""},
		{"Where do owls nest?", "Where do old owls nest?", 0.8, "", "old"},
		{"Where do owls sleep?", "Where do ships sail?", 0, "owls sleep", "ships sail"},
		{"Why do owls hunt owls?", "Why do owls hunt?", 0.8, "", ""},
		{"Who is it?", "What is that?", 1, "", ""},
	} {
		p := matched(c.a, c.b)
		for _, s := range []*side{&p.a, &p.b} {
			o := p.other(s)
			for i, j := range s.to {
				if j >= 0 && !slices.Contains(o.to, int16(i)) {
					t.Errorf("%q and %q: %q has a partner that has another", c.a, c.b, s.words[i].Text)
				}
			}
		}
		if p.close != c.close || words(&p.a) != c.looseA || words(&p.b) != c.rest {
			t.Errorf("%q and %q: close %v, loose %q and %q", c.a, c.b, p.close, words(&p.a), words(&p.b))
		}
	}
}

// words are the loose ones of a side.
func words(s *side) string {
	var out []string
	for _, i := range s.loose {
		out = append(out, s.words[i].Text)
	}
	return strings.Join(out, " ")
}

// Prompts that have little in common are not looked at word by word.
func TestMatchIsBounded(t *testing.T) {
	t.Parallel()
	a := "car " + strings.Repeat("owl ship lamp brick ", 15)
	b := "automobile " + strings.Repeat("tea wine bread milk ", 15)
	if p := matched("the "+a, "the "+b); p.a.alone() == 0 || p.close != 0 {
		t.Errorf("close %v, %d words alone", p.close, p.a.alone())
	}
	if p := matched("the car", "the automobile"); p.close != 1 {
		t.Errorf("close %v", p.close)
	}
}

func TestEdits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"owl", "owl", 0}, {"owl", "owls", 1}, {"bowl", "howl", 1}, {"form", "from", 2}, {"owl", "owling", 3}, {"cat", "dogs", 3},
	} {
		if got := edits(c.a, c.b); got != c.want {
			t.Errorf("%s and %s: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
