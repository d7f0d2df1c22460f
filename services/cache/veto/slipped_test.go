package veto

import (
	"testing"

	"tollgate.dev/services/cache/reading"
)

func TestSlipped(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"how do I bake bread", "ho wdo I bake bread", true},
		{"how do I bake bread", "how do Ibake bread", true},
		{"What is it made of?", "What si it made of?", true},
		{"Were you there then?", "We're you there then?", false},
		{"What is everyday life?", "What is every day life?", false},
		{"Does may sleep here?", "Does May sleep here?", false},
		{"Is 1.5 ml right for a child that wieghs 20 kg?", "Is 15 ml right for a child that weighs 20 kg?", false},
		{"Who transefrs $1.50 abroad?", "Who transfers $150 abroad?", false},
		{"How do I laern C++ quickly?", "How do I learn C# quickly?", false},
		{"How do I laern C++ quickly?", "How do I learn C++ quickly", true},
		{"What is a man-eating shark?", "What is a man eating shark?", false},
	} {
		a, b := reading.Read(c.a), reading.Read(c.b)
		if slipped(a, b) != c.want || slipped(b, a) != c.want {
			t.Errorf("%s, %s: want %t", c.a, c.b, c.want)
		}
	}
}
