package veto_test

import "testing"

func TestCapitalsOfGrammar(t *testing.T) {
	check(t, "capitals", []pair{
		{"Does the treaty protect us?", "Does the treaty protect US?"},
		{"How many people like it?", "How many people like IT?"},
		{"Was the report made by who?", "Was the report made by WHO?"},
	}, []pair{
		{"Is it legal to fish here?", "IS IT LEGAL TO FISH HERE?"},
		{"How do I learn to say no?", "How do I learn to say NO?"},
	})
}
