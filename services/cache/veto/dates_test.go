package veto_test

import "testing"

func TestDates(t *testing.T) {
	check(t, "dates", []pair{
		{"What happened in April?", "What happened in June?"},
		{"Is the museum open on Monday?", "Is the museum open on Sunday?"},
		{"Is it safe to swim in the morning?", "Is it safe to swim in the evening?"},
		{"Was 2024-01-02 a holiday?", "Was 2024-02-01 a holiday?"},
		{"What is march like?", "What is March like?"},
		{"When is may used?", "When is May used?"},
	}, []pair{
		{"What happened in Jan?", "What happened in January?"},
	})
}
