package veto_test

import "testing"

func TestParticiple(t *testing.T) {
	check(t, "participle", []pair{
		{"What is a used car?", "What is a car used for?"},
		{"What is a frozen account?", "What is an account frozen for?"},
	}, []pair{
		{"What is a used car worth?", "what's a used car worth"},
		{"Can I freeze cooked pasta?", "Can cooked pasta be frozen?"},
	})
}
