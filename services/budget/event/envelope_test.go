package event_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tollgate.dev/services/budget/event"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
)

var update = flag.Bool("update", false, "write the golden files")

func records() map[string]*eventv1.UsageRecord {
	return map[string]*eventv1.UsageRecord{
		"full": {
			EventId: "019ab000-0000-7000-8000-000000000001", OccurredMillis: 1795435200123,
			TenantId: "acme", PlatformId: "r1", KeyId: "key_1", UserId: "u1",
			RequestId: "req_1", CorrelationId: "4bf92f3577b34da6a3ce929d0e0e4736", Provider: "openai", Model: "gpt-4o", UpstreamModel: "gpt-4o-2024-08-06",
			Usage:     &usagev1.Usage{Input: 100, CachedInput: 50, CacheWrite: 7, CacheWrite_1H: 3, Output: 20, Reasoning: 30, Estimated: true},
			CostNanos: 1_234_567_891, SavedCacheNanos: 1, SavedCompressionNanos: 500_000_000,
			LatencyMillis: 812, Cache: "miss", Sequence: 42,
			Window: &eventv1.BudgetWindow{
				BudgetId: "b1", StartMillis: 1793491200000, EndMillis: 1796083200000,
				LimitNanos: 10_000_000_000, SpentNanos: 9_999_999_999,
			},
		},
		"bare":  {EventId: "019ab000-0000-7000-8000-000000000002", OccurredMillis: 0, TenantId: "t", Sequence: 1},
		"error": {EventId: "019ab000-0000-7000-8000-000000000003", OccurredMillis: 1795435200000, TenantId: "t", KeyId: "k", Sequence: 2, Cache: "hit", Error: "provider_timeout", Model: "<m>&\"\u2028"},
		"lease lost": {
			EventId: "019ab000-0000-7000-8000-000000000004", OccurredMillis: 1795435200000, TenantId: "t", Sequence: 3,
			CostNanos: 5_000_000, Error: "lease_lost", CallType: "budget.lease",
			Window: &eventv1.BudgetWindow{BudgetId: "b2", LimitNanos: 1_000_000, SpentNanos: 5_000_000},
		},
		"lease corrected": {
			EventId: "019ab000-0000-7000-8000-000000000005", OccurredMillis: 1795435200000, TenantId: "t", Sequence: 4,
			CostNanos: -5_000_000, Error: "lease_corrected", CallType: "budget.lease",
		},
	}
}

func TestEnvelopeGolden(t *testing.T) {
	schema := parse(t, event.Schema())
	for name, r := range records() {
		t.Run(name, func(t *testing.T) {
			got, err := event.Envelope(r)
			if err != nil {
				t.Fatal(err)
			}
			if err := check(schema, schema, parse(t, got), "$"); err != nil {
				t.Errorf("the schema refuses the event: %v", err)
			}
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, got, "", "  "); err != nil {
				t.Fatal(err)
			}
			pretty.WriteByte('\n')
			path := filepath.Join("testdata", strings.ReplaceAll(name, " ", "_")+".json")
			if *update {
				if err := os.WriteFile(path, pretty.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(pretty.Bytes(), want) {
				t.Errorf("got\n%s\nwant\n%s", pretty.Bytes(), want)
			}
		})
	}
}

// The check itself must be able to fail, and the schema must refuse what is not an event.
func TestSchemaRefuses(t *testing.T) {
	schema := parse(t, event.Schema())
	valid, err := event.Envelope(records()["full"])
	if err != nil {
		t.Fatal(err)
	}
	for name, replace := range map[string][2]string{
		"version 4 id":        {"-7000-8000-", "-4000-8000-"},
		"time without millis": {".123Z", "Z"},
		"unknown field":       {`"actor":`, `"apiKey":"sk-x","actor":`},
		"secret in payload":   {`"keyId":`, `"prompt":"x","keyId":`},
		"missing tokens":      {`"tokens":`, `"toks":`},
		"text cost":           {`"cost":1.234567891`, `"cost":"1.234567891"`},
		"other currency":      {`"USD"`, `"EUR"`},
		"sequence 0":          {`"sequence":42`, `"sequence":0`},
		"fraction of tokens":  {`"prompt":160`, `"prompt":160.5`},
		"unknown actor":       {`"type":"user"`, `"type":"root"`},
	} {
		text := strings.Replace(string(valid), replace[0], replace[1], 1)
		if text == string(valid) {
			t.Fatalf("%s: nothing was replaced in %s", name, valid)
		}
		if check(schema, schema, parse(t, []byte(text)), "$") == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func parse(t *testing.T, data []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return v
}

// check holds v against the keywords that the schema uses; an unknown one is an error.
func check(root, schema, v any, path string) error {
	for keyword, want := range schema.(map[string]any) {
		switch keyword {
		case "$schema", "$id", "title", "description", "$defs":
		case "$ref":
			name := strings.TrimPrefix(want.(string), "#/$defs/")
			if err := check(root, root.(map[string]any)["$defs"].(map[string]any)[name], v, path); err != nil {
				return err
			}
		case "type":
			kinds, ok := want.([]any)
			if !ok {
				kinds = []any{want}
			}
			if !slices.ContainsFunc(kinds, func(k any) bool { return isKind(v, k.(string)) }) {
				return fmt.Errorf("%s: %v is no %v", path, v, want)
			}
		case "enum":
			if !slices.ContainsFunc(want.([]any), func(x any) bool { return reflect.DeepEqual(x, v) }) {
				return fmt.Errorf("%s: %v is none of %v", path, v, want)
			}
		case "pattern":
			if !regexp.MustCompile(want.(string)).MatchString(v.(string)) {
				return fmt.Errorf("%s: %v does not match %v", path, v, want)
			}
		case "minimum":
			n, _ := v.(json.Number).Float64()
			if least, _ := want.(json.Number).Float64(); n < least {
				return fmt.Errorf("%s: %v is below %v", path, v, want)
			}
		case "required":
			if object, ok := v.(map[string]any); ok {
				for _, name := range want.([]any) {
					if _, ok := object[name.(string)]; !ok {
						return fmt.Errorf("%s: %s is missing", path, name)
					}
				}
			}
		case "additionalProperties", "properties":
			object, ok := v.(map[string]any)
			if !ok {
				continue
			}
			known := schema.(map[string]any)["properties"].(map[string]any)
			for name, value := range object {
				sub, ok := known[name]
				if !ok {
					return fmt.Errorf("%s: %s is unknown", path, name)
				}
				if err := check(root, sub, value, path+"."+name); err != nil {
					return err
				}
			}
		default:
			return fmt.Errorf("%s: the check does not know %s", path, keyword)
		}
	}
	return nil
}

func isKind(v any, kind string) bool {
	switch v := v.(type) {
	case nil:
		return kind == "null"
	case bool:
		return kind == "boolean"
	case string:
		return kind == "string"
	case map[string]any:
		return kind == "object"
	case json.Number:
		_, err := v.Int64()
		return kind == "number" || (kind == "integer" && err == nil)
	}
	return false
}

// What is billed and limited is what the event tells: also the classes that few providers
// report.
func TestEveryTokenIsInTheSums(t *testing.T) {
	out, err := event.Envelope(&eventv1.UsageRecord{EventId: "019ab000-0000-7000-8000-000000000001", Usage: &usagev1.Usage{
		Input: 1, CachedInput: 2, CacheWrite: 4, CacheWrite_1H: 8, AudioInput: 16, CachedAudio: 32, ImageInput: 64,
		Output: 128, Reasoning: 256, AudioOutput: 512, ImageOutput: 1024, Images: 7, WebSearches: 9,
	}})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Payload struct {
			Tokens struct{ Prompt, Completion, Total, CachedInput, CacheWrite int64 }
		}
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	tokens := got.Payload.Tokens
	if tokens.Prompt != 127 || tokens.Completion != 1920 || tokens.Total != 2047 || tokens.CachedInput != 34 || tokens.CacheWrite != 12 {
		t.Errorf("got %+v", tokens)
	}
}
