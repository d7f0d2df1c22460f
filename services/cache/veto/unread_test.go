package veto_test

import (
	"strings"
	"testing"
)

func TestUnread(t *testing.T) {
	check(t, "unread", []pair{
		{"Wie hoch ist der Eiffelturm und wo steht er?", "Wie hoch ist der Fernsehturm und wo steht er?"},
		{"東京の人口は？", "大阪の人口は？"},
		{"Wie geht es Ihnen und wo wohnen Sie?", "Wie geht es ihnen und wo wohnen sie?"},
		{"Sum up:\nThe file is Data.txt", "Sum up:\nThe file is data.txt"},
		{"Sum up. " + strings.Repeat("Oslo is a town. ", 50) + "Ask Bill", "Sum up. " + strings.Repeat("Oslo is a town. ", 50) + "Ask bill"},
		{"```\nprint(1)\n```", "```\nprint(2)\n```"},
	}, []pair{
		{"Wie hoch ist der Eiffelturm und wo steht er?", "wie hoch ist der  Eiffelturm und wo steht er?"},
		{"東京の人口は？", " 東京の人口は？ "},
		{"Sum up:\nThe file is Data.txt", "sum up:\nThe  file is Data.txt"},
	})
}
