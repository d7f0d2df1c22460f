package pricing

import (
	"math/bits"
	"time"

	"tollgate.dev/platform/money"
)

// Price is what a model costs. The zero Price costs nothing; get one from a Table, or from
// NewPrice. It is read-only, cheap to copy, and safe for concurrent use.
type Price struct {
	Provider string   // openai, anthropic, gemini, groq, …
	Model    string   // the provider's own id
	Aliases  []string // other ids with the same price; don't change
	Mode     string   // chat, responses, completion, embedding; may be empty

	ContextWindow   int64 // tokens of prompt and answer together; 0 is unknown
	MaxOutputTokens int64 // tokens of the longest answer; 0 is none or unknown
	MaxImageTokens  int64 // most prompt tokens that one image costs; 0 is none or unknown

	Retires string // day on which the provider stops to serve it, or ""
	Source  string // where the rates come from
	AsOf    string // day on which the source said so, or ""
	Note    string // what else a reader should know

	rates    []band
	schedule Schedule  // what rates was worked out from
	plan     []planned // the schedules over time, the first without a day
	partial  bool      // the rates are some of the model's: see Tells
}

// planned is a schedule from a day on.
type planned struct {
	from     time.Time
	rates    []band
	schedule Schedule
}

// Cost returns what a call cost, rounded half up once to nano-dollars. The whole call is
// charged at the rates that its prompt length leads to. A cost beyond money.Max is
// money.Max.
func (p *Price) Cost(u Usage, o Options) money.Nano {
	rates := p.ratesFor(u.Prompt(), o.ServiceTier)
	if rates == nil {
		return 0
	}
	var sum sums
	for c, n := range u.counts() {
		sum.add(Class(c), rates[c], n)
	}
	return sum.nano(p.uplift(o))
}

// UpperBound returns an amount that no call can exceed whose prompt has at most promptTokens
// tokens and whose answer, reasoning included, at most maxOutputTokens. Each prompt token is
// taken as the dearest prompt class (a long-lived cache write, or sound), each answer token
// as the dearest answer class, both at the dearest prompt-length step that the prompt may
// reach, in the service tier that o names. o.Without leaves classes out that the caller
// knows to be impossible.
//
// A negative maxOutputTokens stands for "no limit given": the model's own limit, or else its
// context window. Images charged by the piece and search calls are not in it: add the Cost
// of a Usage that has the most of them. A bound beyond money.Max is money.Max.
func (p *Price) UpperBound(promptTokens, maxOutputTokens int64, o Options) money.Nano {
	if maxOutputTokens < 0 {
		maxOutputTokens = p.MaxOutputTokens
		if maxOutputTokens == 0 {
			maxOutputTokens = p.ContextWindow
		}
	}
	var prompt, output Rate
	for i := range p.rates {
		b := &p.rates[i]
		if i > 0 && promptTokens <= b.above {
			break
		}
		for t := range numTiers {
			if t != o.ServiceTier && (o.ServiceTier != Auto || t > Priority) {
				continue
			}
			for c, rate := range b.rates[t] {
				switch s := ClassSet(1) << c &^ o.Without; {
				case s&promptClasses != 0:
					prompt = max(prompt, rate)
				case s&outputClasses != 0:
					output = max(output, rate)
				}
			}
		}
	}
	var sum pico
	sum.add(prompt, promptTokens)
	sum.add(output, maxOutputTokens)
	return sum.times(p.uplift(o)).divide(10*picosInNano-1, 10*picosInNano)
}

// uplift is what tokens cost of a call that was held to a region, in tenths of their rates.
// Anthropic charges 1.1 times its rates, in all classes of tokens, for inference in the US
// (https://platform.claude.com/docs/en/manage-claude/data-residency, November 2026). OpenAI's
// uplift goes by the host, which no caller chooses: give such deployments prices of their own.
func (p *Price) uplift(o Options) uint64 {
	if o.Regional && p.Provider == "anthropic" {
		return 11
	}
	return 10
}

// ImageBound returns the most prompt tokens that one image can cost: the documented limit,
// or the context window where there is none, since no prompt can be longer. 0 means that
// neither is known.
func (p *Price) ImageBound() int64 {
	if p.MaxImageTokens > 0 {
		return p.MaxImageTokens
	}
	return p.ContextWindow
}

// Rate returns the rate of a class in a service tier for a prompt of that many tokens.
func (p *Price) Rate(c Class, tier ServiceTier, promptTokens int64) Rate {
	rates := p.ratesFor(promptTokens, tier)
	if rates == nil || c >= NumClasses {
		return 0
	}
	return rates[c]
}

// Tells tells whether it is known what a class costs. An entry that leaves a class out says that
// the provider has no rate of its own for it; a deployment's costs and LiteLLM's map, that nobody
// wrote one down.
func (p *Price) Tells(c Class) bool {
	return !p.partial || p.schedule.Rates.set.Has(c)
}

// Steps returns the prompt lengths above which other rates hold, rising.
func (p *Price) Steps() []int64 {
	var steps []int64
	for i := 1; i < len(p.rates); i++ {
		steps = append(steps, p.rates[i].above)
	}
	return steps
}

func (p *Price) ratesFor(promptTokens int64, tier ServiceTier) *[NumClasses]Rate {
	if len(p.rates) == 0 {
		return nil
	}
	i := len(p.rates) - 1
	for i > 0 && promptTokens <= p.rates[i].above {
		i--
	}
	if tier >= numTiers {
		tier = Standard
	}
	return &p.rates[i].rates[tier]
}

// at returns the price with the schedule that holds at a time.
func (p Price) at(now time.Time) Price {
	for _, s := range p.plan {
		if !now.Before(s.from) {
			p.rates, p.schedule = s.rates, s.schedule
		}
	}
	return p
}

// sums are what tokens cost, and what is charged by the piece.
type sums struct{ tokens, pieces pico }

func (s *sums) add(c Class, r Rate, n int64) {
	if c == Image || c == WebSearch {
		s.pieces.add(r, n)
	} else {
		s.tokens.add(r, n)
	}
}

// nano is the whole, with tokens at so many tenths, rounded to nano-dollars, half up.
func (s *sums) nano(tenths uint64) money.Nano {
	sum := s.tokens.times(tenths)
	pieces := s.pieces.times(10)
	var carry uint64
	sum.lo, carry = bits.Add64(sum.lo, pieces.lo, 0)
	sum.hi, _ = bits.Add64(sum.hi, pieces.hi, carry)
	return sum.divide(5*picosInNano, 10*picosInNano)
}

// picosInNano is how many pico-dollars a nano-dollar has.
const picosInNano = 1000

// pico is an unsigned 128-bit number of pico-dollars. Thirteen products of two 63-bit
// numbers can't overflow it.
type pico struct{ hi, lo uint64 }

// times returns the number multiplied by a small one, or one that is too large to divide.
func (p pico) times(n uint64) pico {
	hi, lo := bits.Mul64(p.lo, n)
	if p.hi >= 1<<32 {
		return pico{hi: 1 << 40}
	}
	return pico{hi: p.hi*n + hi, lo: lo}
}

func (p *pico) add(r Rate, n int64) {
	if n <= 0 || r <= 0 {
		return
	}
	hi, lo := bits.Mul64(uint64(r), uint64(n))
	var carry uint64
	p.lo, carry = bits.Add64(p.lo, lo, 0)
	p.hi, _ = bits.Add64(p.hi, hi, carry)
}

// divide adds, divides, and leaves the rest away.
func (p pico) divide(plus, by uint64) money.Nano {
	lo, carry := bits.Add64(p.lo, plus, 0)
	hi := p.hi + carry
	if hi >= by {
		return money.Max
	}
	q, _ := bits.Div64(hi, lo, by)
	if q > uint64(money.Max) {
		return money.Max
	}
	return money.Nano(q)
}
