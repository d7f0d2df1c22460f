package veto_test

import "testing"

func TestUnread(t *testing.T) {
	check(t, "unread", []pair{
		{"Wie hoch ist der Eiffelturm und wo steht er?", "Wie hoch ist der Fernsehturm und wo steht er?"},
		{"東京の人口は？", "大阪の人口は？"},
		{"```\nprint(1)\n```", "```\nprint(2)\n```"},
	}, []pair{
		{"Wie hoch ist der Eiffelturm und wo steht er?", "wie hoch ist der  Eiffelturm und wo steht er?"},
		{"東京の人口は？", " 東京の人口は？ "},
	})
}
