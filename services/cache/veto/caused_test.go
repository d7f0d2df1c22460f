package veto_test

import "testing"

func TestCaused(t *testing.T) {
	check(t, "caused", []pair{
		{"How do I get a tooth pulled?", "How do I pull a tooth?"},
		{"How do I have a fence painted?", "How do I paint a fence?"},
	}, []pair{
		{"How do I get a fence painted?", "How do I have a fence painted?"},
		{"How do I get married?", "how do I get married"},
	})
}
