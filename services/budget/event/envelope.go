// Package event renders the `quota.updated` event.
//
// Its form is fixed by the JSON Schema in quota-updated.schema.json, beside this file. An
// event tells what a tenant's balance changed by and holds no key's secret, no prompt and
// no answer: a UsageRecord has no field for them.
package event

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"time"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/pricing"
)

// Topic is the Kafka topic of the events.
const Topic = "quota.updated"

// Currency is the currency of every amount, ISO 4217.
const Currency = "USD"

//go:embed quota-updated.schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) that every envelope satisfies.
func Schema() []byte { return bytes.Clone(schema) }

type envelope struct {
	EventID       string  `json:"eventId"`
	OccurredAt    string  `json:"occurredAt"`
	TenantID      string  `json:"tenantId"`
	PlatformID    string  `json:"platformId"`
	CorrelationID string  `json:"correlationId"`
	Actor         actor   `json:"actor"`
	Payload       payload `json:"payload"`
}

type actor struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

type payload struct {
	TenantID   string        `json:"tenantId"`
	PlatformID string        `json:"platformId"`
	KeyID      string        `json:"keyId"`
	UserID     string        `json:"userId"`
	RequestID  string        `json:"requestId"`
	Provider   string        `json:"provider"`
	Model      string        `json:"model"`
	Tokens     payloadTokens `json:"tokens"`
	Cost       money.Nano    `json:"cost"`
	Currency   string        `json:"currency"`
	Saved      saved         `json:"saved"`
	LatencyMs  int64         `json:"latencyMs"`
	Cache      string        `json:"cache"`
	Window     *window       `json:"window"`
	Sequence   int64         `json:"sequence"`
	Estimated  bool          `json:"estimated"`
	Error      *string       `json:"error"`
}

type payloadTokens struct {
	Prompt      int64 `json:"prompt"`
	Completion  int64 `json:"completion"`
	Total       int64 `json:"total"`
	CachedInput int64 `json:"cachedInput"`
	CacheWrite  int64 `json:"cacheWrite"`
	Reasoning   int64 `json:"reasoning"`
}

type saved struct {
	Cache       money.Nano `json:"cache"`
	Compression money.Nano `json:"compression"`
}

type window struct {
	BudgetID  string     `json:"budgetId"`
	Start     string     `json:"start"`
	End       *string    `json:"end"`
	Limit     money.Nano `json:"limit"`
	Spent     money.Nano `json:"spent"`
	Remaining money.Nano `json:"remaining"`
}

// Envelope renders a record as one line of JSON. Prompt and completion tokens are sums
// that include their cached, written and reasoning parts, as OpenAI counts them; amounts
// are dollars with exact digits; times are RFC 3339 in UTC with milliseconds. The actor
// is the user on whose behalf the call was made, else the key, else `system`.
func Envelope(r *eventv1.UsageRecord) ([]byte, error) {
	u := pricing.UsageOf(r.GetUsage())
	e := envelope{
		EventID: r.GetEventId(), OccurredAt: instant(r.GetOccurredMillis()),
		TenantID: r.GetTenantId(), PlatformID: r.GetPlatformId(), CorrelationID: r.GetCorrelationId(),
		Actor: actorOf(r),
		Payload: payload{
			TenantID: r.GetTenantId(), PlatformID: r.GetPlatformId(),
			KeyID: r.GetKeyId(), UserID: r.GetUserId(), RequestID: r.GetRequestId(),
			Provider: r.GetProvider(), Model: r.GetModel(),
			Tokens: payloadTokens{
				Prompt: u.Prompt(), Completion: u.Completion(), Total: u.Total(),
				CachedInput: u.Cached(), CacheWrite: u.Written(), Reasoning: u.Reasoning,
			},
			Cost: money.Nano(r.GetCostNanos()), Currency: Currency,
			Saved: saved{
				Cache:       money.Nano(r.GetSavedCacheNanos()),
				Compression: money.Nano(r.GetSavedCompressionNanos()),
			},
			LatencyMs: r.GetLatencyMillis(), Cache: cacheOf(r), Sequence: r.GetSequence(),
			Estimated: r.GetUsage().GetEstimated(),
		},
	}
	if text := r.GetError(); text != "" {
		e.Payload.Error = &text
	}
	if w := r.GetWindow(); w != nil {
		limit, spent := money.Nano(w.GetLimitNanos()), money.Nano(w.GetSpentNanos())
		e.Payload.Window = &window{
			BudgetID: w.GetBudgetId(), Start: instant(w.GetStartMillis()),
			Limit: limit, Spent: spent, Remaining: money.SubSat(limit, spent),
		}
		if w.GetEndMillis() != 0 {
			end := instant(w.GetEndMillis())
			e.Payload.Window.End = &end
		}
	}
	var out bytes.Buffer
	out.Grow(1024)
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("event: rendering %s: %w", r.GetEventId(), err)
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}

func actorOf(r *eventv1.UsageRecord) actor {
	switch {
	case r.GetUserId() != "":
		return actor{"user", r.GetUserId()}
	case r.GetKeyId() != "":
		return actor{"key", r.GetKeyId()}
	default:
		return actor{"system", "tollgate"}
	}
}

func cacheOf(r *eventv1.UsageRecord) string {
	if r.GetCache() == "" {
		return "bypass"
	}
	return r.GetCache()
}

func instant(millis int64) string {
	return time.UnixMilli(millis).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
