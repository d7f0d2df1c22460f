package edge

import (
	"reflect"
	"testing"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
)

// A row says what compression did, and nothing where it did nothing.
func TestRowsTellOfCompression(t *testing.T) {
	row := spendRowOf(&eventv1.UsageRecord{
		SavedCompressionNanos: -5,
		Compression:           &eventv1.Compression{Engine: "extractive", Profile: "rag", OriginalTokens: 480, CompressedTokens: 160, Micros: 95, Skipped: "too_long"},
	})
	want := map[string]any{"engine": "extractive", "profile": "rag", "original_tokens": int64(480), "compressed_tokens": int64(160), "micros": int64(95), "skipped": "too_long"}
	if got := row.Metadata["compression"]; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if _, ok := spendRowOf(&eventv1.UsageRecord{}).Metadata["compression"]; ok {
		t.Error("a call that was not compressed tells of it")
	}
}

// A row says how the cache found the answer: every tier's hit is LiteLLM's, whose cache_key is
// the entry. A record of a release without tiers tells nothing of it.
func TestRowsTellOfCacheHits(t *testing.T) {
	hit := &eventv1.CacheHit{Tier: "near", Score: 0.98, AgeMillis: 61_000, EntryId: "entry"}
	told := map[string]any{"tier": "near", "score": 0.98, "age_ms": int64(61_000), "entry_id": "entry"}
	for name, c := range map[string]struct {
		record *eventv1.UsageRecord
		hit    string
		key    string
		told   any
	}{
		"a near hit":                {&eventv1.UsageRecord{Cache: "semantic", CacheHit: hit}, "True", "entry", told},
		"a hit of the same request": {&eventv1.UsageRecord{Cache: "hit", CacheHit: hit}, "True", "entry", told},
		"a hit of former releases":  {&eventv1.UsageRecord{Cache: "hit"}, "True", "", nil},
		"a miss":                    {&eventv1.UsageRecord{Cache: "miss"}, "False", "", nil},
	} {
		row := spendRowOf(c.record)
		if row.CacheHit != c.hit || row.CacheKey != c.key || !reflect.DeepEqual(row.Metadata["cache_hit"], c.told) || row.Metadata["cache"] != c.record.Cache {
			t.Errorf("%s: %+v", name, row)
		}
	}
}
