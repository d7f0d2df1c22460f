package veto_test

import "testing"

func TestGoverned(t *testing.T) {
	check(t, "governed", []pair{
		{"What is a pointer to a constant?", "What is a constant pointer?"},
		{"What is an array of pointers?", "What is a pointer to an array?"},
		{"When was the French invasion of Russia?", "When was the Russian invasion of France?"},
	}, []pair{
		{"Flights from Rome to Paris", "Flights to Paris from Rome"},
		{"What is the price of a ticket?", "What is a ticket price?"},
	})
}
