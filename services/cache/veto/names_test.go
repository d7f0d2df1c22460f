package veto_test

import "testing"

func TestNames(t *testing.T) {
	check(t, "names", []pair{
		{"What is the capital of Chad?", "What is the capital of Mali?"},
		{"Is Anna Reyes a nurse?", "Is Maria Reyes a nurse?"},
		{"how to install numpy", "how to install scipy"},
		{"How do I earn money in Kenya?", "How do I earn money?"},
		{"How do I polish a table?", "How do I Polish a table?"},
		{"What is china made of?", "What is China made of?"},
		{"How is bxd3 met?", "How is Bxd3 met?"},
		{"What is the New York of Africa?", "What is the York of Africa?"},
	}, []pair{
		{"How do I reverse a list in Python?", "how do i reverse a list in python"},
		{"Who is Trump?", "Who is Donald Trump?"},
		{"How is the Indian economy?", "How is the economy of India?"},
	})
}
