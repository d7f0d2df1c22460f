package veto_test

import "testing"

func TestAsked(t *testing.T) {
	check(t, "asked", []pair{
		{"When does the train leave?", "Where does the train leave?"},
		{"Why do cats purr?", "How do cats purr?"},
		{"How many people live in Rome?", "How long do people live in Rome?"},
	}, []pair{
		{"How do I cook rice?", "What is the way to cook rice?"},
		{"Can I mute a question?", "How do I mute a question?"},
		{"How difficult is Greek?", "Is Greek difficult?"},
	})
}
