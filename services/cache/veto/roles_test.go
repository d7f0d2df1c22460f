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
		{"Who beat Spain in the final?", "Who did Spain beat in the final?"},
	}, []pair{
		{"Does Anna love Maria?", "Is Maria loved by Anna?"},
		{"Write a letter of resignation", "Write a resignation letter"},
		{"Did Anna marry Tom?", "Did Tom marry Anna?"},
		{"Is Tom a nurse or a baker?", "Is Tom a baker or a nurse?"},
		{"Who did Spain beat in the final?", "Whom did Spain beat in the final?"},
	})
}
