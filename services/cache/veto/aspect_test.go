package veto_test

import "testing"

func TestAspect(t *testing.T) {
	check(t, "aspect", []pair{
		{"Is Lisa a nurse?", "Did Lisa use to be a nurse?"},
		{"Is Lisa a nurse?", "Is Lisa becoming a nurse?"},
		{"Who stopped to smoke?", "Who stopped smoking?"},
		{"Did Tom remember to lock the door?", "Did Tom remember locking the door?"},
	}, []pair{
		{"How do people start a fire?", "How do people begin a fire?"},
		{"Did people start to dance?", "Did people start dancing?"},
	})
}
