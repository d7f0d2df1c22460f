package prompt_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tollgate.dev/services/compressor/prompt"
)

// What stands in tags of the caller's own stays, whatever they are called, and what stands in tags that
// name documents may be shortened.
func TestTagsOfTheCaller(t *testing.T) {
	var documents strings.Builder
	for i := range 12 {
		fmt.Fprintf(&documents, "Document [%d](Title: The mill of %d) The mill at Arden is old. It stands by the river, and was built in %d.\n\n", i+1, i, 1700+i)
	}
	rules := "The reply has three parts, of two sentences each. French is the language of all of it.\n\n" + strings.Repeat("A part names the mill, then its year, and after it the river. ", 12) + "\n\nNames are in capitals."
	for _, name := range []string{
		"output_format", "system_prompt", "rules", "guidelines", "persona", "policy", "schema", "response_template", "style-guide", "Constraints", "tone", "checklist", "workflow",
		"important", "reminders", "scratchpad", "audience", "brand_voice", "definitions", "rubric", "safety", "prompt_context", "example_output",
	} {
		for place, text := range map[string]string{
			"before": "<" + name + ">\n" + rules + "\n</" + name + ">\n\n<documents>\n" + documents.String() + "</documents>\n\nQuestion: how old is the mill?",
			"behind": "<documents>\n" + documents.String() + "</documents>\n\n<" + name + ">\n" + rules + "\n</" + name + ">\n\nQuestion: how old is the mill?",
			"label":  "Context:\n" + documents.String() + "\n\n<" + name + " kind=\"x\">\n" + rules + "\n</" + name + ">\n\nHow old is the mill?",
		} {
			p, err := prompt.Parse(t.Context(), []byte(`{"messages":[{"role":"user","content":`+quote(t, text)+`}]}`))
			if err != nil {
				t.Fatal(err)
			}
			free := strings.Join(texts(p), "\n")
			for _, part := range strings.Split(rules, "\n\n") {
				if strings.Contains(free, part) {
					t.Errorf("%s, %s: %.40q may be shortened", name, place, part)
				}
			}
			if !strings.Contains(free, "built in 1705") {
				t.Errorf("%s, %s: the documents may not be shortened", name, place)
			}
		}
	}
	for _, name := range []string{"document", "documents", "context", "source_1", "search_results", "passage", "retrieved_docs", "file", "data", "kb-article", "文档"} {
		text := "Answer by this.\n\n<" + name + ">\n" + documents.String() + "</" + name + ">\n\n<" + name + ">\nThe weir is of stone.\n</" + name + ">\n\nQuestion: how old is the mill?"
		p, err := prompt.Parse(t.Context(), []byte(`{"messages":[{"role":"user","content":`+quote(t, text)+`}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(strings.Join(texts(p), ""), "built in 1705") {
			t.Errorf("%s: it stays", name)
		}
	}
}

// free are the texts that may be shortened of a user's message, which has to be whole when it is put
// together again.
func free(t *testing.T, text string) []string {
	t.Helper()
	p, err := prompt.Parse(t.Context(), user(t, text))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range p.Turns[0].Contents {
		if c.Current() != text {
			t.Errorf("put together again it is %q", c.Current())
		}
	}
	return texts(p)
}

// What stands outside tags that name documents is the caller's, whatever it says and whatever line it is
// on, and the tags around all that is given stay.
func TestOutsideTagsOfDocuments(t *testing.T) {
	passage := strings.TrimSpace(strings.Repeat("The weir at Colne was laid in oak, and has stood ever since. ", 6))
	listed := func(between string) string {
		var out []string
		for i := range 8 {
			out = append(out, fmt.Sprintf("Document [%d](Title: Weir %d)\n%s", i+1, i, passage))
		}
		return strings.Join(out, between)
	}
	plain := strings.Repeat(passage+" "+passage+"\n\n", 3) + "It must never be moved."
	for name, given := range map[string][2]string{ // with the tags around it
		"listed":         {"<documents>\n" + listed("\n\n") + "\n</documents>", listed("\n\n")},
		"listed, close":  {"<documents>\n" + listed("\n") + "\n</documents>", listed("\n")},
		"a context":      {"<context>\n" + plain + "\n</context>", plain},
		"results":        {"<search_results>\n" + listed("\n\n") + "\n</search_results>", listed("\n\n")},
		"no line breaks": {"<context kind=\"x\">" + plain + "</context>", plain},
		"an open fence":  {"<context>\n" + plain + "\n```\nx\n</context>", plain + "\n```\nx"},
		"one in another": {"<documents>\n\n<document index=\"1\">\n" + plain + "\n</document>\n\n</documents>", plain},
	} {
		for _, own := range []string{
			"Answer in German and give the document number.", "Be brief.", "Antwoord in het Nederlands.", "Ein Satz.\nKeine Namen.",
			"The reader is ten years old.\n\n" + strings.Repeat("The reply is a letter to the miller, who is fond of long ones. ", 12), "- ships in italics\n- weirs in bold",
		} {
			for _, gap := range []string{"\n", "", " ", "\n\n"} {
				for _, question := range []string{"\nQuestion: Who laid the weir?", "\nWho laid the weir?", "\n\nWho laid the weir?\nAnswer:"} {
					got := free(t, "Use the documents.\n"+given[0]+gap+own+question)
					if strings.Join(got, "") != given[1] {
						t.Errorf("%s, %q: free are %q", name, gap+own+question, got)
					}
				}
			}
		}
		got := free(t, "# Task\n\nWho laid the weir?\n"+given[0]+"\nIn German.")
		if strings.Join(got, "") != given[1] {
			t.Errorf("%s, the question before: free are %q", name, got)
		}
	}
	one := func(i int) string { return fmt.Sprintf("<doc id=\"%d\">\n%s\n</doc>", i, passage) }
	got := free(t, one(1)+"\n"+one(2)+"\nAnswer in German.\n"+one(3)+"\nNo names.\nQuestion: Who laid the weir?")
	if want := []string{one(1) + "\n" + one(2), passage}; !slices.Equal(got, want) {
		t.Errorf("between: free are %q", got)
	}
	// Tags that say something of documents, or that are part of one, tell nothing of the others.
	for _, text := range []string{
		"Document [1]\n<source>weir.pdf</source>\n" + passage + "\n\nDocument [2]\n<source>mill.pdf</source>\n" + passage + passage + "\n\nWho laid the weir?",
		"Context:\n" + plain + "\n\n<data>\n" + passage + passage + "\n</data>\n\n" + plain + "\n\nWho laid the weir?",
		"```\n<documents>\n" + passage + passage + "\n</documents>\n```\n\nContext: " + plain + "\n\nWho laid the weir?",
	} {
		if got := strings.Join(free(t, text), ""); !strings.Contains(got, passage) || strings.HasPrefix(text, "Context") && len(got) < len(plain)+2*len(passage) {
			t.Errorf("free are %q", got)
		}
	}
}

// Tags that name documents tell what is given, with and without blank lines between them, and so what
// must be in a document is no rule of the caller's.
func TestTagsAreMarks(t *testing.T) {
	for _, between := range []string{"\n", "\n\n"} {
		for name, text := range map[string]string{
			"with what is in it": "<document index=\"%d\">\n<source>%d.txt</source>\n<document_content>\nThe gate at lock %d is of oak. A valve of type %d was fitted in spring.%s\n</document_content>\n</document>",
			"short":              "<document index=\"%d\">\nThe gate %d at lock %d is of oak. A valve of type %d was fitted in spring, as the keeper of the lock had asked.%s\n</document>",
		} {
			for _, rule := range []string{"", " The gate must stay shut.", " It should never be opened by hand.", " Never open it.", " The keeper said that you must never stand on it."} {
				var documents []string
				for i := range 9 {
					documents = append(documents, fmt.Sprintf(text, i+1, i+1, i+1, i+1, rule[:len(rule)*(i/8)]))
				}
				given := strings.Join(documents, between)
				for _, question := range []string{"\n\nWhich valve was fitted?", "\nWhich valve was fitted?", "\n\nName the valve."} {
					if got := free(t, "<documents>\n"+given+"\n</documents>"+question); !slices.Equal(got, []string{given}) {
						t.Errorf("%s, %q, %q: free are %q", name, rule, between, got)
					}
					if got := free(t, given+question); !slices.Equal(got, []string{given}) {
						t.Errorf("%s, %q, %q, nothing around them: free are %q", name, rule, between, got)
					}
				}
			}
		}
	}
}

// Of two tags that belong together none may be shortened without the other.
func TestTagsStayTogether(t *testing.T) {
	passage := strings.TrimSpace(strings.Repeat("The weir at Colne was laid in oak, and has stood ever since. ", 12))
	rules := "Never name the owner. Do not guess."
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"rules in a document": {
			"<doc>\n" + passage + "\n\n" + rules + "\n\n" + passage + "\n</doc>\n<doc>\n" + passage + "\n</doc>\nWho laid it?",
			[]string{passage, passage, "<doc>\n" + passage + "\n</doc>"},
		},
		"and in one in another": {
			"<docs>\n<doc>\n" + passage + "\n\n" + rules + "\n\n" + passage + "\n</doc>\n\n<doc>" + passage + "</doc>\n</docs>\nWho laid it?",
			[]string{passage, passage, "<doc>" + passage + "</doc>"},
		},
		"not closed": {"<docs>\n<doc>\n" + passage + "\n<doc>\n" + passage + "\n</docs>\nWho laid it?", []string{"<doc>\n" + passage + "\n<doc>\n" + passage}},
	} {
		got := free(t, tc.text)
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: free are %q", name, got)
		}
	}
}
