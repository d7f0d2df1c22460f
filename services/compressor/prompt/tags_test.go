package prompt_test

import (
	"fmt"
	"strings"
	"testing"

	"tollgate.dev/services/compressor/prompt"
)

// A message with tags that nobody understands stays whole, whatever else would be shortened in
// it: what they protect is not known.
func TestTagsThatAreNotUnderstood(t *testing.T) {
	var documents strings.Builder
	for i := range 12 {
		fmt.Fprintf(&documents, "Document [%d](Title: The mill of %d) The mill at Arden is old. It stands by the river, and was built in %d.\n\n", i+1, i, 1700+i)
	}
	const terms, question = "The warranty is void when the seal is broken.", "\n\nQuestion: how old is the mill?"
	for name, tc := range map[string]struct {
		parts   []string
		changes bool // something may change in it
	}{
		"no tags":                  {[]string{"Context:\n" + documents.String() + question}, true},
		"its name":                 {[]string{"Context:\n" + documents.String() + "It is by LLMLingua, and llmlingua." + question}, true},
		"an example in backticks":  {[]string{"Context:\n" + documents.String() + "It is `<llmlingua, rate=0.5>`, or ```</llmlingua>```." + question}, true},
		"a value nobody knows":     {[]string{"Context:\n<llmlingua, compress=None>" + terms + "</llmlingua>\n\n" + documents.String() + question}, false},
		"a rate above one":         {[]string{"Context:\n<llmlingua, rate=7>" + terms + "</llmlingua>\n\n" + documents.String() + question}, false},
		"no end":                   {[]string{"Context:\n<llmlingua, rate=0.9>" + documents.String() + question}, false},
		"an end alone":             {[]string{"Context:\n" + documents.String() + "</llmlingua>" + question}, false},
		"an end in capitals alone": {[]string{"Context:\n" + documents.String() + "</LLMLingua>" + question}, false},
		"spaces":                   {[]string{"Context:\n< llmlingua, compress=False>" + terms + "</ llmlingua>\n\n" + documents.String() + question}, false},
		"from part to part":        {[]string{"<llmlingua, compress=False>" + terms, "</llmlingua>\n\nContext:\n" + documents.String() + question}, false},
		"one part of three":        {[]string{"<llmlingua, compress=Nope>" + terms + "</llmlingua>", "<llmlingua, rate=0.3>" + documents.String() + "</llmlingua>", question}, false},
		"indented as code":         {[]string{"Context:\n\n    <llmlingua, compress=False>" + terms + "</llmlingua>\n\n" + documents.String() + question}, false},
		"a long span of code":      {[]string{"Show ``<llmlingua, rate=0.3>" + documents.String() + "</llmlingua>``, will you?"}, false},
	} {
		content := make([]string, len(tc.parts))
		for i, text := range tc.parts {
			content[i] = `{"type":"text","text":` + quote(t, text) + `}`
		}
		p, err := prompt.Parse(t.Context(), []byte(`{"messages":[{"role":"user","content":[`+strings.Join(content, ",")+`]}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := texts(p); len(got) > 0 != tc.changes || p.Tagged {
			t.Errorf("%s: %d texts may change, tagged %t", name, len(got), p.Tagged)
		}
	}
}

// Tags are read in any case, and not to compress is said in several ways.
func TestTagsOfAnyCase(t *testing.T) {
	for _, value := range []string{"False", "false", "FALSE", "No", "no", "0", "off", "OFF", "f", "n"} {
		for _, name := range []string{"llmlingua", "LLMLingua", "LLMLINGUA"} {
			p, err := prompt.Parse(t.Context(), []byte(`{"messages":[{"role":"user","content":"<`+name+`, compress=`+value+`>A</`+name+`> B"}]}`))
			if err != nil {
				t.Fatal(err)
			}
			if len(p.Texts) != 0 || !p.Tagged || !strings.Contains(string(p.Body()), `"A B"`) {
				t.Errorf("%s, %s: %d texts, tagged %t, %s", name, value, len(p.Texts), p.Tagged, p.Body())
			}
		}
	}
	// An example in lines that are indented as code is no tag beside others.
	p, err := prompt.Parse(t.Context(), []byte(`{"messages":[{"role":"user","content":"So:\n\n    <llmlingua>x</llmlingua>\n\n<llmlingua, rate=0.5>A</llmlingua>"}]}`))
	if got := texts(p); err != nil || len(got) != 1 || got[0] != "A" || !strings.Contains(string(p.Body()), `    <llmlingua>x</llmlingua>`) {
		t.Errorf("%v: %q, %s", err, got, p.Body())
	}
}
