package veto_test

import "testing"

func TestQuantity(t *testing.T) {
	check(t, "quantity", []pair{
		{"Do all birds fly?", "Do few birds fly?"},
		{"Are some birds blind?", "Are most birds blind?"},
		{"Why do most shops close?", "Why do some shops close?"},
		{"Why do many people emigrate?", "Why do few people emigrate?"},
		{"Can each member vote?", "Can some members vote?"},
		{"Do several states ban fireworks?", "Do all states ban fireworks?"},
		{"Why are most of the lakes salty?", "Why are many of the lakes salty?"},
		{"Why are most large lakes salty?", "Why are all large lakes salty?"},
		{"Is milk enough for babies?", "Is only milk enough for babies?"},
		{"Can both parents work?", "Can parents work?"},
		{"What is the biggest country?", "What are the biggest countries?"},
		{"Which tower in Oslo is the tallest?", "Which towers in Oslo are the tallest?"},
		{"Who is the founder of the club?", "Who are the founders of the club?"},
		{"What is the fastest fish?", "What are the fastest fish?"},
	}, []pair{
		{"What are the best songs of all time?", "What are the best songs?"},
		{"How many birds are blind?", "How many birds go blind?"},
		{"Can each member vote?", "Can every member vote?"},
		{"Is there any way to grow figs?", "Is there some way to grow figs?"},
		{"What are the most beautiful lakes?", "What are some most beautiful lakes?"},
		{"Does everyone sleep?", "Does everybody sleep?"},
		{"What is the best song?", "What are the best songs?"},
		{"What is the most beautiful song?", "What are the most beautiful songs?"},
		{"What is the tallest tree?", "What's the tallest tree?"},
		{"Why does the first cat meow?", "Why does the first cat meow?"},
	})
}
