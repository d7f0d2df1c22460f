package redis

import (
	"context"
	"fmt"

	"tollgate.dev/services/cache"
)

// This file knows in which of a tenant's namespaces something may be, so that nothing is looked for
// where nothing is.

// namespaces is the key of those of a tenant's namespaces in which something may be that is not purged, as
// `provider:model:partition:`, by when the last of each ends: so that a purge of what is not there goes through
// nothing. Beside them is one member as long as they are known, and another while something may be in none of them.
func (s *Store) namespaces(tenant string) string {
	return string(append(s.tag(tenant), ":namespaces"...))
}

const (
	// knownMark is the member without which Redis evicted the namespaces, or none was ever noted.
	knownMark = "!"
	// elsewhereMark has the last end of what was put before the namespaces that are known.
	elsewhereMark = "*"
)

// selectedNamespaces are those of a tenant in which something selected may be; known is false where it may
// be in others too.
func (s *Store) selectedNamespaces(ctx context.Context, sel cache.Selector) (selected []string, known bool, err error) {
	key, wanted := s.namespaces(sel.Tenant), newFilter(sel)
	wanted[3] = ""
	marks := []string{knownMark, elsewhereMark}
	namespace, single := wanted.namespace()
	if single {
		marks = append(marks, namespace)
	}
	// The marks are read before the rest: what is put from then on comes after the purge.
	scores, err := s.client.ZMScore(ctx, key, marks...).Result()
	if err != nil {
		return nil, false, fmt.Errorf("redis: reading a tenant's namespaces: %w", err)
	}
	known = scores[0] != 0 && scores[1] == 0
	switch {
	case !known:
		return nil, false, nil
	case single && scores[2] == 0:
		return nil, true, nil
	case single:
		return []string{namespace}, true, nil
	}
	err = s.scan(ctx, key, wanted.pattern(), func(found []string) error {
		for _, name := range found {
			if wanted.matches(name) {
				selected = append(selected, name)
			}
		}
		return nil
	})
	return selected, true, err
}
