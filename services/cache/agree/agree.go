// Package agree judges whether two finished answers to what may be one question say the same,
// so that serving the one for the other would not have been wrong. It reads them locally, knows
// nothing of the question, and is conservative: where it is in doubt, they don't agree.
//
// Its errors were measured on the pairs in testdata, see docs/02-Architecture.md. Answers that agree
// and differ anyway matter to the bound on wrong hits, see [MissedAtMost]; answers that say the
// same in words of their own and are not seen to do so only keep thresholds from being proven.
package agree

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// MissedAtMost is the share of differing answers that may be taken to agree: no less than the
// upper limit, at 95 % confidence, of what was measured on pairs that nothing was fitted to. What
// is learned from comparisons allows for it.
const MissedAtMost = 0.16

// Reason is why two answers agree or don't: one of [Reasons]. It holds nothing of the answers.
type Reason string

// Why answers agree.
const (
	Equal Reason = "equal" // but for case, spacing, markup
	Words Reason = "words" // they assert the same, in nearly the same words
	Value Reason = "value" // the one is the bare value that the other leads to
)

// Why answers don't agree.
const (
	Unreadable Reason = "unreadable" // no chat.completion, cut, filtered, empty, too long, no English
	Calls      Reason = "calls"      // other tool calls
	Code       Reason = "code"
	JSON       Reason = "json"
	Verdict    Reason = "verdict" // yes and no, an answer and a refusal
	Numbers    Reason = "numbers" // numbers, dates, units, signs
	Names      Reason = "names"
	Negation   Reason = "negation"
	Opposites  Reason = "opposites"
	Other      Reason = "other"     // words without a counterpart
	Swapped    Reason = "swapped"   // the same words, said of one another
	Order      Reason = "order"     // steps, ranks
	Condition  Reason = "condition" // if, unless, except, only
	Doubt      Reason = "doubt"     // perhaps, unlikely
	Length     Reason = "length"
)

// Reasons are all there are.
func Reasons() []Reason {
	return []Reason{
		Equal, Words, Value,
		Unreadable, Calls, Code, JSON, Verdict, Numbers, Names, Negation, Opposites, Other, Swapped, Order, Condition, Doubt, Length,
	}
}

// Bounds of a text that is read; longer ones agree when they are equal.
const (
	maxBytes = 32 << 10
	maxWords = 1000
)

// answer is what counts of a chat.completion.
type answer struct {
	Choices []struct {
		Message struct {
			Content   json.RawMessage `json:"content"`
			Refusal   string          `json:"refusal"`
			ToolCalls []struct {
				Function struct {
					Name      string `json:"name"`
					Arguments string `json:"arguments"`
				} `json:"function"`
			} `json:"tool_calls"`
		} `json:"message"`
		FinishReason string `json:"finish_reason"`
	} `json:"choices"`
}

// Answers judges two chat.completion objects. It is symmetric. An answer that is cut or filtered
// agrees with none; tool calls agree when they are the same calls in the same order.
func Answers(a, b []byte) (same bool, why Reason) {
	var x, y answer
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil || len(x.Choices) == 0 || len(x.Choices) != len(y.Choices) {
		return false, Unreadable
	}
	for i := range x.Choices {
		p, q := &x.Choices[i], &y.Choices[i]
		for _, reason := range []string{p.FinishReason, q.FinishReason} {
			if reason == "length" || reason == "content_filter" {
				return false, Unreadable
			}
		}
		if len(p.Message.ToolCalls) != len(q.Message.ToolCalls) {
			return false, Calls
		}
		for j := range p.Message.ToolCalls {
			f, g := &p.Message.ToolCalls[j].Function, &q.Message.ToolCalls[j].Function
			if f.Name == "" || f.Name != g.Name || !sameJSON(f.Arguments, g.Arguments) {
				return false, Calls
			}
		}
		s, ok := text(p.Message.Content, p.Message.Refusal)
		t, too := text(q.Message.Content, q.Message.Refusal)
		switch {
		case !ok || !too:
			return false, Unreadable
		case s == "" && t == "" && len(p.Message.ToolCalls) > 0:
			why = Equal
		default:
			if same, why = Texts(s, t); !same {
				return false, why
			}
		}
	}
	return true, why
}

// text of a message's content: a string, text parts, or none.
func text(content json.RawMessage, refusal string) (string, bool) {
	var s string
	if len(content) == 0 || json.Unmarshal(content, &s) == nil {
		return strings.TrimSpace(s + refusal), true
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if json.Unmarshal(content, &parts) != nil {
		return "", false
	}
	for _, p := range parts {
		if p.Type != "text" {
			return "", false
		}
		s += p.Text
	}
	return strings.TrimSpace(s + refusal), true
}

// Texts judges two answers by their texts. It is symmetric; a text that isn't empty agrees with
// itself.
func Texts(a, b string) (same bool, why Reason) {
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	switch {
	case a == "" || b == "":
		return false, Unreadable
	case a == b:
		return true, Equal
	case len(a) > maxBytes || len(b) > maxBytes:
		return false, Unreadable
	}
	if u, v := unfenced(a), unfenced(b); isJSON(u) || isJSON(v) {
		if sameJSON(u, v) {
			return true, Equal
		}
		return false, JSON
	}
	x, y := parse(a), parse(b)
	if !slices.Equal(x.blocks, y.blocks) {
		return false, Code
	}
	if !slices.Equal(x.irregular(), y.irregular()) {
		return false, Numbers
	}
	if x.asks != y.asks {
		return false, Doubt // a question is no answer
	}
	if x.plain != "" && x.plain == y.plain && slices.Equal(x.spans, y.spans) {
		return true, Equal
	}
	return compare(x, y)
}

// unfenced is a text without the fence around all of it.
func unfenced(s string) string {
	if !strings.HasPrefix(s, fence) || strings.Count(s, fence) != 2 || !strings.HasSuffix(s, fence) {
		return s
	}
	if _, body, ok := strings.Cut(strings.TrimSuffix(s, fence), "\n"); ok {
		return strings.TrimSpace(body)
	}
	return s
}

// isJSON reports whether a text is a JSON object or array.
func isJSON(s string) bool {
	return (strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[")) && json.Valid([]byte(s))
}

// sameJSON reports whether two texts are one JSON value, whatever the order of members and the
// spacing. Numbers are the same in the same digits.
func sameJSON(a, b string) bool {
	x, ok := canonical(a)
	y, too := canonical(b)
	return ok && too && bytes.Equal(x, y)
}

func canonical(s string) ([]byte, bool) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil || d.More() {
		return nil, false
	}
	out, err := json.Marshal(v) // members in order of their names
	return out, err == nil
}
