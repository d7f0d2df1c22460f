package veto_test

import "testing"

func TestNegation(t *testing.T) {
	check(t, "negation", []pair{
		{"Is it legal to park here?", "Is it not legal to park here?"},
		{"Which birds can fly?", "Which birds can't fly?"},
		{"Coffee with sugar", "Coffee without sugar"},
		{"How do I become polite?", "How do I become a person who is never polite?"},
	}, []pair{
		{"Isn't Rome the capital of Italy?", "Is Rome the capital of Italy?"},
		{"Is coffee healthy or not?", "Is coffee healthy?"},
		{"How can I be a powerful person?", "How can I be a person who is not powerless?"},
	})
}
