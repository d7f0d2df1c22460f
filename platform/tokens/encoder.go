package tokens

import (
	"sync"
	"unicode/utf8"

	"github.com/tiktoken-go/tokenizer/codec"
)

// maxPiece is the longest piece that is merged whole, in bytes. Longer ones are cut.
const maxPiece = 16 << 10

// encoder counts by a published vocabulary.
type encoder struct {
	*vocabulary
	classes *classes
	o200k   bool
	fronts  [256]front
	recent  recent
	memo    memo
	mergers sync.Pool // of *merger
}

func newEncoder(e Encoding, t *classes) (*encoder, error) {
	var (
		v   *vocabulary
		err error
	)
	if e == O200k {
		v, err = newVocabulary(codec.NewO200kBase(), 199_998)
	} else {
		v, err = newVocabulary(codec.NewCl100kBase(), 100_256)
	}
	if err != nil {
		return nil, err
	}
	return &encoder{vocabulary: v, classes: t, o200k: e == O200k, fronts: fronts(t, e == O200k)}, nil
}

// next returns where the piece ends that begins at text[i].
func (e *encoder) next(text string, i int) int {
	if e.o200k {
		return e.classes.nextO200k(text, i)
	}
	return e.classes.nextCL100k(text, i)
}

// count returns how many tokens a piece has, of at most maxPiece bytes.
func (e *encoder) count(piece string) (tokens int) {
	switch n := len(piece); {
	case n == 1:
		return 1
	case n <= recentBytes:
		return e.brief(short(piece), piece)
	case n <= midBytes:
		return e.middle(word64(piece), middle(piece), piece)
	case n > memoBytes && (n > e.longest || e.rank(piece) == unranked):
		return e.merged(piece)
	}
	return e.known(piece)
}

// brief counts a piece of 2 to recentBytes bytes.
func (e *encoder) brief(packed uint64, piece string) (tokens int) {
	slot := e.recent.slot(packed)
	at := slot.Load()
	if at&^tokensMask != packed {
		at = packed | uint64(e.known(piece)) //nolint:gosec // at most recentBytes
		slot.Store(at)
	}
	return int(at & tokensMask)
}

// middle counts a piece of 8 to midBytes bytes.
func (e *encoder) middle(first, rest uint64, piece string) (tokens int) {
	slot := e.recent.middleSlot(first, rest)
	tokens, ok := slot.get(first, rest)
	if !ok {
		tokens = e.known(piece)
		slot.put(first, rest, tokens)
	}
	return tokens
}

// known counts a piece of at most memoBytes, or one that is a token.
func (e *encoder) known(piece string) (tokens int) {
	h := hash(piece)
	if len(piece) <= recentBytes && e.rank(piece) != unranked || len(piece) > recentBytes && e.hashed(piece, h) != unranked {
		return 1
	}
	if tokens, ok := e.memo.get(piece, h); ok {
		return tokens
	}
	tokens = e.merged(piece)
	e.memo.put(piece, h, tokens)
	return tokens
}

// merged counts a piece that is no token: by its parts, where it may be cut. A part that is a
// token merges into one, as every token of the vocabularies does.
func (e *encoder) merged(piece string) (tokens int) {
	if len(piece) <= midBytes { // quicker than looking for places to cut
		return e.mergeScan(piece)
	}
	end, _ := e.bridges.cut(piece)
	switch {
	case end < len(piece):
	case end <= scanned:
		return e.mergeScan(piece)
	default:
		return e.long(piece)
	}
	for ; piece != ""; end, _ = e.bridges.cut(piece) {
		tokens += e.count(piece[:end])
		piece = piece[end:]
	}
	return tokens
}

// long counts a piece that is no token, too long for the memo, and cut nowhere.
func (e *encoder) long(piece string) (tokens int) {
	m, ok := e.mergers.Get().(*merger)
	if !ok {
		m = new(merger)
	}
	defer e.mergers.Put(m)
	return m.mergeHeap(e.vocabulary, piece)
}

// longest returns where a longer piece is cut: the most whole characters within maxPiece.
func longest(piece string) (n int) {
	n = maxPiece
	for n > maxPiece-utf8.UTFMax && !utf8.RuneStart(piece[n]) {
		n--
	}
	return n
}
