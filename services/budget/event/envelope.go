// Package event holds the form of the events to the JSON Schema in
// quota-updated.schema.json, beside this file.
//
// An event tells what a tenant's balance changed by and holds no key's secret, no prompt
// and no answer: a UsageRecord has no field for them. Consumers find its types in
// platform/quota.
package event

import (
	"bytes"
	_ "embed"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/quota"
)

//go:embed quota-updated.schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) that every envelope satisfies.
func Schema() []byte { return bytes.Clone(schema) }

// Envelope renders a record as one line of JSON. Prompt and completion tokens are sums
// that include their cached, written and reasoning parts, as OpenAI counts them; amounts
// are dollars with exact digits; times are RFC 3339 in UTC with milliseconds.
func Envelope(r *eventv1.UsageRecord) ([]byte, error) { return quota.FromRecord(r).Encode() }
