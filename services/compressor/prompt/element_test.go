package prompt_test

import (
	"fmt"
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
