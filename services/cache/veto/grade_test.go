package veto_test

import "testing"

func TestGrade(t *testing.T) {
	check(t, "grade", []pair{
		{"Which tree is tall?", "Which tree is taller?"},
		{"Which is the fast car?", "Which is the fastest car?"},
		{"What is a good credit score?", "What is the best credit score?"},
		{"How do I get a lower rate?", "How do I get the lowest rate?"},
	}, []pair{
		{"What is a good camera?", "What is the best camera?"},
	})
}
