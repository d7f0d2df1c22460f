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
		{"Who beat Spain in the final?", "Who did Spain beat in the final?"},
		{"What eats owls?", "What do owls eat?"},
		{"Tell me what owls eat", "Tell me what eats owls"},
		{"Which plugins need Docker?", "Which plugins does Docker need?"},
		{"Which plugins need Docker?", "Which plugins are needed by Docker?"},
		{"Who owns the Daily Planet?", "Who does the Daily Planet own?"},
		{"What led to the war?", "What did the war lead to?"},
		{"What has shaped jazz?", "What has jazz shaped?"},
		{"How many planets orbit the star?", "How many planets does the star orbit?"},
		{"Which kings conquered Sicily in 1200?", "Which lands did Sicily conquer in 1200?"},
		{"What are owls eaten by?", "What is eaten by owls?"},
		{"How much is a pound of gold?", "How much is a gold pound?"},
	}, []pair{
		{"Does Anna love Maria?", "Is Maria loved by Anna?"},
		{"Write a letter of resignation", "Write a resignation letter"},
		{"Did Anna marry Tom?", "Did Tom marry Anna?"},
		{"What eats owls?", "What are owls eaten by?"},
		{"What eats owls?", "By what are owls eaten?"},
		{"What do owls eat?", "What is eaten by owls?"},
		{"What do owls eat?", "Tell me what owls eat"},
		{"Who painted the altar?", "Who was the altar painted by?"},
		{"What causes hail?", "What does cause hail?"},
		{"What rhymes with orange?", "What does orange rhyme with?"},
		{"What grows in Kansas?", "What does Kansas grow?"},
		{"What equals 5 plus 5?", "What does 5 plus 5 equal?"},
		{"What size tent do I need for a crew of nine?", "What tent size do I need for a nine man crew?"},
		{"Is Tom a nurse or a baker?", "Is Tom a baker or a nurse?"},
		{"Who did Spain beat in the final?", "Whom did Spain beat in the final?"},
	})
}
