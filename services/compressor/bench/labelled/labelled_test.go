package labelled_test

import (
	"testing"

	"tollgate.dev/services/compressor/bench/labelled"
)

// Of each language there are documents that could be mistaken for one another, and each question
// has an answer that stands in one of them alone.
func TestOwn(t *testing.T) {
	sets, err := labelled.Own()
	if err != nil || len(sets) < 10 {
		t.Fatalf("%d sets, %v", len(sets), err)
	}
	for _, set := range sets {
		if len(set.Items) < 7 {
			t.Errorf("%s: %d questions", set.Name, len(set.Items))
		}
		for _, it := range set.Items {
			if len(it.Docs) < 12 {
				t.Errorf("%s: %d documents", set.Name, len(it.Docs))
			}
			for _, d := range it.Docs {
				if d.Title == "" || d.Text == "" || it.Answered(d.Text) != d.Gold {
					t.Errorf("%s, %q: %q has the answer: %t", set.Name, it.Question, d.Title, it.Answered(d.Text))
				}
			}
		}
	}
}

// A second question is about another document than the first, and can be answered from what is there.
func TestFollowUps(t *testing.T) {
	sets, err := labelled.Own()
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range sets {
		second := set.FollowUps()
		if len(second.Items) != len(set.Items) {
			t.Errorf("%s: %d of %d questions", set.Name, len(second.Items), len(set.Items))
		}
		for _, it := range second.Items {
			for _, d := range it.Docs {
				if d.Gold && it.Answered(d.Text) {
					t.Errorf("%s, %q: the first question's document answers the second", set.Name, it.Question)
				}
			}
			if !it.Answered(it.Joined()) {
				t.Errorf("%s, %q: no document answers the second question", set.Name, it.Question)
			}
		}
	}
}
