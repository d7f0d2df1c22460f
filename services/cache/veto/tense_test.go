package veto_test

import "testing"

func TestTense(t *testing.T) {
	check(t, "tense", []pair{
		{"Will the dam break?", "Did the dam break?"},
		{"Can dogs eat corn?", "Should dogs eat corn?"},
		{"Why did prices rise?", "Why do prices rise?"},
		{"Could Rome have won at Cannae?", "Did Rome win at Cannae?"},
		{"When can I retire?", "When should I retire?"},
		{"Where can I park a truck?", "Where should I park a truck?"},
	}, []pair{
		{"Could Rome have won at Cannae?", "Could Rome have been the winner at Cannae?"},
		{"How should I cook rice?", "How can I cook rice?"},
		{"Where can I find owls?", "Where do I find owls?"},
	})
}
