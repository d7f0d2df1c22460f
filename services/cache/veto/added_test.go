package veto_test

import "testing"

func TestAdded(t *testing.T) {
	check(t, "added", []pair{
		{"How do I sort a list?", "How do I sort a list in Python?"},
		{"What are the best books?", "What are the best books for kids?"},
		{"How do I clean a car?", "How do I clean an electric car?"},
		{"How do I water orchids?", "How do I water orchids if I travel?"},
		{"Describe gravity", "Describe gravity briefly"},
		{"Describe gravity", "Describe gravity in detail"},
	}, []pair{
		{"How do I peel garlic?", "What is the easiest way to peel garlic?"},
		{"Why do cats actually purr at night?", "Why do cats purr at night?"},
		{"When was glass invented?", "In which year was glass invented?"},
		{"What do I need to sell in a market?", "What do I need in order to sell in a market?"},
		{"What are the best games?", "What are the best games to play?"},
		{"Is it really true?", "Is it true?"},
		{"How fast is a Mac?", "How fast is a Mac laptop?"},
	})
}
