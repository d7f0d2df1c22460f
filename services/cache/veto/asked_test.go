package veto_test

import "testing"

func TestAsked(t *testing.T) {
	check(t, "asked", []pair{
		{"When does the train leave?", "Where does the train leave?"},
		{"Who found oxygen?", "When was oxygen found?"},
		{"Who built the bridge?", "Where was the bridge built?"},
		{"Who built the bridge?", "Why was the bridge built?"},
		{"What did Nobel invent?", "When did Nobel invent it?"},
		{"Why do cats purr?", "How do cats purr?"},
		{"How many people live in Rome?", "How long do people live in Rome?"},
		{"Is the bridge closed?", "The bridge is closed."},
		{"are whales fish", "whales are fish"},
	}, []pair{
		{"Is the bridge closed?", "The bridge is closed?"},
		{"Is the bridge closed?", "Tell me if the bridge is closed."},
		{"At what time does the train leave?", "When does the train leave?"},
		{"Who can tell when the train leaves?", "When does the train leave?"},
		{"What is the best time to visit Japan?", "When is the best time to visit Japan?"},
		{"What does a new roof cost?", "How much does a new roof cost?"},
		{"What makes the sea salty?", "Why is the sea salty?"},
		{"What is the main and true purpose of a lodge?", "What is the purpose of a lodge?"},
		{"Where is the best bakery in Lyon?", "Where is one of the best bakeries in Lyon?"},
		{"How do I cook rice?", "What is the way to cook rice?"},
		{"Can I mute a question?", "How do I mute a question?"},
		{"How difficult is Greek?", "Is Greek difficult?"},
	})
}
