package veto_test

import "testing"

func TestAspect(t *testing.T) {
	check(t, "aspect", []pair{
		{"Is Lisa a nurse?", "Did Lisa use to be a nurse?"},
		{"Is Lisa a nurse?", "Is Lisa becoming a nurse?"},
	}, []pair{
		{"How do people start a fire?", "How do people begin a fire?"},
	})
}
