package redis

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"tollgate.dev/services/cache"
)

// stamp is how many bytes before a state say when it was kept: Unix ms, big-endian.
const stamp = 8

// Exchange is [cache.Evidence]'s. It is one round trip, and a second when some are forgotten.
func (s *Store) Exchange(ctx context.Context, ns cache.Namespace, replica string, state []byte) ([][]byte, error) {
	key, now := s.evidence(&ns), s.clock.Now().UnixMilli()
	pipe := s.client.Pipeline()
	if len(state) > 0 {
		value := binary.BigEndian.AppendUint64(make([]byte, 0, stamp+len(state)), uint64(now))
		pipe.HSet(ctx, key, replica, append(value, state...))
		pipe.PExpire(ctx, key, cache.EvidenceLife)
	}
	all := pipe.HGetAll(ctx, key)
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("redis: exchanging what was learned: %w", err)
	}
	type kept struct {
		replica string
		at      int64
		state   []byte
	}
	var found []kept
	for name, value := range all.Val() {
		k := kept{replica: name}
		if len(value) > stamp {
			k.at = int64(binary.BigEndian.Uint64([]byte(value[:stamp]))) //nolint:gosec // as it was written
			k.state = []byte(value[stamp:])
		}
		found = append(found, k)
	}
	slices.SortFunc(found, func(a, b kept) int { return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(a.replica, b.replica)) })
	var states [][]byte
	var forgotten []string
	for i, k := range found {
		if i >= cache.MaxEvidence || now-k.at > cache.EvidenceLife.Milliseconds() {
			forgotten = append(forgotten, k.replica)
			continue
		}
		states = append(states, k.state)
	}
	if len(forgotten) > 0 {
		// One that is kept again at this moment may go as well; its replica keeps the next.
		if err := s.client.HDel(ctx, key, forgotten...).Err(); err != nil {
			return nil, fmt.Errorf("redis: forgetting what was learned: %w", err)
		}
	}
	return states, nil
}
