package veto

import (
	"strings"
	"testing"
)

// How the forms of two prompts differ is known from either side.
func TestPairsDiffer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b            string
		minimal, single bool
		x, y            string // the words in which they differ
		more            string // what a alone has
	}{
		{"Where do owls nest?", "where does an owl nest", false, false, "", "", ""},
		{"Where do owls nest?", "Where do hawks nest?", true, true, "owl", "hawk", ""},
		{"Where do old owls nest?", "Where do owls nest?", true, false, "old", "", "old"},
		{"Where do owls nest?", "Where do old owls nest?", true, false, "", "old", ""},
		{"Where do old owls nest?", "Where do hawks nest?", true, false, "old owl", "hawk", ""},
		{"Where do owls nest in winter, and what do they eat?", "Who painted the altar of the old church?", false, false, "", "", ""},
	} {
		p := matched(c.a, c.b)
		for name, q := range map[string]*pair{"": p, ", turned back": p.flip().flip()} {
			x, y := q.differ()
			if q.minimal() != c.minimal || q.single() != c.single || strings.Join(x, " ") != c.x || strings.Join(y, " ") != c.y || q.more() != c.more {
				t.Errorf("%q and %q%s: minimal %v, single %v, %v and %v, more %q", c.a, c.b, name, q.minimal(), q.single(), x, y, q.more())
			}
		}
		if x, y := p.flip().differ(); strings.Join(x, " ") != c.y || strings.Join(y, " ") != c.x {
			t.Errorf("%q and %q, turned: %v and %v", c.a, c.b, x, y)
		}
		if x, y := p.instead(); c.single && (x != c.x || y != c.y) || !c.single && x+y != "" {
			t.Errorf("%q and %q: %q instead of %q", c.a, c.b, x, y)
		}
	}
}

// Gaps are what stands between the same neighbours, but for words that add little, in each prompt.
func TestGaps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b, want string
		ordered    bool
	}{
		{"Where do owls nest?", "Where do owls nest?", "", true},
		{"Where do owls nest?", "Where do owls really nest?", "", true},
		{"Where do owls nest?", "Where do owls hide eggs?", "nest|hide eggs", true},
		{"Do brown owls eat green frogs?", "Do white owls eat red frogs?", "brown|white green|red", true},
		{"Do owls eat frogs?", "Do frogs eat owls?", "", false},
		{"Where do old owls nest?", "Where do owls nest?", "old|", true},
	} {
		p := matched(c.a, c.b)
		if got := gapsOf(p); got != c.want || p.ordered != c.ordered {
			t.Errorf("%q and %q: %q, ordered %v", c.a, c.b, got, p.ordered)
		}
		if got, want := gapsOf(p.flip()), gapsOf(matched(c.b, c.a)); got != want {
			t.Errorf("%q and %q: turned it has %q, read so %q", c.a, c.b, got, want)
		}
	}
}

func gapsOf(p *pair) string {
	var out []string
	for _, g := range p.gaps {
		var a, b []string
		for _, i := range g.a {
			a = append(a, p.a.words[i].Text)
		}
		for _, i := range g.b {
			b = append(b, p.b.words[i].Text)
		}
		out = append(out, strings.Join(a, " ")+"|"+strings.Join(b, " "))
	}
	return strings.Join(out, " ")
}
