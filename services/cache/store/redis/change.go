package redis

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"tollgate.dev/services/cache"
)

// A change in the stream has two fields: the version of its form, and one of the other three.
// What is kept or gone is `tenant:provider:model:partition:fingerprint`; in what is gone an empty
// part means all, and the common partition is [nameless]. What is barred is
// `tenant:question:end in Unix ms`, with a hash for the question. Another version's are passed over.
const (
	fieldVersion  = "v"
	fieldKept     = "kept"
	fieldGone     = "gone"
	fieldBarred   = "barred"
	changeVersion = "1"
)

// announce writes what the record answers, and its name into the stream.
func (s *Store) announce(ctx context.Context, pipe redis.Pipeliner, key *cache.Key, name string, rec *cache.Record, life time.Duration) {
	pipe.Set(ctx, s.question(key.Namespace.Tenant, name), encodeQuestion(rec.Announce, rec.Expires), life)
	pipe.XAdd(ctx, s.message(fieldKept, escape(key.Namespace.Tenant)+":"+name))
	lengthen(ctx, pipe, s.changes(), life)
}

// announcePurge writes into the stream what is about to be purged. Where there is no stream, nobody
// has anything from it that lives.
func (s *Store) announcePurge(ctx context.Context, sel cache.Selector) {
	f := newFilter(sel)
	args := s.message(fieldGone, escape(sel.Tenant)+":"+strings.Join(f[:], ":"))
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

// change is one of the stream, as its message says: a change with the name of a record that was
// kept, whose question is read then.
type change struct {
	cache.Change
	key  cache.Key
	name string // the entry's; empty of other changes
}

// parseChange tells what a message says; ok is false for one that this release can't read.
func parseChange(m *redis.XMessage) (c change, ok bool) {
	field := func(name string) (parts []string) {
		if text, _ := m.Values[name].(string); text != "" {
			parts = strings.Split(text, ":")
		}
		return parts
	}
	if version, _ := m.Values[fieldVersion].(string); version != changeVersion {
		return change{}, false
	}
	id, ok := idOf(m.ID)
	if !ok {
		return change{}, false
	}
	c.ID, c.At = m.ID, time.UnixMilli(int64(id.ms)) //nolint:gosec // of 63 bits
	switch kept, barred := field(fieldKept), field(fieldBarred); {
	case kept != nil:
		sel, read := parseSelector(kept)
		sel.Common = sel.Partition == "" // as it is in a name
		c.name = strings.Join(kept[1:], ":")
		c.key, ok = sel.Key()
		return c, ok && read
	case barred != nil:
		c.Barred, ok = parseBarred(barred)
	default:
		c.Purged, ok = parseSelector(field(fieldGone))
	}
	return c, ok
}

// parseSelector reads the parts of what was purged.
func parseSelector(parts []string) (sel cache.Selector, ok bool) {
	const tenant, partition, fingerprint, count = 0, 3, 4, 5
	if len(parts) != count || parts[tenant] == "" {
		return sel, false
	}
	if sel.Common = parts[partition] == nameless; sel.Common {
		parts[partition] = ""
	}
	for i, into := range []*string{&sel.Tenant, &sel.Provider, &sel.Model, &sel.Partition} {
		if *into, ok = unescape(parts[i]); !ok {
			return sel, false
		}
	}
	return sel, parts[fingerprint] == "" || decodeSum(sel.Entry[:], parts[fingerprint])
}

// parseBarred reads the parts of a question that was barred.
func parseBarred(parts []string) (b *cache.Barred, ok bool) {
	const tenant, question, end, count = 0, 1, 2, 3
	if len(parts) != count || parts[tenant] == "" {
		return nil, false
	}
	b = &cache.Barred{}
	if b.Tenant, ok = unescape(parts[tenant]); !ok || !decodeSum(b.Question[:], parts[question]) {
		return nil, false
	}
	ms, err := strconv.ParseInt(parts[end], 10, 64)
	b.Until = time.UnixMilli(ms)
	return b, err == nil
}

// decodeSum reads a hash of exactly that length.
func decodeSum(into []byte, text string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && copy(into, raw) == len(into) && len(raw) == len(into)
}

// messageID is the id of a message: Unix ms, and a number.
type messageID struct{ ms, n uint64 }

func idOf(text string) (id messageID, ok bool) {
	ms, n, _ := strings.Cut(text, "-")
	var err, of error
	id.ms, err = strconv.ParseUint(ms, 10, 63)
	id.n, of = strconv.ParseUint(n, 10, 64)
	return id, err == nil && of == nil
}

func (id messageID) less(other messageID) bool {
	return cmp.Or(cmp.Compare(id.ms, other.ms), cmp.Compare(id.n, other.n)) < 0
}
