package veto_test

import "testing"

func TestPerson(t *testing.T) {
	check(t, "person", []pair{
		{"Is he a good singer?", "Is she a good singer?"},
		{"If Travis met Kayla, would his family be happy?", "If Travis met Kayla, would Kayla's family be happy?"},
		{"Am I a good singer?", "Are you a good singer?"},
		{"How do I relax?", "How do you relax?"},
		{"What happened?", "What happened to you?"},
		{"How do you collect data?", "How do I collect data?"},
		{"How do you collect data?", "What is the best way of gathering some data?"},
		{"How do you handle refunds?", "How can one handle a customer's refunds?"},
		{"What do you do to protect passwords?", "How do I protect passwords?"},
	}, []pair{
		{"How do I cook rice?", "How do you cook rice?"},
		{"How can I cook rice?", "How do you cook rice?"},
		{"How do you handle refunds?", "How do you process refunds?"},
		{"Should I learn Greek?", "Should one learn Greek?"},
	})
}
