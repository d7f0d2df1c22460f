package event_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

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
			Compression: &eventv1.Compression{Engine: "extractive", Profile: "rag", OriginalTokens: 480, CompressedTokens: 160, Micros: 95, Skipped: "too_long"},
			Window: &eventv1.BudgetWindow{
				BudgetId: "b1", StartMillis: 1793491200000, EndMillis: 1796083200000,
				LimitNanos: 10_000_000_000, SpentNanos: 9_999_999_999,
			},
		},
		"semantic hit": {
			EventId: "019ab000-0000-7000-8000-000000000008", OccurredMillis: 1795435200000, TenantId: "acme", PlatformId: "r1", KeyId: "key_1",
			RequestId: "req_2", Provider: "openai", Model: "gpt-4o", UpstreamModel: "gpt-4o-2024-08-06", LatencyMillis: 2,
			Usage: &usagev1.Usage{Input: 100, Output: 20}, SavedCacheNanos: 450_000, Cache: "semantic", Sequence: 43,
			CacheHit: &eventv1.CacheHit{Tier: "near", Score: 0.98, AgeMillis: 61_000, EntryId: "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"},
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
		"threshold reached": {
			EventId: "019ab000-0000-7000-8000-000000000006", OccurredMillis: 1795435200000, TenantId: "t", KeyId: "k", Sequence: 5,
			RequestId: "req_1", CallType: "budget.notice",
			Window: &eventv1.BudgetWindow{BudgetId: "b2", LimitNanos: 1_000_000_000, SpentNanos: 950_000_000},
			Notice: &eventv1.BudgetNotice{
				Kind: eventv1.BudgetNotice_KIND_THRESHOLD_REACHED, ScopeKind: "key", ScopeId: "k", ThresholdPercent: 90,
			},
		},
		"window reset": {
			EventId: "019ab000-0000-7000-8000-000000000007", OccurredMillis: 1795435200000, TenantId: "t", Sequence: 6,
			CallType: "budget.notice",
			Window:   &eventv1.BudgetWindow{BudgetId: "b3", StartMillis: 1795392000000, EndMillis: 1795478400000, LimitNanos: 1_000_000_000},
			Notice: &eventv1.BudgetNotice{
				Kind: eventv1.BudgetNotice_KIND_WINDOW_RESET, ScopeKind: "tenant", ScopeId: "t",
				Ended: &eventv1.BudgetWindow{BudgetId: "b3", StartMillis: 1795305600000, EndMillis: 1795392000000, LimitNanos: 1_000_000_000, SpentNanos: 1_200_000_000},
			},
		},
	}
}

func schemaOf(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(event.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func check(schema *jsonschema.Schema, data []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

func TestEnvelopeGolden(t *testing.T) {
	schema := schemaOf(t)
	for name, r := range records() {
		t.Run(name, func(t *testing.T) {
			got, err := event.Envelope(r)
			if err != nil {
				t.Fatal(err)
			}
			if err := check(schema, got); err != nil {
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

// The schema must refuse what is not an event.
func TestSchemaRefuses(t *testing.T) {
	schema := schemaOf(t)
	valid, err := event.Envelope(records()["full"])
	if err != nil {
		t.Fatal(err)
	}
	hit, err := event.Envelope(records()["semantic hit"])
	if err != nil {
		t.Fatal(err)
	}
	notice, err := event.Envelope(records()["threshold reached"])
	if err != nil {
		t.Fatal(err)
	}
	reset, err := event.Envelope(records()["window reset"])
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		event         []byte
		part, instead string
	}{
		"unknown type":             {notice, `"budget.threshold_reached"`, `"budget.gone"`},
		"a type of another shape":  {notice, `"budget.threshold_reached"`, `"budget.window_reset"`},
		"a type without a budget":  {valid, `"tenantId":`, `"type":"budget.window_reset","tenantId":`},
		"a budget without a type":  {notice, `"type":"budget.threshold_reached",`, ``},
		"another threshold":        {notice, `"threshold":90`, `"threshold":50`},
		"a notice that costs":      {notice, `"cost":0`, `"cost":0.1`},
		"a reset without a window": {reset, `"ended":`, `"end":`},
		"unknown tier":             {hit, `"tier":"near"`, `"tier":"far"`},
		"a score above 1":          {hit, `"score":0.98`, `"score":1.01`},
		"a hit without an entry":   {hit, `,"entryId":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"`, ``},
		"a hit with a prompt":      {hit, `"tier":`, `"question":"x","tier":`},
		"unknown scope":            {reset, `"kind":"tenant"`, `"kind":"team"`},
	} {
		text := strings.Replace(string(c.event), c.part, c.instead, 1)
		if text == string(c.event) {
			t.Fatalf("%s: nothing was replaced in %s", name, c.event)
		}
		if check(schema, []byte(text)) == nil {
			t.Errorf("%s is accepted", name)
		}
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
		if check(schema, []byte(text)) == nil {
			t.Errorf("%s is accepted", name)
		}
	}
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
