package tokens

import (
	"errors"
	"math"
	"math/bits"
	"strings"

	"github.com/tiktoken-go/tokenizer/codec"
)

// unranked is the rank of what is no token.
const unranked = ^uint32(0)

// vocabulary finds a token's rank by its bytes. It is never written to once it is built, and
// has no pointer for the garbage collector to follow. Tokens of two bytes are found by these,
// and short ones in a table of open addressing that has their bytes in its slots: for one
// look-up the processor waits for one line of memory. A slot for longer ones has some bits of
// the token's hash above its rank, plus one.
type vocabulary struct {
	single     [1 << 8]uint32
	pairs      []uint32 // ranks by two bytes, the first one in the low bits
	packed     []packedToken
	packedBits uint // from a packed token to its slot
	slots      []uint32
	shift      uint     // from a hash to its slot
	mask       uint64   // one less than there are slots
	ends       []uint32 // of the tokens in bytes, by rank
	bytes      string   // of all tokens
	longest    int      // token, in bytes
	bridges    bridges  // where no piece is cut
}

// packedToken is a token of 3 to recentBytes bytes as short packs it, or 0, and its rank: in
// twelve bytes, which with a uint64 would be sixteen.
type packedToken struct{ low, high, rank uint32 }

func (t *packedToken) packed() uint64 { return uint64(t.low) | uint64(t.high)<<32 }

const (
	rankBits = 18
	rankMask = 1<<rankBits - 1
)

var errVocabulary = errors.New("tokens: the tokenizer's vocabulary is not what is published")

// newVocabulary takes the vocabulary from the tokenizer library, which has the given number
// of tokens that are no special ones.
func newVocabulary(from *codec.Codec, size uint32) (*vocabulary, error) {
	v := &vocabulary{ends: make([]uint32, size)}
	var all strings.Builder
	all.Grow(8 * len(v.ends))
	id := make([]uint, 1)
	for rank := range v.ends {
		id[0] = uint(rank)
		token, err := from.Decode(id)
		if err != nil || token == "" {
			return nil, errVocabulary
		}
		all.WriteString(token)
		v.longest = max(v.longest, len(token))
		v.ends[rank] = uint32(all.Len()) //nolint:gosec // some megabytes
	}
	v.bytes = all.String()
	v.fill(size)
	for _, rank := range v.single {
		if rank == unranked {
			return nil, errVocabulary
		}
	}
	return v, nil
}

// fill makes the tables, of which at most two thirds of the slots are taken.
func (v *vocabulary) fill(size uint32) {
	few, many := 0, 0
	for rank := range size {
		if len(v.token(rank)) <= recentBytes {
			few++
		} else {
			many++
		}
	}
	log := bits.Len(uint(2 * many))
	v.slots, v.shift, v.mask = make([]uint32, 1<<log), uint(64-log), 1<<log-1
	log = bits.Len(uint(few + few/2))
	v.packed, v.packedBits = make([]packedToken, 1<<log), uint(64-log)
	v.pairs = make([]uint32, 1<<16)
	for i := range v.single {
		v.single[i] = unranked
	}
	for i := range v.pairs {
		v.pairs[i] = unranked
	}
	for rank := range size {
		token := v.token(rank)
		v.bridges.add(token)
		switch n := len(token); {
		case n == 1:
			v.single[token[0]] = rank
		case n == 2:
			v.pairs[int(token[0])|int(token[1])<<8] = rank
		case n <= recentBytes:
			packed := short(token)
			at := packed * fibonacci >> v.packedBits
			for v.packed[at].packed() != 0 {
				at = (at + 1) % uint64(len(v.packed))
			}
			v.packed[at] = packedToken{uint32(packed & (1<<32 - 1)), uint32(packed >> 32), rank}
		default:
			h := hash(token)
			at := h >> v.shift
			for v.slots[at] != 0 {
				at = (at + 1) & v.mask
			}
			v.slots[at] = tagged(h) | (rank + 1)
		}
	}
}

// token returns the bytes of a rank.
func (v *vocabulary) token(rank uint32) string {
	start := uint32(0)
	if rank > 0 {
		start = v.ends[rank-1]
	}
	return v.bytes[start:v.ends[rank]]
}

// rank returns the rank of a token, or unranked.
func (v *vocabulary) rank(token string) uint32 {
	switch n := len(token); {
	case n > v.longest || n == 0:
		return unranked
	case n > recentBytes:
		return v.hashed(token, hash(token))
	case n > 2:
		return v.short(short(token))
	case n == 2:
		return v.pair(token, 0)
	default:
		return v.single[token[0]]
	}
}

// pair returns the rank of two bytes of a text.
func (v *vocabulary) pair(text string, i int) uint32 { return v.pairs[int(text[i])|int(text[i+1])<<8] }

// short is rank for a packed token of 3 to recentBytes bytes.
func (v *vocabulary) short(packed uint64) uint32 {
	for at := packed * fibonacci >> v.packedBits; ; at = (at + 1) % uint64(len(v.packed)) {
		switch slot := &v.packed[at]; slot.packed() {
		case packed:
			return slot.rank
		case 0:
			return unranked
		}
	}
}

// hashed is rank for a token of more than recentBytes bytes, with its hash.
func (v *vocabulary) hashed(token string, h uint64) uint32 {
	tag := tagged(h)
	for at := h >> v.shift; ; at = (at + 1) & v.mask {
		slot := v.slots[at]
		if slot == 0 {
			return unranked
		}
		if slot&^rankMask != tag {
			continue
		}
		if rank := slot&rankMask - 1; v.token(rank) == token {
			return rank
		}
	}
}

// tagged returns what a slot has of a hash.
func tagged(h uint64) uint32 { return uint32(h << rankBits & math.MaxUint32) }

// hash mixes a short text. Whoever makes texts of one hash gains nothing by it: the
// vocabulary is fixed, and a memo looks at two slots.
func hash(s string) uint64 {
	const (
		k0 = 0x9E3779B97F4A7C15
		k1 = 0xD6E8FEB86659FD93
	)
	n, h := len(s), uint64(len(s))*k1
	for ; len(s) > 16; s = s[16:] {
		h = mix(h^k0^word64(s), k1^word64(s[8:]))
	}
	var a, b uint64
	switch m := len(s); {
	case m >= 8:
		a, b = word64(s), word64(s[m-8:])
	case m >= 4:
		a, b = word32(s), word32(s[m-4:])
	case n > 0:
		a = uint64(s[0])<<16 | uint64(s[m>>1])<<8 | uint64(s[m-1])
	}
	return mix(h^k0^a, k1^b)
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

func word32(s string) uint64 {
	_ = s[3]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}

func word64(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
