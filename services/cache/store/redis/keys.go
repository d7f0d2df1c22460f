package redis

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"tollgate.dev/services/cache"
)

// index is the key of a tenant's index. An entry's key has four colons after the hash
// tag, its question's has five and this one has one, so they never meet; nor do evidence's,
// which have four and a last part that is no fingerprint, nor vector sets, which end otherwise
// than questions.
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
	return string(base64.RawURLEncoding.AppendEncode(within(&key.Namespace), key.Fingerprint[:]))
}

// within is `provider:model:partition:`, with room for a fingerprint.
func within(n *cache.Namespace) []byte {
	b := make([]byte, 0, len(n.Provider)+len(n.Model)+len(n.Partition)+64)
	b = append(cache.AppendEscaped(b, n.Provider), ':')
	b = append(cache.AppendEscaped(b, n.Model), ':')
	return append(cache.AppendEscaped(b, n.Partition), ':')
}

// evidence is the key of what the replicas learned in a namespace.
func (s *Store) evidence(n *cache.Namespace) string {
	return s.entry(n.Tenant, string(append(within(n), "learned"...)))
}

// replicas is the key of who has which replica's name. It has no hash tag: it belongs to all tenants.
func (s *Store) replicas() string { return s.prefix + "replicas" }

// entry is the key of the entry with that name.
func (s *Store) entry(tenant, member string) string {
	return string(append(append(s.tag(tenant), ':'), member...))
}

// question is the key of what the entry with that name answers.
func (s *Store) question(tenant, member string) string {
	return s.entry(tenant, member) + ":q"
}

// changes is the key of the stream of changes. It has no hash tag: it belongs to all tenants.
func (s *Store) changes() string { return s.prefix + "changes" }

// filter tells which names of a tenant's index are selected: it holds the four parts of a
// name, and an empty one means all.
type filter [4]string

// nameless is in a filter the part that is empty in a name: the common partition. No escaped
// component is it.
const nameless = "="

func newFilter(sel cache.Selector) filter {
	f := filter{escape(sel.Provider), escape(sel.Model), escape(sel.Partition)}
	if sel.Common && sel.Partition == "" {
		f[2] = nameless
	}
	if sel.Entry != (cache.Fingerprint{}) {
		f[3] = base64.RawURLEncoding.EncodeToString(sel.Entry[:])
	}
	return f
}

func escape(component string) string { return string(cache.AppendEscaped(nil, component)) }

// unescape is the reverse of escape; ok is false for what that never returns.
func unescape(text string) (component string, ok bool) {
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b = append(b, text[i])
			continue
		}
		if len(text)-i < 3 {
			return "", false
		}
		c, err := strconv.ParseUint(text[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		b = append(b, byte(c))
		i += 2
	}
	component = string(b)
	return component, len(b) <= cache.MaxComponentBytes && escape(component) == text
}

// pattern is a glob that all selected names match, and few others: its asterisks match
// colons too, so that [filter.matches] has the last word. Nothing in an escaped component
// means anything to it.
func (f filter) pattern() string {
	for i, part := range f {
		switch part {
		case "":
			f[i] = "*"
		case nameless:
			f[i] = ""
		}
	}
	return strings.Join(f[:], ":")
}

// name is the only name that can be selected; ok is false where several can.
func (f filter) name() (name string, ok bool) {
	return f.pattern(), !slices.Contains(f[:], "")
}

// namespace is the only one that can be selected; ok is false where several can.
func (f filter) namespace() (name string, ok bool) {
	if slices.Contains(f[:3], "") {
		return "", false
	}
	f[3] = ""
	return strings.TrimSuffix(f.pattern(), "*"), true
}

// matches compares the parts one by one.
func (f filter) matches(name string) bool {
	for i, want := range f {
		have, rest, more := strings.Cut(name, ":")
		if more != (i < len(f)-1) || want != "" && strings.TrimPrefix(want, nameless) != have {
			return false
		}
		name = rest
	}
	return true
}
