package compressor_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/stage/blob"
	"tollgate.dev/services/compressor/stage/fold"
	"tollgate.dev/services/compressor/stage/jsonspace"
	"tollgate.dev/services/compressor/stage/jsontable"
	"tollgate.dev/services/compressor/stage/repeat"
)

// turns are an agent's conversation after each of its calls: results that come again, logs,
// data and JSON.
func turns(t testing.TB) [][]byte {
	t.Helper()
	var log, data strings.Builder
	for i := range 40 {
		fmt.Fprintf(&log, "\x1b[33m10:00:%02d\x1b[0m waiting for the database to answer\n", i)
	}
	for i := range 2000 {
		data.WriteByte(byte(i * i * 7))
	}
	results := []string{
		toolResult(2 << 10), log.String() + "gave up\n", toolResult(2 << 10),
		`{"name":"a.png","content":"` + base64.StdEncoding.EncodeToString([]byte(data.String())) + `"}`, log.String() + "gave up\n", "done",
	}
	messages := []any{map[string]any{"role": "user", "content": "Why does it not start?"}}
	var bodies [][]byte
	for i, result := range results {
		id := fmt.Sprintf("call_%d", i)
		messages = append(messages,
			map[string]any{"role": "assistant", "content": nil, "tool_calls": []any{map[string]any{
				"id": id, "type": "function", "function": map[string]any{"name": "run", "arguments": "{}"}}}},
			map[string]any{"role": "tool", "tool_call_id": id, "content": result})
		raw, err := json.Marshal(map[string]any{"messages": messages})
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, raw)
	}
	return bodies
}

// results are the contents of a body's tool messages.
func results(t testing.TB, body []byte) (contents []string) {
	t.Helper()
	var request struct {
		Messages []struct {
			Role    string `json:"role"`
			Content string `json:"content"`
		} `json:"messages"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		t.Fatal(err)
	}
	for _, m := range request.Messages {
		if m.Role == "tool" {
			contents = append(contents, m.Content)
		}
	}
	return contents
}

// What a result becomes it stays in every later turn, in every process; what was left out is
// told by its name; and compressed again it is the same.
func TestNearlyLosslessStages(t *testing.T) {
	names := []string{"blob", "fold", "json_space", "json_table", "repeat"}
	opts := compressor.Options{
		Profiles: map[string]compressor.Profile{"default": {Rate: 1}},
		Stages:   []compressor.Stage{blob.Stage{}, fold.Stage{}, jsonspace.Stage{}, jsontable.Stage{}, repeat.Stage{}},
	}
	var before []string
	for i, body := range turns(t) {
		s := newService(t, opts)
		got := compress(t, s, compressor.Request{Body: body})
		now := results(t, got.Body)
		for j, content := range before {
			if now[j] != content {
				t.Errorf("turn %d: result %d was\n%s\nand is\n%s", i, j, content, now[j])
			}
		}
		before = now
		if again := compress(t, s, compressor.Request{Body: got.Body}); again.Body != nil {
			t.Errorf("turn %d: compressed again by %q:\n%s", i, again.Stages, again.Body)
		}
		if i < 5 {
			continue
		}
		if !slices.Equal(got.Stages, names) {
			t.Errorf("changed by %q", got.Stages)
		}
		original := results(t, body)
		if now[2] != "[same as the result of call_0 above]" || now[4] != "[same as the result of call_1 above]" || now[5] != "done" {
			t.Errorf("results are %q", now)
		}
		parts := make(map[string]bool) // the log's is noted for both of its results
		for _, o := range got.Omitted {
			parts[o.Name] = true
		}
		if len(parts) != 2 {
			t.Fatalf("%d parts were left out", len(parts))
		}
		for _, o := range got.Omitted {
			in := slices.IndexFunc(now, func(s string) bool { return strings.Contains(s, o.Name) })
			if in < 0 || o.Name != prompt.NameOf(o.Text) || in == 3 && !strings.Contains(original[in], o.Text) {
				t.Errorf("%s is left out of %d", o.Name, in)
			}
		}
	}
}
