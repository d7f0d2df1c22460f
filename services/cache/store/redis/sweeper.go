package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// This file has one process at a time sweep out what purges of a tenant left, of all that share a Redis. It has a lease, which
// it renews at each page and which Redis ends when it is silent, so that another goes on. The lease saves
// work and guards nothing: where Redis evicts it or fails over, two sweep, and each entry is removed once all the same.

// sweepTerm is for how long a process that sweeps may be silent. A page takes some milliseconds.
const sweepTerm = 15 * time.Second

// releasePatience is how long the end of a lease may take: else Redis ends it.
const releasePatience = time.Second

// errSwept is that another process sweeps for the tenant.
var errSwept = errors.New("redis: another process removes what purges left")

// sweeper is the key of the token of who sweeps for a tenant.
func (s *Store) sweeper(tenant string) string { return string(append(s.tag(tenant), ":sweeper"...)) }

// sweepLease is a round of sweeping for a tenant, which is known by a token of its own.
type sweepLease struct {
	store      *Store
	key, token string
}

// renewScript has a lease (KEYS 1) live for a life (ARGV 2) in ms from now on, and returns whether it is still that of
// a token (1).
var renewScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`)

// releaseScript ends a lease (KEYS 1), if it is still that of a token (ARGV 1).
var releaseScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])`)

// lease begins a round for a tenant. It fails with [errSwept] while another process is at one.
func (s *Store) lease(ctx context.Context, tenant string) (*sweepLease, error) {
	l := &sweepLease{store: s, key: s.sweeper(tenant), token: rand.Text()}
	err := s.client.SetArgs(ctx, l.key, l.token, redis.SetArgs{Mode: "NX", TTL: s.term}).Err()
	if errors.Is(err, redis.Nil) {
		return nil, errSwept
	}
	if err != nil {
		return nil, fmt.Errorf("redis: beginning to remove what purges left: %w", err)
	}
	return l, nil
}

// renew a lease. It fails with [errSwept] when the lease has ended, whether or not another process has one by now.
// Without a lease there is nothing to do.
func (l *sweepLease) renew(ctx context.Context) error {
	if l == nil {
		return nil
	}
	held, err := renewScript.Run(ctx, l.store.client, []string{l.key}, l.token, l.store.term.Milliseconds()).Bool()
	if err != nil {
		return fmt.Errorf("redis: going on to remove what purges left: %w", err)
	}
	if !held {
		return errSwept
	}
	return nil
}

// release ends a lease, so that another process need not wait for Redis to do so; it does where this fails.
func (l *sweepLease) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releasePatience)
	defer cancel()
	_ = releaseScript.Run(ctx, l.store.client, []string{l.key}, l.token).Err()
}
