// Package static embeds texts by a table of token vectors: the weighted mean of a text's
// tokens, in any order. The table is in the binary; distill/ makes it from the model
// all-MiniLM-L6-v2, and says how.
//
// It sees what a text is about and hardly what it says of it: neither the order of words nor
// what a word means beside others. It finds candidates; it must not decide.
package static

import (
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"strings"

	"tollgate.dev/services/cache/embed"
)

//go:embed table.bin
var table string

// MaxBytes is the length from which on a text is too long.
const MaxBytes = 32 << 10

// Embedder embeds by a table. It is safe for concurrent use.
type Embedder struct {
	words   *vocabulary
	dim     int
	numbers string // dim numbers a token, two a byte
	weights []uint16
	version string
}

var errMalformed = errors.New("static: not a well-formed table")

// New reads the table in the binary, in about 5 ms, into some 3 MB beside it. An error is a
// fault of the build.
func New() (*Embedder, error) { return parse(table) }

// magic begins a table. After it come, in numbers of four bytes, least first: the dimension,
// which is even, the number of tokens, the length of the vocabulary in bytes, the identifier
// of the unknown token; then the vocabulary, a token a line; of each token a weight, two
// bytes, least first; of each token its numbers, of four bits with bias added, the first in
// the low half of a byte.
const magic = "TGEMBED1"

const bias = 8

// arithmetic counts the ways in which vectors were computed from a table.
const arithmetic = 1

func parse(data string) (*Embedder, error) {
	const head = len(magic) + 4*4
	if len(data) < head || data[:len(magic)] != magic {
		return nil, errMalformed
	}
	at := func(i int) int { return int(binary.LittleEndian.Uint32([]byte(data[len(magic)+4*i:][:4]))) }
	dim, tokens, text, unknown := at(0), at(1), at(2), at(3)
	if dim < 2 || dim > maxDim || dim%2 != 0 || tokens > 1<<20 || unknown >= tokens || len(data) != head+text+tokens*(2+dim/2) {
		return nil, errMalformed
	}
	lines := strings.Split(data[head:head+text], "\n")
	if len(lines) != tokens+1 || lines[tokens] != "" {
		return nil, errMalformed
	}
	e := &Embedder{dim: dim, words: newVocabulary(lines[:tokens], int32(unknown)), weights: make([]uint16, tokens)} //nolint:gosec // checked above
	rest := data[head+text:]
	for i := range e.weights {
		e.weights[i] = uint16(rest[2*i]) | uint16(rest[2*i+1])<<8
	}
	e.numbers = rest[2*tokens:]
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(data)) // a hash takes all
	e.version = fmt.Sprintf("static-%d-%016x", arithmetic, sum.Sum64())
	return e, nil
}

// Dim is the number of dimensions.
func (e *Embedder) Dim() int { return e.dim }

// Version names the table by its contents, and what is done with it.
func (e *Embedder) Version() string { return e.version }

// Embed is [embed.Embedder]'s, for texts below [MaxBytes]. Nothing is billed. It is computed
// in integers up to one division, so that every processor gives the same bits.
func (e *Embedder) Embed(ctx context.Context, text string, to []float32) (embed.Bill, error) {
	if err := ctx.Err(); err != nil {
		return embed.Bill{}, err
	}
	if len(text) >= MaxBytes {
		return embed.Bill{}, embed.ErrTooLong
	}
	var few [96]int32
	var room [maxDim]int64
	sums := room[:e.dim]
	for tokens := e.words.split(few[:0], text); len(tokens) > 0; {
		n := min(len(tokens), atOnce)
		e.add(sums, tokens[:n])
		tokens = tokens[n:]
	}
	return embed.Bill{}, normalize(sums, to)
}

// atOnce is how many products of a weight and four bits have a sum below 2^32.
const atOnce = 4096

// add adds the weighted vectors of tokens, atOnce at the most. One multiplication does for
// two numbers, which lie in the halves of a word.
func (e *Embedder) add(sums []int64, tokens []int32) {
	var room [maxDim / 2]uint64
	pairs, all := room[:len(sums)/2], int64(0)
	for _, id := range tokens {
		weight := uint64(e.weights[id])
		if weight == 0 {
			continue
		}
		all += int64(weight) //nolint:gosec // of 16 bits
		row := e.numbers[int(id)*len(pairs):][:len(pairs)]
		for i := range pairs {
			pairs[i] += weight * spread[row[i]]
		}
	}
	for i, pair := range pairs {
		sums[2*i] += int64(uint32(pair)) - bias*all //nolint:gosec // the low half
		sums[2*i+1] += int64(pair>>32) - bias*all
	}
}

// spread parts the two numbers in a byte.
var spread = func() (t [256]uint64) {
	for i := range t {
		t[i] = uint64(i&15) | uint64(i>>4)<<32
	}
	return t
}()

// maxDim bounds what a text takes of the stack.
const maxDim = 512

// normalize divides by the length. A sum is below 2^35: of 2^15 tokens at
// the most, each 2^16 times 2^4.
func normalize(sums []int64, to []float32) error {
	largest := int64(0)
	for _, x := range sums {
		largest = max(largest, x, -x)
	}
	if largest == 0 {
		return embed.ErrNothing
	}
	// The squares of maxDim numbers of 25 bits have a sum below 2^60.
	shift := 0
	for largest>>shift >= 1<<25 {
		shift++
	}
	squares := int64(0)
	for i, x := range sums {
		sums[i] = x >> shift
		squares += sums[i] * sums[i]
	}
	length := math.Sqrt(float64(squares))
	for i, x := range sums {
		to[i] = float32(float64(x) / length)
	}
	return nil
}
