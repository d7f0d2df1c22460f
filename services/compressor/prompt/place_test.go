package prompt_test

import (
	"slices"
	"strings"
	"testing"

	"tollgate.dev/services/compressor/prompt"
)

// Where a turn ends is in the same place of the messages in every later request, and what
// stands before a text too.
func TestPlaces(t *testing.T) {
	document := strings.Repeat("The mill is old. ", 50)
	opening := `[ {"role":"system","content":"S"}, {"role":"user","content":` + quote(t, "Answer by this:\n\n"+document+"\n\nHow old is it?") + `}`
	later := opening + ` ,{"role":"assistant","content":"Old."}, {"role":"tool","content":"R"}, {"role":"user","content":"And how tall?"}`
	parse := func(body string) *prompt.Prompt {
		t.Helper()
		p, err := prompt.Parse(t.Context(), []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	first := parse(`{"model":"m","messages":` + opening + `],"tools":[1]}`)
	second := parse(`{"response_format":{"a":1},"tools":[1],"messages":` + later + ` ] , "n":1}`)
	for _, tc := range []struct {
		p       *prompt.Prompt
		raw     string
		ends    []int
		outside []string
	}{
		{first, opening, []int{len(opening)}, []string{"[1]"}},
		{second, later, []int{len(opening), len(later)}, []string{"[1]", `{"a":1}`}},
	} {
		if raw, ends := tc.p.Messages(); string(raw) != tc.raw || !slices.Equal(ends, tc.ends) {
			t.Errorf("%s\nends at %v, want %v", raw, ends, tc.ends)
		}
		if got := tc.p.Outside(); !slices.Equal(got, tc.outside) {
			t.Errorf("outside are %q, want %q", got, tc.outside)
		}
		text, place := tc.p.First(0, prompt.Context)
		if text == nil || !strings.HasPrefix(text.Original, "The mill is old.") {
			t.Fatalf("the first text is %+v", text)
		}
		if before := opening[:place.At]; !strings.HasSuffix(before, `"content":`) || strings.Count(before, "content") != 2 || place.Lead != "Answer by this:\n\n" {
			t.Errorf("it stands behind %q and %q", before, place.Lead)
		}
	}
	if text, place := second.First(1, prompt.ToolResult); text == nil || text.Original != "R" || place.Lead != "" {
		t.Errorf("the tool's result is %+v at %+v", text, place)
	}
	if text, _ := second.First(1, prompt.Context); text != nil {
		t.Errorf("a question is %+v", text)
	}
	first.Texts[0].Locked = true
	if text, _ := first.First(0, prompt.Context); text != nil {
		t.Errorf("a locked text is %+v", text)
	}
	if raw, ends := parse(`{"messages":[]}`).Messages(); len(raw) != 0 || !slices.Equal(ends, []int{0}) {
		t.Errorf("no message: %q, %v", raw, ends)
	}
}
