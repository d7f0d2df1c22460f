package veto_test

import "testing"

func TestBounds(t *testing.T) {
	check(t, "bounds", []pair{
		{"What costs less than 900 euros?", "What costs 900 euros?"},
		{"What costs at least 900 euros?", "What costs at most 900 euros?"},
		{"May I take more than two bags?", "May I take no more than two bags?"},
		{"Who lives within 3 km of the sea?", "Who lives 3 km from the sea?"},
		{"Who earns up to 4000 a month?", "Who earns 4000 a month?"},
	}, []pair{
		{"What tents cost under 80 euros?", "Which tents cost under 80 euros?"},
		{"Who earns about 4000 a month?", "Who earns 4000 a month?"},
	})
}
