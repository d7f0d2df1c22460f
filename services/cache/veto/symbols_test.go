package veto_test

import "testing"

func TestSymbols(t *testing.T) {
	check(t, "symbols", []pair{
		{"How do I sort a list in C++?", "How do I sort a list in C#?"},
		{"Is 1080p sharp?", "Is 720p sharp?"},
		{"What does + do in Go?", "What does % do in Go?"},
	}, []pair{
		{"How do I sort a list in C++?", "How can I sort a list in c++?"},
	})
}
