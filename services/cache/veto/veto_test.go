package veto_test

import (
	"slices"
	"strings"
	"testing"

	"tollgate.dev/services/cache/reading"
	"tollgate.dev/services/cache/veto"
)

type pair struct{ a, b string }

// check holds a rule to pairs that it must hold apart, and all rules to pairs that say the same.
func check(t *testing.T, rule string, apart, same []pair) {
	t.Helper()
	for _, p := range apart {
		all := veto.All(reading.Read(p.a), reading.Read(p.b))
		if !slices.ContainsFunc(all, func(f veto.Finding) bool { return f.Rule == rule }) {
			t.Errorf("%s doesn't hold apart:\n\t%s\n\t%s\n\t%v", rule, p.a, p.b, all)
		}
		if _, found := veto.Check(reading.Read(p.b), reading.Read(p.a)); !found {
			t.Errorf("held apart in one direction only:\n\t%s\n\t%s", p.a, p.b)
		}
	}
	for _, p := range same {
		if f, found := veto.Check(reading.Read(p.a), reading.Read(p.b)); found {
			t.Errorf("%v holds apart:\n\t%s\n\t%s", f, p.a, p.b)
		}
	}
}

// Whichever prompt was there first.
func TestTheOrderOfPromptsDoesNotCount(t *testing.T) {
	for _, p := range []pair{
		{"how to concatenate strings in bash", "bash string concatenation"},
		{"how do I train for a 5k in 8 weeks", "how do I for train a 5k in 8 weeks"},
	} {
		f, one := veto.Check(reading.Read(p.a), reading.Read(p.b))
		g, other := veto.Check(reading.Read(p.b), reading.Read(p.a))
		if one != other {
			t.Errorf("%v in one order, %v in the other:\n\t%s\n\t%s", f, g, p.a, p.b)
		}
	}
}

func TestFindingsNameTheWordsThatDiffer(t *testing.T) {
	f, found := veto.Check(reading.Read("Who won in 2022?"), reading.Read("Who won in 2023?"))
	if want := (veto.Finding{Rule: "numbers", A: "2022", B: "2023"}); !found || f != want {
		t.Errorf("got %v, want %v", f, want)
	}
}

// Fuzzing holds Check to be symmetric, and never to hold a text apart from itself.
func FuzzCheck(f *testing.F) {
	f.Add("Did Google sue Oracle in 2010?", "Was Oracle sued by Google?")
	f.Add("Is tea better than coffee?", "Is coffee worse than tea?")
	f.Add("x", "")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := reading.Read(a), reading.Read(b)
		_, there := veto.Check(x, y)
		_, back := veto.Check(y, x)
		if there != back {
			t.Errorf("%q against %q: %v, and back: %v", a, b, veto.All(x, y), veto.All(y, x))
		}
		if f, found := veto.Check(x, reading.Read(a)); found {
			t.Errorf("%q is held apart from itself by %v", a, f)
		}
		if f, found := veto.Check(x, reading.Read(a+" ")); found && x.Manner == reading.Prose {
			t.Errorf("%q is held apart from itself and a space by %v", a, f)
		}
		veto.Unfit(x)
	})
}

func BenchmarkCheck(b *testing.B) {
	x, y := reading.Read("What is the best way to learn French online in 2024?"), reading.Read("How do I learn French online in 2023?")
	b.ReportAllocs()
	for b.Loop() {
		veto.Check(x, y)
	}
}

func BenchmarkCheckPasses(b *testing.B) {
	x, y := reading.Read("What is the best way to learn French online in 2024?"), reading.Read("How do I learn French online in 2024?")
	b.ReportAllocs()
	for b.Loop() {
		veto.Check(x, y)
	}
}

// Hostile prompts have as many words as are read, none of which the other has.
func BenchmarkCheckHostile(b *testing.B) {
	var x, y strings.Builder
	for i := range 150 {
		x.WriteString([]string{"run ", "set ", "break ", "turn ", "hot ", "light "}[i%6])
		y.WriteString([]string{"cut ", "pass ", "draw ", "big ", "dry ", "head "}[i%6])
	}
	p, q := reading.Read("the "+x.String()), reading.Read("the "+y.String())
	if p.Manner != reading.Prose || q.Manner != reading.Prose {
		b.Fatal("not read as prose")
	}
	b.ReportAllocs()
	for b.Loop() {
		veto.All(p, q)
	}
}
