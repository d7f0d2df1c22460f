package veto_test

import "testing"

func TestQuantity(t *testing.T) {
	check(t, "quantity", []pair{
		{"Do all birds fly?", "Do few birds fly?"},
		{"Is milk enough for babies?", "Is only milk enough for babies?"},
		{"Can both parents work?", "Can parents work?"},
		{"What is the biggest country?", "What are the biggest countries?"},
		{"Which tower in Oslo is the tallest?", "Which towers in Oslo are the tallest?"},
		{"Who is the founder of the club?", "Who are the founders of the club?"},
		{"What is the fastest fish?", "What are the fastest fish?"},
	}, []pair{
		{"What are the best songs of all time?", "What are the best songs?"},
		{"Does everyone sleep?", "Does everybody sleep?"},
		{"What is the best song?", "What are the best songs?"},
		{"What is the most beautiful song?", "What are the most beautiful songs?"},
		{"What is the tallest tree?", "What's the tallest tree?"},
		{"Why does the first cat meow?", "Why does the first cat meow?"},
	})
}
