package edge

import (
	"encoding/json"
	"runtime"
	"strings"

	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/platform/pricing"
	"tollgate.dev/platform/tokens"
)

// estimatedPrompt is about how long the prompt is, in tokens, for limits on tokens
// per minute; the call's real usage corrects it. Four bytes make a token on average
// (OpenAI, "What are tokens and how to count them?").
func estimatedPrompt(req *chatRequest) int64 { return int64(len(req.body))/4 + 1 }

// counting bounds how many counts of tokens run at once. A count is work for a processor,
// and a caller can have one for hanging up: the others must not stand still for it.
type counting chan struct{}

func newCounting() counting { return make(counting, max(1, runtime.GOMAXPROCS(0)/2)) }

// do runs f when there is room.
func (c counting) do(f func()) {
	c <- struct{}{}
	defer func() { <-c }()
	f()
}

// estimate counts what the provider did not report. It is for calls that were cut off
// and for providers that report nothing: it takes up to a millisecond where the rest of
// a call takes microseconds. read says that something of an answer was there to count.
func (c *completion) estimate() (usage *usagev1.Usage, read bool) {
	usage = &usagev1.Usage{ServiceTier: c.namedTier(), Estimated: true}
	if c.req.region != globalRegion {
		usage.Region = c.req.region
	}
	c.e.counting.do(func() {
		served := c.outcome.served
		encoding := c.e.Prices.Encoding(served.GetDeploymentId(), served.GetProvider(), served.GetUpstreamModel())
		count := func(text string) int64 {
			n, err := c.e.Counter.Count(encoding, text)
			if err != nil {
				// Bytes bound tokens: too many is better than none.
				return int64(len(text))
			}
			return n.Tokens
		}
		usage.Input = c.promptEstimate(count)
		usage.Output, read = answerEstimate(&c.outcome, count)
	})
	return usage, read
}

// namedTier is the lane that the caller asked for, where that is one.
func (c *completion) namedTier() string {
	if tier, ok := pricing.ParseServiceTier(c.req.tier); !ok || tier == pricing.Auto || tier == pricing.Standard {
		return ""
	}
	return c.req.tier
}

// promptEstimate is about how many tokens the prompt has, and never more than what was
// reserved for it: all of that where the prompt is not all in the request.
func (c *completion) promptEstimate(count func(string) int64) int64 {
	bound := c.model.promptBound(&c.req)
	if c.req.unbounded {
		return bound
	}
	texts, messages := promptTexts(&c.req)
	n := gauge(texts, count) + tokens.ChatOverhead(messages, 0) + c.req.images*min(c.model.imageTokens, typicalImageTokens)
	return min(n, bound)
}

// typicalImageTokens is what an image is taken to cost where nobody reported it:
// Anthropic's figure for the largest size that it does not scale down, about 1,600 tokens
// (https://docs.anthropic.com/en/docs/build-with-claude/vision, November 2026).
const typicalImageTokens = 1600

const (
	// maxGauged is how much of a text is counted, in bytes: half a millisecond of work as a rule.
	maxGauged = 32 << 10
	// gaugePieces are taken of a longer one, evenly spread.
	gaugePieces = 8
)

// gauge is about how many tokens some texts have, the JSON of strings or of anything else.
// Of long ones a part is counted, and the rest taken to be as dense as its densest piece.
func gauge(texts [][]byte, count func(string) int64) int64 {
	total := 0
	for _, t := range texts {
		total += len(t)
	}
	if total <= maxGauged {
		var all strings.Builder
		for _, t := range texts {
			if s, err := jsonscan.String(t); err == nil {
				all.WriteString(s)
			} else {
				all.Write(t)
			}
		}
		return count(all.String())
	}
	const size = maxGauged / gaugePieces
	counted, most := int64(0), int64(0)
	at, begin := 0, 0 // texts[at] begins at that byte of all
	for i := range gaugePieces {
		from := i * (total - size) / (gaugePieces - 1)
		var piece strings.Builder
		for piece.Len() < size {
			for begin+len(texts[at]) <= from+piece.Len() {
				begin += len(texts[at])
				at++
			}
			rest := texts[at][from+piece.Len()-begin:]
			piece.Write(rest[:min(len(rest), size-piece.Len())])
		}
		n := count(piece.String())
		counted += n
		most = max(most, n)
	}
	rest := int64(total - maxGauged)
	return min(counted+(rest*most+size-1)/size, int64(total))
}

// promptTexts gathers what the model reads of a request, images and sounds left out.
func promptTexts(req *chatRequest) (texts [][]byte, messages int) {
	add := func(m jsonscan.Member, in []byte) {
		if m.Kind != jsonscan.KindNull {
			texts = append(texts, m.Raw(in))
		}
	}
	for m := range req.fields.All() {
		if name := string(m.Key); name != "messages" {
			if !outsideThePrompt(name) {
				add(m, req.body)
			}
			continue
		}
		all := m.Raw(req.body)
		// The body was validated: there is no error to meet.
		_ = jsonscan.ScanArray(all, func(_ int, v jsonscan.Value) error {
			messages++
			message := v.Raw(all)
			return jsonscan.ScanObject(message, func(m jsonscan.Member) error {
				switch name := string(m.Key); {
				case name == "role":
				case name == "content" && m.Kind == jsonscan.KindArray:
					parts := m.Raw(message)
					return jsonscan.ScanArray(parts, func(_ int, v jsonscan.Value) error {
						part := v.Raw(parts)
						if text, ok := jsonscan.Lookup(part, "text"); ok && text.Kind == jsonscan.KindString {
							texts = append(texts, text.Raw(part))
						}
						return nil
					})
				default:
					add(m, message)
				}
				return nil
			})
		})
	}
	return texts, messages
}

// answerEstimate is about how many tokens of an answer came, and whether any did.
func answerEstimate(o *outcome, count func(string) int64) (n int64, read bool) {
	if len(o.body) > maxCached {
		return gauge([][]byte{o.body}, count), true
	}
	said := answerText(o.body, o.chunks)
	if said == "" {
		return 0, o.cut
	}
	n = gauge([][]byte{[]byte(said)}, count)
	if o.cut && o.kept > 0 {
		n = (n*o.size + o.kept - 1) / o.kept // the rest is taken to be as dense
	}
	return n, true
}

// answerText gathers what the model wrote, of a whole answer or of chunks.
func answerText(body []byte, chunks [][]byte) string {
	type said struct {
		Content   string          `json:"content"`
		Refusal   string          `json:"refusal"`
		Reasoning string          `json:"reasoning_content"`
		ToolCalls json.RawMessage `json:"tool_calls"`
	}
	var b strings.Builder
	add := func(data []byte) {
		var answer struct {
			Choices []struct {
				Message said `json:"message"`
				Delta   said `json:"delta"`
			} `json:"choices"`
		}
		if json.Unmarshal(data, &answer) != nil {
			return
		}
		for _, choice := range answer.Choices {
			for _, s := range []said{choice.Message, choice.Delta} {
				b.WriteString(s.Reasoning)
				b.WriteString(s.Content)
				b.WriteString(s.Refusal)
				b.Write(s.ToolCalls)
			}
		}
	}
	if len(body) > 0 {
		add(body)
	}
	for _, chunk := range chunks {
		add(chunk)
	}
	return b.String()
}
