package prompt_test

import (
	"fmt"
	"strings"
	"testing"
)

// weirs are passages of prose, one a line, each behind the mark that the format writes.
func weirs(n int, format, between string) string {
	passage := strings.TrimSpace(strings.Repeat("The weir at Colne was laid in oak, and has stood ever since the flood. ", 7))
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf(format, i+1)+passage)
	}
	return strings.Join(out, between)
}

// What stands behind a line that ends the documents is the caller's, whatever it says and whether a blank
// line is before it or not, and so is that line.
func TestBehindALineThatEndsDocuments(t *testing.T) {
	letter := "The reader is ten years old.\n\n" + strings.Repeat("The reply is a letter to the miller, who is fond of long ones. ", 20)
	for name, given := range map[string]string{
		"documents":        weirs(6, "Document [%d](Title: Weir) ", "\n\n"),
		"documents, close": weirs(6, "Document [%d]\n", "\n"),
		"numbers":          weirs(6, "[%d] ", "\n\n"),
		"drawn below":      weirs(6, "Document %d\n---\n", "\n\n"),
		"drawn between":    weirs(6, "Document %d\n", "\n---\n"),
		"a label":          "Context:\n" + weirs(6, "", "\n\n"),
		"quotation marks":  "Context:\n\"\"\"\n" + weirs(6, "", "\n\n"),
	} {
		for _, end := range []string{
			"---", "=====", `"""`, "[END OF DOCUMENTS]", "</documents>", "* * *", "─────", "=== END ===", "--- Ende der Dokumente ---", "<<<END>>>", "[/DOCUMENTS]", "=== TASK ===", "### FIN ###",
		} {
			for _, own := range []string{"Answer in German and give the document number.", "Kun yksi lause.", "Heights in feet\nNo names", letter} {
				if own == letter && (end == "=== TASK ===" || name == "a label" || name == "quotation marks" && end != `"""`) {
					continue // a title may stand above a chapter, and a label tells nothing of where they end
				}
				for _, question := range []string{"\nQuestion: Who laid the weir?", "\nWho laid the weir?", "\n\nWho laid the weir?\nAnswer:"} {
					text := "By these: <documents>\n" + given + "\n" + end + "\n" + own + question
					got := free(t, text)
					if len(got) == 0 || len(strings.Join(got, "")) < len(given)/2 {
						t.Errorf("%s, %q, %q, %q: free are %q", name, end, own, question, got)
					}
					for _, part := range got {
						for line := range strings.Lines(end + "\n" + own) {
							if line = strings.TrimSpace(line); line != "" && strings.Contains(part, "\n"+line) && (line != "---" || strings.HasSuffix(part, line)) && (line != `"""` || strings.Contains(part[20:], line)) {
								t.Errorf("%s, %q, %q: %.60q may be shortened", name, end, question, line)
							}
						}
					}
				}
			}
		}
	}
	// Such lines stand within documents as well.
	for name, text := range map[string]string{
		"of all":     weirs(4, "Document [%d]\nWeirs\n---\n", "\n\n") + "\n\n" + weirs(4, "", "\n\n"),
		"of a label": "Context:\n" + weirs(3, "", "\n---\n") + "\n---\n" + weirs(4, "", "\n\n"),
		"a fence":    weirs(3, "Document [%d]\n", "\n") + "\n```\nx := 1\n---\n```\n" + weirs(4, "", "\n"),
		"a chapter":  weirs(3, "Document [%d]\n", "\n") + "\n== BUILDING ==\n" + weirs(4, "", "\n"),
	} {
		if got := strings.Join(free(t, text+"\n\nWho laid the weir?"), ""); len(got) < len(text)/2 {
			t.Errorf("%s: free are %d of %d bytes", name, len(got), len(text))
		}
	}
}

// Short lines of their own before the question, or the end, may be the caller's.
func TestShortLinesBehindDocuments(t *testing.T) {
	wrapped := "Document [9]\nThe weir at Colne was laid in oak by the abbey, in the year\nof the flood, and has stood ever since. The miller of the town\nkept it."
	for name, given := range map[string]string{
		"documents":        weirs(6, "Document [%d](Title: Weir) ", "\n\n"),
		"documents, close": weirs(6, "Document [%d]\n", "\n"),
		"numbers":          weirs(6, "[%d] ", "\n\n"),
		"headings":         weirs(6, "# Weir %d\n", "\n\n"),
		"a label":          "Context: " + weirs(6, "", "\n"),
		"no full stop":     strings.TrimSuffix(weirs(6, "Document [%d] ", "\n\n"), "."),
		"short lines":      weirs(6, "Document [%d] ", "\n\n") + "\n\n" + wrapped,
		"a series":         "Context:\n" + strings.Repeat("The weir is of oak.\n", 200),
		"a list":           weirs(6, "Document [%d] ", "\n\n") + "\n\nDocument [9]\n- oak\n- elm, of the miller\n- ash",
	} {
		for _, own := range []string{
			"Answer in German.", "Be brief.", "Write for a ten-year-old reader.", "You must cite the document number.", "Heights in feet", "Antwoord in het Nederlands.", "Vastaa suomeksi.",
			"用德语回答。", "जवाब हिंदी में दें।", "Ein Satz.\nKeine Namen.", "- in German\n- no names", "Answer in German,\nand give the number.", "Pamoja na nambari ya hati.\nKwa ufupi.",
			"The answer is a single line, in German, with the number of the document that\nit is from.",
		} {
			for _, question := range []string{"\nQuestion: Who laid the weir?", "\nQuestion: Who laid the weir?\nAnswer:", "\n\nQuestion: Who laid the weir?", "\nFrage: Wer hat das Wehr gebaut?", ""} {
				text := "Use the documents to answer.\n\n"
				if question == "" {
					text = "Who laid the weir?\n\n"
				}
				got := free(t, text+strings.TrimSpace(given)+"\n"+own+question)
				if len(strings.Join(got, "")) < len(given)*3/4 {
					t.Errorf("%s, %q, %q: free are %q", name, own, question, got)
				}
				for _, part := range got {
					for line := range strings.Lines(own) {
						if strings.Contains(part, strings.TrimSpace(line)) {
							t.Errorf("%s, %q: %.60q may be shortened", name, question, line)
						}
					}
				}
			}
		}
	}
	// What is part of a whole is not taken from it, nor of lines that are alike.
	for name, end := range map[string]string{
		"a short document": "\n\nDocument [7](Title: Elm)\nThe weir at Arden is of elm.",
		"JSON":             "\n{\n  \"weir\": \"Colne\",\n  \"oak\": true\n}",
		"a table":          "\n| weir | wood |\n|---|---|\n| Colne | oak |",
		"series":           strings.Repeat("\nThe weir is of oak.", 30),
		"a fence":          "\n```\nx := 1\ny := 2\n```",
	} {
		given := weirs(6, "Document [%d] ", "\n\n") + end
		if got := strings.Join(free(t, given+"\nQuestion: Who laid the weir?"), ""); got != given {
			t.Errorf("%s: free are %q", name, got)
		}
	}
}

// Lines of which nobody knows whether they are an order make none of an unknown one.
func TestShortLinesAreNoQuestion(t *testing.T) {
	given := weirs(6, "Document [%d] ", "\n\n") + "\nThe weir is of oak."
	for order, whole := range map[string]bool{"Umtolikele lokhu ngesiZulu.": true, "Tell the age of the weir.": false} {
		if got := free(t, order+"\n\n"+given); (len(got) == 0) != whole {
			t.Errorf("%s: free are %q", order, got)
		}
	}
}
