package veto_test

import "testing"

func TestBracketed(t *testing.T) {
	check(t, "bracketed", []pair{
		{"Who is a small business owner?", "Who is a small-business owner?"},
		{"What is a light house-keeper?", "What is a light-house keeper?"},
		{"Where is the man eating shark?", "Where is the man-eating shark?"},
		{"How do I resign a contract?", "How do I re-sign a contract?"},
		{"Where are recovered sofas?", "Where are re-covered sofas?"},
	}, []pair{
		{"How do I find a part-time job?", "How do I find a part time job?"},
		{"What is a credit card debt?", "What is a credit-card debt?"},
		{"What is a well-known song?", "What is a well known song?"},
		{"How do I rewrite a file?", "How do I re-write a file?"},
	})
}
