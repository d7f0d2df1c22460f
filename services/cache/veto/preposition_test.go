package veto_test

import "testing"

func TestPreposition(t *testing.T) {
	check(t, "preposition", []pair{
		{"How do I look for a dog?", "How do I look after a dog?"},
		{"Must I pay by Friday?", "Must I pay until Friday?"},
		{"Where is a talk to students?", "Where is a talk by students?"},
		{"What did people wear since 1950?", "What did people wear in 1950?"},
		{"Should I take iron with food?", "Should I take iron before food?"},
		{"iron with milk", "iron after milk"},
		{"Should I drink water with meals?", "Should I drink water between meals?"},
		{"snacks during lessons", "snacks between lessons"},
	}, []pair{
		{"coffee with a meal", "coffee during a meal"},
		{"difference of Java with Kotlin", "difference between Java and Kotlin"},
		{"What is there to see in the airport?", "What is there to see at the airport?"},
		{"What is the reason of the delay?", "What is the reason for the delay?"},
	})
}
