package edge

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
)

// appendError appends the one error envelope, which OpenAI's SDKs parse as well.
func appendError(dst []byte, e *errs.Error) []byte {
	dst = append(dst, `{"error":{"code":`...)
	dst = jsonscan.AppendQuoted(dst, string(e.Reason))
	dst = append(dst, `,"message":`...)
	dst = jsonscan.AppendQuoted(dst, e.Message)
	dst = append(dst, `,"type":`...)
	dst = jsonscan.AppendQuoted(dst, errs.KindOf(e.Reason).OpenAI)
	dst = append(dst, `,"param":`...)
	if e.Param == "" {
		dst = append(dst, `null`...)
	} else {
		dst = jsonscan.AppendQuoted(dst, e.Param)
	}
	dst = append(dst, `,"details":{`...)
	for i, key := range slices.Sorted(maps.Keys(e.Details)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = jsonscan.AppendQuoted(dst, key)
		dst = append(dst, ':')
		dst = jsonscan.AppendQuoted(dst, e.Details[key])
	}
	return append(dst, `}}}`...)
}

// writeError answers with an error. Nothing may have been written before.
func writeError(w http.ResponseWriter, e *errs.Error) {
	kind := errs.KindOf(e.Reason)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Del("Content-Length")
	if kind.Status == http.StatusTooManyRequests || e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(retrySeconds(e.RetryAfter), 10))
	}
	body := appendError(nil, e)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(kind.Status)
	// A caller that is gone cannot be told.
	_, _ = w.Write(body) //nolint:gosec // JSON, and quoted as such
}

// retrySeconds rounds up: a caller that waits so long is not sent away again.
func retrySeconds(d time.Duration) int64 {
	return max(1, int64((d+time.Second-1)/time.Second))
}
