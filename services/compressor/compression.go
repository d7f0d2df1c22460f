package compressor

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"tollgate.dev/services/compressor/prompt"
)

// errPanic says that the code of a stage is at fault. What a panic says may quote the prompt.
var errPanic = errors.New("a panic")

// compress runs the stages. With an error comes the result that holds all the same.
func (s *Service) compress(ctx, reading context.Context, req Request, profile Profile) (held Result, err error) {
	c := compression{service: s, req: &req, profile: &profile}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w at %s", errPanic, debug.Stack())
		}
		held.TooLong = c.tooLong
		if !errors.Is(err, context.Canceled) { // nothing goes out
			c.course.done(ctx, err != nil)
		}
	}()
	if err := c.read(ctx, reading); err != nil {
		return Result{}, err
	}
	if err := c.count(ctx); err != nil {
		return c.uncounted(), err
	}
	if !c.open(ctx) {
		return c.unchanged(ctx, CacheEffect{}), nil
	}
	held = c.original() // if anything fails from here on
	held.Cache, held.Engine = c.likely.lost(c.prompt, c.course, c.before)
	done, err := c.shorten(ctx)
	if err != nil {
		return held, err
	}
	return c.result(ctx, done), nil
}

// compression is one prompt on its way: what is known of it, step by step.
type compression struct {
	service *Service
	req     *Request
	profile *Profile

	// By [compression.read].
	prompt        *prompt.Prompt
	likely, cache promptCache // of who is likely to serve, and the strictest of all that may
	course        *course
	by            []*Profile // that shortens each turn
	tooLong       bool

	// By [compression.count].
	meter  meter
	turns  []int64 // their sizes
	before []int64 // the sizes of the prompt up to the end of each

	// By [compression.open].
	last  *ending
	draft *prompt.Draft
}

// outcome is what stages made of a prompt.
type outcome struct {
	plan   plan
	stages []string // that changed something
	after  []int64  // the sizes of the prompt up to the end of each turn
}

// read takes the prompt apart, and locks what stays by what it is and by what went out before.
func (c *compression) read(ctx, reading context.Context) (err error) {
	if c.prompt, err = prompt.Parse(reading, c.req.Body); err != nil {
		return err
	}
	c.likely, c.cache = c.service.caches(c.req)
	if c.cache.least > 0 {
		c.prompt.IgnoreBreakpoints() // what went out before goes first
	}
	c.tooLong = bound(c.prompt.Texts, c.service.textBytes(c.profile), c.cache.least > 0)
	c.course = c.service.follow(ctx, c.req, c.profile, c.prompt, c.cache)
	if c.prompt.Breakpoints && c.cache.least > 0 {
		c.course.freeze(c.prompt)
		c.tooLong = false
	}
	c.by = c.course.profiles(c.profile, len(c.prompt.Turns))
	return nil
}

// count counts the prompt as it came.
func (c *compression) count(ctx context.Context) (err error) {
	opts := &c.service.opts
	c.meter = meter{counter: opts.Counter, encoding: opts.Encoding(c.req.DeploymentID, c.req.Provider, c.req.Model)}
	if c.turns, err = c.meter.prompt(ctx, c.prompt); err != nil {
		return err
	}
	c.before = prefixes(c.turns)
	return nil
}

// uncounted is the result where there was no time to count, with what is lost by a guess.
func (c *compression) uncounted() (held Result) {
	sizes := guessed(c.prompt)
	release(c.prompt, &prompt.Draft{Prefixes: sizes, Floors: make([]int64, len(sizes))}, c.by)
	held.Cache, held.Engine = c.likely.lost(c.prompt, c.course, sizes)
	return held
}

// open locks what stays by the prompt's size and by how others began, and makes a draft of what
// is left. It tells whether anything is.
func (c *compression) open(ctx context.Context) (left bool) {
	c.last = c.service.began.recall(ctx, c.req, c.profile, c.prompt, c.cache, c.before)
	if c.last != nil {
		c.last.untold = c.likely.least == 0
		if c.last.leave {
			c.course.leave()
		}
	}
	c.draft = &prompt.Draft{
		Tenant: c.req.Tenant, Texts: c.prompt.Texts, Rate: c.profile.Rate, Rates: rates(c.by), Encoding: c.meter.encoding,
		Prefixes: c.before, Floors: c.cache.floors(c.prompt), Kept: c.cache.least,
	}
	if !release(c.prompt, c.draft, c.by) {
		return false
	}
	if c.cache.least == 0 && c.service.opts.Prices != nil {
		c.prompt.Refocus()
	}
	return true
}

// shorten lets the stages work, and once more where the prompt became shorter than pays.
func (c *compression) shorten(ctx context.Context) (done outcome, err error) {
	if err := c.work(ctx, &done); err != nil {
		return done, err
	}
	done.plan = c.cache.plan(c.prompt, c.before, done.after, c.course.before(c.prompt))
	if !done.plan.more {
		return done, nil
	}
	c.draft.Floors = done.plan.floors
	release(c.prompt, c.draft, c.by)
	for _, t := range c.prompt.Texts {
		t.Restore()
	}
	err = c.work(ctx, &done)
	return done, err
}

// work lets the stages work once, and counts what they made.
func (c *compression) work(ctx context.Context, done *outcome) (err error) {
	if done.stages, err = c.service.run(ctx, &c.meter, c.draft, c.by); err != nil {
		return err
	}
	done.after, err = c.meter.after(ctx, c.prompt, c.turns)
	return err
}

// result is what goes out: the original where nothing was saved.
func (c *compression) result(ctx context.Context, done outcome) Result {
	result, last := c.original(), len(c.before)-2
	result.Compressed = done.after[len(done.after)-1]
	if result.Compressed >= result.Original {
		return c.unchanged(ctx, c.likely.effect(done.plan, c.before, c.before, last))
	}
	result.Body, result.Stages, result.Engine = c.prompt.Body(), done.stages, c.service.engine(done.stages)
	effect := c.likely.effect(done.plan, c.before, done.after, c.course.found(c.prompt))
	result.Cache = c.course.effect(effect, c.likely, c.prompt, c.before, done.after)
	result.Omitted = omitted(c.prompt)
	return c.last.done(ctx, result, c.before, done.after)
}

// original is the prompt as it came.
func (c *compression) original() Result {
	size := c.before[len(c.before)-1]
	return Result{Original: size, Compressed: size}
}

// unchanged is the result where the original goes out, with what becomes of the provider's cache.
func (c *compression) unchanged(ctx context.Context, cache CacheEffect) Result {
	result := c.original()
	if result.Cache = cache; cache.Lost > 0 {
		result.Engine = None
	}
	return c.last.done(ctx, result, c.before, c.before)
}

// run lets the stages of each turn's profile work, and returns the names of those that changed
// something.
func (s *Service) run(ctx context.Context, m *meter, draft *prompt.Draft, by []*Profile) (names []string, err error) {
	type done struct {
		stage string
		texts []*prompt.Text
	}
	var work []done
	for _, stage := range s.opts.Stages {
		if !slices.ContainsFunc(by, func(p *Profile) bool { return p.runs(stage.Name()) }) {
			continue
		}
		// What it is not to touch it may refer to.
		held := hold(draft.Texts, func(t *prompt.Text) bool { return !by[t.Turn].runs(stage.Name()) })
		changed, err := m.run(ctx, stage, draft)
		for _, t := range held {
			t.Locked = false
		}
		if err != nil {
			return nil, fmt.Errorf("stage %s: %w", stage.Name(), err)
		}
		work = append(work, done{stage.Name(), changed})
	}
	draft.Hold()
	for _, w := range work {
		if slices.ContainsFunc(w.texts, (*prompt.Text).Changed) {
			names = append(names, w.stage)
		}
	}
	return names, nil
}

// hold locks those of the texts that are to stay, and returns them.
func hold(texts []*prompt.Text, stays func(*prompt.Text) bool) (held []*prompt.Text) {
	for _, t := range texts {
		if !t.Locked && stays(t) {
			t.Locked = true
			held = append(held, t)
		}
	}
	return held
}

// rates are those of the turns' profiles.
func rates(by []*Profile) []float64 {
	rates := make([]float64, len(by))
	for i, p := range by {
		rates[i] = p.Rate
	}
	return rates
}

// engine is that of the stages that changed something: of what loses most.
func (s *Service) engine(stages []string) string {
	out := Lossless
	for _, stage := range s.opts.Stages {
		switch name := stage.Name(); {
		case !slices.Contains(stages, name):
		case isEngine(name): // its name is its stage's
			return name
		case stage.Loses():
			out = NearLossless
		}
	}
	return out
}

// omitted are the parts that were left out, each once, whether a mark stands in the prompt
// for it or in another part's place.
func omitted(p *prompt.Prompt) (all []prompt.Omission) {
	seen := map[string]bool{}
	for _, t := range p.Texts {
		for _, o := range t.Omitted() {
			if !seen[o.Name] {
				seen[o.Name] = true
				all = append(all, o)
			}
		}
	}
	return all
}

// prefixes sums the turns' tokens up to each one's end.
func prefixes(turns []int64) []int64 {
	sums, sum := make([]int64, len(turns)), int64(0)
	for i, n := range turns {
		sum += n
		sums[i] = sum
	}
	return sums
}

// textBytes is how much text a profile may compress.
func (s *Service) textBytes(p *Profile) int {
	if p.Engine == LLMLingua2 {
		return s.opts.ModelMaxTextBytes
	}
	return s.opts.MaxTextBytes
}

// bound locks the texts that end beyond so many bytes. Time alone would have the original go
// out in one turn and not in another, and each would write the provider's cache anew.
// It tells whether any is locked for this alone.
//
// Texts that are locked already take no time and do not count, unless kept tells that the provider
// keeps prompts by itself. There a text is to have the same end in every later turn, so its place is told by
// the bytes before it alone, and not by locks, which one call may have and another not. Where
// breakpoints end the cache, nothing after the last one is kept, and it may become what it likes.
func bound(texts []*prompt.Text, most int, kept bool) (tooLong bool) {
	size := 0
	for _, t := range texts {
		if t.Locked && !kept {
			continue
		}
		size += len(t.Original)
		tooLong = tooLong || size > most && !t.Locked
		t.Locked = t.Locked || size > most
	}
	return tooLong
}

// release locks the texts of turns that the prompt ends in while it is smaller than the size of
// the turn's profile, or than its floor: they went out as they were, or would be dearer. What
// the caller's own tags are around is not locked by size. It tells whether anything is left.
func release(p *prompt.Prompt, draft *prompt.Draft, by []*Profile) (left bool) {
	for i := range p.Turns {
		small := draft.Prefixes[i] < max(by[i].MinTokens, draft.Floors[i])
		for _, c := range p.Turns[i].Contents {
			for _, t := range c.Texts {
				t.Locked = t.Locked || small && !c.Tagged()
				left = left || !t.Locked
			}
			left = left || c.Changed()
		}
	}
	return left
}
