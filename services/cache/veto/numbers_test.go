package veto_test

import "testing"

func TestNumbers(t *testing.T) {
	check(t, "numbers", []pair{
		{"Who won the cup in 2022?", "Who won the cup in 2023?"},
		{"What is 5 plus 7?", "What is 5 plus 8?"},
		{"List ten rivers", "List twelve rivers"},
		{"Population of Rome in 1900", "Population of Rome in 1950"},
		{"Top 5 films of Hitchcock", "Top 10 films of Hitchcock"},
	}, []pair{
		{"List ten rivers", "List 10 rivers"},
		{"How far is 1,000 km?", "How far is 1000 km?"},
		{"World War III", "World War 3"},
		{"the best camera", "the 5 best cameras"},
	})
}
