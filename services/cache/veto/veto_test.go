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

func TestFindingsNameTheWordsThatDiffer(t *testing.T) {
	f, found := veto.Check(reading.Read("Who won in 2022?"), reading.Read("Who won in 2023?"))
	if want := (veto.Finding{Rule: "numbers", A: "2022", B: "2023"}); !found || f != want {
		t.Errorf("got %v, want %v", f, want)
	}
}

func TestUnfit(t *testing.T) {
	for _, c := range []struct{ text, rule string }{
		{"What is my name?", "personal"},
		{"", "blank"},
		{" \t\n\u00a0", "blank"},
		{"\u200b\u2060\ufe0f\u00ad\u2800\u3164", "blank"},
		{"?", ""},
		{"\u20ac", ""},
		{"\u200bWho won in 2022?", ""},
		{"What do you know about me?", "personal"},
		{"I am ill, what helps?", "personal"},
		{"What is the weather today?", "time"},
		{"What is the latest version of Go?", "time"},
		{"Who won this week?", "time"},
		{"What do people wear these days?", "time"},
		{"Who is winning at the moment?", "time"},
		{"Who has won so far?", "time"},
		{"Who won in the last 5 years?", "time"},
		{"What opened in the past week?", "time"},
		{"What opens in the next few days?", "time"},
		{"What are the last two letters of Latin?", ""},
		{"What is so far away as the sun?", ""},
		{"Am I eligible?", "personal"},
		{"Did I pass the exam?", "personal"},
		{"Do I owe taxes?", "personal"},
		{"Where do I work?", "personal"},
		{"What time is it?", "time"},
		{"What year is it?", "time"},
		{"What is the weather in Oslo?", "time"},
		{"Is Pele still alive?", "time"},
		{"Who won 2 days ago?", "time"},
		{"When is the next full moon?", "time"},
		{"When is the next election?", "time"},
		{"How long since the war ended?", "time"},
		{"How long has it been since Pearl Harbor?", "time"},
		{"How many days until Christmas?", "time"},
		{"How long until rice is done?", ""},
		{"How many days until an egg hatches?", ""},
		{"What is the next prime after 7?", ""},
		{"How do I cook rice?", ""},
		{"Where do I find mushrooms?", ""},
		{"What time is it called when owls hunt?", ""},
		{"Why do still waters run deep?", ""},
		{"What does \"my\" mean?", ""},
		{"Who won in 2022?", ""},
	} {
		if rule, unfit := veto.Unfit(reading.Read(c.text)); rule != c.rule || unfit != (c.rule != "") {
			t.Errorf("%s: got %q, want %q", c.text, rule, c.rule)
		}
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
