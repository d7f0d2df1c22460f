package extractive_test

import (
	"fmt"
	"strings"
	"testing"

	"tollgate.dev/services/compressor/prompt"
)

// A question that takes every row has them all; one about a row has the table shortened, and
// prose is shortened whatever is asked.
func TestApplyRows(t *testing.T) {
	var csv, paths, prose strings.Builder
	csv.WriteString("id,name,value\n")
	for i := range 200 {
		fmt.Fprintf(&csv, "%d,srv%d,%d\n", i, i, i*7919%9973)
		fmt.Fprintf(&paths, "./src/module%d/file_%d.go\n", i%17, i*31%997)
		fmt.Fprintf(&prose, "The mill number %d stands by the river, and is older than the town of %d people.\n", i, i*31)
	}
	for _, tc := range []struct {
		question string
		all      bool // the rows
	}{
		{"How many servers are there?", true},
		{"How many rows have a value above 5000?", true},
		{"What is the average value?", true},
		{"Which name occurs twice?", true},
		{"Which files are there?", true},
		{"What is the total of all values?", true},
		{"Which server has the highest value?", true},
		{"Wie viele Server gibt es?", true},
		{"有多少台服务器？", true},
		{"What is the value of srv77?", false},
		{"Where is file_31.go?", false},
		{"", false},
	} {
		for name, text := range map[string]string{"csv": csv.String(), "paths": paths.String(), "prose": prose.String()} {
			x := &prompt.Text{Kind: prompt.ToolResult, Original: text, Question: tc.question}
			apply(t, draft(t, 0.4, x))
			if want := tc.all && name != "prose"; x.Changed() == want {
				t.Errorf("%q, %s: changed %t", tc.question, name, x.Changed())
			}
		}
	}
}
