package extractive_test

import (
	"fmt"
	"strings"
	"testing"

	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor/extract"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/stage/extractive"
)

var counter tokens.Counter

// draft is a draft of texts, each with its tokens counted.
func draft(t *testing.T, rate float64, texts ...*prompt.Text) *prompt.Draft {
	t.Helper()
	d := &prompt.Draft{Texts: texts, Rate: rate, Encoding: tokens.O200k, Floors: make([]int64, 4), Prefixes: make([]int64, 4)}
	for _, x := range texts {
		x.Replace(x.Original)
		n, err := counter.Count(tokens.O200k, x.Original)
		if err != nil {
			t.Fatal(err)
		}
		x.Size, x.Tokens = n.Tokens, n.Tokens
		for turn := x.Turn; turn < len(d.Prefixes); turn++ {
			d.Prefixes[turn] += n.Tokens
		}
	}
	return d
}

func apply(t *testing.T, d *prompt.Draft) {
	t.Helper()
	stage := extractive.New(&counter)
	if stage.Name() != "extractive" {
		t.Errorf("it is called %s", stage.Name())
	}
	locked := map[*prompt.Text]bool{}
	for _, x := range d.Texts {
		locked[x] = x.Locked
	}
	if err := stage.Apply(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	for _, x := range d.Texts {
		if locked[x] && x.Changed() {
			t.Errorf("a locked text became %q", x.Current())
		}
	}
}

const (
	mill  = "The mill at Arden is old. It was built in 1742. Its wheel is of oak. A cat sleeps on the sacks. Visitors come on Sundays."
	river = "The river Ose is long. It has many fish. Children swim in it. Boats go up to the weir. The weir is of stone."
	code  = "```\nbuild := 1. + 2.\n```"
)

func tokensOf(t *testing.T, texts ...*prompt.Text) (n int64) {
	t.Helper()
	for _, x := range texts {
		c, err := counter.Count(tokens.O200k, x.Current())
		if err != nil {
			t.Fatal(err)
		}
		n += c.Tokens
	}
	return n
}

// Texts that answer one question share their budget; others have their own.
func TestApply(t *testing.T) {
	question := "When was the mill at Arden built?"
	a := &prompt.Text{Original: mill, Question: question, Turn: 1}
	b := &prompt.Text{Original: river, Question: question, Turn: 1}
	c := &prompt.Text{Original: river, Question: "What is the weir made of?", Turn: 2}
	d := draft(t, 0.5, a, b, c)
	apply(t, d)
	if !strings.Contains(a.Current(), "1742") || !strings.Contains(c.Current(), "The weir is of stone.") {
		t.Errorf("got %q and %q", a.Current(), c.Current())
	}
	for _, group := range [][]*prompt.Text{{a, b}, {c}} {
		size := int64(0)
		for _, x := range group {
			size += x.Size
		}
		if n := tokensOf(t, group...); 2*n > size {
			t.Errorf("%d tokens of %d", n, size)
		}
	}
	if la, lb := len(a.Current()), len(b.Current()); la <= lb {
		t.Errorf("the text with the answer has %d bytes left, the other one %d", la, lb)
	}
	if !strings.Contains(c.Current(), extract.Mark) {
		t.Errorf("no mark is in %q", c.Current())
	}
}

// A text's own rate goes before the draft's, and a locked text stays.
func TestApplyRates(t *testing.T) {
	a := &prompt.Text{Original: mill, Question: "mill", Rate: 0.3}
	b := &prompt.Text{Original: mill, Question: "mill"}
	c := &prompt.Text{Original: mill, Question: "mill"}
	d := draft(t, 0.8, a, b, c)
	c.Locked = true
	apply(t, d)
	if x, y := tokensOf(t, a), tokensOf(t, b); x*10 > a.Size*3 || y*10 > b.Size*8 || y <= x {
		t.Errorf("of %d tokens each, %d and %d are left", a.Size, x, y)
	}
}

// Code stays, byte for byte.
func TestApplyKeepsCode(t *testing.T) {
	a := &prompt.Text{Original: mill + "\n\n" + code + "\n\n" + river, Question: "fish"}
	apply(t, draft(t, 0.2, a))
	if !strings.Contains(a.Current(), "\n"+code+"\n") || !a.Changed() {
		t.Errorf("got %q", a.Current())
	}
}

// What stays of a document stays in its tags.
func TestApplyKeepsTags(t *testing.T) {
	for _, form := range []string{
		"<document index=\"%d\">\n<source>%s</source>\n<document_content>\n%s\n</document_content>\n</document>\n",
		"<doc id=\"%d\" title=\"%s\">%s</doc>\n",
	} {
		var text strings.Builder
		for i := range 8 {
			body := river
			if i == 5 {
				body = mill
			}
			fmt.Fprintf(&text, form, i+1, "The old places", strings.ReplaceAll(body, "in it", fmt.Sprintf("in it at %d", i)))
		}
		for rate := 0.2; rate < 0.9; rate += 0.1 {
			a := &prompt.Text{Original: text.String(), Question: "When was the mill at Arden built?", Kind: prompt.ToolResult}
			apply(t, draft(t, rate, a))
			got := a.Current()
			at := strings.Index(got, "1742")
			if at < 0 || strings.LastIndex(got[:at], "=\"6\"") < 0 || strings.LastIndex(got[:at], "=\"6\"") < strings.LastIndex(got[:at], "=\"5\"") {
				t.Errorf("at %.1f, the mill's document has lost its number: %q", rate, got)
			}
			for _, name := range []string{"document", "document_content", "doc"} {
				if opened := strings.Count(got, "<"+name+">") + strings.Count(got, "<"+name+" "); opened != strings.Count(got, "</"+name+">") {
					t.Errorf("at %.1f, %d of %s are opened: %q", rate, opened, name, got)
				}
			}
		}
	}
}

// JSON stays, however deep it nests.
func TestApplyKeepsDeepJSON(t *testing.T) {
	rows := `[{"note": "The mill is old. It is well."}, ` + strings.Repeat(`{"note": "The weir is of stone. Go there."}, `, 40) + `{}]`
	for _, depth := range []int{1, 90, 99, 100, 101, 200, 1000, 5000} {
		data := strings.Repeat(`{"a":`, depth) + rows + strings.Repeat("}", depth)
		for _, before := range []string{"", "Result:\n", mill + "\n\n"} {
			a := &prompt.Text{Original: before + data, Question: "mill", Kind: prompt.ToolResult}
			if apply(t, draft(t, 0.2, a)); !strings.HasSuffix(a.Current(), data) {
				t.Errorf("%d deep, behind %q: it became %.80q…", depth, before, a.Current())
			}
		}
	}
}

// A prompt is not made shorter than its floor where the texts can help it.
func TestApplyFloor(t *testing.T) {
	a := &prompt.Text{Original: mill, Question: "mill"}
	b := &prompt.Text{Original: river, Question: "river"}
	d := draft(t, 0.2, a, b)
	d.Floors[0] = d.Prefixes[0] * 7 / 10
	apply(t, d)
	if n := tokensOf(t, a, b); n*10 < d.Prefixes[0]*5 {
		t.Errorf("%d of %d tokens are left, the floor is %d", n, d.Prefixes[0], d.Floors[0])
	}
}

// A citation stays or goes as a whole, with the full stops in its brackets, and whatever
// brackets they are.
func TestApplyKeepsCitationsWhole(t *testing.T) {
	for _, cite := range []string{
		"(Smith et al., 2019, p. 3. Emphasis added.)", "(see Smith (2019), Sec. 3.1. Berlin.)", "[see Sec. 3.1. Proofs are there.]",
		"[Smith, 2019. The Old Mills. Arden.]", "（张三等，2019。第3页。）", "【参见第3章。第4节。】", "〔张三，2019。旧磨坊。〕",
	} {
		whole := 0
		for rate := 0.1; rate < 1; rate += 0.05 {
			a := &prompt.Text{Original: mill + " The mill at Arden was the first of them " + cite + ". " + river, Question: "first mill at Arden"}
			apply(t, draft(t, rate, a))
			got := a.Current()
			if strings.Contains(got, cite) {
				whole++
				got = strings.Replace(got, cite, "", 1)
			}
			for _, part := range strings.FieldsFunc(cite, func(r rune) bool { return strings.ContainsRune(" .,()[]，。（）【】〔〕", r) }) {
				if len(part) > 3 && part != "Arden" && strings.Contains(got, part) {
					t.Fatalf("at %.2f, of %q, %q is in %q", rate, cite, part, a.Current())
				}
			}
		}
		if whole == 0 {
			t.Errorf("%q was never kept", cite)
		}
	}
}
