package veto_test

import "testing"

func TestRoles(t *testing.T) {
	check(t, "roles", []pair{
		{"Did Google sue Oracle?", "Did Oracle sue Google?"},
		{"Are cats afraid of tigers?", "Are tigers afraid of cats?"},
		{"Does Anna love Maria?", "Is Anna loved by Maria?"},
		{"Did C++ inspire C#?", "Did C# inspire C++?"},
	}, []pair{
		{"Does Anna love Maria?", "Is Maria loved by Anna?"},
		{"Did Anna marry Tom?", "Did Tom marry Anna?"},
		{"Is Tom a nurse or a baker?", "Is Tom a baker or a nurse?"},
	})
}
