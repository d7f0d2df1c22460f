package veto_test

import "testing"

func TestQuotes(t *testing.T) {
	check(t, "quotes", []pair{
		{"What does \"abash\" mean?", "What does \"abashed\" mean?"},
	}, []pair{
		{"What does \"abash\" mean?", "What is the meaning of \"abash\"?"},
	})
}
