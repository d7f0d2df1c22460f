package veto_test

import "testing"

func TestCondition(t *testing.T) {
	check(t, "condition", []pair{
		{"What happens if the pipe bursts?", "What happens until the pipe bursts?"},
		{"What should I do while the milk boils?", "What should I do if the milk boils?"},
		{"Can a tenant leave unless he has paid?", "Can a tenant leave if he has paid?"},
		{"Invite everyone", "Invite everyone but one"},
		{"Who was the last king but one?", "Who was the last king?"},
		{"How do I delete all files but photos?", "How do I delete all files?"},
	}, []pair{
		{"What happens if the pipe bursts?", "What happens when the pipe bursts?"},
		{"Is it cheap but good?", "Is it cheap and good?"},
		{"When does the shop open?", "If I may ask, when does the shop open?"},
	})
}
