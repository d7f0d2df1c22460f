package redis

import (
	"encoding/base64"
	"strings"

	"tollgate.dev/services/cache"
)

// index is the key of a tenant's index. An entry's key has four colons after the hash
// tag and this one has one, so they never meet.
func (s *Store) index(tenant string) string {
	return string(append(s.tag(tenant), ":index"...))
}

// tag is what every key of a tenant begins with. The braces are Redis Cluster's: keys
// with the same text between them lie in the same slot.
func (s *Store) tag(tenant string) []byte {
	b := make([]byte, 0, len(s.prefix)+len(tenant)+192)
	b = append(append(b, s.prefix...), '{')
	return append(cache.AppendEscaped(b, tenant), '}')
}

// member is an entry's name in its tenant's index: `provider:model:partition:fingerprint`.
func member(key *cache.Key) string {
	n := &key.Namespace
	b := make([]byte, 0, len(n.Provider)+len(n.Model)+len(n.Partition)+64)
	b = append(cache.AppendEscaped(b, n.Provider), ':')
	b = append(cache.AppendEscaped(b, n.Model), ':')
	b = append(cache.AppendEscaped(b, n.Partition), ':')
	return string(base64.RawURLEncoding.AppendEncode(b, key.Fingerprint[:]))
}

// entry is the key of the entry with that name.
func (s *Store) entry(tenant, member string) string {
	return string(append(append(s.tag(tenant), ':'), member...))
}

// filter tells which names of a tenant's index are selected: it holds the four parts of a
// name, and an empty one means all.
type filter [4]string

func newFilter(sel cache.Selector) filter {
	esc := func(c string) string { return string(cache.AppendEscaped(nil, c)) }
	f := filter{esc(sel.Provider), esc(sel.Model), esc(sel.Partition)}
	if sel.Entry != (cache.Fingerprint{}) {
		f[3] = base64.RawURLEncoding.EncodeToString(sel.Entry[:])
	}
	return f
}

// pattern is a glob that all selected names match, and few others: its asterisks match
// colons too, so that [filter.matches] has the last word. Nothing in an escaped component
// means anything to it.
func (f filter) pattern() string {
	for i, part := range f {
		if part == "" {
			f[i] = "*"
		}
	}
	return strings.Join(f[:], ":")
}

// matches compares the parts one by one.
func (f filter) matches(name string) bool {
	for i, want := range f {
		have, rest, more := strings.Cut(name, ":")
		if more != (i < len(f)-1) || want != "" && want != have {
			return false
		}
		name = rest
	}
	return true
}
