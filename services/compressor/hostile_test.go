package compressor_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/llmlingua"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/stage/blob"
	"tollgate.dev/services/compressor/stage/extractive"
	"tollgate.dev/services/compressor/stage/fold"
	"tollgate.dev/services/compressor/stage/jsonspace"
	"tollgate.dev/services/compressor/stage/jsontable"
	"tollgate.dev/services/compressor/stage/llmlingua2"
	"tollgate.dev/services/compressor/stage/repeat"
)

// nearLossless are the stages that go over every byte of every text.
func nearLossless() []compressor.Stage {
	return []compressor.Stage{blob.Stage{}, fold.Stage{}, jsonspace.Stage{}, jsontable.Stage{}, repeat.Stage{}}
}

// losing are the stages that shorten a text by what it says.
func losing() []compressor.Stage {
	return []compressor.Stage{extractive.New(&counter), llmlingua2.New(needless{}, &counter)}
}

// needless is a model to which every other word is needless.
type needless struct{}

func (needless) CompressContexts(ctx context.Context, contexts []string, _ llmlingua.ContextOptions) (llmlingua.Result, error) {
	out := llmlingua.Result{Texts: make([]string, len(contexts))}
	for i, c := range contexts {
		words := strings.Fields(c)
		kept := words[:0]
		for j, w := range words {
			if j%2 == 0 {
				kept = append(kept, w)
			}
		}
		out.Texts[i] = strings.Join(kept, " ")
	}
	return out, ctx.Err()
}

// hostile are texts of a size that a search without a memory would go over again and again.
// [BenchmarkGrowth] measures that no stage does.
func hostile(size int) map[string]string {
	texts := make(map[string]string)
	for _, part := range []string{
		"a", "1", " ", "\n", "\r", "\r\n", ".", "\"", "\\\"", "\"a\\", "'a", "`", "``", "[", "{", "(", "<", "<!--", "‘a", "«", "。",
		"\x1b", "\x1b]", "\x1bP", "\x1b[1", "a  \n", "\n\n\n ", "1.1.1.1", "1 1\n", "10:00:00Z", "10:00:00 1Z", "http://a)", "[a](", "Document [3] ",
		"{\"a\":", "{\"a\":{\"b\":", "[[1],", "{\"a\":1}\n", "{\"a\":1,\n", "[\n", "a\nb\na\nc\n", "1%\r", "\x1b]8;;a\r",
		"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0123456789abcdefghijklmnopqr\n",
		"` `` ", " \"a", " 'a", "“", "„", "<a ", "(A", "a://", "]", "www.a]", "1 234 ", "```a`\n", "\n```", "1,", "a/", "９",
	} {
		texts[part] = strings.Repeat(part, size/len(part))
	}
	for _, line := range []string{"a line in code\n", "line\nline\n", "x  \n", "{\"a\":1}  \n"} {
		texts["in a fence: "+line] = "```\n" + strings.Repeat(line, size/len(line))
	}
	for _, line := range []string{"part %d\n", "10:00:00 it is %d\n"} {
		texts["lines of "+line] = numbered(line, size)
	}
	texts["a table that has the row"] = "id,next,last\n1871,1,2\n" + numbered("%d,1%[1]d,2%[1]d\n", size)
	for name, of := range references {
		texts["references: "+name] = of(size)
	}
	for _, part := range []string{"1.", " ", "1Z", "1 "} {
		line := "5 " + strings.Repeat(part, size/2/len(part)) + "\n"
		texts["two lines of "+part] = line + line
		texts["short lines of "+part] = strings.Repeat("5 "+strings.Repeat(part, 2000/len(part))+"\n", size/2000)
	}
	var tags strings.Builder
	for i := 0; tags.Len() < size; i++ {
		fmt.Fprintf(&tags, "<n%x>\n", i)
	}
	texts["tags of many names without an end"] = tags.String()
	for _, part := range []string{"<x>The mill</x>\n\n", "<doc>a\n", "<x>a\n"} {
		texts[part] = strings.Repeat(part, size/len(part))
	}
	texts["after a fence"] = "```\n" + strings.Repeat("\x1b]a\r", size/4)
	texts["passages of signs"] = strings.Repeat("x"+strings.Repeat(" ", 250)+"y\n\n", size/256)
	var objects strings.Builder
	for i := 0; objects.Len() < size; i++ {
		objects.WriteByte(" ,"[min(i, 1)])
		fmt.Fprintf(&objects, `{"k%d":1}`, min(i, 199)) // most have one member of 200
	}
	texts["objects of other members"] = "[" + objects.String() + "]"
	texts["lists in lists"] = strings.Repeat("[", 60) + strings.Repeat("[],", size/3) + "1" + strings.Repeat("]", 60)
	return texts
}

// references are texts of a size that are full of references to passages, or of what looks like them.
var references = map[string]func(size int) string{
	"passages that come again": func(size int) string {
		return strings.Repeat(numbered("The mill number %d is older than the town. "+strings.Repeat("It has a wheel of oak. ", 8)+"\n\n", size/2), 2)
	},
	"the caller's own":                  func(size int) string { return numbered("Then [as above: \"q%d …\"] it. ", size) },
	"the caller's own, without an end":  func(size int) string { return numbered("[as above: \"q%d …\" ", size) },
	"the caller's own, that are opened": func(size int) string { return strings.Repeat("A [as above: \"b ", size/16) },
}

// numbered is a text of a size of parts that have a number each.
func numbered(part string, size int) string {
	var out strings.Builder
	for i := 0; out.Len() < size; i++ {
		fmt.Fprintf(&out, part, i)
	}
	return out.String()
}

// draft is a draft of one text.
func draft(kind prompt.Kind, content ...string) *prompt.Draft {
	d := &prompt.Draft{Rate: 1}
	for _, c := range content {
		t := &prompt.Text{Kind: kind, Original: c}
		t.Restore()
		d.Texts = append(d.Texts, t)
	}
	return d
}

// losingDraft is a draft of one text that is to lose the half.
func losingDraft(t testing.TB, text string) *prompt.Draft {
	t.Helper()
	n, err := counter.Count(tokens.O200k, text)
	if err != nil {
		t.Fatal(err)
	}
	d := draft(prompt.Context, text)
	d.Rate, d.Encoding, d.Floors, d.Prefixes = 0.5, tokens.O200k, []int64{0}, []int64{n.Tokens}
	d.Texts[0].Question, d.Texts[0].Size, d.Texts[0].Tokens = "Which mill was sold in 1871?", n.Tokens, n.Tokens
	return d
}

// crowds are ways of being very many small texts, each of which sets the one with a number.
var crowds = map[string]func(t *prompt.Text, i int){
	"all the same":     func(t *prompt.Text, _ int) { t.Original = strings.Repeat("x ", 100) },
	"of one call":      func(t *prompt.Text, i int) { t.Original, t.Call = strings.Repeat("x ", 100)+fmt.Sprint(i/2), "call" },
	"of own questions": func(t *prompt.Text, i int) { t.Original, t.Question = strings.Repeat("x ", 100), fmt.Sprint(i) },
	"of own rates":     func(t *prompt.Text, i int) { t.Original, t.Rate = strings.Repeat("x ", 100), 1/float64(i+2) },
	"all others": func(t *prompt.Text, i int) {
		t.Original, t.Call = strings.Repeat("x ", 100)+fmt.Sprint(i), fmt.Sprint(i)
	},
	"small": func(t *prompt.Text, i int) { t.Original = fmt.Sprint(i) },
}

// crowd is a draft of many texts, which are to keep a share.
func crowd(many int, rate float64, set func(t *prompt.Text, i int)) *prompt.Draft {
	d := &prompt.Draft{Rate: rate}
	for i := range many {
		text := &prompt.Text{Kind: prompt.ToolResult, Message: i + 1}
		set(text, i)
		text.Restore()
		d.Texts = append(d.Texts, text)
	}
	return d
}
