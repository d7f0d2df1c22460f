// Package compressor is the compressor service: it makes prompts smaller before a
// provider call. What may be changed is package prompt's to say, how is the stages'
// (stage.go), what it does to the bill is told in economy.go, and whether it is worth it is
// decided in compression.go.
package compressor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
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
