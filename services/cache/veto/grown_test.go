package veto_test

import "testing"

func TestGrown(t *testing.T) {
	check(t, "grown", []pair{
		{"How do I grow tomatoes?", "How do tomatoes grow?"},
		{"How can I sink a ship?", "How can a ship sink?"},
		{"Why do windows open?", "Why open windows?"},
	}, []pair{
		{"How do I grow tomatoes?", "How does one grow tomatoes?"},
		{"How much water do I need for rice?", "How much water does rice need?"},
		{"How can we reuse paper?", "How can paper be reused?"},
		{"How do I reset a forgotten password in Ubuntu?", "How can a forgotten Ubuntu password be reset?"},
		{"How do I cut a mango?", "How can a mango be cut?"},
	})
}
