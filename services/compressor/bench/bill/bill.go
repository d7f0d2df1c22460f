// Package bill works out what conversations cost at providers that keep the beginnings of
// prompts, with compression and without. It has its own reading of requests and its own
// caches, so that it can prove the compressor's wrong.
package bill

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"tollgate.dev/platform/money"
	"tollgate.dev/platform/pricing"
	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/bench/trace"
)

// Turn is what one request of a conversation costs.
type Turn struct {
	// Body is what the caller sent, Sent what went out.
	Body, Sent []byte
	// Result is the compressor's answer.
	Result compressor.Result
	// Without and With are the prompt's usage without compression and with it.
	Without, With pricing.Usage
	// Full is the cost without compression, Paid that with it, and Said is what the gateway
	// says that it saved.
	Full, Paid, Said money.Nano
}

// Bill is a conversation's.
type Bill struct {
	Turns []Turn
	// Full is the sum without compression, Paid that with it.
	Full, Paid money.Nano
}

// Ratio is what is paid of the full bill.
func (b *Bill) Ratio() float64 { return float64(b.Paid) / float64(b.Full) }

// Biller bills conversations.
type Biller struct {
	// Service compresses, and Counter counts; Prices are those of both.
	Service *compressor.Service
	Counter *tokens.Counter
	Prices  *pricing.Table
}

// Bill sends a conversation turn by turn, once as it is and once compressed, in an account of
// its own.
func (b *Biller) Bill(ctx context.Context, t *trace.Trace, m Model, profile string) (Bill, error) {
	a, err := b.Open(m, profile, t.Name+" "+profile+" "+m.Note)
	if err != nil {
		return Bill{}, err
	}
	for i := range t.Turns() {
		body, err := t.Request(i, m.Name, m.Breakpoints)
		if err != nil {
			return Bill{}, err
		}
		if _, err := a.Call(ctx, body); err != nil {
			return Bill{}, err
		}
	}
	return a.Bill, nil
}

// Account bills calls of one account at a provider, which keeps the beginnings of all of them.
type Account struct {
	// Bill is that of the calls so far.
	Bill Bill

	biller        *Biller
	model         Model
	profile       string
	tenant        string
	price         pricing.Price
	scale         *scale
	without, with *cache
}

// Open opens a tenant's account at a model's provider.
func (b *Biller) Open(m Model, profile, tenant string) (*Account, error) {
	price, ok := b.Prices.Lookup(m.Provider, m.Name)
	if !ok {
		return nil, fmt.Errorf("%s/%s has no price", m.Provider, m.Name)
	}
	return &Account{
		biller: b, model: m, profile: profile, tenant: tenant, price: price,
		scale:   &scale{counter: b.Counter, encoding: tokens.ForModel(m.Provider, m.Name), known: map[string]int64{}},
		without: newCache(m.Rules), with: newCache(m.Rules),
	}, nil
}

// Forget has the provider forget all that it keeps, as it does when nobody calls for long.
func (a *Account) Forget() {
	a.without.forget()
	a.with.forget()
}

// Off sends a request that is not to be compressed: as it is, to both.
func (a *Account) Off(body []byte) (Turn, error) {
	return a.send(Turn{Body: body, Sent: body})
}

// Call sends a request, once as it is and once compressed.
func (a *Account) Call(ctx context.Context, body []byte) (Turn, error) {
	turn := Turn{Body: body, Sent: body}
	var err error
	turn.Result, err = a.biller.Service.Compress(ctx, compressor.Request{Body: body, Profile: a.profile, Tenant: a.tenant, Provider: a.model.Provider, Model: a.model.Name})
	if err != nil {
		return Turn{}, err
	}
	if turn.Result.Body != nil {
		turn.Sent = turn.Result.Body
	}
	return a.send(turn)
}

func (a *Account) send(turn Turn) (Turn, error) {
	var err error
	if turn.Without, err = a.scale.send(a.without, turn.Body); err != nil {
		return Turn{}, err
	}
	if turn.With, err = a.scale.send(a.with, turn.Sent); err != nil {
		return Turn{}, err
	}
	turn.Full, turn.Paid = a.price.Cost(turn.Without, pricing.Options{}), a.price.Cost(turn.With, pricing.Options{})
	turn.Said = turn.Result.Saved(&a.price)
	a.Bill.Turns = append(a.Bill.Turns, turn)
	a.Bill.Full += turn.Full
	a.Bill.Paid += turn.Paid
	return turn, nil
}

// block is what a prompt is made of as a provider sees it: the tools, then each message.
type block struct {
	text   string
	tokens int64
	marked bool // a breakpoint of the caller's is at its end
}

// beginning names the blocks that a prompt begins with.
func beginning(blocks []block) string {
	var out strings.Builder
	for _, b := range blocks {
		fmt.Fprintf(&out, "%d %s", len(b.text), b.text)
	}
	return out.String()
}

// scale counts tokens, and remembers what it counted.
type scale struct {
	counter  *tokens.Counter
	encoding tokens.Encoding
	known    map[string]int64
}

func (s *scale) count(text string) (int64, error) {
	if n, ok := s.known[text]; ok {
		return n, nil
	}
	c, err := s.counter.Count(s.encoding, text)
	s.known[text] = c.Tokens
	return c.Tokens, err
}

func (s *scale) send(c *cache, body []byte) (pricing.Usage, error) {
	prompt, err := s.render(body)
	if err != nil {
		return pricing.Usage{}, err
	}
	return c.send(s, prompt)
}

// render reads a request.
func (s *scale) render(body []byte) ([]block, error) {
	type part struct {
		Type    string
		Text    string
		Control json.RawMessage `json:"cache_control"`
	}
	var request struct {
		Tools    json.RawMessage
		Messages []struct {
			Role    string
			Content json.RawMessage
			Calls   json.RawMessage `json:"tool_calls"`
		}
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, fmt.Errorf("reading a request: %w", err)
	}
	var prompt []block
	if request.Tools != nil {
		n, err := s.count(string(request.Tools))
		if err != nil {
			return nil, err
		}
		prompt = append(prompt, block{text: string(request.Tools), tokens: n})
	}
	for _, m := range request.Messages {
		b := block{tokens: tokens.PerMessage}
		texts := []string{m.Role}
		var whole string
		var parts []part
		switch {
		case json.Unmarshal(m.Content, &whole) == nil:
			texts = append(texts, whole)
		case json.Unmarshal(m.Content, &parts) == nil:
			for _, p := range parts {
				texts = append(texts, p.Text)
				b.marked = b.marked || p.Control != nil
			}
		}
		texts = append(texts, string(m.Calls))
		for _, text := range texts {
			n, err := s.count(text)
			if err != nil {
				return nil, err
			}
			b.tokens += n
			b.text += text + "\x00"
		}
		prompt = append(prompt, b)
	}
	return append(prompt, block{text: "\x00answer", tokens: tokens.PerReply}), nil
}

// common is how many tokens two prompts begin with in common.
func (s *scale) common(a, b []block) (n int64, err error) {
	for i := range min(len(a), len(b)) {
		if a[i].text == b[i].text {
			n += a[i].tokens
			continue
		}
		same := 0
		for x, y := a[i].text, b[i].text; same < min(len(x), len(y)) && x[same] == y[same]; {
			same++
		}
		for same > 0 && same < len(b[i].text) && !utf8.RuneStart(b[i].text[same]) {
			same--
		}
		inside, err := s.count(b[i].text[:same])
		return n + inside, err
	}
	return n, nil
}
