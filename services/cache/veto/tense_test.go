package veto_test

import "testing"

func TestTense(t *testing.T) {
	check(t, "tense", []pair{
		{"Will the dam break?", "Did the dam break?"},
		{"Can dogs eat corn?", "Should dogs eat corn?"},
		{"Why did prices rise?", "Why do prices rise?"},
	}, []pair{
		{"How should I cook rice?", "How can I cook rice?"},
	})
}
