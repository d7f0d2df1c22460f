// Package compressor is the compressor service: it makes prompts smaller before a
// provider call. What may be changed is package prompt's to say, how is the stages'
// (stage.go), what it does to the bill is told in economy.go, and whether it is worth it is
// decided here.
package compressor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/stage/llmlingua2"
)

// DefaultTimeout is how long a compression may take before the original goes out.
const DefaultTimeout = 50 * time.Millisecond

// DefaultModelTimeout is as much where a model is asked, which takes seconds.
const DefaultModelTimeout = 30 * time.Second

// DefaultMaxTextBytes is how much text of a prompt may be compressed, in bytes: some 30,000 tokens
// of English, which take a core 13 ms. Where seven others wanted each core, nine of ten were done
// within [DefaultTimeout].
const DefaultMaxTextBytes = 128 << 10

// DefaultModelMaxTextBytes is as much where a model is asked: what one of the size of BERT base
// does on one core within [DefaultModelTimeout] (docs/adr/0014).
const DefaultModelMaxTextBytes = 24 << 10

// DefaultProfile is the profile of a request that names none.
const DefaultProfile = "default"

// Profile says how much to compress, by which stages, and from where on.
type Profile struct {
	// Rate is the share of the tokens of what may be changed, in (0, 1], that stages which
	// lose something aim to keep. Stages that lose nothing do what they can.
	Rate float64
	// MinTokens is the size of a prompt, in tokens, from which it is compressed: what was
	// sent while it was smaller stays. Texts with tags of the caller's own are compressed
	// in a prompt of any size.
	MinTokens int64
	// Stages are the names of those that run; nil is all.
	Stages []string
	// Engine is which of the stages that shorten text by what it says may run, [Extractive]
	// or [LLMLingua2]; empty is the former.
	Engine string
}

// runs tells whether a stage runs for the profile.
func (p *Profile) runs(stage string) bool {
	if isEngine(stage) && stage != p.engine() {
		return false
	}
	return p.Stages == nil || slices.Contains(p.Stages, stage)
}

// engine is which of the stages that shorten text may run.
func (p *Profile) engine() string { return cmp.Or(p.Engine, Extractive) }

// checkProfiles returns all that is wrong with profiles, in the order of their names.
func checkProfiles(profiles map[string]Profile, stages []Stage) error {
	var faults []error
	if _, ok := profiles[DefaultProfile]; !ok {
		faults = append(faults, errors.New("there is no profile default"))
	}
	for _, name := range slices.Sorted(maps.Keys(profiles)) {
		p := profiles[name]
		for _, fault := range p.faults(stages) {
			faults = append(faults, fmt.Errorf("profile %q %w", name, fault))
		}
	}
	return errors.Join(faults...)
}

// faults are all that is wrong with a profile.
func (p *Profile) faults(stages []Stage) (faults []error) {
	if !(p.Rate > 0 && p.Rate <= 1) || p.MinTokens < 0 {
		faults = append(faults, errors.New("wants a rate in (0, 1] and a size of 0 or more"))
	}
	exists := func(stage string) bool {
		return slices.ContainsFunc(stages, func(s Stage) bool { return s.Name() == stage })
	}
	known := p.Engine == "" || isEngine(p.Engine)
	for _, stage := range p.Stages {
		switch {
		case !exists(stage) && stage != LLMLingua2:
			faults = append(faults, fmt.Errorf("names a stage %q that there is not: there are %s", stage, strings.Join(Names(), ", ")))
		case known && !p.runs(stage):
			faults = append(faults, fmt.Errorf("names the stage %q, and has another engine", stage))
		}
	}
	switch {
	case !known:
		faults = append(faults, fmt.Errorf("names an engine %q that there is not", p.Engine))
	case p.Engine == LLMLingua2 && !exists(LLMLingua2):
		faults = append(faults, errors.New("has the engine llmlingua2, for which there is no model"))
	}
	return faults
}

// Profiles are those of the product.
func Profiles() map[string]Profile {
	return map[string]Profile{
		DefaultProfile: {Rate: 0.5, MinTokens: 500},
		"rag":          {Rate: 0.33, MinTokens: 1000},
		"chat":         {Rate: 0.6, MinTokens: 300},
	}
}

// Options are the rules of a [Service]. Zero fields take the default beside them.
type Options struct {
	// Profiles by name; [Profiles]. One of them is called default.
	Profiles map[string]Profile
	// Timeout is [DefaultTimeout].
	Timeout time.Duration
	// MaxTextBytes bounds the text that is compressed, in bytes from the beginning of the
	// conversation on: what comes after stays. Where breakpoints alone end the provider's cache,
	// what stays in any case does not count; elsewhere it does, and what comes after stays in every
	// later turn too. [DefaultMaxTextBytes].
	MaxTextBytes int
	// ModelMaxTextBytes stands in its place for profiles with the engine llmlingua2;
	// [DefaultModelMaxTextBytes].
	ModelMaxTextBytes int
	// Model is what the engine llmlingua2 asks; without one no profile may have that.
	Model llmlingua2.Model
	// ModelTimeout stands in Timeout's place for profiles with that engine;
	// [DefaultModelTimeout].
	ModelTimeout time.Duration
	// Counter counts tokens; have one in a process. A new one.
	Counter *tokens.Counter
	// Encoding tells how a deployment's text becomes tokens; [tokens.ForModel] of its provider's
	// model.
	Encoding func(deploymentID, provider, model string) tokens.Encoding
	// Prices tell what a provider's own prompt cache is worth; without them it is worth
	// nothing.
	Prices Prices
	// Stages run in this order; all there are. A pipeline without a stage is an empty list
	// that is not nil.
	Stages []Stage
	// Keeper keeps what is left out; nobody when nil.
	Keeper *Keeper
	// Notes remember how prompts began, so that many about the same documents are not dearer
	// than they would be in the provider's cache; nobody does when nil.
	Notes Notes
	// NotesTimeout is how long one exchange with them may take; [DefaultNotesTimeout]. [AtOnce]
	// is for notes that never wait.
	NotesTimeout time.Duration
	// Clock tells how long a compression took, and how long ago prompts began; the system's.
	Clock clock.Clock
	// Logger takes failures, without a word of a prompt; nobody.
	Logger *slog.Logger
}

// Service compresses prompts.
type Service struct {
	opts   Options
	notes  *notesClient // nil where there are none
	began  *beginnings
	lately lately
}

// New checks the options and returns a service. An error names each fault of each profile.
func New(opts Options) (*Service, error) {
	if opts.Profiles == nil {
		opts.Profiles = Profiles()
	}
	opts.Profiles = maps.Clone(opts.Profiles)
	if opts.Counter == nil {
		opts.Counter = &tokens.Counter{}
	}
	if opts.Encoding == nil {
		opts.Encoding = func(_, provider, model string) tokens.Encoding { return tokens.ForModel(provider, model) }
	}
	if opts.Stages == nil {
		opts.Stages = stages(opts.Counter, opts.Model)
	}
	if err := checkProfiles(opts.Profiles, opts.Stages); err != nil {
		return nil, fmt.Errorf("compressor: %w", err)
	}
	if opts.Timeout <= 0 {
		opts.Timeout = DefaultTimeout
	}
	if opts.MaxTextBytes <= 0 {
		opts.MaxTextBytes = DefaultMaxTextBytes
	}
	if opts.ModelMaxTextBytes <= 0 {
		opts.ModelMaxTextBytes = DefaultModelMaxTextBytes
	}
	if opts.ModelTimeout <= 0 {
		opts.ModelTimeout = DefaultModelTimeout
	}
	if opts.Clock == nil {
		opts.Clock = clock.Real()
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	notes := newNotesClient(&opts)
	return &Service{opts: opts, notes: notes, began: newBeginnings(notes, opts.Clock)}, nil
}

// Run writes what is noted of prompts, so that no call waits for it, until ctx ends; and then what
// still waits. While it does not run, calls write themselves.
func (s *Service) Run(ctx context.Context) error {
	if s.notes == nil {
		<-ctx.Done()
		return nil
	}
	s.notes.run(ctx)
	return nil
}

// Request is a prompt to compress.
type Request struct {
	// Body is a chat-completions request in OpenAI's dialect. It is not written to.
	Body []byte
	// Profile is a profile's name; empty is default.
	Profile string
	// Rate goes before the profile's; 0 is none.
	Rate float64
	// Tenant is whom what is left out is kept for; empty keeps nothing. How prompts began is
	// remembered of each tenant apart, and of calls without one together.
	Tenant string
	// Forget keeps nothing of what is left out for the tenant.
	Forget bool
	// Provider and Model decide the tokenizer, and with the deployment's price what the
	// provider's cache is worth. They are those of the deployment that is likely to serve.
	Provider, Model, DeploymentID string
	// Others may serve as well: what the prompt costs is not more at any of them.
	Others []Deployment
}

// Deployment is a model at a provider; its ID, which may be empty, finds a price of its own.
type Deployment struct{ Provider, Model, ID string }

// Result is what became of a prompt.
type Result struct {
	// Body is the smaller request; nil when the original is to go out. That may lose something
	// too: see Cache.
	Body []byte
	// Original and Compressed are the prompt's tokens before and after, equal when the
	// original is to go out. Both are 0 when nobody knows: the request could not be read,
	// or there was no time to count.
	Original, Compressed int64
	// Cache is what becomes of the provider's own prompt cache.
	Cache CacheEffect
	// Stages are the names of those that changed something.
	Stages []string
	// Engine is what shortened text most; empty when nothing changed, or [None].
	Engine string
	// Late tells that the original is to go out for lack of time, Failed that it is after a
	// failure.
	Late, Failed bool
	// TooLong tells that text which might have been shortened stays, beyond what a prompt may have
	// of it: see [Options.MaxTextBytes]. It may be set beside a body.
	TooLong bool
	// Took is how long it took.
	Took time.Duration
	// Omitted are the parts that were left out, in order. They can be fetched if there is a
	// Keeper, and the request has a tenant and does not say Forget.
	Omitted []prompt.Omission
}

// Compress makes a prompt smaller where that saves tokens. On any doubt, on a stage's
// failure and at the end of its time the original is to go out, which is no error. Errors are
// [errs.InvalidRequest], for a profile that there is not and a rate that is none, and
// [errs.Internal], for a vocabulary that cannot be read.
func (s *Service) Compress(ctx context.Context, req Request) (Result, error) {
	name := req.Profile
	if name == "" {
		name = DefaultProfile
	}
	profile, ok := s.opts.Profiles[name]
	if !ok {
		return Result{}, errs.New(errs.InvalidRequest, "there is no such compression profile").WithParam("profile")
	}
	if req.Rate != 0 {
		if !(req.Rate > 0 && req.Rate <= 1) {
			return Result{}, errs.New(errs.InvalidRequest, "a compression rate is above 0 and at most 1").WithParam("rate")
		}
		profile.Rate = req.Rate
	}
	if err := s.prepare(req); err != nil {
		return Result{}, err
	}
	began := s.opts.Clock.Now()
	timeout := s.opts.Timeout
	if profile.Engine == LLMLingua2 {
		timeout = s.opts.ModelTimeout
	}
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	// What is late is read all the same, to know what that loses of the provider's cache; but not
	// for ever.
	reading, stop := context.WithTimeout(ctx, max(timeout, DefaultTimeout))
	defer stop()
	result, err := s.compress(bounded, reading, req, profile)
	if err == nil && !req.Forget {
		s.opts.Keeper.keep(ctx, req.Tenant, result.Omitted)
	}
	result.Took = s.opts.Clock.Now().Sub(began)
	switch {
	case err == nil, errors.Is(err, prompt.ErrShape), ctx.Err() != nil:
	case errors.Is(err, context.DeadlineExceeded):
		result.Late = true
		s.opts.Logger.DebugContext(ctx, "a prompt could not be compressed in time; the original goes out",
			"profile", name, "bytes", len(req.Body))
	default:
		result.Failed = true
		s.opts.Logger.WarnContext(ctx, "a prompt could not be compressed; the original goes out",
			"profile", name, "bytes", len(req.Body), "error", err)
	}
	return result, nil
}

// prepare builds the vocabulary that a prompt needs, if its model has one: once in a process, in
// up to a tenth of a second. It is not in the time of a compression: the first prompt of a
// conversation would go out as it came, and the second otherwise.
func (s *Service) prepare(req Request) error {
	if _, err := s.opts.Counter.Count(s.opts.Encoding(req.DeploymentID, req.Provider, req.Model), "a"); err != nil {
		return errs.New(errs.Internal, "a vocabulary cannot be read").WithCause(err)
	}
	return nil
}

// Omitted returns what was left out of a prompt of a tenant's, by its name. It fails with
// [errs.NotFound], and with [errs.ServiceUnavailable] when it cannot be looked for.
func (s *Service) Omitted(ctx context.Context, tenant, name string) (string, error) {
	return s.opts.Keeper.find(ctx, tenant, name)
}

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

// The engines: what a prompt was shortened by.
const (
	// Lossless stages lose nothing.
	Lossless = "lossless"
	// NearLossless ones leave out what repeats, what is overwritten and what is no text.
	NearLossless = "near_lossless"
	// Extractive leaves out sentences.
	Extractive = "extractive"
	// LLMLingua2 leaves out words.
	LLMLingua2 = "llmlingua2"
	// None stands where the original goes out although earlier turns, or earlier prompts with
	// the same beginning, went out compressed, so that the provider does not find them in its
	// cache.
	None = "none"
)

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

func isEngine(stage string) bool { return stage == Extractive || stage == LLMLingua2 }

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
