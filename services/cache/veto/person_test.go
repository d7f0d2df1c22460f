package veto_test

import "testing"

func TestPerson(t *testing.T) {
	check(t, "person", []pair{
		{"Is he a good singer?", "Is she a good singer?"},
		{"If Travis met Kayla, would his family be happy?", "If Travis met Kayla, would Kayla's family be happy?"},
		{"Am I a good singer?", "Are you a good singer?"},
		{"How do I relax?", "How do you relax?"},
		{"What happened?", "What happened to you?"},
	}, []pair{
		{"How do I cook rice?", "How do you cook rice?"},
		{"Should I learn Greek?", "Should one learn Greek?"},
	})
}
