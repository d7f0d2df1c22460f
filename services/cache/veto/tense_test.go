package veto_test

import "testing"

func TestTense(t *testing.T) {
	check(t, "tense", []pair{
		{"Will the dam break?", "Did the dam break?"},
		{"Can dogs eat corn?", "Should dogs eat corn?"},
		{"Why did prices rise?", "Why do prices rise?"},
		{"Could Rome have won at Cannae?", "Did Rome win at Cannae?"},
		{"When can I retire?", "When should I retire?"},
		{"Where can I park a truck?", "Where should I park a truck?"},
		{"Who votes in Peru?", "Who can vote in Peru?"},
		{"Who can vote in Peru?", "Who must vote in Peru?"},
		{"What can a child eat?", "What should a child eat?"},
		{"When should a tenant pay?", "When must a tenant pay?"},
		{"How does a company fire a worker?", "How should a company fire a worker?"},
		{"Does it rain in Lima?", "Can it rain in Lima?"},
		{"Can it rain in Lima?", "Will it rain in Lima?"},
		{"Should I peel a fig?", "Must I peel a fig?"},
	}, []pair{
		{"Could Rome have won at Cannae?", "Could Rome have been the winner at Cannae?"},
		{"How should I cook rice?", "How can I cook rice?"},
		{"Where can I find owls?", "Where do I find owls?"},
		{"What can I eat with eggs?", "What should I eat with eggs?"},
		{"How can a girl learn to swim?", "How do I learn to swim?"},
		{"What can a child eat?", "What may a child eat?"},
		{"Which tent should I buy?", "Which tent should one buy?"},
	})
}
