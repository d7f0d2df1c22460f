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
		{"How do I bake a cake with a tin?", "How do I bake a cake in a tin?"},
		{"Which poems are about Goethe?", "Which poems are by Goethe?"},
		{"Are there songs for Einstein?", "Are there songs about Einstein?"},
		{"What are good books for teachers?", "What are good books about teachers?"},
		{"How do I hang a lamp above a table?", "How do I hang a lamp on a table?"},
		{"What is the best cream with allergies?", "What is the best cream for allergies?"},
		{"What is it like to live on a canal?", "What is it like to live along a canal?"},
		{"May I take a ferry with a car?", "May I take a ferry by car?"},
		{"How do I drive past Leeds?", "How do I drive to Leeds?"},
		{"May I shoot at a bird?", "May I shoot a bird?"},
		{"How do I walk across Bergen?", "How do I walk around Bergen?"},
		{"How do I travel to Bergen?", "How do I travel via Bergen?"},
	}, []pair{
		{"coffee with a meal", "coffee during a meal"},
		{"Is he good at maths?", "Is he good in maths?"},
		{"Is Spanish different from Catalan?", "Is Spanish different to Catalan?"},
		{"Why are hares different from rabbits?", "Why are hares different than rabbits?"},
		{"What is glass made of?", "What is glass made from?"},
		{"What is a good book on chemistry?", "What is a good book for chemistry?"},
		{"Where can I buy stamps from?", "Where can I buy stamps at?"},
		{"difference of Java with Kotlin", "difference between Java and Kotlin"},
		{"What is there to see in the airport?", "What is there to see at the airport?"},
		{"What is the reason of the delay?", "What is the reason for the delay?"},
	})
}
