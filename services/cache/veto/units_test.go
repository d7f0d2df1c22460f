package veto_test

import "testing"

func TestUnits(t *testing.T) {
	check(t, "units", []pair{
		{"How long is a 5 km run?", "How long is a 5 mile run?"},
		{"Is 7 am too early?", "Is 7 pm too early?"},
		{"Is 20 kg heavy?", "Is 20 lb heavy?"},
	}, []pair{
		{"How long is a 5km run?", "How long is a 5 kilometre run?"},
		{"Is $500 much?", "Is 500 dollars much?"},
		{"the 3rd chapter", "chapter 3"},
	})
}
