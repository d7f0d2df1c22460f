package veto_test

import "testing"

func TestReplaced(t *testing.T) {
	check(t, "replaced", []pair{
		{"Can I feed my owl corn?", "Can I feed my owl bread?"},
		{"Is Sarah famous?", "Is Sarah rich?"},
		{"Who is the best plumber in town?", "Who is the best baker in town?"},
		{"How do I clean a canvas?", "How do I clean a canvass?"},
	}, []pair{
		{"How do I buy a car?", "How do I purchase a car?"},
		{"Is the film good?", "Is the movie good?"},
	})
}
