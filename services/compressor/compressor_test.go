package compressor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/prompt"
)

// counter is shared: its vocabulary takes a while to build.
var counter tokens.Counter

func newService(t testing.TB, opts compressor.Options) *compressor.Service {
	t.Helper()
	opts.Counter = &counter
	if opts.Timeout == 0 {
		opts.Timeout = time.Minute // processors are shared; that time ends is a test of its own
	}
	s, err := compressor.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func compress(t testing.TB, s *compressor.Service, req compressor.Request) compressor.Result {
	t.Helper()
	if req.Provider == "" {
		req.Provider, req.Model = "openai", "gpt-4o"
	}
	got, err := s.Compress(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// fake is a stage of a test.
type fake struct {
	name  string
	apply func(ctx context.Context, draft *prompt.Draft) error
}

func (f fake) Name() string { return f.name }
func (f fake) Loses() bool  { return true }
func (f fake) Apply(ctx context.Context, draft *prompt.Draft) error {
	return f.apply(ctx, draft)
}

func replace(name, with string) compressor.Stage {
	return fake{name, func(_ context.Context, draft *prompt.Draft) error {
		for _, t := range draft.Texts {
			t.Replace(with)
		}
		return nil
	}}
}

func TestJSONToolResultsShrink(t *testing.T) {
	body := conversation(toolResult(8 << 10))
	kept := bytes.Clone(body)
	got := compress(t, newService(t, compressor.Options{}), compressor.Request{Body: body})
	if !slices.Equal(got.Stages, []string{"json_space", "json_table"}) || got.Compressed >= got.Original || len(got.Body) == 0 {
		t.Fatalf("%d to %d tokens by %q", got.Original, got.Compressed, got.Stages)
	}
	if !bytes.Equal(body, kept) {
		t.Error("the caller's body was written to")
	}
	// Everything before the result stands as it was.
	start := bytes.LastIndex(body, []byte(`"content":"[`))
	if start < 0 || !bytes.HasPrefix(got.Body, body[:start]) {
		t.Errorf("what comes before the tool result changed")
	}
	again := compress(t, newService(t, compressor.Options{}), compressor.Request{Body: got.Body})
	if again.Original != got.Compressed || again.Body != nil || again.Compressed != again.Original || again.Stages != nil {
		t.Errorf("the result counts %d tokens, said %d; compressed again %+v", again.Original, got.Compressed, again)
	}
}

// A text is the same in every turn, so that a provider finds its cached prefix again.
func TestLaterTurnsKeepThePrefix(t *testing.T) {
	s := newService(t, compressor.Options{})
	first := conversation(toolResult(4 << 10))
	second := append(bytes.Clone(first[:bytes.LastIndex(first, []byte("],\"model\""))]),
		`,{"role":"assistant","content":"The first."},{"role":"user","content":"And the dearest?"}],"model":"gpt-4o"}`...)
	if !json.Valid(second) {
		t.Fatalf("no JSON: %s", second[len(second)-200:])
	}
	a := compress(t, s, compressor.Request{Body: first}).Body
	b := compress(t, s, compressor.Request{Body: second}).Body
	if prefix := a[:bytes.LastIndex(a, []byte("],\"model\""))]; !bytes.HasPrefix(b, prefix) {
		t.Error("the second turn begins otherwise than the first")
	}
}

func TestProfilesBeginAtTheirSize(t *testing.T) {
	s := newService(t, compressor.Options{})
	size := func(tokens int64) []byte { // a prompt of that size, with something to save
		for n := 100; ; n += 150 {
			body := conversation(toolResult(n))
			if got := compress(t, s, compressor.Request{Body: body, Profile: "chat"}); got.Original >= tokens {
				return body
			}
		}
	}
	want := map[string]int64{"default": 500, "": 500, "rag": 1000, "chat": 300}
	for profile, threshold := range want {
		for _, body := range [][]byte{size(200), size(300), size(400), size(500), size(1000)} {
			got := compress(t, s, compressor.Request{Body: body, Profile: profile})
			if (got.Body != nil) != (got.Original >= threshold) {
				t.Errorf("profile %q, %d tokens: compressed %t", profile, got.Original, got.Body != nil)
			}
			if got.Original == 0 || got.Body == nil && (got.Compressed != got.Original || got.Stages != nil) {
				t.Errorf("profile %q: %+v", profile, got)
			}
		}
	}
	_, err := s.Compress(t.Context(), compressor.Request{Body: size(300), Profile: "turbo"})
	if !errs.Is(err, errs.InvalidRequest) {
		t.Errorf("an unknown profile: %v", err)
	}
}

func TestCountsAreTheModelsOwn(t *testing.T) {
	const body = `{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"How many tokens are these?","name":"kim"}]}`
	s := newService(t, compressor.Options{})
	for _, m := range []struct{ provider, model string }{{"openai", "gpt-4o"}, {"openai", "gpt-4"}, {"anthropic", "claude-sonnet-4-5"}} {
		want := tokens.ChatOverhead(2, 1)
		for _, text := range []string{"system", "Be brief.", "user", "How many tokens are these?", "kim"} {
			c, err := counter.Count(tokens.ForModel(m.provider, m.model), text)
			if err != nil {
				t.Fatal(err)
			}
			want += c.Tokens
		}
		got := compress(t, s, compressor.Request{Body: []byte(body), Provider: m.provider, Model: m.model})
		if got.Original != want || got.Compressed != want {
			t.Errorf("%s: %+v, want %d tokens", m.model, got, want)
		}
	}
}

// Long texts are counted in slices, which must not show.
func TestSlicesCountAsTheWhole(t *testing.T) {
	prose := strings.Repeat("It was a bright cold day in April, and the clocks were striking thirteen. ", 500)
	c, err := counter.Count(tokens.O200k, prose)
	if err != nil {
		t.Fatal(err)
	}
	role, err := counter.Count(tokens.O200k, "user")
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"messages": []any{map[string]any{"role": "user", "content": prose}}})
	if err != nil {
		t.Fatal(err)
	}
	got := compress(t, newService(t, compressor.Options{}), compressor.Request{Body: body})
	if want := c.Tokens + role.Tokens + tokens.ChatOverhead(1, 0); got.Original != want {
		t.Errorf("%d tokens, want %d", got.Original, want)
	}
	// Without a place to cut, and with characters that must not be cut through.
	for _, text := range []string{strings.Repeat("x", 20_000), strings.Repeat("\u65e5\u672c\u8a9e", 5_000)} {
		c, err := counter.Count(tokens.O200k, text)
		if err != nil {
			t.Fatal(err)
		}
		body := `{"messages":[{"role":"user","content":"` + text + `"}]}`
		got := compress(t, newService(t, compressor.Options{}), compressor.Request{Body: []byte(body)}).Original
		if want := c.Tokens + role.Tokens + tokens.ChatOverhead(1, 0); math.Abs(float64(got-want)) > 0.001*float64(want)+2 {
			t.Errorf("%d tokens, want about %d", got, want)
		}
	}
}

func TestWhatDoesNotPayIsTakenBack(t *testing.T) {
	body := conversation(toolResult(4 << 10))
	longer := fake{"longer", func(_ context.Context, draft *prompt.Draft) error {
		for _, text := range draft.Texts {
			text.Replace(text.Current() + " and so on")
		}
		return nil
	}}
	none := compress(t, newService(t, compressor.Options{Stages: []compressor.Stage{longer}}), compressor.Request{Body: body})
	if none.Body != nil || none.Stages != nil || none.Compressed != none.Original {
		t.Errorf("got %+v", none)
	}
	// Stages run in order, each on what the one before left, and only those that saved are named.
	s := newService(t, compressor.Options{Stages: []compressor.Stage{replace("shorter", "two words"), longer, replace("shortest", "word")}})
	got := compress(t, s, compressor.Request{Body: body})
	if !slices.Equal(got.Stages, []string{"shorter", "shortest"}) || !bytes.Contains(got.Body, []byte(`"content":"word"`)) {
		t.Errorf("got %q: %s", got.Stages, got.Body)
	}
}

// What is beyond the bound stays, and what is before it becomes what it was before that came.
func TestTextBeyondTheBoundStays(t *testing.T) {
	one := `{"role":"tool","tool_call_id":"1","content":` + strconv.Quote(toolResult(4<<10)) + `}`
	two := strings.ReplaceAll(one, "Article", "Chapter")
	three := `{"role":"tool","tool_call_id":"3","content":"[ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 ]"}`
	call := `{"role":"assistant","content":"Let me see."}`
	s := newService(t, compressor.Options{MaxTextBytes: 6 << 10, Stages: []compressor.Stage{replace("shorter", "x")}})
	tooLong := false
	ask := func(all ...string) string {
		body := []byte(`{"messages":[{"role":"user","content":"What?"},` + strings.Join(all, ",") + `]}`)
		res := compress(t, s, compressor.Request{Body: body, Profile: "chat"})
		tooLong = res.TooLong
		return string(res.Body)
	}
	first := ask(call, one)
	if tooLong {
		t.Error("what is within the bound is too long")
	}
	if strings.Contains(first, "Article") {
		t.Fatalf("nothing was compressed: %s", first)
	}
	beginning := strings.TrimSuffix(first, "]}")
	if got := ask(call, one, call, two); got != beginning+","+call+","+two+"]}" {
		t.Errorf("the second turn is %s", got)
	}
	if !tooLong {
		t.Error("nobody is told that a text is too long")
	}
	if got := ask(call, one, call, two, call, three); got != beginning+","+call+","+two+","+call+","+three+"]}" {
		t.Errorf("the third turn is %s", got)
	}
	// A text that is too long by itself.
	if got := ask(call, `{"role":"tool","tool_call_id":"1","content":`+strconv.Quote(toolResult(8<<10))+`}`); got != "" || !tooLong {
		t.Errorf("told %t, sent %s", tooLong, got)
	}
	// What stays in any case is not told to be too long.
	if ask(call, `{"role":"tool","tool_call_id":"1","content":[{"type":"text","text":`+strconv.Quote(toolResult(8<<10))+`,"cache_control":{"type":"ephemeral"}}]}`); tooLong {
		t.Error("what stands before a breakpoint is too long")
	}
	// Nor does it count: what comes after it is shortened.
	history := `{"role":"tool","tool_call_id":"1","content":[{"type":"text","text":` + strconv.Quote(toolResult(64<<10)) + `,"cache_control":{"type":"ephemeral"}}]}`
	if got := ask(call, history, call, two); !strings.HasSuffix(got, history+","+call+`,{"role":"tool","tool_call_id":"1","content":"x"}]}`) || tooLong {
		t.Errorf("behind a breakpoint: told %t, sent %.200s", tooLong, got)
	}
	// It does where the provider keeps prompts without being told, as do all texts that stay.
	kept := newService(t, compressor.Options{MaxTextBytes: 6 << 10, Stages: []compressor.Stage{replace("shorter", "x")}, Prices: shipped(t)})
	order := `{"messages":[{"role":"user","content":` + strconv.Quote("Translate it into German.\n\nContext:\n"+toolResult(4<<10)) + `},` + call + `,{"role":"user","content":"Who wrote it?"},` + call + `,` + two + `]}`
	for _, model := range []compressor.Deployment{{Provider: "openai", Model: "gpt-5"}, {Provider: "anthropic", Model: "claude-sonnet-4-5"}} {
		got := compress(t, kept, compressor.Request{Body: []byte(order), Profile: "chat", Provider: model.Provider, Model: model.Model})
		if got.TooLong != (model.Provider == "openai") || got.TooLong != (got.Body == nil) {
			t.Errorf("%s: told %t, sent %.200s", model.Provider, got.TooLong, got.Body)
		}
	}
}

func TestItFailsOpen(t *testing.T) {
	body := conversation(toolResult(4 << 10))
	failing := fake{"failing", func(_ context.Context, draft *prompt.Draft) error {
		draft.Texts[0].Replace("half done")
		return errors.New("broken")
	}}
	panicking := fake{"panicking", func(_ context.Context, draft *prompt.Draft) error {
		draft.Texts[0].Replace("half done")
		panic(draft.Texts[0].Original)
	}}
	waiting := fake{"waiting", func(ctx context.Context, draft *prompt.Draft) error {
		draft.Texts[0].Replace("half done")
		<-ctx.Done()
		return ctx.Err()
	}}
	for name, tc := range map[string]struct {
		opts    compressor.Options
		body    []byte
		log     string
		counted bool
	}{
		"a stage's failure":    {opts: compressor.Options{Stages: []compressor.Stage{replace("shorter", "x"), failing}}, body: body, log: "failing: broken", counted: true},
		"a stage's panic":      {opts: compressor.Options{Stages: []compressor.Stage{panicking}}, body: body, log: "compressor_test.go", counted: true},
		"time's end":           {opts: compressor.Options{Stages: []compressor.Stage{waiting}, Timeout: time.Second}, body: body, log: "in time", counted: true},
		"no time to count":     {opts: compressor.Options{Timeout: time.Nanosecond}, body: body, log: "in time"},
		"no stages":            {opts: compressor.Options{Stages: []compressor.Stage{}}, body: body, counted: true},
		"nothing":              {body: nil},
		"no JSON":              {body: []byte(`{"messages":[`)},
		"text of two meanings": {body: []byte(`{"messages":[{"role":"tool","role":"user","content":"[ 1 ]"}]}`)},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			tc.opts.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			got := compress(t, newService(t, tc.opts), compressor.Request{Body: tc.body, Profile: "chat"})
			if got.Body != nil || got.Stages != nil || got.Compressed != got.Original || (got.Original > 0) != tc.counted {
				t.Errorf("got %+v", got)
			}
			if (tc.log == "") != (log.Len() == 0) || !strings.Contains(log.String(), tc.log) || strings.Contains(log.String(), "Article") {
				t.Errorf("log %q, want %q", log.String(), tc.log)
			}
		})
	}
}

func TestNewChecksItsOptions(t *testing.T) {
	for name, profiles := range map[string]map[string]compressor.Profile{
		"no default":      {"chat": {Rate: 0.5}},
		"a rate of 0":     {"default": {Rate: 0}},
		"a rate above 1":  {"default": {Rate: 1.5}},
		"a rate of NaN":   {"default": {Rate: math.NaN()}},
		"a negative size": {"default": {Rate: 1, MinTokens: -1}},
		"no such stage":   {"default": {Rate: 1, Stages: []string{"shrink"}}},
		"no such engine":  {"default": {Rate: 1, Engine: "shrink"}},
		"no model":        {"default": {Rate: 1, Engine: compressor.LLMLingua2}},
		"another engine":  {"default": {Rate: 1, Stages: []string{compressor.LLMLingua2}}},
	} {
		if _, err := compressor.New(compressor.Options{Profiles: profiles}); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	_, err := compressor.New(compressor.Options{Profiles: map[string]compressor.Profile{
		"rag": {Rate: 2, Engine: "squeeze", Stages: []string{"shrink", compressor.Extractive}}, "chat": {Rate: 1, MinTokens: -1},
	}})
	if err == nil {
		t.Fatal("profiles with many faults are taken")
	}
	at := 0
	for _, fault := range []string{
		"no profile default", `profile "chat" wants a rate`, `profile "rag" wants a rate`, `profile "rag" names a stage "shrink"`, `profile "rag" names an engine "squeeze"`,
	} {
		next := strings.Index(err.Error()[at:], fault)
		if next < 0 {
			t.Fatalf("%q is not told, or not in order:\n%v", fault, err)
		}
		at += next
	}
	if strings.Contains(err.Error(), "another engine") {
		t.Errorf("a stage is told to be another engine's than one that there is not:\n%v", err)
	}
	want := map[string]compressor.Profile{"default": {Rate: 0.5, MinTokens: 500}, "rag": {Rate: 0.33, MinTokens: 1000}, "chat": {Rate: 0.6, MinTokens: 300}}
	if got := compressor.Profiles(); !reflect.DeepEqual(got, want) {
		t.Errorf("profiles %v", got)
	}
}
