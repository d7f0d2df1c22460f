package protect_test

import (
	"strings"
	"testing"

	"tollgate.dev/services/compressor/protect"
)

// Code within a quotation or an element of HTML is a block, and so is JSON however deep it nests.
func TestBlocksWithinOthers(t *testing.T) {
	deep := strings.Repeat(`[{"a":`, 2000) + "1" + strings.Repeat("}]", 2000)
	for name, tc := range map[string]struct{ block, behind string }{
		"a fence in a quotation":        {"> ```go\n> x = 1.  y. Z = 2\n> import os\n> ```", "\n\nThe mill is old."},
		"in a quotation in another":     {"> > ~~~\n> > x = 1.  y.\n> >\n> > Z = 2\n> > ~~~", "\n> The mill is old."},
		"with the end of the quotation": {"> ```\n> x = 1.  y. Z = 2", "\nThe mill is old."},
		"a fence with a quoted one":     {"```\n> ```\nx = 1.  y.\n```", "\nThe mill is old."},
		"pre":                           {"<pre>\nx = 1.  y. Z = 2\n\n  a < b\n</pre>", " The mill is old."},
		"PRE with attributes":           {`<PRE class="x">` + "\nx = 1.  y.\n</b>\n</Pre>", " The mill is old."},
		"script":                        {"<script>\nlet x = 1; // It is. So.\n</script>", " The mill is old."},
		"deep JSON":                     {deep, " The mill is old."},
	} {
		text := "The mill is old.\n\n" + tc.block + tc.behind
		got := protect.Blocks(text)
		if len(got) != 1 || text[got[0].Start:got[0].End] != tc.block {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for _, text := range []string{"The tag <pre> begins it.", "<prefix>x</prefix>", "> quoted\n> and no code", strings.Repeat("<pre>", 1000)} {
		if got := protect.Blocks(text); len(got) > 0 {
			t.Errorf("%.40q: %+v", text, got)
		}
	}
}
