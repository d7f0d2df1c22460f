package veto_test

import "testing"

func TestRoles(t *testing.T) {
	check(t, "roles", []pair{
		{"Did Google sue Oracle?", "Did Oracle sue Google?"},
		{"Are cats afraid of tigers?", "Are tigers afraid of cats?"},
		{"Does Anna love Maria?", "Is Anna loved by Maria?"},
		{"Did C++ inspire C#?", "Did C# inspire C++?"},
		{"What is a boat house?", "What is a house boat?"},
		{"How do I fill a glass of wine?", "How do I fill a wine glass?"},
		{"How much is a pound of gold?", "How much is a gold pound?"},
		{"is an indian licence valid in china", "is a chinese licence valid in india"},
		{"Is an Indian licence valid in China?", "Is a Chinese licence valid in India?"},
		{"Can a Swede with an Irish passport live in Norway?", "Can a Swede with a Norwegian passport live in Ireland?"},
		{"Who can marry a citizen?", "Who can a citizen marry?"},
		{"Which files import this module?", "Which files does this module import?"},
		{"Which planets orbit this star?", "Which star do these planets orbit?"},
	}, []pair{
		{"Does Anna love Maria?", "Is Maria loved by Anna?"},
		{"Write a letter of resignation", "Write a resignation letter"},
		{"Did Anna marry Tom?", "Did Tom marry Anna?"},
		{"Is Tom a nurse or a baker?", "Is Tom a baker or a nurse?"},
		{"Is French wine popular in Japan?", "Is wine from France popular in Japan?"},
		{"Who did Anna marry?", "Who married Anna?"},
		{"Which files import this module?", "What files import this module?"},
	})
}
