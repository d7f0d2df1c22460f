package redis

import (
	"context"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"tollgate.dev/services/cache"
)

// A change in the stream has two fields: the version of its form, and one of the other
// three with `tenant:provider:model:partition:fingerprint`. In what is gone or wrong an empty part
// means all. Another version's are passed over.
const (
	fieldVersion  = "v"
	fieldKept     = "kept"
	fieldGone     = "gone"
	fieldWrong    = "wrong"
	changeVersion = "1"
)

// announce writes what the record answers, and its name into the stream.
func (s *Store) announce(ctx context.Context, pipe redis.Pipeliner, key *cache.Key, name string, rec *cache.Record, life time.Duration) {
	pipe.Set(ctx, s.question(key.Namespace.Tenant, name), encodeQuestion(rec.Announce, rec.Expires), life)
	pipe.XAdd(ctx, s.message(fieldKept, escape(key.Namespace.Tenant)+":"+name))
	lengthen(ctx, pipe, s.changes(), life)
}

// CallWrong is [cache.Feed]'s.
func (s *Store) CallWrong(ctx context.Context, sel cache.Selector) {
	s.announceSelected(ctx, fieldWrong, sel)
}

// announceSelected writes into the stream what is about to be purged, or is wrong. Where there is no
// stream, nobody has anything from it that lives.
func (s *Store) announceSelected(ctx context.Context, field string, sel cache.Selector) {
	f := newFilter(sel)
	args := s.message(field, escape(sel.Tenant)+":"+strings.Join(f[:], ":"))
	args.NoMkStream = true
	err := s.client.XAdd(ctx, args).Err()
	if errors.Is(err, redis.Nil) {
		err = nil
	}
	s.announced(ctx, err)
}

func (s *Store) message(field, name string) *redis.XAddArgs {
	return &redis.XAddArgs{
		Stream: s.changes(), MaxLen: s.length, Approx: true, Values: []string{fieldVersion, changeVersion, field, name},
	}
}

// announced logs when changes begin to get lost, and when that ends. The records are well.
func (s *Store) announced(ctx context.Context, err error) {
	switch {
	case err != nil && ctx.Err() == nil && !s.silent.Swap(true):
		s.log.WarnContext(ctx, "changes of the cache can't be announced; other replicas find what they kept by exact requests alone", "error", err)
	case err == nil && s.silent.Load() && s.silent.Swap(false):
		s.log.InfoContext(ctx, "changes of the cache are announced again")
	}
}

// change is one of the stream: a record's key, or what was purged or called wrong.
type change struct {
	at   time.Time
	kept bool
	bad  bool // called wrong
	key  cache.Key
	name string // the entry's, of a record
	gone cache.Selector
}

// parseChange tells what a message says; ok is false for one that this release can't read.
func parseChange(m *redis.XMessage) (c change, ok bool) {
	field := func(name string) string {
		text, _ := m.Values[name].(string)
		return text
	}
	if field(fieldVersion) != changeVersion {
		return change{}, false
	}
	text := field(fieldKept)
	if c.kept = text != ""; !c.kept {
		text = field(fieldGone)
		if wrong := field(fieldWrong); text == "" && wrong != "" {
			text, c.bad = wrong, true
		}
	}
	parts := strings.Split(text, ":")
	const tenant, fingerprint, count = 0, 4, 5
	if len(parts) != count {
		return change{}, false
	}
	c.name = strings.Join(parts[1:], ":")
	for i, part := range parts[:fingerprint] {
		if parts[i], ok = unescape(part); !ok {
			return change{}, false
		}
	}
	if c.at, ok = timeOf(m.ID); !ok || parts[tenant] == "" {
		return change{}, false
	}
	var sum cache.Fingerprint
	if c.kept || parts[fingerprint] != "" {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(parts[fingerprint])
		if err != nil || len(raw) != len(sum) {
			return change{}, false
		}
		copy(sum[:], raw)
	}
	n := cache.Namespace{Tenant: parts[0], Provider: parts[1], Model: parts[2], Partition: parts[3]}
	c.key = cache.Key{Namespace: n, Fingerprint: sum}
	c.gone = cache.Selector{Tenant: n.Tenant, Provider: n.Provider, Model: n.Model, Partition: n.Partition, Entry: sum}
	return c, !c.kept || n.Provider != "" && n.Model != ""
}

// timeOf reads the time in a message's id: Unix ms, a dash, and a number.
func timeOf(id string) (time.Time, bool) {
	text, _, _ := strings.Cut(id, "-")
	ms, err := strconv.ParseInt(text, 10, 64)
	return time.UnixMilli(ms), err == nil
}
