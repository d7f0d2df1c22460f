package veto_test

import "testing"

func TestSymbols(t *testing.T) {
	check(t, "symbols", []pair{
		{"How do I sort a list in C++?", "How do I sort a list in C#?"},
		{"Is 1080p sharp?", "Is 720p sharp?"},
		{"What does + do in Go?", "What does % do in Go?"},
		{"What does :( mean?", "What does :) mean?"},
		{"When do I use :) in a letter?", "When do I use :( in a letter?"},
	}, []pair{
		{"How do I boil eggs? :)", "How do I boil eggs?"},
		{"How do I sort a list in C++?", "How can I sort a list in c++?"},
	})
}
