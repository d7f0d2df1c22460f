package extractive

import (
	"container/list"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"sync"

	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor/extract"
	"tollgate.dev/services/compressor/prompt"
)

// memoBytes bounds what is remembered of selections, in bytes of memory.
const memoBytes = 16 << 20

// overhead is what a selection takes beside its pieces and spans, and textOverhead what a text
// of it does: places in the map, the list and the slices, in bytes.
const overhead, textOverhead = 320, 96

// memo remembers selections. A conversation comes again with each turn, and what becomes of
// its earlier texts is the same each time: to find it takes a hash of them, a hundredth of
// what choosing again would. Each tenant's are apart: how long a call takes would tell others
// that somebody has sent a text. What is remembered is places in the texts, and none of their
// words.
type memo struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]*remembered
	used  *list.List // of keys, the last one used in front
	bytes int
}

type remembered struct {
	at    *list.Element
	size  int
	res   extract.Result // without its texts
	texts [][]piece      // what they are put together of; nil is what they were
}

// piece is a part of a text, or what stands between two: marks and white space.
type piece struct {
	kept    extract.Span
	between string
}

func newMemo() *memo {
	return &memo{known: map[[sha256.Size]byte]*remembered{}, used: list.New()}
}

// keyOf is the hash of the tenant and of everything that a selection depends on. No two selections run into
// the same bytes, because lengths stand before texts. A hash never fails.
func keyOf(tenant, question string, encoding tokens.Encoding, budget int64, texts []*prompt.Text) (key [sha256.Size]byte) {
	h := sha256.New()
	var b [8]byte
	var buf [4 << 10]byte // so that texts are not copied whole
	number := func(n int64) {
		binary.LittleEndian.PutUint64(b[:], uint64(n)) //nolint:gosec // any bits will do
		_, _ = h.Write(b[:])
	}
	text := func(s string) {
		number(int64(len(s)))
		for s != "" {
			n := copy(buf[:], s)
			_, _ = h.Write(buf[:n])
			s = s[n:]
		}
	}
	text(tenant)
	number(int64(encoding))
	number(budget)
	text(question)
	for _, t := range texts {
		number(int64(t.Kind))
		text(t.Current())
	}
	h.Sum(key[:0])
	return key
}

// get returns the selection of that key, whose texts these are.
func (m *memo) get(key [sha256.Size]byte, texts []*prompt.Text) (extract.Result, bool) {
	m.mu.Lock()
	r, ok := m.known[key]
	if ok {
		m.used.MoveToFront(r.at)
	}
	m.mu.Unlock()
	if !ok {
		return extract.Result{}, false
	}
	res := r.res
	res.Texts = make([]string, len(texts))
	for i, t := range texts {
		res.Texts[i] = fromPieces(r.texts[i], t.Current())
	}
	return res, true
}

// put remembers a selection of texts, to which nobody writes any more. One that would take a
// quarter of the room is not.
func (m *memo) put(key [sha256.Size]byte, texts []*prompt.Text, res extract.Result) {
	r := &remembered{res: res, size: overhead, texts: make([][]piece, len(texts))}
	r.res.Texts = nil
	for i, t := range texts {
		r.size += textOverhead
		if len(res.Omitted[i]) == 0 {
			continue
		}
		pieces, size, ok := toPieces(t.Current(), res.Texts[i], res.Omitted[i])
		if !ok {
			return
		}
		r.texts[i] = pieces
		r.size += size + spanSize*cap(res.Omitted[i])
	}
	if r.size > memoBytes/4 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known[key] != nil {
		return
	}
	r.at = m.used.PushFront(key)
	m.known[key] = r
	for m.bytes += r.size; m.bytes > memoBytes; {
		oldest, _ := m.used.Remove(m.used.Back()).([sha256.Size]byte) // nothing else is in the list
		m.bytes -= m.known[oldest].size
		delete(m.known, oldest)
	}
}

// spanSize and pieceSize are what a span and a piece take, in bytes, and rounding is what the
// allocator adds to a piece and its string.
const spanSize, pieceSize, rounding = 16, 32, 16

// toPieces takes what is left of a text apart into pieces, by what was left out, and tells how many
// bytes they take. It fails where there would be more between them than marks and white space.
func toPieces(text, left string, out []extract.Span) (pieces []piece, size int, ok bool) {
	pieces = make([]piece, 0, len(out)+2)
	at, from := 0, 0 // in what is left, in the text
	between := func(s string) bool {
		size += pieceSize + len(s) + rounding
		pieces[len(pieces)-1].between = strings.Clone(s)
		return strings.TrimSpace(strings.ReplaceAll(s, extract.Mark, "")) == ""
	}
	pieces = append(pieces, piece{})
	for _, o := range append(slices.Clone(out), extract.Span{Start: len(text), End: len(text)}) {
		start, end := from, o.Start
		from = o.End
		kept := strings.TrimRight(text[start:end], " \t\r\n")
		if kept == "" {
			continue
		}
		n := strings.Index(left[at:], kept)
		if n < 0 || !between(left[at:at+n]) {
			return nil, 0, false
		}
		at += n + len(kept)
		pieces = append(pieces, piece{kept: extract.Span{Start: start, End: start + len(kept)}})
	}
	return pieces, size, between(left[at:])
}

// fromPieces is what is left of a text.
func fromPieces(pieces []piece, text string) string {
	if pieces == nil {
		return text
	}
	n := 0
	for _, p := range pieces {
		n += p.kept.End - p.kept.Start + len(p.between)
	}
	var out strings.Builder
	out.Grow(n)
	for _, p := range pieces {
		out.WriteString(text[p.kept.Start:p.kept.End])
		out.WriteString(p.between)
	}
	return out.String()
}
