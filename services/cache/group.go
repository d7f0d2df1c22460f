package cache

import (
	"crypto/sha256"
	"encoding/binary"

	"tollgate.dev/services/cache/canon"
	"tollgate.dev/services/cache/index"
)

// scope is all that must be equal for the answer to one question to serve another.
type scope struct {
	namespace Namespace
	context   [sha256.Size]byte
	// bare is whether nobody stands behind "you".
	bare bool
	// normaliser is the version of the canonical forms.
	normaliser int
	// embedder is the version of the embedder that the question's vector is of; empty where
	// it has none.
	embedder string
}

func scopeOf(ns Namespace, q *Question, embedder string) scope {
	return scope{namespace: ns, context: q.Context, bare: q.Bare, normaliser: canon.Version, embedder: embedder}
}

// group is a hash of the scope. Each part stands behind its length, so that different scopes
// are never hashed alike.
func (s *scope) group() index.Group {
	b := make([]byte, 0, 512)
	for _, part := range [...]string{s.namespace.Tenant, s.namespace.Provider, s.namespace.Model, s.namespace.Partition} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	b = append(b, s.context[:]...)
	if s.bare {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = binary.AppendVarint(b, int64(s.normaliser))
	sum := sha256.Sum256(b)
	return withEmbedder(index.Group(sum[:len(index.Group{})]), s.embedder)
}

// withEmbedder is the group of the scope that has an embedder besides, by the group of the one
// without: who knows the one finds the other.
func withEmbedder(plain index.Group, embedder string) index.Group {
	if embedder == "" {
		return plain
	}
	sum := sha256.Sum256(append(append(make([]byte, 0, 128), plain[:]...), embedder...))
	return index.Group(sum[:len(index.Group{})])
}
