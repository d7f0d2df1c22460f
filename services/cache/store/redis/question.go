package redis

import (
	"encoding/binary"
	"time"

	"tollgate.dev/platform/money"
	"tollgate.dev/services/cache"
)

// questionVersion is the first byte of a question in the encoding that this package writes.
const questionVersion = 2

// The version before had no bits behind the context, and knew of no question that it is bare.
const withoutBits = 1

// bareBit is [cache.Question.Bare].
const bareBit = 1

const (
	// maxDimensions bounds a vector that is read, in bytes: a broken length takes no memory.
	maxDimensions = 4096
	// maxEmbedderBytes bounds an embedder's version that is read.
	maxEmbedderBytes = 1024
)

// encodeQuestion is version, context, a byte of bits, end in Unix ms, value in nanos, text, embedder, vector.
// Numbers are varints, and the last three have their lengths before them.
func encodeQuestion(kept *cache.Kept, expires time.Time) []byte {
	b := make([]byte, 0, 2+len(kept.Question.Context)+5*binary.MaxVarintLen64+len(kept.Question.Text)+len(kept.Embedder)+len(kept.Vector))
	b = append(b, questionVersion)
	b = append(b, kept.Question.Context[:]...)
	if kept.Question.Bare {
		b = append(b, bareBit)
	} else {
		b = append(b, 0)
	}
	b = binary.AppendVarint(b, expires.UnixMilli())
	b = binary.AppendVarint(b, int64(kept.Value))
	b = append(binary.AppendUvarint(b, uint64(len(kept.Question.Text))), kept.Question.Text...)
	b = append(binary.AppendUvarint(b, uint64(len(kept.Embedder))), kept.Embedder...)
	b = binary.AppendUvarint(b, uint64(len(kept.Vector)))
	for _, c := range kept.Vector {
		b = append(b, byte(c)) //nolint:gosec // the same bits
	}
	return b
}

// decodeQuestion returns nil for what this release can't read, and has no key.
func decodeQuestion(raw string) *cache.Kept {
	if raw == "" || raw[0] != questionVersion && raw[0] != withoutBits {
		return nil
	}
	r := reader{rest: raw[1:]}
	kept := &cache.Kept{}
	copy(kept.Question.Context[:], r.take(len(kept.Question.Context)))
	if bits := r.take(min(1, int(raw[0])-withoutBits)); bits != "" {
		kept.Question.Bare = bits[0]&bareBit != 0
	}
	kept.Expires = time.UnixMilli(r.number())
	kept.Value = money.Nano(r.number())
	kept.Question.Text = r.text(cache.MaxQuestionBytes)
	kept.Embedder = r.text(maxEmbedderBytes)
	if vector := r.text(maxDimensions); vector != "" {
		kept.Vector = make([]int8, len(vector))
		for i := range kept.Vector {
			kept.Vector[i] = int8(vector[i]) //nolint:gosec // the same bits
		}
	}
	if r.broken || r.rest != "" || kept.Question.Text == "" {
		return nil
	}
	return kept
}

// reader takes parts off the front of a text, until one isn't there.
type reader struct {
	rest   string
	broken bool
}

func (r *reader) take(n int) string {
	if r.broken || n > len(r.rest) {
		r.broken = true
		return ""
	}
	part := r.rest[:n]
	r.rest = r.rest[n:]
	return part
}

// text takes a part with its length before it.
func (r *reader) text(limit uint64) string {
	n, size := binary.Uvarint([]byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)]))
	if size <= 0 || n > limit {
		r.broken = true
		return ""
	}
	r.take(size)
	return r.take(int(n)) //nolint:gosec // below the limit
}

func (r *reader) number() int64 {
	n, size := binary.Varint([]byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)]))
	if size <= 0 {
		r.broken = true
		return 0
	}
	r.take(size)
	return n
}
