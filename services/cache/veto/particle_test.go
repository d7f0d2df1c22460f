package veto_test

import "testing"

func TestParticle(t *testing.T) {
	check(t, "particle", []pair{
		{"How do I turn in a paper?", "How do I turn on a paper?"},
		{"How do I break in a shoe?", "How do I break up a shoe?"},
		{"How do I set up a trap?", "How do I set off a trap?"},
		{"How do I put up a tent?", "How do I put up with a tent?"},
		{"What keeps cats away?", "What keeps cats?"},
		{"How do I log in Java?", "How do I log in to Java?"},
	}, []pair{
		{"How do I clean up a kitchen?", "How do I clean a kitchen?"},
		{"How do I set up a trap?", "How can I set up a trap?"},
		{"How do I take off a coat?", "How to take off a coat?"},
		{"How do I log in Gmail?", "How do I log in to Gmail?"},
	})
}
