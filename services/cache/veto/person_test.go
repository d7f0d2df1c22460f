package veto_test

import (
	"testing"

	"tollgate.dev/services/cache/reading"
	"tollgate.dev/services/cache/veto"
)

func TestPerson(t *testing.T) {
	check(t, "person", []pair{
		{"Is he a good singer?", "Is she a good singer?"},
		{"If Travis met Kayla, would his family be happy?", "If Travis met Kayla, would Kayla's family be happy?"},
		{"Am I a good singer?", "Are you a good singer?"},
		{"How do I relax?", "How do you relax?"},
		{"Can I trust you?", "Can you trust me?"},
		{"Why does he hate them?", "Why do they hate him?"},
		{"What can you do for me?", "What can I do for you?"},
		{"When may I retire?", "When may he retire?"},
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

// Where the text is all that the model is told, its "you" may be anybody.
func TestPersonOfTheBareModel(t *testing.T) {
	for _, c := range []struct {
		a, b        string
		bare, aware bool // whether they are held apart, so read or not
	}{
		{"How do you reset a router?", "How do I reset a router?", false, true},
		{"How do you travel with a cat?", "What is the best way to travel with cats?", false, true},
		{"What can you do with a degree in history?", "What can I do with a degree in history?", false, true},
		{"How do I cook rice?", "How do you cook rice?", false, false},
		{"How do you process images?", "How do I process images?", true, true},
		{"How do you handle refunds?", "How do I handle refunds?", true, true},
		{"How do you learn?", "How do I learn?", true, true},
		{"What do you think about dogs?", "How should I think about dogs?", true, true},
		{"Act as a nurse. How do you lift a bed?", "Act as a nurse. How do I lift a bed?", true, true},
		{"You are a nurse. How do you lift a bed?", "You are a nurse. How do I lift a bed?", true, true},
	} {
		if f, found := veto.Check(reading.ReadBare(c.a), reading.ReadBare(c.b)); found != c.bare {
			t.Errorf("bare, %s | %s: %v", c.a, c.b, f)
		}
		if f, found := veto.Check(reading.Read(c.a), reading.Read(c.b)); found != c.aware {
			t.Errorf("%s | %s: %v", c.a, c.b, f)
		}
	}
}
