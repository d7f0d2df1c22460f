package veto_test

import "testing"

func TestDirection(t *testing.T) {
	check(t, "direction", []pair{
		{"Should I eat before a run?", "Should I eat after a run?"},
		{"Flights from Rome to Paris", "Flights from Paris to Rome"},
		{"Port a program from Java to Kotlin", "Port a program from Kotlin to Java"},
		{"Is Rome bigger than Milan?", "Is Milan bigger than Rome?"},
		{"People over 30", "People under 30"},
		{"Port a program from C# to Java", "Port a program from Java to C#"},
		{"Port a program from .NET to Java", "Port a program from Java to .NET"},
		{"Trains from March to June", "Trains from June to March"},
		{"How do I drive into a garage?", "How do I drive out of a garage?"},
		{"How do I climb onto a horse?", "How do I climb off a horse?"},
		{"How do I write like Goethe?", "How do I write unlike Goethe?"},
		{"How do I run a guest in a host?", "How do I run a host in a guest?"},
	}, []pair{
		{"Flights from Rome to Paris", "Flights to Paris from Rome"},
		{"Meetings on Monday for 3 people", "Meetings for 3 people on Monday"},
	})
}
