package keystore

import (
	"context"
	"encoding/base64"
	"encoding/binary"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
)

const (
	defaultPage = 100
	maxPage     = 1000
)

// KeyFilter says which keys to list, and which page of them. Empty fields filter nothing.
type KeyFilter struct {
	// TenantID, UserID and Alias must all fit.
	TenantID, UserID, Alias string
	// Limit is the size of the page: up to 1000; 0 is 100.
	Limit int
	// Cursor is the page before's; empty starts.
	Cursor string
	// Offset skips so many keys; not together with Cursor.
	Offset int
}

// KeyList is a page of keys.
type KeyList struct {
	// Keys are the keys, newest first.
	Keys []*keystorev1.Key
	// NextCursor is where the next page starts; empty at the end.
	NextCursor string
	// Total is how many there are in all pages.
	Total int64
}

// List lists keys by creation, newest first. Pages by cursor neither repeat nor skip
// a key that exists throughout; pages by offset may when keys are made meanwhile.
func (s *Service) List(ctx context.Context, filter KeyFilter) (KeyList, error) {
	limit, err := pageSize(filter.Limit)
	if err != nil {
		return KeyList{}, err
	}
	if filter.Offset < 0 || filter.Offset > 0 && filter.Cursor != "" {
		return KeyList{}, invalid("offset", "an offset is at least 0, and stands without a cursor")
	}
	after, err := parseKeyCursor(filter.Cursor)
	if err != nil {
		return KeyList{}, err
	}
	if !wellFormed(filter.TenantID) || !wellFormed(filter.UserID) || !wellFormed(filter.Alias) {
		return KeyList{}, nil // no key has such a name
	}
	page, err := s.store.Keys(ctx, KeyQuery{
		TenantID: filter.TenantID, UserID: filter.UserID, Alias: filter.Alias,
		After: after, Offset: filter.Offset, Limit: limit + 1, Count: true,
	})
	if err != nil {
		return KeyList{}, fault(ctx, "listing keys", err)
	}
	list := KeyList{Total: page.Total}
	records := page.Records
	if len(records) > limit {
		records = records[:limit]
		list.NextCursor = keyCursor(records[limit-1].Key)
	}
	list.Keys = make([]*keystorev1.Key, len(records))
	for i, rec := range records {
		list.Keys[i] = s.view(rec)
	}
	return list, nil
}

func pageSize(limit int) (int, error) {
	switch {
	case limit == 0:
		return defaultPage, nil
	case limit < 0 || limit > maxPage:
		return 0, invalid("limit", "a page has 1 to %d entries", maxPage)
	}
	return limit, nil
}

// A cursor is base64url of the last key's creation (8 bytes, big-endian) and id.
func keyCursor(key *keystorev1.Key) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(key.GetCreatedMillis())) //nolint:gosec // only its bits travel
	return base64.RawURLEncoding.EncodeToString(append(b, key.GetId()...))
}

func parseKeyCursor(cursor string) (KeyPosition, error) {
	if cursor == "" {
		return KeyPosition{}, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) <= 8 || len(b) > 8+maxText || !wellFormed(string(b[8:])) {
		return KeyPosition{}, invalid("cursor", "this is no cursor of an earlier page")
	}
	return KeyPosition{CreatedMillis: int64(binary.BigEndian.Uint64(b)), ID: string(b[8:])}, nil //nolint:gosec // only its bits travel
}
