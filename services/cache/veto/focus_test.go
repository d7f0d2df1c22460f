package veto_test

import "testing"

func TestFocus(t *testing.T) {
	check(t, "focus", []pair{
		{"Do you only eat fish?", "Do only you eat fish?"},
		{"Did she nearly win all the races?", "Did she win nearly all the races?"},
		{"Does he even drive at night?", "Does he drive even at night?"},
		{"What is a read only file?", "What is an only read file?"},
	}, []pair{
		{"Does he even drive at night?", "does he even drive at night"},
		{"Is Tom only a nurse or a baker?", "Is Tom only a baker or a nurse?"},
	})
}
