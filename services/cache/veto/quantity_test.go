package veto_test

import "testing"

func TestQuantity(t *testing.T) {
	check(t, "quantity", []pair{
		{"Do all birds fly?", "Do few birds fly?"},
		{"Is milk enough for babies?", "Is only milk enough for babies?"},
		{"Can both parents work?", "Can parents work?"},
	}, []pair{
		{"What are the best songs of all time?", "What are the best songs?"},
		{"Does everyone sleep?", "Does everybody sleep?"},
	})
}
