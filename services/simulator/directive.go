package simulator

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Bounds of what a directive may ask for; a larger value is a bad directive.
const (
	maxSpecLen  = 512
	maxCount    = 1_000_000
	maxBytes    = 16 << 20
	maxDuration = 10 * time.Minute
)

// Directives say how the simulator departs from a plain answer. The zero value
// departs in nothing. Counts of events start at 1; an answer that is not a
// stream is one event.
type Directives struct {
	// Status is the HTTP status of an error answer, 0 for none.
	Status int
	// RetryAfter is announced with the error.
	RetryAfter time.Duration
	// Error names a provider error in its own words: "context-length" or "quota".
	Error string
	// FailTimes makes only the first calls of a key fail, with Status or 500.
	FailTimes int
	// Key separates the FailTimes count of one test from another's.
	Key string

	// Delay passes before the response headers, FirstByte between them and
	// the first event, ChunkDelay between events.
	Delay, FirstByte, ChunkDelay time.Duration
	// Hang never answers; HangAt stops sending after that many events.
	Hang   bool
	HangAt int
	// Cut closes the connection after that many events, CutBytes after that
	// many body bytes. Both are -1 when not asked for.
	Cut, CutBytes int
	// MalformedChunk damages the event with that number.
	MalformedChunk int
	// ErrorAt puts the provider's own error event after that many events.
	ErrorAt int
	// Split writes and flushes the body in pieces of that many bytes.
	Split int
	// CRLF ends lines of the event stream by CR LF.
	CRLF bool
	// KeepAlive puts an event-stream comment before each event.
	KeepAlive bool
	// NoDone leaves out the dialect's own end of a stream.
	NoDone bool

	// Chunks is the number of text pieces of a stream, Tokens and Bytes the
	// size of the answer's text, Reasoning the number of thinking tokens.
	Chunks, Tokens, Bytes, Reasoning int
	// NoUsage leaves usage out, UsageMid also reports it in mid-stream.
	NoUsage, UsageMid bool
	// Echo repeats the last user text in the answer.
	Echo bool
	// Refusal ends the answer as the provider's content filter does.
	Refusal bool
	// Redacted makes Anthropic's thinking a redacted_thinking block.
	Redacted bool
	// Lenient accepts request fields that the provider does not know.
	Lenient bool
}

// none is where parsing starts: nothing asked for.
func none() Directives { return Directives{Cut: -1, CutBytes: -1} }

// SplitModel separates a model name from the directives in it: "gpt-4o;hang"
// is the model "gpt-4o" with the directives "hang", and "sim-status=500" is
// the model "sim" with "status=500".
func SplitModel(model string) (name, spec string) {
	if name, spec, ok := strings.Cut(model, ";"); ok {
		return name, spec
	}
	if spec, ok := strings.CutPrefix(model, "sim-"); ok {
		return "sim", spec
	}
	return model, ""
}

// apply reads directives that are separated by commas or semicolons. The error says which
// directive is wrong, and why.
func (d *Directives) apply(spec string) error {
	if len(spec) > maxSpecLen {
		return fmt.Errorf("directives are longer than %d bytes", maxSpecLen)
	}
	for spec != "" {
		part := spec
		if i := strings.IndexAny(spec, ",;"); i >= 0 {
			part, spec = spec[:i], spec[i+1:]
		} else {
			spec = ""
		}
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		key, value, hasValue := strings.Cut(part, "=")
		if err := d.set(strings.TrimSpace(key), strings.TrimSpace(value), hasValue); err != nil {
			return fmt.Errorf("directive %q: %w", part, err)
		}
	}
	return nil
}

func (d *Directives) set(key, value string, hasValue bool) error {
	if flag := d.flag(key); flag != nil {
		if hasValue {
			return fmt.Errorf("takes no value")
		}
		*flag = true
		return nil
	}
	if !hasValue {
		return d.unknown(key, "needs a value")
	}
	if dur := d.duration(key); dur != nil {
		v, err := parseDuration(value)
		*dur = v
		return err
	}
	if count, lo, hi := d.count(key); count != nil {
		n, err := strconv.Atoi(value)
		if err != nil || n < lo || n > hi {
			return fmt.Errorf("want a whole number from %d to %d", lo, hi)
		}
		*count = n
		return nil
	}
	switch key {
	case "key":
		d.Key = value
		return nil
	case "error":
		if value != errContextLength && value != errQuota {
			return fmt.Errorf("want %s or %s", errContextLength, errQuota)
		}
		d.Error = value
		return nil
	}
	return d.unknown(key, "")
}

// unknown tells a known directive without its value from an unknown one.
func (d *Directives) unknown(key, reason string) error {
	count, _, _ := d.count(key)
	if reason != "" && (count != nil || d.duration(key) != nil || key == "key" || key == "error") {
		return fmt.Errorf("%s", reason)
	}
	return fmt.Errorf("unknown directive")
}

func (d *Directives) flag(key string) *bool {
	switch key {
	case "hang":
		return &d.Hang
	case "crlf":
		return &d.CRLF
	case "keepalive":
		return &d.KeepAlive
	case "no-done":
		return &d.NoDone
	case "no-usage":
		return &d.NoUsage
	case "usage-mid":
		return &d.UsageMid
	case "echo":
		return &d.Echo
	case "refusal":
		return &d.Refusal
	case "redacted":
		return &d.Redacted
	case "lenient":
		return &d.Lenient
	}
	return nil
}

func (d *Directives) duration(key string) *time.Duration {
	switch key {
	case "retry-after":
		return &d.RetryAfter
	case "delay":
		return &d.Delay
	case "first-byte":
		return &d.FirstByte
	case "chunk-delay":
		return &d.ChunkDelay
	}
	return nil
}

func (d *Directives) count(key string) (p *int, lo, hi int) {
	switch key {
	case "status":
		return &d.Status, 400, 599
	case "fail-times":
		return &d.FailTimes, 1, maxCount
	case "cut":
		return &d.Cut, 0, maxCount
	case "cut-bytes":
		return &d.CutBytes, 0, maxBytes
	case "hang-at":
		return &d.HangAt, 1, maxCount
	case "malformed-chunk":
		return &d.MalformedChunk, 1, maxCount
	case "error-at":
		return &d.ErrorAt, 1, maxCount
	case "split":
		return &d.Split, 1, maxBytes
	case "chunks":
		return &d.Chunks, 1, maxCount
	case "tokens":
		return &d.Tokens, 1, maxCount
	case "bytes":
		return &d.Bytes, 1, maxBytes
	case "reasoning":
		return &d.Reasoning, 1, maxCount
	}
	return nil, 0, 0
}

// parseDuration reads Go's form, such as 250ms, or a number of seconds.
func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		f, ferr := strconv.ParseFloat(s, 64)
		if ferr != nil || math.IsNaN(f) || f < 0 || f > maxDuration.Seconds() {
			return 0, fmt.Errorf("want a duration such as 250ms, or seconds, up to %s", maxDuration)
		}
		d = time.Duration(f * float64(time.Second))
	}
	if d < 0 || d > maxDuration {
		return 0, fmt.Errorf("want a duration from 0 to %s", maxDuration)
	}
	return d, nil
}
