// Package redis counts rate limits in Redis 7 or later, for all replicas.
//
// # Layout
//
// An account is one hash, so that a report is one script on one key, in one slot of Redis
// Cluster:
//
//	<prefix>{scope:id:model}   id and model escaped as in a URL's query
//	  leases        MessagePack: replica → {seq, till, slots, q and t: {held, sum, oldest}}
//	  q:<replica>   MessagePack: the requests that it let through: quantum, at, n, quantum, …
//	  t:<replica>   the same of tokens
//
// It ends by itself two windows after its last use. Times are Redis's own; replicas report
// ages. Ids of keys are public names: no secret is in a key or a value.
package redis

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/edge/ratelimit"
)

// DefaultPrefix begins every key.
const DefaultPrefix = "tollgate:limit:"

//go:embed sync.lua
var syncSource string

// Options say where in Redis the counts are. Zero fields take the default named beside them.
type Options struct {
	// Prefix begins every key; [DefaultPrefix]. It must not hold a brace.
	Prefix string
	// Term is how long after its last report a replica's allowance is taken for spent, and
	// its parallel calls for ended; [ratelimit.StoreTerm].
	Term time.Duration
	// Clock stands in for Redis's own, for tests; nil.
	Clock clock.Clock
}

// Store counts in Redis. It implements [ratelimit.Shared].
type Store struct {
	client redis.UniversalClient
	script *redis.Script
	opts   Options
}

var _ ratelimit.Shared = (*Store)(nil)

// New returns a store over a client, which stays its owner's to close. Nothing is asked
// of the server: it may be absent.
func New(client redis.UniversalClient, opts Options) (*Store, error) {
	if opts.Prefix == "" {
		opts.Prefix = DefaultPrefix
	}
	if strings.ContainsAny(opts.Prefix, "{}") {
		return nil, errors.New("ratelimit: a brace in the prefix of Redis keys would put all accounts into one slot")
	}
	if opts.Term <= 0 {
		opts.Term = ratelimit.StoreTerm
	}
	return &Store{client: client, script: redis.NewScript(syncSource), opts: opts}, nil
}

// Ping is [ratelimit.Shared]'s.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	return nil
}

// Sync is [ratelimit.Shared]'s: one round trip, and another when Redis has lost the script.
func (s *Store) Sync(ctx context.Context, replica string, reports []ratelimit.Report) ([]ratelimit.Answer, error) {
	keys, args := make([][]string, len(reports)), make([][]any, len(reports))
	all := make([]int, len(reports))
	for i := range reports {
		keys[i], args[i], all[i] = []string{s.key(&reports[i].Account)}, s.args(replica, &reports[i]), i
	}
	answers := make([]ratelimit.Answer, len(reports))
	missing, err := s.run(ctx, all, answers, func(pipe redis.Pipeliner, i int) *redis.Cmd {
		return s.script.EvalSha(ctx, pipe, keys[i], args[i]...)
	})
	if err == nil && len(missing) > 0 {
		// Each server of a cluster has scripts of its own: the source goes where it is missing.
		missing, err = s.run(ctx, missing, answers, func(pipe redis.Pipeliner, i int) *redis.Cmd {
			return s.script.Eval(ctx, pipe, keys[i], args[i]...)
		})
	}
	if err == nil && len(missing) > 0 {
		err = errors.New("redis: the script is missing though it was sent")
	}
	if err != nil {
		return nil, err
	}
	return answers, nil
}

// run sends the reports of these indices, and returns those for which there is no script.
func (s *Store) run(ctx context.Context, of []int, into []ratelimit.Answer, send func(redis.Pipeliner, int) *redis.Cmd) (missing []int, _ error) {
	pipe := s.client.Pipeline()
	cmds := make([]*redis.Cmd, len(of))
	for i, report := range of {
		cmds[i] = send(pipe, report)
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	for i, cmd := range cmds {
		numbers, err := cmd.Int64Slice()
		switch {
		case err != nil && redis.HasErrorPrefix(err, "NOSCRIPT"):
			missing = append(missing, of[i])
			continue
		case err != nil:
			return nil, fmt.Errorf("redis: counting rate limits: %w", err)
		}
		var ok bool
		if into[of[i]], ok = parse(numbers); !ok {
			return nil, errors.New("redis: the script's answer cannot be read")
		}
	}
	return missing, nil
}

// key is where the account is. The braces are Redis Cluster's; what is escaped has none.
func (s *Store) key(a *ratelimit.AccountID) string {
	return s.opts.Prefix + "{" + a.Scope.String() + ":" + url.QueryEscape(a.ID) + ":" + url.QueryEscape(a.Model) + "}"
}

// most is the largest amount that Redis's scripts tell from the next one: their numbers
// are floats. A limit beyond it is none that anybody reaches.
const most = 1<<53 - 1

func (s *Store) args(replica string, r *ratelimit.Report) []any {
	var now any = ""
	if s.opts.Clock != nil {
		now = s.opts.Clock.Now().UnixMicro()
	}
	full := 0
	if r.Full {
		full = 1
	}
	args := make([]any, 0, 19+3*(len(r.Requests.Spent)+len(r.Tokens.Spent)))
	args = append(args, now, ratelimit.Window.Microseconds(), s.opts.Term.Microseconds(), replica, r.Seq, full,
		min(r.Parallel.Limit, most), min(r.Parallel.Keep, most), min(r.Parallel.Want, most))
	for _, c := range []*ratelimit.Counted{&r.Requests, &r.Tokens} {
		args = append(args, min(c.Limit, most), min(c.Keep, most), min(c.Need, most), min(c.Want, most), len(c.Spent))
		for _, spent := range c.Spent {
			// Rounded down, an age is never more than it was: nothing leaves the window early.
			args = append(args, spent.Quantum, spent.Age.Microseconds(), min(spent.N, most))
		}
	}
	return args
}

// parse reads the script's answer.
func parse(numbers []int64) (a ratelimit.Answer, ok bool) {
	if len(numbers) == 1 && numbers[0] == 0 {
		return a, true
	}
	const head, grant = 2, 3
	if len(numbers) < head+3*grant+2 {
		return a, false
	}
	a.Known, a.Replicas = true, numbers[1]
	numbers = numbers[head:]
	next := func(g *ratelimit.Grant) {
		g.Granted, g.Free, g.Others = numbers[0], numbers[1], numbers[2]
		numbers = numbers[grant:]
	}
	next(&a.Parallel)
	for _, g := range []*ratelimit.Grant{&a.Requests, &a.Tokens} {
		if len(numbers) <= grant {
			return a, false
		}
		next(g)
		count := int(numbers[0])
		if numbers = numbers[1:]; count < 0 || len(numbers) < 2*count {
			return a, false
		}
		for range count {
			g.Coming = append(g.Coming, ratelimit.Coming{N: numbers[0], In: time.Duration(numbers[1]) * time.Microsecond})
			numbers = numbers[2:]
		}
	}
	return a, len(numbers) == 0
}
