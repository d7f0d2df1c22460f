package veto_test

import "testing"

// Who does it, and whom it is done to, are asked for by do-support, order and voice alone.
func TestSought(t *testing.T) {
	check(t, "roles", []pair{
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
		{"Who trained Bruno?", "Who was trained by Bruno?"},
		{"Who has Bruno trained?", "Who has trained Bruno?"},
	}, []pair{
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
		{"Who did Spain beat in the final?", "Whom did Spain beat in the final?"},
		{"Who trained Bruno?", "Who was Bruno trained by?"},
		{"What do owls often eat?", "What do owls eat often?"},
	})
}
