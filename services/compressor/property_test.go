package compressor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/protect"
	"tollgate.dev/services/compressor/stage/jsontable"
)

// talker makes conversations of all that may be in one.
type talker struct {
	*rand.Rand
	calls int
}

func (r *talker) one(of ...string) string { return of[r.IntN(len(of))] }

// conversation is a request, and the index of the last message with a cache breakpoint.
func (r *talker) conversation(tb testing.TB) (body []byte, breakpoint int) {
	tb.Helper()
	breakpoint = -1
	list := []any{map[string]any{"role": r.one("system", "developer"), "content": "Be exact. " + r.prose(3), "x_note": r.IntN(9)}}
	for range 1 + r.IntN(5) {
		list = append(list, map[string]any{"role": "user", "content": r.content(r.prose(r.IntN(12)) + "\n\n" + r.piece() + "\n\n" + r.question()), "name": "kim"})
		for range r.IntN(3) {
			r.calls++
			id := fmt.Sprint("call_", r.calls)
			list = append(list, map[string]any{"role": "assistant", "content": nil, "tool_calls": []any{map[string]any{
				"id": id, "type": "function", "function": map[string]any{"name": "look", "arguments": "{ \"q\" :  \"" + r.one("mill", "river", "price") + "\" }"},
			}}}, map[string]any{"role": "tool", "tool_call_id": id, "content": r.content(r.result())})
		}
		if r.IntN(6) > 0 {
			list = append(list, map[string]any{"role": "assistant", "content": r.prose(2), "refusal": nil})
		}
	}
	if r.IntN(3) == 0 {
		breakpoint = r.IntN(len(list))
		if m, ok := list[breakpoint].(map[string]any); ok {
			m["cache_control"] = map[string]any{"type": "ephemeral"}
		}
	}
	raw, err := json.Marshal(map[string]any{
		"model": "gpt-5", "messages": list, "temperature": 0.25, "x_unknown": map[string]any{"a": []any{1, "b"}},
		"tools": []any{map[string]any{"type": "function", "function": map[string]any{"name": "look", "description": r.prose(2)}}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return raw, breakpoint
}

// content is a text as a string or among parts.
func (r *talker) content(text string) any {
	if r.IntN(2) == 0 {
		return text
	}
	return []any{
		map[string]any{"type": "text", "text": text, "x_part": true},
		map[string]any{"type": "image_url", "image_url": map[string]any{"url": "data:image/png;base64,iVBORw0KGgo="}},
	}
}

func (r *talker) question() string {
	return r.one("Which mill was sold in 1871?", "Question: what did the river cost the town?", "How many of them are left?")
}

// piece is a passage or what must stay in one.
func (r *talker) piece() string {
	switch r.IntN(4) {
	case 0:
		return "```go\n\tx := \"" + r.one("a  b", "c") + "\"\n\n\treturn x // " + fmt.Sprint(r.IntN(99)) + "\n```"
	case 1:
		return "{\"sold\": [1.50, 2e3], \"to\": \"Ann  Lee\"}"
	default:
		return r.prose(4 + r.IntN(30))
	}
}

func (r *talker) prose(sentences int) string {
	var out []string
	for range sentences {
		n := r.IntN(2000)
		switch r.IntN(9) {
		case 0:
			out = append(out, fmt.Sprintf("In %d the mill at the %s was sold for EUR %d,%03d.50 [%d].", 1700+n%200, r.one("river", "ford"), 1+n%9, n%1000, n%20))
		case 1:
			out = append(out, fmt.Sprintf("The clerk wrote \"%s, and never again\" on 2026-03-%02d (Smith et al., 2020).", r.one("paid in full", "owed"), 1+n%28))
		case 2:
			out = append(out, r.one(
				"The letter says \"Paid in full. Nothing is owed. The wheel stays.\" and has no date.",
				"He asked \u201cWho built it? When? And why here?\u201d of the whole town.",
				fmt.Sprintf("The guild is named there (Smith, J. The Mills of the North. Vol. 2. Part %d) and twice later.", n),
				fmt.Sprintf("Call `mill.Open(%d). Close()` before the season.", n)))
		case 3:
			out = append(out, fmt.Sprintf("See https://example.org/mills/%d?view=%s for its plan.", n, r.one("full", "side")))
		case 4:
			out = append(out, "Nobody knows who built it, but the wheel is not the first one.")
		case 5:
			out = append(out, fmt.Sprintf("Its wheel had a width of %d.%d m and turned %d times a minute.", 1+n%5, n%10, n%40))
		case 6:
			out = append(out, r.one("水车在一八七一年被卖掉了。", "Мельницу продали в 1871 году.", "בית הטחנה נמכר בשנת 1871.", "Die Mühle wurde 1871 verkauft."))
		default:
			out = append(out, fmt.Sprintf("%s walked to the %s every %s and counted the sacks.", r.one("The miller", "His wife", "A boy"), r.one("bridge", "market", "church"), r.one("morning", "week")))
		}
	}
	return strings.Join(out, " ")
}

// result is what a tool says.
func (r *talker) result() string {
	switch r.IntN(4) {
	case 0:
		return r.prose(5 + r.IntN(40))
	case 1:
		var out strings.Builder
		for range 5 + r.IntN(30) {
			fmt.Fprintf(&out, "2026-11-%02d 10:%02d:%02d %s  request %d took %d ms\n", 1+r.IntN(28), r.IntN(60), r.IntN(60), r.one("INFO", "WARN"), r.IntN(9999), r.IntN(800))
		}
		return out.String()
	default:
		rows := make([]any, r.IntN(25))
		for i := range rows {
			row := map[string]any{"id": i, "price": json.Number(fmt.Sprintf("%d.%02d0", r.IntN(90), r.IntN(100))), "name": r.one("mill", "a \"b\" c", "1e5", "", "x,y") + fmt.Sprint(r.IntN(5)), "open": r.IntN(2) == 0}
			if r.IntN(3) == 0 {
				row["note"] = r.prose(1)
			}
			rows[i] = row
		}
		raw, err := json.MarshalIndent(map[string]any{"rows": rows, "next": nil}, "", "  ")
		if err != nil {
			panic(err)
		}
		return string(raw)
	}
}

// Whatever is in a conversation: what is protected stays, byte for byte, and what is kept of
// the rest stands in it as it stood.
func TestWhatStaysInAnyConversation(t *testing.T) {
	one := newService(t, compressor.Options{Prices: shipped(t)})
	other := newService(t, compressor.Options{Prices: shipped(t)})
	changed := 0
	for seed := range uint64(120) {
		changed += holds(t, one, other, seed)
	}
	if changed < 60 {
		t.Errorf("only %d conversations were compressed at all", changed)
	}
}

// FuzzConversation is that for more seeds.
func FuzzConversation(f *testing.F) {
	one := newService(f, compressor.Options{Prices: shipped(f)})
	other := newService(f, compressor.Options{Prices: shipped(f)})
	f.Add(uint64(1000))
	f.Fuzz(func(t *testing.T, seed uint64) { holds(t, one, other, seed) })
}

// holds makes a conversation and compresses it by two services; changed is 1 if they did.
func holds(t *testing.T, one, other *compressor.Service, seed uint64) (changed int) {
	t.Helper()
	r := &talker{Rand: rand.New(rand.NewPCG(seed, 2))} //nolint:gosec // a test that can be repeated
	body, breakpoint := r.conversation(t)
	req := compressor.Request{Body: body, Profile: r.one("default", "rag", "chat"), Provider: "openai", Model: "gpt-5"}
	if r.IntN(2) == 0 {
		req.Provider, req.Model = "anthropic", "claude-sonnet-4-5"
	}
	got := compress(t, one, req)
	if again := compress(t, other, req); !bytes.Equal(again.Body, got.Body) || again.Compressed != got.Compressed {
		t.Fatalf("seed %d: two services answer differently", seed)
	}
	if got.Body == nil {
		return 0
	}
	if got.Compressed >= got.Original {
		t.Errorf("seed %d: %d to %d tokens", seed, got.Original, got.Compressed)
	}
	var was, is jsonscan.Fields
	if err := errors.Join(was.Scan(body), is.Scan(got.Body)); err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	same(t, seed, &was, &is, "messages")
	before, after := messages(t, body), messages(t, got.Body)
	if len(before) != len(after) {
		t.Fatalf("seed %d: %d messages became %d", seed, len(before), len(after))
	}
	for i := range before {
		var was, is jsonscan.Fields
		if err := errors.Join(was.Scan(before[i]), is.Scan(after[i])); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		same(t, seed, &was, &is, "content")
		role := string(was.Raw("role"))
		if bytes.Equal(before[i], after[i]) {
			continue
		}
		if i <= breakpoint || role != `"user"` && role != `"tool"` {
			t.Errorf("seed %d: message %d is protected and became\n%s", seed, i, after[i])
		}
		from, to := contents(t, was.Raw("content")), contents(t, is.Raw("content"))
		if len(from) != len(to) {
			t.Fatalf("seed %d: %d texts became %d", seed, len(from), len(to))
		}
		for j := range from {
			kept(t, seed, role, from[j], to[j])
		}
	}
	return 1
}

// messages are those of a request, as they stand in it.
func messages(t testing.TB, body []byte) (list [][]byte) {
	t.Helper()
	v, _ := jsonscan.Lookup(body, "messages")
	raw := v.Raw(body)
	if err := jsonscan.ScanArray(raw, func(_ int, m jsonscan.Value) error {
		list = append(list, m.Raw(raw))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

// same tells whether two objects have the same members in the same order, byte for byte but
// for one.
func same(t *testing.T, seed uint64, was, is *jsonscan.Fields, but string) {
	t.Helper()
	var names [2][]string
	for i, f := range []*jsonscan.Fields{was, is} {
		for m := range f.All() {
			names[i] = append(names[i], string(m.Key))
		}
	}
	if !slices.Equal(names[0], names[1]) {
		t.Fatalf("seed %d: members %q became %q", seed, names[0], names[1])
	}
	for _, name := range names[0] {
		if name != but && !bytes.Equal(was.Raw(name), is.Raw(name)) {
			t.Errorf("seed %d: %s became %s", seed, was.Raw(name), is.Raw(name))
		}
	}
}

// contents are a content's texts: one, or a list's, whose parts are otherwise unknown.
func contents(t *testing.T, raw []byte) (list []string) {
	t.Helper()
	var whole string
	if json.Unmarshal(raw, &whole) == nil {
		return []string{whole}
	}
	if err := jsonscan.ScanArray(raw, func(_ int, v jsonscan.Value) error {
		part := v.Raw(raw)
		if text, ok := jsonscan.Lookup(part, "text"); ok {
			s, err := jsonscan.String(text.Raw(part))
			list = append(list, s)
			part = append(append(bytes.Clone(part[:text.Start]), '_'), part[text.End:]...)
			if err != nil {
				return err
			}
		}
		if !bytes.Contains([]byte(`{"text":_,"type":"text","x_part":true}{"image_url":{"url":"data:image/png;base64,iVBORw0KGgo="},"type":"image_url"}`), part) {
			t.Errorf("a part became %s", part)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

// marks are what stands where something was left out.
var marks = regexp.MustCompile(`\[…\]|\[[^\[\]]*(omitted|above|more|like)[^\[\]]*\]`)

// kept checks what a text became.
func kept(t *testing.T, seed uint64, role, from, to string) {
	t.Helper()
	if !utf8.ValidString(to) {
		t.Errorf("seed %d: no UTF-8: %q", seed, to)
	}
	if role == `"user"` && !strings.HasSuffix(to, from[strings.LastIndex(from, "\n")+1:]) {
		t.Errorf("seed %d: the question is gone from %q", seed, to)
	}
	if strings.HasPrefix(from, "{") && role == `"tool"` {
		if text, err := jsontable.Decode(to); err == nil {
			to = text
		}
		if want := jsonscan.AppendCanonical(nil, []byte(from)); !bytes.Equal(want, jsonscan.AppendCanonical(nil, []byte(to))) {
			t.Errorf("seed %d: a result says otherwise:\n%s\n%s", seed, from, to)
		}
		return
	}
	spans := protect.Append(nil, from)
	for _, s := range spans {
		if s.Kind&protect.Block != 0 && !strings.Contains(to, from[s.Start:s.End]) {
			t.Errorf("seed %d: a block is gone:\n%s", seed, from[s.Start:s.End])
		}
	}
	if err := cut(from, to, spans); err != nil {
		t.Errorf("seed %d: %v", seed, err)
	}
}

// cut tells where a text was cut that is not to be: every stretch of what is left, between marks, stands
// in the source, in order, and begins and ends outside the spans that are protected in it; and where
// something is missing stands a mark.
func cut(from, to string, spans []protect.Span) error {
	if to == "" && from != "" {
		return errors.New("nothing is left, and no mark")
	}
	within := func(at int) *protect.Span {
		for i := range spans {
			if spans[i].Start < at && at < spans[i].End {
				return &spans[i]
			}
		}
		return nil
	}
	stretches := marks.Split(to, -1)
	at := 0
	for i, stretch := range stretches {
		if stretch = strings.TrimSpace(stretch); stretch == "" {
			continue
		}
		var broken *protect.Span
		start := -1
		for next := at; start < 0; next++ { // the same may stand in the source more often
			n := strings.Index(from[min(next, len(from)):], stretch)
			if n < 0 {
				break
			}
			next += n
			switch before, end := within(next), within(next+len(stretch)); {
			case before != nil:
				broken = before
			case end != nil:
				broken = end
			case i == 0 && strings.TrimSpace(from[:next]) != "":
			case i == len(stretches)-1 && strings.TrimSpace(from[next+len(stretch):]) != "":
			default:
				start = next
			}
		}
		switch {
		case start >= 0:
			at = start + len(stretch)
		case broken != nil:
			return fmt.Errorf("%q is cut within %q", stretch, from[broken.Start:broken.End])
		default:
			return fmt.Errorf("%q stands nowhere behind %d bytes of\n%s", stretch, at, from)
		}
	}
	return nil
}

// The check itself sees what is cut, what is another, and what is missing without a mark.
func TestCutsAreSeen(t *testing.T) {
	from := "The mill was sold for EUR 4,100.50 to \"Ann Lee. Of the ford.\" in 1871. See https://example.org/mills/7?view=full for it."
	for to, fine := range map[string]bool{
		from: true, "[…] See https://example.org/mills/7?view=full for it.": true,
		"The mill was sold for EUR 4,100.50 […] in 1871. […]": true,

		"": false, "The mill was sold […]": true, "The mill was sold": false, "See https://example.org/mills/7?view=full for it.": false,
		"The mill was sold for EUR 4 […]": false, "The mill was sold for EUR 4,100.5 […]": false, "[…] See https://example.org/mi […]": false,
		"[…] Ann Lee. […]": false, "[…] Of the ford. […]": false, "[…] in 1872. […]": false, "[…] in 1871. […] The mill was sold […]": false,
	} {
		if err := cut(from, to, protect.Append(nil, from)); fine != (err == nil) {
			t.Errorf("%q: %v", to, err)
		}
	}
}

// Whatever goes wrong, and whatever there is nothing to save of, goes out as it came.
func TestAnyFailureSendsTheOriginal(t *testing.T) {
	broken := fake{"broken", func(_ context.Context, draft *prompt.Draft) error {
		for _, text := range draft.Texts {
			text.Replace("")
		}
		return errors.New("broken")
	}}
	slow := fake{"slow", func(ctx context.Context, draft *prompt.Draft) error {
		draft.Texts[0].Replace("")
		<-ctx.Done()
		return ctx.Err()
	}}
	longer := replace("longer", strings.Repeat("a longer text ", 9000))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for seed := range uint64(8) {
		r := &talker{Rand: rand.New(rand.NewPCG(seed, 3))} //nolint:gosec // a test that can be repeated
		body, _ := r.conversation(t)
		for name, tc := range map[string]struct {
			ctx   context.Context //nolint:containedctx // a case's
			stage compressor.Stage
			limit time.Duration
		}{
			"an error":             {t.Context(), broken, time.Minute},
			"no time":              {t.Context(), replace("shorter", "x"), time.Nanosecond},
			"time's end":           {t.Context(), slow, 20 * time.Millisecond},
			"nobody waits":         {cancelled, replace("shorter", "x"), time.Minute},
			"nothing is saved":     {t.Context(), longer, time.Minute},
			"the same once more":   {t.Context(), fake{"none", func(context.Context, *prompt.Draft) error { return nil }}, time.Minute},
			"as soon as it begins": {cancelled, slow, time.Minute},
		} {
			s := newService(t, compressor.Options{Stages: []compressor.Stage{tc.stage}, Timeout: tc.limit})
			got, err := s.Compress(tc.ctx, compressor.Request{Body: body, Provider: "anthropic", Model: "claude-sonnet-4-5", Profile: "chat"})
			if err != nil || got.Body != nil || got.Compressed != got.Original || got.Stages != nil || got.Omitted != nil {
				t.Errorf("seed %d, %s: %+v, %v", seed, name, got, err)
			}
		}
	}
}

// Texts of any size and script come out as text.
func TestOddTexts(t *testing.T) {
	s := newService(t, compressor.Options{Prices: shipped(t)})
	for name, text := range map[string]string{
		"empty":            "",
		"a word":           "mill",
		"a mebibyte":       strings.Repeat("The mill stands by the river, and the river is wide. It was sold in 1871 for EUR 4,100.\n", 1<<20/88),
		"one line of it":   strings.Repeat("mill ", 1<<20/5),
		"right to left":    strings.Repeat("הטחנה עומדת ליד הנהר, והנהר רחב מאוד. היא נמכרה בשנת 1871.\n\n", 120),
		"with marks of it": strings.Repeat("\u202bהטחנה\u202c (1871) \u2067עומדת\u2069 ליד הנהר. ", 150),
		"not UTF-8":        strings.Repeat("The mill \xff\xfe stands by the river. ", 200),
		"brackets":         strings.Repeat("[{(<", 20_000),
		"null characters":  strings.Repeat("a\x00b. ", 500),
		"quotations":       strings.Repeat("He said: \"Sold. In 1871. For good.\" The town read https://example.org/a?b=1.2 and paid EUR 4,100.50 for it. ", 60),
		"quotations alone": strings.Repeat("\u201cSold. In 1871. For good.\u201d ", 200),
		"citations":        strings.Repeat("It is known (Smith, J. The Mills. Vol. 2. 1871) and doubted. ", 100),
	} {
		t.Run(name, func(t *testing.T) {
			for _, role := range []string{"user", "tool"} {
				quoted, err := json.Marshal(text + "\n\nWhich mill was sold?")
				if err != nil {
					t.Fatal(err)
				}
				if name == "not UTF-8" {
					quoted = append(append([]byte{'"'}, strings.ReplaceAll(text, "\n", " ")...), '"')
				}
				body := slices.Concat([]byte(`{"messages":[{"role":"user","content":"Which mill was sold?"},{"role":"`+role+`","content":`), quoted, []byte(`}]}`))
				got := compress(t, s, compressor.Request{Body: body, Provider: "anthropic", Model: "claude-sonnet-4-5", Profile: "chat"})
				if got.Body == nil {
					if got.Compressed != got.Original {
						t.Errorf("%s: %d to %d tokens without a body", role, got.Original, got.Compressed)
					}
					continue
				}
				was, is := messages(t, body), messages(t, got.Body)
				for i := range was {
					a, _ := jsonscan.Lookup(was[i], "content")
					b, _ := jsonscan.Lookup(is[i], "content")
					from, to := contents(t, a.Raw(was[i])), contents(t, b.Raw(is[i]))
					if err := cut(from[0], to[0], protect.Append(nil, from[0])); err != nil {
						t.Errorf("%s: %.500v", role, err)
					}
				}
				if !json.Valid(got.Body) || !utf8.Valid(got.Body) || got.Compressed >= got.Original {
					t.Errorf("%s: %d to %d tokens, valid %t, UTF-8 %t", role, got.Original, got.Compressed, json.Valid(got.Body), utf8.Valid(got.Body))
				}
			}
		})
	}
}
