package llmlingua

import (
	"context"
	"slices"
	"strconv"

	"tollgate.dev/platform/tokens"
)

// sequence is how many tokens the model reads at once, its own two included.
const sequence = 512

// added names the token that stands for the i-th of those to keep.
func added(i int) string { return "[NEW" + strconv.Itoa(i) + "]" }

// Result is what becomes of several contexts.
type Result struct {
	// Texts are the compressed contexts that were kept, in order.
	Texts []string
	// Kept are their indices.
	Kept []int
}

// CompressContexts drops the words of texts that the model holds for the least needed, and
// before that whole texts, when the options say so and there is more than one. It returns
// context.DeadlineExceeded when ctx ends before, and errs.InvalidRequest for options that
// say nothing. No error holds a word of the texts.
func (e *Engine) CompressContexts(ctx context.Context, contexts []string, o ContextOptions) (Result, error) {
	if err := o.check(); err != nil {
		return Result{}, err
	}
	c := call{engine: e, tenant: o.Tenant, options: o.Options, keep: e.forced(o.ForceTokens), scores: map[string][]float32{}}
	r := Result{}
	chunked := make([][]string, len(contexts))
	for i, text := range contexts {
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
		chunked[i] = e.chunks(c.keep.hide(text), c.ends())
		r.Kept = append(r.Kept, i)
	}
	rate := o.Options.Rate
	switch {
	case o.Filter && len(contexts) > 1:
		var err error
		if r.Kept, err = c.filter(ctx, contexts, chunked, o); err != nil {
			return Result{}, err
		}
		if o.Options.TargetTokens > 0 {
			left := 0
			for _, i := range r.Kept {
				n, err := e.count(chunked[i]...)
				if err != nil {
					return Result{}, err
				}
				left += n
			}
			rate = share(o.Options.TargetTokens, left)
		}
	case o.Options.TargetTokens > 0:
		n, err := e.count(contexts...)
		if err != nil {
			return Result{}, err
		}
		rate = share(o.Options.TargetTokens, n)
	}
	if o.WholeContexts {
		rate = 1
	}
	var all []string
	for _, i := range r.Kept {
		all = append(all, chunked[i]...)
	}
	if rate < 1 {
		if err := c.score(ctx, all); err != nil {
			return Result{}, err
		}
	}
	for _, i := range r.Kept {
		out := ""
		for _, chunk := range chunked[i] {
			text := c.keep.show(chunk)
			if rate < 1 {
				var err error
				if text, err = c.compress(chunk, 1-rate); err != nil {
					return Result{}, err
				}
			}
			out += text
		}
		r.Texts = append(r.Texts, out)
	}
	return r, nil
}

// share is the rate at which a number of tokens becomes another.
func share(target, of int) float64 {
	if of == 0 {
		return 1
	}
	return min(float64(target)/float64(of), 1)
}

// count returns how many tokens texts have together in cl100k_base, the reference's measure.
func (e *Engine) count(texts ...string) (int, error) {
	sum := 0
	for _, t := range texts {
		n, err := e.counter.Count(tokens.CL100k, t)
		if err != nil {
			return 0, err
		}
		sum += int(n.Tokens)
	}
	return sum, nil
}

func (e *Engine) forced(list []string) forced {
	f := forced{tokens: list}
	for i, token := range list {
		if len(e.tokenizer.Tokenize(token)) == 1 {
			continue
		}
		if at := slices.Index(f.from, token); at >= 0 {
			f.to[at] = added(i) // named twice: the later one counts
			continue
		}
		f.from, f.to = append(f.from, token), append(f.to, added(i))
	}
	return f
}

// chunks cuts a text where the model has read enough: at the last token that may end a
// chunk, or anywhere.
func (e *Engine) chunks(text string, ends []string) []string {
	const most = sequence - 2
	all := e.tokenizer.Tokenize(text)
	var out []string
	for len(all) > 0 {
		if len(all) <= most {
			return append(out, e.tokenizer.Join(all))
		}
		// The token at most still belongs to it, so that a chunk may be one longer.
		last := most
		for i := most; i > 0; i-- {
			if slices.Contains(ends, all[i]) {
				last = i
				break
			}
		}
		out = append(out, e.tokenizer.Join(all[:last+1]))
		all = all[last+1:]
	}
	return out
}

// asked is a chunk as the model is asked about it.
type asked struct {
	tenant    string // whose it is
	ids, mask []int64
}

func (e *Engine) ask(tenant, chunk string) asked {
	all := slices.Concat([]string{begin}, e.tokenizer.Tokenize(chunk), []string{end})
	all = all[:min(len(all), sequence)]
	a := asked{tenant: tenant, ids: make([]int64, len(all)), mask: make([]int64, len(all))}
	for i, token := range all {
		a.ids[i] = int64(e.tokenizer.ID(token))
		if token != padding {
			a.mask[i] = 1
		}
	}
	return a
}

// call is one call's state: what the model said of its chunks, by their text.
type call struct {
	engine  *Engine
	tenant  string
	options Options
	keep    forced
	scores  map[string][]float32
}

func (c *call) ends() []string {
	ends := c.options.chunkEnds()
	for i, from := range c.keep.from {
		if slices.Contains(ends, from) {
			ends = append(slices.Clip(ends), c.keep.to[i])
		}
	}
	return ends
}

// score asks the model about chunks that it was not asked about yet.
func (c *call) score(ctx context.Context, chunks []string) error {
	var names []string
	var questions []asked
	for _, chunk := range chunks {
		if _, ok := c.scores[chunk]; !ok {
			c.scores[chunk] = nil
			names, questions = append(names, chunk), append(questions, c.engine.ask(c.tenant, chunk))
		}
	}
	answers, err := c.engine.probabilities(ctx, questions)
	if err != nil {
		return err
	}
	for i, name := range names {
		c.scores[name] = answers[i]
	}
	return nil
}

func (c *call) words(chunk string) []word {
	a := c.engine.ask(c.tenant, chunk)
	var names []string
	var probabilities []float32
	for i, id := range a.ids {
		if a.mask[i] == 1 {
			names = append(names, c.engine.tokenizer.Token(int(id)))
			probabilities = append(probabilities, c.scores[chunk][i])
		}
	}
	return c.engine.family.merge(names, probabilities, c.keep, c.options.ForceReserveDigit)
}

// filter returns the indices of the contexts to keep.
func (c *call) filter(ctx context.Context, contexts []string, chunked [][]string, o ContextOptions) ([]int, error) {
	rate, target := o.Rate, o.TargetTokens
	if rate <= 0 {
		rate = 1
	}
	if o.Target <= 0 && rate >= 1 && target <= 0 {
		switch {
		case o.Options.TargetTokens > 0:
			if target = o.Options.TargetTokens; !o.WholeContexts {
				target *= 2
			}
		case o.Options.Rate < 1:
			if rate = o.Options.Rate; !o.WholeContexts {
				rate = (rate + 1) / 2
			}
		}
	}
	if o.Target > 0 {
		rate = min(float64(o.Target)/float64(len(contexts)), 1)
	}
	if target > 0 {
		n, err := c.engine.count(contexts...)
		if err != nil {
			return nil, err
		}
		rate = share(target, n)
	}
	if err := c.score(ctx, slices.Concat(chunked...)); err != nil {
		return nil, err
	}
	means := make([]probability, len(contexts))
	for i, chunks := range chunked {
		var all []probability
		for _, chunk := range chunks {
			for _, w := range c.words(chunk) {
				all = append(all, value(w.plain, c.options.FirstToken))
			}
		}
		if len(all) > 0 { // the reference fails for one without words; here it is the least needed
			means[i] = mean(all)
		}
	}
	threshold := percentile(means, int(100*(1-min(rate, 1))))
	var kept []int
	for i, m := range means {
		if m.value >= threshold || slices.Contains(o.Always, i) {
			kept = append(kept, i)
		}
	}
	return kept, nil
}

// compress drops words of a chunk. One without words (unknown characters alone), of which
// the reference makes an error, stays as it is.
func (c *call) compress(chunk string, reduce float64) (string, error) {
	words := c.words(chunk)
	if len(words) == 0 {
		return c.keep.show(chunk), nil
	}
	values := make([]probability, len(words))
	for i, w := range words {
		values[i] = value(w.tokens, c.options.FirstToken)
	}
	if c.options.DropConsecutive {
		c.dropConsecutive(words, values, percentile(values, int(100*reduce)))
	}
	// Every token that a word costs the target counts.
	weighted := make([]probability, 0, len(words))
	for i, w := range words {
		n, err := c.engine.count(w.text)
		if err != nil {
			return "", err
		}
		for range n {
			weighted = append(weighted, values[i])
		}
	}
	// The conversion keeps the product from being rounded together with the sum.
	threshold := percentile(weighted, min(int(float64(100*reduce)+1), 100))
	var kept []string
	for i, w := range words {
		if v := values[i].value; v <= threshold && (threshold != 1 || v != threshold) {
			continue
		}
		if c.options.DropConsecutive && len(kept) > 0 && kept[len(kept)-1] == w.text && slices.Contains(c.keep.tokens, w.text) {
			continue
		}
		kept = append(kept, w.text)
	}
	return c.engine.tokenizer.Join(kept), nil
}

// dropConsecutive makes improbable what is to be kept, but follows the same with no word
// above the threshold in between.
func (c *call) dropConsecutive(words []word, values []probability, threshold float64) {
	between, before := false, ""
	for i, w := range words {
		if !slices.Contains(c.keep.tokens, w.text) {
			between = between || values[i].value > threshold
			continue
		}
		if between {
			between = false
		} else if w.text == before {
			values[i] = probability{0, true}
		}
		before = w.text
	}
}
