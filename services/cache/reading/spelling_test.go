package reading

import "testing"

// American spelling stands for British where a word is the same in both, and is no name.
func TestSpelling(t *testing.T) {
	for _, c := range []struct {
		text string
		at   int
		want string
	}{
		{"Is the harbour deep?", 2, "harbor"},
		{"Where is Pearl Harbour?", 3, "harbour"},
		{"Harbour lights are bright", 0, "harbor"},
		{"Grey Owl was who?", 0, "grey"},
		{"is a grey owl big", 2, "gray"},
		{"Who heads the World Trade Organisation?", 5, "organization"},
		{"Who is Tom Grey's sister?", 3, "grey"},
		{"Does the regex find harbour?", 4, "harbour"},
		{"Can I print harbour?", 3, "harbour"},
		{"How do Americans write flavour?", 4, "flavour"},
		{"How long is a metre?", 4, "metre"},
		{"How is a lock prised open?", 4, "prise"},
		{"Who cashes a cheque?", 3, "cheque"},
		{"What is a tyre?", 3, "tyre"},
		{"Which programmes are long?", 1, "programme"},
		{"WHERE IS THE HARBOUR?", 3, "harbor"},
	} {
		r := Read(c.text)
		if len(r.Words) <= c.at || r.Words[c.at].Lemma != c.want {
			t.Errorf("%s: %v, want %s", c.text, r.Words, c.want)
		}
	}
}

func TestRespelled(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"metre", "meter", true}, {"labor", "labour", true}, {"flavour", "flavor", true}, {"dialogue", "dialog", true},
		{"prise", "prize", true}, {"meter", "meter", false}, {"matter", "meter", false}, {"hour", "hor", false},
	} {
		if got := Respelled(c.a, c.b); got != c.want {
			t.Errorf("%s and %s: %t", c.a, c.b, got)
		}
	}
}
