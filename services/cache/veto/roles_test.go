package veto_test

import "testing"

func TestRoles(t *testing.T) {
	check(t, "roles", []pair{
		{"Did Google sue Oracle?", "Did Oracle sue Google?"},
		{"Are cats afraid of tigers?", "Are tigers afraid of cats?"},
		{"Does Anna love Maria?", "Is Anna loved by Maria?"},
		{"Did C++ inspire C#?", "Did C# inspire C++?"},
		{"What is a boat house?", "What is a house boat?"},
		{"How do I fill a glass of wine?", "How do I fill a wine glass?"},
		{"How much is a pound of gold?", "How much is a gold pound?"},
	}, []pair{
		{"Does Anna love Maria?", "Is Maria loved by Anna?"},
		{"Write a letter of resignation", "Write a resignation letter"},
		{"Did Anna marry Tom?", "Did Tom marry Anna?"},
		{"Is Tom a nurse or a baker?", "Is Tom a baker or a nurse?"},
	})
}
