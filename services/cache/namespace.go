package cache

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/cachetier"
	"tollgate.dev/platform/errs"
)

// MaxComponentBytes bounds each component of a [Namespace].
const MaxComponentBytes = cachetier.MaxNamespacePartBytes

// Namespace keeps answers apart: nothing that is stored in one is found in another.
// It is comparable, and equal only when every component is.
type Namespace struct {
	// Tenant, Provider and Model are never empty in a namespace that holds entries.
	Tenant, Provider, Model string
	// Partition is the caller's own; empty is the common one.
	Partition string
}

// clone returns it with strings that are parts of no others.
func (n Namespace) clone() Namespace {
	all, provider, model := n.Tenant+n.Provider+n.Model+n.Partition, len(n.Tenant), len(n.Tenant)+len(n.Provider)
	partition := model + len(n.Model)
	return Namespace{Tenant: all[:provider], Provider: all[provider:model], Model: all[model:partition], Partition: all[partition:]}
}

// String is `{tenant}:{provider}:{model}:{partition}` with each component escaped, so
// that different namespaces never have the same text, whatever their components hold.
func (n Namespace) String() string {
	b := make([]byte, 0, len(n.Tenant)+len(n.Provider)+len(n.Model)+len(n.Partition)+3)
	b = append(AppendEscaped(b, n.Tenant), ':')
	b = append(AppendEscaped(b, n.Provider), ':')
	b = append(AppendEscaped(b, n.Model), ':')
	return string(AppendEscaped(b, n.Partition))
}

// AppendEscaped appends a component in which every byte but ASCII letters, digits and
// -._~/@ stands as %XX. What it appends has no separator, no brace (Redis Cluster reads
// them as a hash tag) and nothing that a Redis glob pattern gives a meaning to; different
// components stay different.
func AppendEscaped(dst []byte, component string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(component) {
		c := component[i]
		if plain(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', digits[c>>4], digits[c&0xF])
		}
	}
	return dst
}

func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~/@", c) >= 0
}

// Fingerprint is a SHA-256 over everything in a request that changes its answer.
type Fingerprint [sha256.Size]byte

// EntryID is the id by which callers know the entry of the request: unpadded base64url.
func (f Fingerprint) EntryID() string {
	var id [(8*sha256.Size + 5) / 6]byte
	base64.RawURLEncoding.Encode(id[:], f[:])
	return string(id[:])
}

// ParseEntryID returns the fingerprint that an entry's id stands for; that of an empty one is
// zero. Its errors are [errs.InvalidRequest].
func ParseEntryID(id string) (f Fingerprint, err error) {
	if id == "" {
		return f, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(id)
	if err != nil || len(raw) != len(f) {
		return f, errs.New(errs.InvalidRequest, "entry_id is not the id of an entry").WithParam("entry_id")
	}
	return Fingerprint(raw), nil
}

// Key is where an entry is kept.
type Key struct {
	// Namespace is what the entry never leaves.
	Namespace Namespace
	// Fingerprint is the request's, within the namespace.
	Fingerprint Fingerprint
}

// Selector selects the entry under the key, and no other.
func (k Key) Selector() Selector {
	return Selector{
		Tenant: k.Namespace.Tenant, Provider: k.Namespace.Provider, Model: k.Namespace.Model,
		Partition: k.Namespace.Partition, Common: k.Namespace.Partition == "", Entry: k.Fingerprint,
	}
}

// NewNamespace checks a request's namespace. Its errors are [errs.InvalidRequest].
func NewNamespace(ns *cachev1.Namespace) (Namespace, error) {
	n := Namespace{Tenant: ns.GetTenantId(), Provider: ns.GetProvider(), Model: ns.GetModel(), Partition: ns.GetPartition()}
	for _, c := range [...]component{
		{"namespace.tenant_id", n.Tenant, true}, {"namespace.provider", n.Provider, true},
		{"namespace.model", n.Model, true}, {"namespace.partition", n.Partition, false},
	} {
		if err := c.check(); err != nil {
			return Namespace{}, err
		}
	}
	return n, nil
}

// NewKey checks a request's namespace and fingerprint. Its errors are
// [errs.InvalidRequest].
func NewKey(ns *cachev1.Namespace, fingerprint []byte) (Key, error) {
	var k Key
	if len(fingerprint) != len(k.Fingerprint) {
		return Key{}, errs.Newf(errs.InvalidRequest, "the fingerprint must have %d bytes", sha256.Size).WithParam("fingerprint")
	}
	copy(k.Fingerprint[:], fingerprint)
	var err error
	if k.Namespace, err = NewNamespace(ns); err != nil {
		return Key{}, err
	}
	return k, nil
}

// Selector names what to invalidate: the entries of one tenant, less those that differ in
// what is set. An empty Provider, Model or Partition means all.
type Selector struct {
	Tenant, Provider, Model, Partition string
	// Common says that an empty Partition is the common one, which has no name, and not all. It
	// is false beside another one: equal selectors select the same.
	Common bool
	// Entry is the fingerprint of a single one; zero means all.
	Entry Fingerprint
}

// NewSelector checks a request's components. Its errors are [errs.InvalidRequest].
func NewSelector(tenant, provider, model, partition, entryID string) (Selector, error) {
	for _, c := range [...]component{
		{"tenant_id", tenant, true}, {"provider", provider, false}, {"model", model, false}, {"partition", partition, false},
	} {
		if err := c.check(); err != nil {
			return Selector{}, err
		}
	}
	entry, err := ParseEntryID(entryID)
	if err != nil {
		return Selector{}, err
	}
	return Selector{Tenant: tenant, Provider: provider, Model: model, Partition: partition, Entry: entry}, nil
}

// Matches tells whether the namespace is one of those that are meant, whatever Entry says.
func (s Selector) Matches(n Namespace) bool {
	return s.Tenant == n.Tenant && (s.Provider == "" || s.Provider == n.Provider) &&
		(s.Model == "" || s.Model == n.Model) && (s.Partition == "" && !s.Common || s.Partition == n.Partition)
}

// Key is that of the only entry that can be meant; ok is false where several can.
func (s Selector) Key() (k Key, ok bool) {
	k = Key{Namespace: Namespace{Tenant: s.Tenant, Provider: s.Provider, Model: s.Model, Partition: s.Partition}, Fingerprint: s.Entry}
	return k, s.Provider != "" && s.Model != "" && (s.Partition != "" || s.Common) && s.Entry != Fingerprint{}
}

// Selects tells whether the entry under the key is one of those that are meant.
func (s Selector) Selects(k Key) bool {
	return s.Matches(k.Namespace) && (s.Entry == Fingerprint{} || s.Entry == k.Fingerprint)
}

// component is one of a request, with its name for errors.
type component struct {
	name, value string
	required    bool
}

func (c component) check() error {
	switch {
	case c.required && c.value == "":
		return errs.New(errs.InvalidRequest, c.name+" must not be empty").WithParam(c.name)
	case len(c.value) > MaxComponentBytes:
		return errs.Newf(errs.InvalidRequest, "%s must have at most %d bytes", c.name, MaxComponentBytes).WithParam(c.name)
	}
	return nil
}
