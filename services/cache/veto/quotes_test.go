package veto_test

import "testing"

func TestQuotes(t *testing.T) {
	check(t, "quotes", []pair{
		{"What does \"abash\" mean?", "What does \"abashed\" mean?"},
		{"When do I say please?", "When do I say thanks?"},
		{"What does please mean?", "What does thanks mean?"},
		{"Which word is a synonym for please?", "Which word is a synonym for thanks?"},
		{"Is \"true\" valid JSON?", "Is true valid JSON?"},
		{"Write a card that says thanks", "Write a card that says"},
	}, []pair{
		{"What should I bake, please?", "What should I bake, thanks?"},
		{"How do I write a letter please?", "How do I write a letter?"},
		{"What is a \"sonnet\"?", "What is a sonnet?"},
		{"What do you say, please?", "What do you say?"},
		{"What does \"abash\" mean?", "What is the meaning of \"abash\"?"},
	})
}
