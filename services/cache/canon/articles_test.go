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
		{"What is security?", "What are securities?", false},
		{"security of a company", "securities of a company", false},
		{"What is a security?", "What are securities?", true},
		{"What is a good security?", "What are good securities?", true},
		{"How are securities traded?", "How is security traded?", false},
		{"How does the future work?", "How do futures work?", false},
		{"What is the property of steel?", "What are properties of steel?", false},
		{"Who guards the rights of birds?", "Who guards the right of birds?", false},
		{"What is liability?", "What are liabilities?", false},
		{"How does stock work?", "How do stocks work?", false},
		{"How is paper made?", "How are papers made?", false},
		{"What is an iron?", "What is iron?", false},
		{"What is an iron?", "What are irons?", true},
		{"How do I earn trust?", "How do I earn trusts?", false},
		{"How is payment taken?", "How are payments taken?", false},
		{"How is a payment taken?", "How are payments taken?", true},
		{"Where is an apartment cheap?", "Where are apartments cheap?", true},
		{"How does a steam locomotive work?", "How does steam locomotive work?", true},
		{"How is kindness shown?", "How are kindnesses shown?", false},
		{"What is film made of?", "What is a film made of?", false},
		{"Who trains a security guard?", "Who trains security guards?", true},
	} {
		served(t, c.a, c.b, c.want)
	}
}
