package extractive

import (
	"os"
	"strings"
	"testing"

	"tollgate.dev/services/compressor/bench/labelled"
	"tollgate.dev/services/compressor/extract"
)

const paragraph = "The mill at Arden is old and stands by the river, where it has stood for ages. It was built in 1742.\n\n"

var intro = strings.Repeat(paragraph, 12)

// Code, configuration, differences, and tables beside other text stay whole.
func TestVerbatim(t *testing.T) {
	for name, part := range map[string]string{
		"Go":                  "package a\n\nimport \"x\"\n\n// F is f. It is good.\nfunc F(x int) error {\n\tif x > 0 {\n\t\treturn nil\n\t}\n\treturn x.Err()\n}\n",
		"Python":              "def f1(x):\n    # step 1\n    y = x + 1\n    return y * 1\n\ndef f2(x):\n    # step 2\n    y = x + 2\n    return y * 2\n",
		"JavaScript":          "const a = require('a');\n\nif (a.b) {\n  a.c();\n} else {\n  // It is not. So what?\n  throw new Error('It is. Not so.');\n}\n",
		"SQL":                 "SELECT a.id, b.name\nFROM a\nJOIN b ON a.id = b.id\nWHERE a.x >= 3 AND b.y = 'It is. So';\n",
		"difference":          "diff --git a/x.go b/x.go\nindex 12..34 100644\n--- a/x.go\n+++ b/x.go\n@@ -1,3 +1,3 @@\n func f() {\n-\treturn 1\n+\treturn 2\n }\n",
		"difference of prose": "diff --git a/docs/a.md b/docs/a.md\nindex 301c703..3d4e82d 100644\n--- a/docs/a.md\n+++ b/docs/a.md\n@@ -12,5 +12,6 @@ the caller marks. It is so.\n The mill is old. It stands by the river.\n \n-It was built in 1742. Nobody knows by whom.\n+It was built in 1743. Anna knows by whom! She was there.\n+Its wheel is of oak. Is it?\n A cat sleeps on the sacks. Visitors come on Sundays.\n The weir is of stone. Boats go up to it.\n",
		"Dockerfile":          "FROM golang:1.26 AS build\nWORKDIR /src\nCOPY go.mod go.sum ./\n# It is cached. So the next one is fast.\nRUN --mount=type=cache,target=/root/.cache go mod download && go build -o /out/app -ldflags \"-s -w\" ./cmd/app and so on and so on, it is long.\nENV A=b\nUSER nobody\nENTRYPOINT [\"/app\"]\n",
		"go.mod":              "module example.com/a\n\ngo 1.26\n\nrequire (\n\tgithub.com/a/b v1.2.3\n\tgithub.com/c/d/v2 v2.0.1 // indirect\n\tgolang.org/x/e v0.4.0\n)\n",
		"go.sum":              "github.com/a/b v1.14.1/go.mod h1:oXtinPO4OLj9d1DOTrqrL1oRwGhcqadvAmrl6wTeGlk=\ngithub.com/a/b v1.14.1 h1:isNCfn0HnffdVewFFISOGe20mkZbxX4H839o955abcd=\ngithub.com/c/d v2.4.0/go.mod h1:oyXtinPO4OLj9d1DOTrqrL1oRwGhcqadvAmrl6wTeGlk=\n",
		"YAML":                "server:\n  port: 8080\n  host: localhost\nretries: 3\nlist:\n  - a\n  - b: 1\n",
		"TOML":                "[server]\nport = 8080\nhost = \"localhost\"\n\n[client]\nname = \"x\"\n",
		"numbered":            "1\tdef f(x):\n2\t    if x:\n3\t        return 1\n4\t    return 2\n",
		"CSV":                 "id,name,score\n1,Anna,3\n2,Bob,4\n3,Cy,5\n",
		"Markdown":            "| id | name |\n| --- | --- |\n| 1 | Anna |\n| 2 | Bob |\n",
		"log":                 "2026-11-29 01:00:00 INFO it began. Well.\n2026-11-29 01:00:01 ERROR it failed\njava.lang.X: no. None\n\tat a.B.c(B.java:12)\n\tat a.B.d(B.java:13)\n2026-11-29 01:00:02 INFO it ended\n",
	} {
		text := intro + part + "\n" + intro
		g := extract.Text{Text: text}
		keepCodeAndLogs(&g)
		kept, lines := 0, 0
		for _, line := range strings.SplitAfter(part, "\n") {
			if strings.TrimSpace(line) == "" {
				continue
			}
			lines++
			at := strings.Index(text, line)
			for _, k := range g.Keep {
				if k.Start <= at && at+len(strings.TrimRight(line, "\n")) <= k.End {
					kept++
				}
			}
		}
		if kept < lines {
			t.Errorf("%s: %d of %d lines are kept: %v", name, kept, lines, g.Keep)
		}
		for _, k := range g.Keep {
			if k.Start < len(intro) || k.End > len(text)-len(intro) {
				t.Errorf("%s: prose is kept: %q", name, text[k.Start:k.End])
			}
		}
	}
}

// A file of source stays whole, with all it says in comments, and so does a script.
func TestVerbatimFile(t *testing.T) {
	source, err := os.ReadFile("extractive.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(source), "\"\"\"A module. It is long.\n\nIt does this.\n\"\"\"\nimport a\n\nb = a.c()\nprint(b)\nb = b + 1; c = 2;\n", "#!/bin/sh\nmake it\n"} {
		g := extract.Text{Text: text}
		if keepCodeAndLogs(&g); len(g.Keep) != 1 || g.Keep[0] != (extract.Span{End: len(text)}) {
			t.Errorf("%.40q…: %v", text, g.Keep)
		}
	}
}

// Of a table or a log by itself, lines may go as wholes; a table's header stays.
func TestVerbatimAlone(t *testing.T) {
	table := extract.Text{Text: "id,name,note\n1,Anna,Is. So\n2,Bob,Is. Not\n3,Cy,Is\n"}
	keepCodeAndLogs(&table)
	if len(table.Keep) != 1 || table.Keep[0] != (extract.Span{Start: 0, End: 12}) || len(table.Whole) != 3 {
		t.Errorf("a table: %v, %v", table.Keep, table.Whole)
	}
	log := extract.Text{Text: strings.Repeat("2026-11-29 01:00:00 INFO it began. Well.\n", 4)}
	keepCodeAndLogs(&log)
	if len(log.Keep) != 0 || len(log.Whole) != 4 {
		t.Errorf("a log: %v, %v", log.Keep, log.Whole)
	}
}

// Prose is no code: nothing of the labelled documents is kept for it, nor of lists,
// headings, verse and talks.
func TestVerbatimProse(t *testing.T) {
	texts := []string{
		"# Setup\n\nIt is easy:\n\n- Take the box (it is blue), and open it.\n- Call us; we come.\n\n## Next\n\n1. Wash it.\n2. Eat it.\n",
		"Anna: I was at the mill on Sunday, and nobody was there.\nBob: So was I, and I saw you there with your brother!\nAnna: No, you did not.\nBob: I did.\n",
		"The rain it raineth every day,\nAnd so it does, it does;\nFrom hill to hill we make our way,\nAs merry as it was,\n",
		"If you go there, see the mill.\nFor years it stood alone, they say.\nWith its wheel it made flour for all of us.\nFrom here you see it, too.\n",
	}
	sets, err := labelled.Load(os.Getenv("TOLLGATE_DATA"))
	if err != nil {
		t.Fatal(err)
	}
	own, err := labelled.Own()
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range append(sets, own...) {
		for i := range set.Items {
			texts = append(texts, set.Items[i].Joined())
		}
	}
	for _, text := range texts {
		g := extract.Text{Text: text}
		if keepCodeAndLogs(&g); len(g.Keep)+len(g.Whole) > 0 {
			for _, k := range append(g.Keep, g.Whole...) {
				t.Errorf("taken for code: %q", text[k.Start:k.End])
			}
		}
	}
}
