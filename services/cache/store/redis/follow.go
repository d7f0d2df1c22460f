package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"tollgate.dev/platform/redisx"
	"tollgate.dev/services/cache"
)

const (
	// followBatch is how many changes are read at a time: with the longest questions and
	// vectors they take 2 MB.
	followBatch = 256
	// followWait is how long Redis holds an answer back when there is nothing new.
	followWait = time.Second
	// followPatience is how much longer than that an answer may take before the connection
	// counts as lost, which no end of it tells when the network drops packets.
	followPatience = 2 * time.Second
)

// Follow is [cache.Feed]'s. It holds a connection of its own, and in memory a batch of
// changes. Records that are gone or have expired by now are left out.
func (s *Store) Follow(ctx context.Context, after string, apply func(cache.Change), current func()) error {
	own, err := dedicated(s.client)
	if err != nil {
		return err
	}
	// While it waits for an answer the driver does not look at the context.
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		_ = own.Close()
	})
	defer func() {
		if stop() {
			_ = own.Close()
			return
		}
		<-closed
	}()
	err = s.follow(ctx, own, after, apply, current)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("redis: following the cache's changes: %w", err)
}

// dedicated is a client of the same server with one connection.
func dedicated(client redis.UniversalClient) (redis.UniversalClient, error) {
	switch c := client.(type) {
	case *redis.Client:
		opts := *c.Options()
		opts.PoolSize, opts.MaxActiveConns, opts.MinIdleConns = 1, 0, 0
		return redisx.Guarded(redis.NewClient(&opts)), nil
	case *redis.ClusterClient:
		opts := *c.Options()
		opts.PoolSize, opts.MaxActiveConns, opts.MinIdleConns = 1, 0, 0
		return redisx.Guarded(redis.NewClusterClient(&opts)), nil
	}
	return nil, fmt.Errorf("redis: changes can't be followed through a %T", client)
}

func (s *Store) follow(ctx context.Context, own redis.UniversalClient, after string, apply func(cache.Change), current func()) error {
	last, err := s.begin(ctx, own, after)
	if err != nil {
		return err
	}
	// Of what was barred, the stream may have lost some. It comes with the id behind which to go on.
	if err := s.bars(ctx, own, last, apply); err != nil {
		return err
	}
	for isCurrent := false; ; {
		wait := time.Duration(-1) // not at all
		if isCurrent {
			wait = followWait
		}
		messages, err := s.read(ctx, own, last, wait)
		if err != nil {
			return err
		}
		if len(messages) > 0 {
			last = messages[len(messages)-1].ID
			if err := s.hand(ctx, own, messages, apply); err != nil {
				return err
			}
		}
		if !isCurrent && len(messages) < followBatch {
			isCurrent = true
			current()
		}
	}
}

// beginning is the id before a stream's first.
const beginning = "0"

// begin returns where to read on who has read up to an id: there, or from the beginning where the
// stream is none that has had it, as after a flush or a failover. Of one that was cut behind the id,
// Redis gives what is left: all of it.
func (s *Store) begin(ctx context.Context, own redis.UniversalClient, after string) (string, error) {
	if after == "" {
		return beginning, nil
	}
	ctx, cancel := context.WithTimeout(ctx, followPatience)
	defer cancel()
	info, err := own.XInfoStream(ctx, s.changes()).Result()
	if redis.HasErrorPrefix(err, "no such key") {
		return beginning, nil
	}
	if err != nil {
		return "", err
	}
	read, ok := idOf(after)
	if last, known := idOf(info.LastGeneratedID); !ok || !known || last.less(read) {
		return beginning, nil
	}
	return after, nil
}

// read returns the messages after the one with that id.
func (s *Store) read(ctx context.Context, own redis.UniversalClient, last string, wait time.Duration) ([]redis.XMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, max(wait, 0)+followPatience)
	defer cancel()
	streams, err := own.XRead(ctx, &redis.XReadArgs{Streams: []string{s.changes(), last}, Count: followBatch, Block: wait}).Result()
	if errors.Is(err, redis.Nil) || err == nil && len(streams) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return streams[0].Messages, nil
}

// hand applies the messages, with the questions as they are now.
func (s *Store) hand(ctx context.Context, own redis.UniversalClient, messages []redis.XMessage, apply func(cache.Change)) error {
	ctx, cancel := context.WithTimeout(ctx, followPatience)
	defer cancel()
	changes := make([]change, 0, len(messages))
	questions := make([]*redis.StringCmd, 0, len(messages))
	pipe := own.Pipeline()
	for i := range messages {
		c, ok := parseChange(&messages[i])
		if !ok {
			continue
		}
		var question *redis.StringCmd
		if c.name != "" {
			question = pipe.Get(ctx, s.question(c.key.Namespace.Tenant, c.name))
		}
		changes, questions = append(changes, c), append(questions, question)
	}
	_, _ = pipe.Exec(ctx) // each command says what became of it
	for i, c := range changes {
		if questions[i] != nil {
			var err error
			if c.Kept, err = s.asked(questions[i], c.key); err != nil {
				return err
			}
			if c.Kept == nil {
				continue
			}
		}
		apply(c.Change)
	}
	return nil
}

// asked is the question of a record that lives; nil where it is gone, or none that can be read.
func (s *Store) asked(question *redis.StringCmd, key cache.Key) (*cache.Kept, error) {
	raw, err := question.Result()
	switch {
	case errors.Is(err, redis.Nil) || redis.HasErrorPrefix(err, "WRONGTYPE"):
		return nil, nil
	case err != nil:
		return nil, err
	}
	kept := decodeQuestion(raw)
	if kept == nil || !kept.Expires.After(s.clock.Now()) {
		return nil, nil
	}
	kept.Key = key
	return kept, nil
}

// Question is [cache.Feed]'s.
func (s *Store) Question(ctx context.Context, key cache.Key) (*cache.Kept, error) {
	kept, err := s.asked(s.client.Get(ctx, s.question(key.Namespace.Tenant, member(&key))), key)
	if err != nil {
		return nil, fmt.Errorf("redis: reading a question: %w", err)
	}
	return kept, nil
}
