package extractive_test

import (
	"fmt"
	"strings"
	"testing"

	"tollgate.dev/services/compressor/prompt"
)

// A question that names a row has the table shortened, and any other has all of it. Prose is
// shortened whatever is asked.
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
		{"Which servers have a value between 100 and 120?", true},
		{"Which servers have more than srv77?", true},
		{"Is srv77 better?", true},
		{"Who is strongest?", true},
		{"Any outliers?", true},
		{"Plot a histogram of the values.", true},
		{"Does anybody have nothing?", true},
		{"Which of srv77's values are as those of the others?", true},
		{"Tell me of the values.", true},
		{"", true},
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

// The rows that a question names stay, with the header: by a value that stands in few of them.
func TestApplyNamedRows(t *testing.T) {
	var csv, columns, paths strings.Builder
	csv.WriteString("id,name,dept,value\n")
	columns.WriteString("ID      NAME                DEPT   VALUE\n")
	for i := range 200 {
		name := []string{"Anna Berg", "Bo Lind", "Cy Holm"}[i%3]
		if i == 77 {
			name = "Dora Quist"
		}
		fmt.Fprintf(&csv, "srv%d,%s,%c,%d\n", i, name, 'a'+i%2, i*7919%9973)
		fmt.Fprintf(&columns, "srv%-4d %-19s %c      %d\n", i, name, 'a'+i%2, i*7919%9973)
		fmt.Fprintf(&paths, "./src/module%d/file_%d.go\n", i%17, i)
	}
	for _, tc := range []struct {
		text, question string
		want           []string // that stays; all of it where there is none
	}{
		{csv.String(), "What is the value of srv77?", []string{"id,name,dept,value\n", "srv77,Dora Quist,b,"}},
		{csv.String(), "What does dora get?", nil},
		{csv.String(), "What does Dora get?", []string{"id,name,dept,value\n", "srv77,Dora Quist,b,"}},
		{csv.String(), "srv77和srv3的值是什么？", []string{"srv77,Dora Quist,b,", "srv3,Anna Berg,b,"}},
		{csv.String(), "Who is Anna Berg?", nil},
		{columns.String(), "What is the value of srv77?", []string{"ID      NAME", "srv77   Dora Quist"}},
		{columns.String(), "What are the values?", nil},
		{paths.String(), "Where is file_31.go?", []string{"file_31.go\n"}},
		{paths.String(), "Where is the reader?", nil},
	} {
		x := &prompt.Text{Kind: prompt.ToolResult, Original: tc.text, Question: tc.question}
		apply(t, draft(t, 0.4, x))
		if x.Changed() != (tc.want != nil) {
			t.Errorf("%q: changed %t", tc.question, x.Changed())
		}
		for _, want := range tc.want {
			if !strings.Contains(x.Current(), want) {
				t.Errorf("%q: %q is gone", tc.question, want)
			}
		}
	}
}

// A row that a question names leads to others: what is asked may stand in these.
func TestApplyJoinedRows(t *testing.T) {
	var ids, names, columns, numbers, ring strings.Builder
	ids.WriteString("id,name,manager_id,city\n")
	names.WriteString("id;name;manager;city\n")
	columns.WriteString("UID          PID    PPID  C STIME TTY          TIME CMD\n")
	numbers.WriteString("id,name,peer\n")
	ring.WriteString("id,name,peer\n")
	people := func(i int) string { return fmt.Sprintf("\"Lind; %c%c\"", 'A'+i%20, 'a'+i/20) }
	for i := range 120 {
		boss := i / 5
		fmt.Fprintf(&ids, "E-%d,Name%c%c,E-%d,%s\n", 100+i, 'a'+i%26, 'a'+i/26, 100+boss, []string{"Oslo", "Rome", "Kyiv", "Lima"}[i%4])
		fmt.Fprintf(&names, "%d;%s;%s;%s\n", 100+i, people(i), people(boss), []string{"Oslo", "Rome", "Kyiv", "Lima"}[i%4])
		fmt.Fprintf(&columns, "root     %7d %7d  0 Nov29 ?        00:00:%02d /usr/sbin/worker%d\n", 1000+7*i, 1000+7*boss, i%60, i)
		fmt.Fprintf(&numbers, "%d,srv%d,%d\n", i, i, 3000+i*7919%9973)
		fmt.Fprintf(&ring, "E-%d,srv%d,E-%d\n", i, i, (i+1)%120)
	}
	for name, tc := range map[string]struct {
		text, question string
		want           []string // that stays; all of it where there is none
		gone           string
	}{
		"by an id":    {ids.String(), "What is the name of the manager of E-217?", []string{"\nE-217,", "\nE-123,", "\nE-104,", "\nE-100,"}, "\nE-150,"},
		"by a name":   {names.String(), "What is the id of the manager of 217?", []string{"\n217;", "\n123;", "\n104;"}, "\n150;"},
		"of columns":  {columns.String(), "What is the parent of worker117?", []string{"/worker117\n", "/worker23\n", "/worker4\n"}, "/worker50\n"},
		"to no other": {numbers.String(), "What is the peer of srv77?", []string{"\n77,srv77,"}, "\n50,"},
		"to all":      {ring.String(), "What is the name of the peer of srv77?", nil, ""},
	} {
		x := &prompt.Text{Kind: prompt.ToolResult, Original: tc.text, Question: tc.question}
		apply(t, draft(t, 0.2, x))
		if x.Changed() != (tc.want != nil) || tc.gone != "" && strings.Contains(x.Current(), tc.gone) {
			t.Errorf("%s: it becomes %q", name, x.Current())
		}
		for _, want := range tc.want {
			if !strings.Contains(x.Current(), want) {
				t.Errorf("%s: %q is gone", name, want)
			}
		}
	}
}
