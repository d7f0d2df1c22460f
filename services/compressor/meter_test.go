package compressor_test

import (
	"fmt"
	"strings"
	"testing"

	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/bench/trace"
	"tollgate.dev/services/compressor/prompt"
)

// whole is a request's size in tokens, of every string as a whole.
func whole(t *testing.T, body []byte, e tokens.Encoding) (size int64) {
	t.Helper()
	p, err := prompt.Parse(t.Context(), body)
	if err != nil {
		t.Fatal(err)
	}
	add := func(text string) {
		n, err := counter.Count(e, text)
		if err != nil {
			t.Fatal(err)
		}
		size += n.Tokens
	}
	messages, names := 0, 0
	for i := range p.Turns {
		turn := &p.Turns[i]
		messages, names = messages+turn.Messages, names+turn.Names
		for _, text := range turn.Fixed {
			add(text)
		}
		for _, c := range turn.Contents {
			add(c.Original)
		}
	}
	return size + tokens.ChatOverhead(messages, names)
}

// A prompt is counted part by part, and what stages left of it by what stayed: its size is that
// of the whole all the same, before and after.
func TestSizesAreThoseOfTheWhole(t *testing.T) {
	s := newService(t, compressor.Options{Counter: &counter})
	bodies := map[string][]byte{"tags": []byte(`{"messages":[{"role":"user","content":"Who built it?<llmlingua, rate=0.4>` +
		strings.Repeat("The mill is old. Nobody knows who built it. ", 50) + `</llmlingua>!!\n<llmlingua> In short. </llmlingua>"}]}`)}
	for _, asked := range trace.Asked(2, 1, 0) {
		body, err := asked.Request(0, "gpt-4o", trace.None)
		if err != nil {
			t.Fatal(err)
		}
		bodies[fmt.Sprint("question ", len(bodies))] = body
	}
	for _, talk := range trace.All() {
		body, err := talk.Request(talk.Turns()-1, "gpt-4o", trace.None)
		if err != nil {
			t.Fatal(err)
		}
		bodies[talk.Name] = body
	}
	shorter := 0
	for name, body := range bodies {
		for _, m := range []struct{ provider, name string }{{"openai", "gpt-4o"}, {"openai", "gpt-4"}, {"anthropic", "claude-sonnet-4-5"}} {
			got := compress(t, s, compressor.Request{Body: body, Profile: "chat", Rate: 0.3, Provider: m.provider, Model: m.name})
			e := tokens.ForModel(m.provider, m.name)
			if want := whole(t, body, e); got.Original != want {
				t.Errorf("%s, %s: %d tokens, want %d", name, m.name, got.Original, want)
			}
			if got.Body == nil {
				continue
			}
			shorter++
			if want := whole(t, got.Body, e); got.Compressed != want {
				t.Errorf("%s, %s: %d tokens are left, want %d", name, m.name, got.Compressed, want)
			}
		}
	}
	if shorter < len(bodies) {
		t.Errorf("only %d became shorter", shorter)
	}
}
