package veto_test

import "testing"

func TestOwner(t *testing.T) {
	check(t, "owner", []pair{
		{"What are the student's rights?", "What are the students' rights?"},
		{"Where is the nurse's room?", "Where is the nurses' room?"},
		{"What did the child's drawings say?", "What did the children's drawings say?"},
	}, []pair{
		{"What are a student's rights?", "What are students' rights?"},
		{"Where is the students' hall?", "where is the students' hall"},
		{"What do the words 'cats' and 'dogs' mean?", "what do the words 'cats' and 'dogs' mean"},
		{"What are Dickens' novels?", "What are Dickens's novels?"},
	})
}
