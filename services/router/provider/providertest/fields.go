// Package providertest holds what every codec must answer for: each member of OpenAI's
// request is honoured, refused by name, or dropped by name.
package providertest

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/router/chat"
)

// Fate is what a codec does with a member of the request.
type Fate string

// The fates.
const (
	// Sent is in the provider's request, in its own form.
	Sent Fate = "sent"
	// Answered is no matter of the provider's request: the decoder honours it.
	Answered Fate = "answered"
	// Gateway is addressed to the gateway, which accounts by it.
	Gateway Fate = "the gateway's"
	// LeftOut means nothing to the provider: it is left out, and named.
	LeftOut Fate = "left out"
	// Refused is refused with unsupported_parameter that names it, or dropped and named.
	Refused Fate = "refused"
)

// field is a member of the request, with a value that asks for something.
type field struct {
	// name is the member's, or that of a member of stream_options, as errors have it.
	name string
	// json is the member.
	json string
	// needs are members that it has no meaning without.
	needs string
	// streams says that it is about streams.
	streams bool
}

const (
	tool     = `"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}]`
	function = `"functions":[{"name":"f","parameters":{"type":"object","properties":{}}}]`
)

// fields are the members of the body of POST /chat/completions but model and messages, as
// types/chat/completion_create_params.py of github.com/openai/openai-python at e43b422
// (2026-08-21) lists them.
var fields = []field{
	{name: "audio", json: `"audio":{"voice":"alloy","format":"wav"}`},
	{name: "frequency_penalty", json: `"frequency_penalty":0.5`},
	{name: "function_call", json: `"function_call":{"name":"f"}`, needs: function},
	{name: "functions", json: function},
	{name: "logit_bias", json: `"logit_bias":{"50256":-100}`},
	{name: "logprobs", json: `"logprobs":true`},
	{name: "max_completion_tokens", json: `"max_completion_tokens":2000`},
	{name: "max_tokens", json: `"max_tokens":2000`},
	{name: "metadata", json: `"metadata":{"trace":"t"}`},
	{name: "modalities", json: `"modalities":["text","audio"]`},
	{name: "moderation", json: `"moderation":{"model":"omni-moderation-latest"}`},
	{name: "n", json: `"n":2`},
	{name: "parallel_tool_calls", json: `"parallel_tool_calls":false`, needs: tool},
	{name: "prediction", json: `"prediction":{"type":"content","content":"x"}`},
	{name: "presence_penalty", json: `"presence_penalty":0.5`},
	{name: "prompt_cache_key", json: `"prompt_cache_key":"k"`},
	{name: "prompt_cache_options", json: `"prompt_cache_options":{"mode":"explicit"}`},
	{name: "prompt_cache_retention", json: `"prompt_cache_retention":"24h"`},
	{name: "reasoning_effort", json: `"reasoning_effort":"high"`},
	{name: "response_format", json: `"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","properties":{}}}}`},
	{name: "safety_identifier", json: `"safety_identifier":"s-1"`},
	{name: "seed", json: `"seed":7`},
	{name: "service_tier", json: `"service_tier":"flex"`},
	{name: "stop", json: `"stop":["END"]`},
	{name: "store", json: `"store":true`},
	{name: "stream", json: `"stream":true`, streams: true},
	{name: "stream_options", json: `"stream_options":{"include_usage":true}`, streams: true},
	{name: "stream_options.include_obfuscation", json: `"stream_options":{"include_obfuscation":true}`, streams: true},
	{name: "temperature", json: `"temperature":0.5`},
	{name: "tool_choice", json: `"tool_choice":"required"`, needs: tool},
	{name: "tools", json: tool},
	{name: "top_logprobs", json: `"top_logprobs":2`, needs: `"logprobs":true`},
	{name: "top_p", json: `"top_p":0.5`},
	{name: "user", json: `"user":"u-1"`},
	{name: "verbosity", json: `"verbosity":"low"`},
	{name: "web_search_options", json: `"web_search_options":{"search_context_size":"low"}`},
}

// Codec is what is tested.
type Codec interface {
	Encode(call *chat.Call) (chat.Outbound, chat.Decoder, error)
}

// Fields checks what a codec does with each member of OpenAI's request: fates names them
// all.
func Fields(t *testing.T, codec Codec, model string, fates map[string]Fate) {
	t.Helper()
	for i := range fields {
		f := &fields[i]
		fate, ok := fates[f.name]
		if !ok {
			t.Errorf("%s has no fate", f.name)
			continue
		}
		t.Run(f.name, func(t *testing.T) { f.check(t, codec, model, fate) })
	}
	for name := range fates {
		if !slices.ContainsFunc(fields, func(f field) bool { return f.name == name }) {
			t.Errorf("%s is no member of the request", name)
		}
	}
}

func (f *field) check(t *testing.T, codec Codec, model string, fate Fate) {
	t.Helper()
	if fate == Refused {
		needs := ""
		if f.needs == tool { // anything else would be refused itself
			needs = tool
		}
		_, _, err := codec.Encode(f.call(t, model, join(needs, f.json)))
		if !errs.Is(err, errs.UnsupportedParameter) || errs.Of(err).Param != f.name {
			t.Errorf("got %v, want it refused by name", err)
		}
		dropping := f.call(t, model, join(needs, f.json))
		dropping.DropParams = true
		out, _, err := codec.Encode(dropping)
		if err != nil || !slices.Equal(dropping.Dropped(), []string{f.name}) {
			t.Fatalf("dropped %q, %v", dropping.Dropped(), err)
		}
		if without := f.without(t, codec, model, needs); !same(t, out.Body, without) {
			t.Errorf("what is dropped is in the request all the same:\n%s\nwithout it\n%s", out.Body, without)
		}
		return
	}
	var named []string
	if fate == LeftOut {
		named = []string{f.name}
	}
	call := f.call(t, model, join(f.needs, f.json))
	out, _, err := codec.Encode(call)
	if err != nil || !slices.Equal(call.Dropped(), named) {
		t.Fatalf("dropped %q, %v", call.Dropped(), err)
	}
	without := f.without(t, codec, model, f.needs)
	if sent := !same(t, out.Body, without) || f.name == "stream" && bytes.Contains(out.Body, []byte(`"stream":true`)); sent != (fate == Sent) {
		t.Errorf("it is %s, and the request is\n%s\nwithout it\n%s", fate, out.Body, without)
	}
}

// without is the provider's request without the member.
func (f *field) without(t *testing.T, codec Codec, model, needs string) []byte {
	t.Helper()
	out, _, err := codec.Encode(f.call(t, model, needs))
	if err != nil {
		t.Fatal(err)
	}
	return out.Body
}

func (f *field) call(t *testing.T, model, members string) *chat.Call {
	t.Helper()
	body := []byte(`{` + join(`"model":"m","messages":[{"role":"user","content":"hi"}]`, members) + `}`)
	parsed := new(jsonscan.Fields)
	if err := parsed.Scan(body); err != nil && !errors.Is(err, jsonscan.ErrDuplicateKey) {
		t.Fatal(err)
	}
	return &chat.Call{Body: body, Fields: parsed, Model: model, Stream: f.streams, ModelMaxOutput: 8000}
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "," + b
}

// same compares JSON without regard to white space and the order of members.
func same(t *testing.T, a, b []byte) bool {
	t.Helper()
	return reflect.DeepEqual(tree(t, a), tree(t, b))
}

func tree(t *testing.T, raw []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return v
}
