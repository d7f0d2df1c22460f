// Package router sends each call to one of the deployments of the model that the
// caller named, and brings the answer back in the OpenAI dialect.
package router

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/memory"
	"tollgate.dev/platform/secret"
	"tollgate.dev/platform/sse"
	"tollgate.dev/services/router/upstream"
)

// Deployment is one way to serve a model.
type Deployment struct {
	// ID tells deployments apart.
	ID string
	// Model is the name that callers use.
	Model string
	// Provider names the wire format, one of [Providers].
	Provider string
	// UpstreamModel is the model's name at the provider.
	UpstreamModel string
	// APIBase is the base URL; nil takes the provider's own.
	APIBase *url.URL
	// APIKey is the credential.
	APIKey secret.String
	// Weight is the share of calls under weighted shuffle, relative to the others; 0 counts as 1.
	Weight float64
	// Order ranks deployments: a higher one is used while all lower ones rest, are full or
	// have already failed the call.
	Order int
	// MaxParallel bounds calls at the same time; 0 does not.
	MaxParallel int64
	// Timeout bounds an attempt at a whole answer; 0 takes the router's.
	Timeout time.Duration
	// Cooldown is how long the deployment rests after too many failures; 0 takes the router's.
	Cooldown time.Duration
	// StreamTimeout bounds the wait for a stream's first event, StreamIdleTimeout that for
	// each further one; 0 takes the shorter one of the router's and Timeout. All of a stream
	// has the whole call's time.
	StreamTimeout, StreamIdleTimeout time.Duration
	// Headers are sent with every call.
	Headers http.Header
	// DropParams drops parameters that the provider cannot honour.
	DropParams bool
	// MaxOutput is the most tokens that the model can generate; 0 is unknown.
	MaxOutput int64
	// Rate is what a token costs, input and output added up, in pico-dollars; the
	// lowest-cost strategy compares it.
	Rate int64
	// Simulated says that the provider simulator answers.
	Simulated bool
	// ProviderHost says that the base URL is the provider's own. A tenant's credential for the
	// provider goes there, and to nobody whom an operator has put in its place.
	ProviderHost bool
}

// Credentials opens the credentials that tenants bring.
type Credentials interface {
	// Open returns a tenant's own credential for a provider.
	Open(ctx context.Context, tenant, provider string) (Credential, error)
}

// Credential is what a tenant brings for a provider.
type Credential struct {
	// APIKey is the provider's key.
	APIKey secret.String
	// APIBase is where the tenant's calls go; nil is the provider's own host.
	APIBase *url.URL
}

// Exchanger carries a request to a provider.
type Exchanger interface {
	// Do returns as soon as the answer's header is there. An error that [upstream.Unsent]
	// does not know to be of a request that never left is one of a call that may cost money.
	Do(ctx context.Context, req *upstream.Request) (*upstream.Response, error)
}

// Options configure a [Service].
type Options struct {
	// Deployments are all ways to serve all models.
	Deployments []Deployment
	// Aliases are further names of models.
	Aliases map[string]string
	// Strategy chooses among deployments; empty is [WeightedShuffle].
	Strategy Strategy
	// Retries is how many attempts may follow the first.
	Retries int
	// MinRetryWait is the least wait before a deployment that failed a call is tried again by
	// it. Going on to another deployment waits for nothing.
	MinRetryWait time.Duration
	// AllowedFails is how many failures in a minute a deployment may have before it rests;
	// [NeverRests] is any number. One that is its model's only deployment rests only when the
	// provider asks for it.
	AllowedFails int
	// Cooldown is how long a failing deployment rests; 0 is 5 s.
	Cooldown time.Duration
	// Timeout bounds a whole call; 0 is 10 minutes.
	Timeout time.Duration
	// StreamTimeout bounds the wait for a stream's first event; 0 is Timeout.
	StreamTimeout time.Duration
	// StreamIdleTimeout bounds the wait for each further event of a stream; 0 is Timeout, or
	// 5 minutes if that is less.
	StreamIdleTimeout time.Duration
	// MaxAnswerBytes bounds an answer, whole or streamed; 0 is 32 MiB.
	MaxAnswerBytes int64
	// Answers bounds the memory of all answers that are read whole, together; nil bounds
	// nothing. What the caller of Complete has got is the caller's to count.
	Answers *memory.Bound
	// Created is when the models were configured.
	Created time.Time
}

// NeverRests are more failures than any deployment has.
const NeverRests = math.MaxInt

// Service routes calls.
type Service struct {
	opts        Options
	providers   map[string]Provider
	groups      map[string]*group
	names       []string
	exchange    Exchanger
	credentials Credentials
	clock       clock.Clock
	log         *slog.Logger
	metrics     Metrics
	// random is in [0, 1).
	random func() float64
	// passages, readers, buffers and bodies hold memory that calls use one after another.
	passages, readers, buffers, bodies sync.Pool
}

// Metrics takes what operators want to know of routing.
type Metrics interface {
	// ProviderError counts a failed attempt, by the code of its error.
	ProviderError(provider, code string)
	// ProviderRetry counts an attempt beyond the first.
	ProviderRetry(provider string)
}

// group is the deployments of one model.
type group struct {
	name        string
	deployments []*deployment
}

// New returns a service. It refuses an unknown strategy; deployments with an unknown
// provider, without a base URL where the provider has none of its own, or with an id that
// occurs twice; and aliases of what is no model, or with the name of one.
func New(opts Options, exchange Exchanger, credentials Credentials, clk clock.Clock, log *slog.Logger, metrics Metrics) (*Service, error) {
	if opts.Strategy == "" {
		opts.Strategy = WeightedShuffle
	}
	if !slices.Contains(Strategies(), opts.Strategy) {
		return nil, errs.Newf(errs.InvalidRequest, "unknown routing strategy %q", opts.Strategy)
	}
	if opts.Cooldown <= 0 {
		opts.Cooldown = 5 * time.Second
	}
	if opts.Timeout <= 0 {
		opts.Timeout = 10 * time.Minute
	}
	if opts.StreamTimeout <= 0 {
		opts.StreamTimeout = opts.Timeout
	}
	if opts.StreamIdleTimeout <= 0 {
		opts.StreamIdleTimeout = min(opts.Timeout, 5*time.Minute)
	}
	if opts.MaxAnswerBytes <= 0 {
		opts.MaxAnswerBytes = 32 << 20
	}
	s := &Service{
		opts: opts, providers: Providers(), groups: make(map[string]*group), exchange: exchange,
		credentials: credentials, clock: clk, log: log, metrics: metrics,
		random:   rand.Float64,
		passages: sync.Pool{New: func() any { return new(passage) }},
		readers:  sync.Pool{New: func() any { return sse.NewReader(nil, sse.Options{}) }},
		buffers:  sync.Pool{New: func() any { return new(bytes.Buffer) }},
		bodies:   sync.Pool{New: func() any { return new([]byte) }},
	}
	seen := make(map[string]bool, len(opts.Deployments))
	for _, spec := range opts.Deployments {
		if seen[spec.ID] {
			return nil, errs.Newf(errs.InvalidRequest, "the deployment id %q occurs twice", spec.ID)
		}
		seen[spec.ID] = true
		d, err := s.newDeployment(spec)
		if err != nil {
			return nil, err
		}
		g := s.groups[spec.Model]
		if g == nil {
			g = &group{name: spec.Model}
			s.groups[spec.Model] = g
			s.names = append(s.names, spec.Model)
		}
		g.deployments = append(g.deployments, d)
	}
	if err := s.addAliases(); err != nil {
		return nil, err
	}
	slices.Sort(s.names)
	return s, nil
}

func (s *Service) addAliases() error {
	models := maps.Clone(s.groups) // an alias of an alias would depend on the map's order
	for alias, model := range s.opts.Aliases {
		g := models[model]
		if g == nil {
			return errs.Newf(errs.InvalidRequest, "the alias %q names no model: %q", alias, model)
		}
		if models[alias] != nil {
			return errs.Newf(errs.InvalidRequest, "the alias %q is also a model", alias)
		}
		s.groups[alias] = g
		s.names = append(s.names, alias)
	}
	return nil
}

func (s *Service) newDeployment(spec Deployment) (*deployment, error) {
	provider, ok := s.providers[spec.Provider]
	if !ok {
		return nil, errs.Newf(errs.InvalidRequest, "deployment %q: unknown provider %q", spec.ID, spec.Provider)
	}
	base := spec.APIBase
	if base == nil {
		if provider.BaseURL() == "" {
			return nil, errs.Newf(errs.InvalidRequest, "deployment %q: provider %q needs an api_base", spec.ID, spec.Provider)
		}
		var err error
		if base, err = url.Parse(provider.BaseURL()); err != nil {
			return nil, fmt.Errorf("deployment %q: base URL of provider %q: %w", spec.ID, spec.Provider, err)
		}
	}
	if spec.Weight <= 0 {
		spec.Weight = 1
	}
	if spec.Cooldown <= 0 {
		spec.Cooldown = s.opts.Cooldown
	}
	if spec.Timeout <= 0 {
		spec.Timeout = s.opts.Timeout
	}
	if spec.StreamTimeout <= 0 {
		spec.StreamTimeout = min(s.opts.StreamTimeout, spec.Timeout)
	}
	if spec.StreamIdleTimeout <= 0 {
		spec.StreamIdleTimeout = min(s.opts.StreamIdleTimeout, spec.Timeout)
	}
	plain := plainBase(base)
	return &deployment{Deployment: spec, provider: provider, base: plain, baseText: plain.String()}, nil
}

// plainBase takes the scheme, the host and the path: whatever else stands in a base URL, a
// credential say, is neither sent nor shown.
func plainBase(base *url.URL) url.URL {
	return url.URL{Scheme: base.Scheme, Host: base.Host, Path: strings.TrimSuffix(base.Path, "/")}
}

// group finds the deployments of a model.
func (s *Service) group(model string) (*group, error) {
	g, ok := s.groups[model]
	if !ok {
		return nil, errs.Newf(errs.ModelNotFound, "the model %q does not exist", model).WithParam("model")
	}
	return g, nil
}
