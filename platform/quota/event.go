// Package quota is for those who follow what tenants spend: it reads the events of the
// topic `quota.updated`, or the same events over RPC, and applies each exactly once.
//
// It is a package of its own, beside no service, so that the Platform API, billing and a
// gateway's quota mirror can import it: it knows the contracts (the events' JSON and the
// generated client of BudgetService) and none of Tollgate's code behind them. The service
// that writes the events makes them from the types here, so that both sides are one.
//
// [Consumer] is what most need; [Decode] is for those who bring their own consumer.
package quota

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/pricing"
)

// Topic is the Kafka topic of the events, unless configured otherwise.
const Topic = "quota.updated"

// Currency is the currency of every amount, ISO 4217.
const Currency = "USD"

// Type says what an event tells.
type Type string

// The types of events. A consumer that does not know a type may take its events for
// QuotaUpdated: they have the same payload, with a cost of 0, and a sequence that counts.
const (
	// QuotaUpdated is a settled call, or what a lost lease was charged or got back. In
	// JSON the member is absent.
	QuotaUpdated Type = ""
	// ThresholdReached tells that a budget's spend has reached 80, 90 or 100 % of its
	// limit, once a window and threshold.
	ThresholdReached Type = "budget.threshold_reached"
	// WindowReset tells that a window in which something was spent has ended.
	WindowReset Type = "budget.window_reset"
)

// Errors of an event that are no call's: what lost leases were charged, and got back.
const (
	LeaseLost      = "lease_lost"
	LeaseCorrected = "lease_corrected"
)

// Event is one event.
type Event struct {
	// EventID is a UUIDv7, the same on every delivery.
	EventID string `json:"eventId"`
	// Type says what the event tells.
	Type Type `json:"type,omitempty"`
	// OccurredAt is when it happened.
	OccurredAt Time `json:"occurredAt"`
	// TenantID is the tenant in whose sequence the event stands.
	TenantID   string `json:"tenantId"`
	PlatformID string `json:"platformId"`
	// CorrelationID is the caller's trace or correlation id; may be empty.
	CorrelationID string  `json:"correlationId"`
	Actor         Actor   `json:"actor"`
	Payload       Payload `json:"payload"`
}

// Actor is on whose behalf something happened.
type Actor struct {
	// Type is user, key or system.
	Type string `json:"type"`
	ID   string `json:"id"`
}

// Payload is what happened.
type Payload struct {
	TenantID   string `json:"tenantId"`
	PlatformID string `json:"platformId"`
	// KeyID is the key's id, never its secret.
	KeyID     string `json:"keyId"`
	UserID    string `json:"userId"`
	RequestID string `json:"requestId"`
	Provider  string `json:"provider"`
	// Model is the name that the caller used.
	Model  string `json:"model"`
	Tokens Tokens `json:"tokens"`
	// Cost is what the call cost. When Error is LeaseLost or LeaseCorrected, what the
	// budget in Window was charged, or got back: no usage of the tenant.
	Cost      money.Nano `json:"cost"`
	Currency  string     `json:"currency"`
	Saved     Saved      `json:"saved"`
	LatencyMs int64      `json:"latencyMs"`
	// Cache is hit, semantic, miss or bypass.
	Cache string `json:"cache"`
	// CacheHit is how the cache found the answer; nil where it found none.
	CacheHit *CacheHit `json:"cacheHit,omitempty"`
	// Compression is what it did to the prompt; nil when the prompt went out as it came.
	Compression *Compression `json:"compression,omitempty"`
	// Window is the tightest budget that applied, after the call; nil without budgets.
	Window *Window `json:"window"`
	// Sequence rises by one with each event of the tenant.
	Sequence int64 `json:"sequence"`
	// Estimated tells that the tokens were counted by a tokenizer.
	Estimated bool `json:"estimated"`
	// Error is the code of the error that ended the call; nil for none.
	Error *string `json:"error"`
	// Budget is which budget a ThresholdReached or WindowReset is about; nil for
	// QuotaUpdated.
	Budget *Budget `json:"budget,omitempty"`
}

// Tokens counts as OpenAI does: Prompt includes CachedInput and CacheWrite, Completion
// includes Reasoning.
type Tokens struct {
	Prompt      int64 `json:"prompt"`
	Completion  int64 `json:"completion"`
	Total       int64 `json:"total"`
	CachedInput int64 `json:"cachedInput"`
	CacheWrite  int64 `json:"cacheWrite"`
	Reasoning   int64 `json:"reasoning"`
}

// Saved is what was not spent.
type Saved struct {
	Cache money.Nano `json:"cache"`
	// Compression is less what the provider's own prompt cache would have saved; below 0
	// when that was more.
	Compression money.Nano `json:"compression"`
}

// CacheHit is how an answer was found in the cache.
type CacheHit struct {
	// Tier is exact, near or semantic.
	Tier string `json:"tier"`
	// Score is how near the question is to the one that was answered, from 0 to 1.
	Score float64 `json:"score"`
	// AgeMs is the entry's age, in milliseconds.
	AgeMs int64 `json:"ageMs"`
	// EntryID is the entry's id within the tenant; empty for the answer of an identical call
	// under way.
	EntryID string `json:"entryId"`
}

// Compression is what became of a prompt before it was sent.
type Compression struct {
	// Engine is extractive, llmlingua2, near_lossless or lossless; none where the prompt went out
	// as it came.
	Engine string `json:"engine"`
	// Profile is default, rag or chat.
	Profile          string `json:"profile"`
	OriginalTokens   int64  `json:"originalTokens"`
	CompressedTokens int64  `json:"compressedTokens"`
	// Micros is how long it took, in microseconds.
	Micros int64 `json:"micros"`
	// Skipped is why text that might have been shortened was not: too_long, late or failed; empty
	// without such a reason.
	Skipped string `json:"skipped,omitempty"`
}

// Window is a budget's state in one of its windows.
type Window struct {
	BudgetID string `json:"budgetId"`
	Start    Time   `json:"start"`
	// End is nil for a window that never ends.
	End   *Time      `json:"end"`
	Limit money.Nano `json:"limit"`
	Spent money.Nano `json:"spent"`
	// Remaining is Limit - Spent; below 0 where a soft budget is overspent.
	Remaining money.Nano `json:"remaining"`
}

// Budget is the budget of which an event tells.
type Budget struct {
	BudgetID string `json:"budgetId"`
	Scope    Scope  `json:"scope"`
	// Threshold is what was reached, in percent of the limit; 0 in a WindowReset.
	Threshold int32 `json:"threshold,omitempty"`
	// Ended is the window that ended; nil in a ThresholdReached.
	Ended *Window `json:"ended,omitempty"`
}

// Scope is whom a budget limits.
type Scope struct {
	// Kind is platform, tenant, user or key.
	Kind string `json:"kind"`
	// ID is `{tenant}/{user}` for a user.
	ID string `json:"id"`
}

// Time is an instant, in JSON RFC 3339 in UTC with milliseconds.
type Time struct{ time.Time }

const timeForm = "2006-01-02T15:04:05.000Z07:00"

// MarshalJSON writes the instant to the millisecond.
func (t Time) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, len(timeForm)+2)
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, timeForm)
	return append(b, '"'), nil
}

func millis(ms int64) Time { return Time{time.UnixMilli(ms).UTC()} }

// IsUsage reports whether the event is a call's: its cost is usage of the tenant.
func (e *Event) IsUsage() bool {
	return e.Type == QuotaUpdated && (e.Payload.Error == nil || (*e.Payload.Error != LeaseLost && *e.Payload.Error != LeaseCorrected))
}

// Decode reads an event's JSON. Members that it does not know are ignored: events may
// gain some. Amounts of another currency than Currency are refused: whoever adds them up
// would take them at par.
func Decode(data []byte) (*Event, error) {
	e := &Event{}
	if err := json.Unmarshal(data, e); err != nil {
		return nil, fmt.Errorf("quota: no event: %w", err)
	}
	switch {
	case e.EventID == "":
		return nil, errors.New("quota: an event without eventId")
	case e.Payload.Sequence < 1:
		return nil, fmt.Errorf("quota: event %s has no sequence", e.EventID)
	case e.TenantID != e.Payload.TenantID:
		return nil, fmt.Errorf("quota: event %s names two tenants", e.EventID)
	case e.Payload.Currency != "" && e.Payload.Currency != Currency:
		return nil, fmt.Errorf("quota: event %s has amounts in another currency than %s", e.EventID, Currency)
	}
	return e, nil
}

// Encode writes the event as one line of JSON.
func (e *Event) Encode() ([]byte, error) {
	var out bytes.Buffer
	out.Grow(1024)
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("quota: writing event %s: %w", e.EventID, err)
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}

// FromRecord is the event of an entry of the ledger, as ListUsage and WatchUsage give
// them: the same as that of the topic. The actor is the user on whose behalf a call was
// made, else the key, else the system.
func FromRecord(r *eventv1.UsageRecord) *Event {
	u := pricing.UsageOf(r.GetUsage())
	e := &Event{
		EventID: r.GetEventId(), Type: typeOf(r.GetNotice()), OccurredAt: millis(r.GetOccurredMillis()),
		TenantID: r.GetTenantId(), PlatformID: r.GetPlatformId(), CorrelationID: r.GetCorrelationId(), Actor: actorOf(r),
		Payload: Payload{
			TenantID: r.GetTenantId(), PlatformID: r.GetPlatformId(),
			KeyID: r.GetKeyId(), UserID: r.GetUserId(), RequestID: r.GetRequestId(),
			Provider: r.GetProvider(), Model: r.GetModel(),
			Tokens: Tokens{
				Prompt: u.Prompt(), Completion: u.Completion(), Total: u.Total(),
				CachedInput: u.Cached(), CacheWrite: u.Written(), Reasoning: u.Reasoning,
			},
			Cost: money.Nano(r.GetCostNanos()), Currency: Currency,
			Saved:     Saved{Cache: money.Nano(r.GetSavedCacheNanos()), Compression: money.Nano(r.GetSavedCompressionNanos())},
			LatencyMs: r.GetLatencyMillis(), Cache: r.GetCache(), Window: windowOf(r.GetWindow()), Sequence: r.GetSequence(),
			Estimated: r.GetUsage().GetEstimated(),
		},
	}
	if e.Payload.Cache == "" {
		e.Payload.Cache = "bypass"
	}
	if h := r.GetCacheHit(); h != nil {
		e.Payload.CacheHit = &CacheHit{Tier: h.GetTier(), Score: h.GetScore(), AgeMs: h.GetAgeMillis(), EntryID: h.GetEntryId()}
	}
	if c := r.GetCompression(); c != nil {
		e.Payload.Compression = &Compression{
			Engine: c.GetEngine(), Profile: c.GetProfile(), Micros: c.GetMicros(),
			OriginalTokens: c.GetOriginalTokens(), CompressedTokens: c.GetCompressedTokens(), Skipped: c.GetSkipped(),
		}
	}
	if text := r.GetError(); text != "" {
		e.Payload.Error = &text
	}
	if n := r.GetNotice(); n != nil {
		e.Payload.Budget = &Budget{
			BudgetID: r.GetWindow().GetBudgetId(), Scope: Scope{Kind: n.GetScopeKind(), ID: n.GetScopeId()},
			Threshold: n.GetThresholdPercent(), Ended: windowOf(n.GetEnded()),
		}
	}
	return e
}

func typeOf(n *eventv1.BudgetNotice) Type {
	switch n.GetKind() {
	case eventv1.BudgetNotice_KIND_THRESHOLD_REACHED:
		return ThresholdReached
	case eventv1.BudgetNotice_KIND_WINDOW_RESET:
		return WindowReset
	case eventv1.BudgetNotice_KIND_UNSPECIFIED:
	}
	return QuotaUpdated
}

func actorOf(r *eventv1.UsageRecord) Actor {
	switch {
	case r.GetNotice() != nil, r.GetUserId() == "" && r.GetKeyId() == "":
		return Actor{"system", "tollgate"}
	case r.GetUserId() != "":
		return Actor{"user", r.GetUserId()}
	default:
		return Actor{"key", r.GetKeyId()}
	}
}

func windowOf(w *eventv1.BudgetWindow) *Window {
	if w == nil {
		return nil
	}
	limit, spent := money.Nano(w.GetLimitNanos()), money.Nano(w.GetSpentNanos())
	out := &Window{
		BudgetID: w.GetBudgetId(), Start: millis(w.GetStartMillis()),
		Limit: limit, Spent: spent, Remaining: money.SubSat(limit, spent),
	}
	if w.GetEndMillis() != 0 {
		end := millis(w.GetEndMillis())
		out.End = &end
	}
	return out
}
