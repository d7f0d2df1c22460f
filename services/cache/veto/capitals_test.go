package veto_test

import "testing"

func TestCapitalsOfGrammar(t *testing.T) {
	check(t, "capitals", []pair{
		{"Does the treaty protect us?", "Does the treaty protect US?"},
		{"How many people like it?", "How many people like IT?"},
		{"Was the report made by who?", "Was the report made by WHO?"},
		{"How much is 3 km in M?", "How much is 3 km in m?"},
		{"What is the value of G?", "What is the value of g?"},
		{"How many b fit into a MB?", "How many B fit into a MB?"},
		{"How is ALL treated?", "How is all treated?"},
		{"What does WHO recommend?", "what does who recommend"},
		{"What is a NOT gate?", "What is a not gate?"},
		{"How does Foo differ from foo?", "How does foo differ from foo?"},
		{"Is Item exported and item not?", "Is item exported and item not?"},
	}, []pair{
		{"How does Foo differ from foo?", "How does Foo differ from foo in fact?"},
		{"Is vitamin C sour?", "is vitamin c sour"},
		{"What is plan B?", "what is plan b"},
		{"How do I sort a list in C?", "how do i sort a list in c"},
		{"How do I learn R?", "how do i learn r"},
		{"WHAT IS X?", "What is x?"},
		{"Is it legal to fish here?", "IS IT LEGAL TO FISH HERE?"},
		{"How do I learn to say no?", "How do I learn to say NO?"},
	})
}
