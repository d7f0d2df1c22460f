package edge

// transcript is a streamed answer, as far as it is kept: what the cache would take of it, or
// else its beginning, from which its tokens are estimated.
type transcript struct {
	chunks [][]byte
	// size is the whole answer's, in bytes; kept is that of chunks.
	size, kept int64
	// cut says that chunks are only the answer's beginning.
	cut bool
}

const (
	// maxCached is about the largest answer that the cache takes, in bytes.
	maxCached = 1 << 20
	// maxSampled is how much of a longer one, or of one that is not cached, is kept.
	maxSampled = 64 << 10
)

// add adds chunks; those beyond the bound are only counted.
func (t *transcript) add(chunks [][]byte, bound int64) {
	for _, chunk := range chunks {
		t.size += int64(len(chunk))
	}
	if t.cut {
		return
	}
	t.chunks = append(t.chunks, chunks...)
	if t.kept = t.size; t.size > bound {
		t.shorten(min(bound, maxSampled))
	}
}

// shorten keeps the beginning, and lets go of the rest.
func (t *transcript) shorten(bound int64) {
	n := 0
	for t.kept = 0; n < len(t.chunks) && (n == 0 || t.kept+int64(len(t.chunks[n])) <= bound); n++ {
		t.kept += int64(len(t.chunks[n]))
	}
	t.cut, t.chunks = true, append([][]byte(nil), t.chunks[:n]...)
}
