package canon_test

import "testing"

// Articles and plurals make no difference but where they make another thing of a word.
func TestArticlesAndPlurals(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"Is the garden at the back of the house?", "Is garden at back of the house?", true},
		{"Who is in control of a train?", "Who is in the control of a train?", false},
		{"Why is wine out of stock?", "Why is wine out of the stock?", false},
		{"Why do women go to church?", "Why do women go to the church?", false},
		{"Why are sailors at sea?", "Why are sailors at the sea?", false},
		{"How do I lose ground?", "How do I lose the ground?", false},
		{"How do rivers take shape?", "How do rivers take a shape?", false},
		{"How did she give birth?", "How did she give a birth?", false},
		{"Where do I pay tribute?", "Where do I pay tributes?", false},
		{"How do I take step?", "How do I take steps?", false},
		{"How do I make friend?", "How do I make friends?", false},
		{"How do I dig well?", "How do I dig a well?", false},
		{"How do I raise a child?", "How do I raise children?", true},
		{"How do I write a novel?", "How do I write novels?", true},
		{"Who wrote Queen?", "Who wrote The Queen?", false},
		{"Who sings in the Eagles?", "Who sings in Eagles?", false},
		{"Who sings in the Eagles?", "Who sings in The Eagles?", true},
		{"Where is the Volga?", "Where is Volga?", true},
		{"What is the population of the Netherlands?", "What is the population of Netherlands?", true},
		{"Who built a bridge?", "Who built the bridge?", false},
		{"Who built the bridge in Rome?", "Who built a bridge in Rome?", true},
		{"What is in the minute of a meeting?", "What is in the minutes of a meeting?", false},
		{"how do I install bottle", "how do I install bottles", false},
		{"how do I import a bottle", "how do I import bottles", false},
		{"how do I test with rest in python", "how do I test with rests in python", false},
		{"what is rails", "what is rail", false},
		{"what is needles", "what is needle", false},
		{"what is a needle", "what are needles", true},
		{"how do I wash a needle", "how do I wash needles", true},
	} {
		served(t, c.a, c.b, c.want)
	}
}
