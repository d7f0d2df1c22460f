package veto_test

import "testing"

func TestCaused(t *testing.T) {
	check(t, "caused", []pair{
		{"How do I get a tooth pulled?", "How do I pull a tooth?"},
		{"How do I have a fence painted?", "How do I paint a fence?"},
		{"How do I get hired?", "How do I hire someone?"},
		{"How can one be heard?", "How can one hear?"},
		{"How do I make someone laugh?", "How do I laugh?"},
	}, []pair{
		{"How do I get started?", "How do I start?"},
		{"How do I make people laugh?", "How can I make people laugh?"},
		{"How do I get a fence painted?", "How do I have a fence painted?"},
		{"How do I get married?", "how do I get married"},
	})
}
