package edge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	forms "tollgate.dev/services/edge/answer"
)

// said is the text of an answer, whole or streamed.
func said(t *testing.T, body string) string {
	t.Helper()
	if strings.HasPrefix(body, "data: ") {
		var chunks [][]byte
		for _, event := range strings.Split(strings.TrimSuffix(events(t, body), "|[DONE]"), "|") {
			chunks = append(chunks, []byte(event))
		}
		whole, err := forms.Whole(chunks, nil)
		if err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		body = string(whole)
	}
	var a struct {
		Choices []struct {
			Message struct {
				Content string `json:"content"`
			} `json:"message"`
		} `json:"choices"`
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil || len(a.Choices) != 1 {
		t.Fatalf("%v: %s", err, body)
	}
	return a.Choices[0].Message.Content
}

// One answer is kept, and serves whoever asks for it whole and whoever asks for a stream:
// with its tool calls, and with what it consumed.
func TestOneAnswerServesBothForms(t *testing.T) {
	t.Parallel()
	const calls = `[{"index":0,"id":"c1","type":"function","function":{"name":"look","arguments":"{}"}}]`
	stream := func(_ context.Context, _ *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
		chunk := `{"id":"9","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":` + calls + `},"finish_reason":"tool_calls"}]}`
		return send(&routerv1.StreamCompleteResponse{Served: servedByM(), Chunks: [][]byte{[]byte(chunk)}, Usage: answerUsage(), End: &routerv1.StreamEnd{}})
	}
	whole := func(context.Context, *routerv1.Call) (*routerv1.CompleteResponse, error) {
		body := `{"id":"9","object":"chat.completion","created":1,"model":"m-1","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":` +
			strings.Replace(calls, `"index":0,`, "", 1) + `},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}`
		return &routerv1.CompleteResponse{Body: []byte(body), Usage: answerUsage(), Served: servedByM()}, nil
	}
	withUsage := []string{streamed, `"stream_options":{"include_usage":true}`}
	for name, first := range map[string][]string{"whole at first": nil, "streamed at first": {streamed}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(s *setup) { s.options.CacheToolCalls = true })
			r.router.stream, r.router.whole = stream, whole
			if a := r.complete(chat("Hi", first...)); a.status != http.StatusOK || a.header.Get("X-Cache") != "miss" {
				t.Fatalf("%d %s", a.status, a.body)
			}
			eventually(t, "the entry", func() bool { return r.cache.kept() == 1 })
			for form, more := range map[string][]string{"whole": nil, "streamed": {streamed}, "with its usage": withUsage} {
				a := r.complete(chat("Hi", more...))
				if a.header.Get("X-Cache") != "hit" || !strings.Contains(a.body, `"name":"look"`) || !strings.Contains(a.body, `"finish_reason":"tool_calls"`) {
					t.Errorf("%s: %s %s", form, a.header.Get("X-Cache"), a.body)
				}
				if wants := form != "streamed"; strings.Contains(a.body, `"total_tokens":15`) != wants {
					t.Errorf("%s: usage told: %t, want %t: %s", form, !wants, wants, a.body)
				}
				if stream := more != nil; strings.HasPrefix(a.body, "data: ") != stream || strings.HasSuffix(a.body, "data: [DONE]\n\n") != stream {
					t.Errorf("%s: %s", form, a.body)
				}
			}
			if n := r.router.called(); n != 1 {
				t.Errorf("%d calls of the router", n)
			}
		})
	}
}

// What a filter held back is nobody else's answer; what calls tools, or was cut by a limit on
// its length, is not unless the operator says so.
func TestWhichEndsAreKept(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		finish           string
		calls, truncated bool
		kept             bool
	}{
		"it has said all":       {`"stop"`, false, false, true},
		"it calls tools":        {`"tool_calls"`, false, true, false},
		"it may call tools":     {`"tool_calls"`, true, false, true},
		"it calls a function":   {`"function_call"`, false, true, false},
		"it was cut":            {`"length"`, true, false, false},
		"it may be cut":         {`"length"`, false, true, true},
		"it was filtered":       {`"content_filter"`, true, true, false},
		"it ended as never":     {`"eos"`, true, true, false},
		"it has no end":         {`null`, true, true, false},
		"a part of it was cut":  {`"stop"},{"index":1,"message":{"content":"b"},"finish_reason":"length"`, false, false, false},
		"both parts are proper": {`"stop"},{"index":1,"message":{"content":"b"},"finish_reason":"stop"`, false, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(s *setup) { s.options.CacheToolCalls, s.options.CacheTruncated = tc.calls, tc.truncated })
			r.router.whole = func(context.Context, *routerv1.Call) (*routerv1.CompleteResponse, error) {
				body := fmt.Appendf(nil, `{"id":"9","choices":[{"index":0,"message":{"content":"a"},"finish_reason":%s}]}`, tc.finish)
				return &routerv1.CompleteResponse{Body: body, Usage: answerUsage(), Served: servedByM()}, nil
			}
			want := map[bool]string{true: "hit", false: "miss"}[tc.kept]
			for _, cache := range []string{"miss", want} {
				if a := r.complete(chat("Hi")); a.status != http.StatusOK || a.header.Get("X-Cache") != cache {
					t.Errorf("%d %s, want %s: %s", a.status, a.header.Get("X-Cache"), cache, a.body)
				}
				r.waiting(0)
			}
		})
	}
}
