package veto_test

import "testing"

func TestChoice(t *testing.T) {
	check(t, "choice", []pair{
		{"Can I drink tea and coffee?", "Can I drink tea or coffee?"},
	}, []pair{
		{"Can I drink tea and coffee?", "Can I drink coffee and tea?"},
	})
}
