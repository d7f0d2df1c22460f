package reading

import "testing"

func TestPrepositions(t *testing.T) {
	if m := Prepositions("in of"); !m["in"] || !m["of"] || len(m) != 2 {
		t.Errorf("in and of are %v", m)
	}
	if m := AllPrepositions("in", "past"); m["in"] || !m["of"] || !m["past"] || m["and"] {
		t.Errorf("all but in, and past, are %v", m)
	}
	defer func() {
		if recover() == nil {
			t.Error("dog is a preposition")
		}
	}()
	Prepositions("in dog")
}

// What is the best of a kind and what asks for a list of it know the same adjectives.
func TestStrikes(t *testing.T) {
	for w, want := range map[string][2]bool{"amazing": {true, false}, "funny": {true, true}, "cheap": {}, "good": {}} {
		if strikes, short := Strikes(w); strikes != want[0] || short != want[1] {
			t.Errorf("%s: %t, %t", w, strikes, short)
		}
		if strikes, _ := Strikes(w); strikes && !opinions[w] {
			t.Errorf("%s is no opinion", w)
		}
	}
}

func TestMonth(t *testing.T) {
	for w, want := range map[string]bool{"may": true, "june": true, "jun": false, "monday": false} {
		if Month(w) != want {
			t.Errorf("%s: want %t", w, want)
		}
	}
	for w, want := range map[string]string{"june": "june", "sept": "september", "mondays": "monday", "may": ""} {
		if dates[w] != want {
			t.Errorf("%s: %q, want %q", w, dates[w], want)
		}
	}
}
