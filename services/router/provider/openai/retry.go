package openai

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter bounds how long a provider may keep a deployment idle.
const maxRetryAfter = time.Hour

// retryAfter is how long a provider asks to be left alone; 0 is unknown. In this order:
// `retry-after-ms`, `Retry-After` in seconds or as a date (RFC 9110 §10.2.3) beside the
// answer's own `Date`, and the reset of whichever of OpenAI's own limits has nothing left
// (https://developers.openai.com/api/docs/guides/rate-limits, read 2026-11-23).
func retryAfter(h http.Header) time.Duration {
	if d, ok := number(h.Get("Retry-After-Ms"), time.Millisecond); ok {
		return d
	}
	after := strings.TrimSpace(h.Get("Retry-After"))
	if d, ok := number(after, time.Second); ok {
		return d
	}
	if until, err := http.ParseTime(after); err == nil {
		// By the provider's own clock; ours may be another.
		if now, err := http.ParseTime(h.Get("Date")); err == nil {
			return bounded(until.Sub(now))
		}
	}
	var wait time.Duration
	for _, of := range [...]string{"Requests", "Tokens"} {
		if strings.TrimSpace(h.Get("X-Ratelimit-Remaining-"+of)) != "0" {
			continue
		}
		if d, err := time.ParseDuration(h.Get("X-Ratelimit-Reset-" + of)); err == nil {
			wait = max(wait, bounded(d))
		}
	}
	return wait
}

func number(s string, unit time.Duration) (time.Duration, bool) {
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.IsNaN(n) {
		return 0, false
	}
	if n*float64(unit) >= float64(maxRetryAfter) {
		return maxRetryAfter, true
	}
	return bounded(time.Duration(n * float64(unit))), true
}

func bounded(d time.Duration) time.Duration { return min(max(d, 0), maxRetryAfter) }
