package gemini

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"tollgate.dev/platform/errs"
)

// finish maps a finishReason. Reasons that mean that generation failed, and those that
// are not known, are errors: the answer is not what was asked for.
func finish(reason string, calls int) (string, error) {
	switch reason {
	case "STOP":
		if calls > 0 {
			return "tool_calls", nil
		}
		return "stop", nil
	case "MAX_TOKENS":
		return "length", nil
	case "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII",
		"IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION":
		return "content_filter", nil
	}
	return "", errs.New(errs.ProviderError, "the provider ended its answer abnormally").
		WithDetail("finish_reason", enum(reason))
}

// enum is an enum's name, if it looks like one.
func enum(s string) string {
	if s == "" || len(s) > 64 {
		return "UNKNOWN"
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return "UNKNOWN"
		}
	}
	return s
}

// callID makes the id of a call that has none. It depends on the answer alone.
func callID(response string, candidate, n int, c *functionCall) string {
	b := append([]byte(response), 0)
	b = strconv.AppendInt(b, int64(candidate), 10)
	b = append(b, 0)
	b = strconv.AppendInt(b, int64(n), 10)
	b = append(append(append(append(b, 0), c.name...), 0), c.args...)
	sum := sha256.Sum256(b)
	return "call_" + hex.EncodeToString(sum[:12])
}

// answerID is the answer's id; one without is named after its first bytes.
func answerID(id string, body []byte) string {
	if id != "" {
		return id
	}
	sum := sha256.Sum256(body)
	return "chatcmpl-" + hex.EncodeToString(sum[:12])
}
