package veto_test

import "testing"

func TestOpposites(t *testing.T) {
	check(t, "opposites", []pair{
		{"Why is the water so hot?", "Why is the water so cold?"},
		{"How do I increase the volume?", "How do I decrease the volume?"},
		{"Is this mushroom safe?", "Is this mushroom unsafe?"},
		{"What does the licensee owe?", "What does the licensor owe?"},
		{"Is a payee taxed?", "Is a payer taxed?"},
	}, []pair{
		{"Is tea better than coffee?", "Is coffee worse than tea?"},
		{"Is the room big?", "Is the room large?"},
	})
}
