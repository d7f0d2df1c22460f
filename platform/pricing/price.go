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
}

// planned is a schedule from a day on.
type planned struct {
	from     time.Time
	rates    []band
	schedule Schedule
}

// Breakdown is a cost by class. The classes add up to Total exactly: each is the difference
// of two rounded running sums, so a class may be off by less than a nano-dollar.
type Breakdown struct {
	ByClass [NumClasses]money.Nano
	Total   money.Nano
}

// Cost returns what a call cost, rounded half up once to nano-dollars. The whole call is
// charged at the rates that its prompt length leads to. A cost beyond money.Max is
// money.Max.
func (p *Price) Cost(u Usage, o Options) money.Nano {
	rates := p.ratesFor(u.Prompt(), o.ServiceTier)
	if rates == nil {
		return 0
	}
	counts := u.counts()
	var sum pico
	for c, n := range counts {
		sum.add(rates[c], n)
	}
	return sum.nano()
}

// CostByClass returns what Cost returns, by class.
func (p *Price) CostByClass(u Usage, o Options) Breakdown {
	var b Breakdown
	rates := p.ratesFor(u.Prompt(), o.ServiceTier)
	if rates == nil {
		return b
	}
	var sum pico
	for c, n := range u.counts() {
		sum.add(rates[c], n)
		total := sum.nano()
		b.ByClass[c] = total - b.Total
		b.Total = total
	}
	return b
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
	return sum.nanoUp()
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

// pico is an unsigned 128-bit number of pico-dollars. Thirteen products of two 63-bit
// numbers can't overflow it.
type pico struct{ hi, lo uint64 }

func (p *pico) add(r Rate, n int64) {
	if n <= 0 || r <= 0 {
		return
	}
	hi, lo := bits.Mul64(uint64(r), uint64(n))
	var carry uint64
	p.lo, carry = bits.Add64(p.lo, lo, 0)
	p.hi, _ = bits.Add64(p.hi, hi, carry)
}

// nano rounds to nano-dollars, half up.
func (p pico) nano() money.Nano { return p.divide(500) }

// nanoUp rounds to nano-dollars, up: a bound may not be below what it bounds.
func (p pico) nanoUp() money.Nano { return p.divide(999) }

func (p pico) divide(plus uint64) money.Nano {
	lo, carry := bits.Add64(p.lo, plus, 0)
	hi := p.hi + carry
	if hi >= 1000 {
		return money.Max
	}
	q, _ := bits.Div64(hi, lo, 1000)
	if q > uint64(money.Max) {
		return money.Max
	}
	return money.Nano(q)
}
