package tokens

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func encoders(t *testing.T) map[Encoding]*encoder {
	t.Helper()
	var c Counter
	all := map[Encoding]*encoder{}
	for _, e := range []Encoding{O200k, CL100k} {
		encoder, err := c.encoder(e)
		if err != nil {
			t.Fatal(err)
		}
		all[e] = encoder
	}
	return all
}

// parts are what a piece is cut into.
func parts(e *encoder, piece string) (all []string) {
	for piece != "" {
		end, _ := e.bridges.cut(piece)
		all = append(all, piece[:end])
		piece = piece[end:]
	}
	return all
}

// whole merges a piece without cutting it.
func whole(e *encoder, piece string) int {
	var m merger
	return m.mergeHeap(e.vocabulary, piece)
}

// alphabets are characters that stand in a piece together, in runs of any length: of scripts
// without spaces, of others with marks, and what joins pictographs.
var alphabets = [][2]rune{
	{0x0E01, 0x0E5B}, {0x0E81, 0x0EDF}, {0x1780, 0x17DD}, {0x1000, 0x109F}, {0x0905, 0x094D}, {0x0B85, 0x0BCD},
	{0x10D0, 0x10FF}, {0x0561, 0x0587}, {0x05D0, 0x05EA}, {0x0300, 0x036F}, {0x0430, 0x044F}, {0x3041, 0x30FF},
	{0x4E00, 0x9FFF}, {0x7684, 0x7690}, {0xAC00, 0xD7A3}, {0xFF66, 0xFF9D}, {0x1F600, 0x1F64F}, {0x1F3FB, 0x1F3FF},
	{0x200C, 0x200D}, {0xFE0F, 0xFE0F}, {'a', 'z'},
}

// scribble writes characters of one, two or three alphabets.
func scribble(rng *rand.Rand, n int) string {
	var b strings.Builder
	of := alphabets[rng.IntN(len(alphabets)-1)]
	for range n {
		r := of
		if rng.IntN(8) == 0 {
			r = alphabets[rng.IntN(len(alphabets))]
		}
		b.WriteRune(r[0] + rng.Int32N(r[1]-r[0]+1))
	}
	return b.String()
}

// apart merges the parts of a piece, each by itself.
func apart(e *encoder, piece string) (tokens int) {
	for _, part := range parts(e, piece) {
		tokens += whole(e, part)
	}
	return tokens
}

// Parts are counted by themselves, which is right as long as no token is cut, and each one is
// what its bytes merge into.
func TestEveryTokenIsWhole(t *testing.T) {
	for name, e := range encoders(t) {
		for rank := range e.ends {
			token := e.token(uint32(rank))
			if end, _ := e.bridges.cut(token); end != len(token) {
				t.Errorf("%s: %q is cut at %d", name, token, end)
			}
			if n := whole(e, token); n != 1 {
				t.Errorf("%s: %q merges into %d", name, token, n)
			}
		}
	}
}

// A token that begins or ends within a character is made whole by the characters that it may be
// a part of, and the piece has as many tokens in parts as together.
func TestTokensOfHalfCharacters(t *testing.T) {
	for name, e := range encoders(t) {
		heads, tails := map[string][]string{}, map[string][]string{} // characters by how they begin and end
		var halves []string
		met := map[rune]bool{}
		for rank := range e.ends {
			token := e.token(uint32(rank))
			for _, r := range token {
				if r < utf8.RuneSelf || r == utf8.RuneError || met[r] {
					continue
				}
				met[r] = true
				for c, i := string(r), 1; i < len(c); i++ {
					heads[c[:i]] = append(heads[c[:i]], c[i:])
					tails[c[i:]] = append(tails[c[i:]], c[:i])
				}
			}
			if utf8.RuneCountInString(token) > 1 && !utf8.ValidString(token) {
				halves = append(halves, token)
			}
		}
		rng := rand.New(rand.NewPCG(12, 13)) //nolint:gosec // the same characters every time
		one := func(of []string) string {
			if len(of) == 0 {
				return ""
			}
			return of[rng.IntN(len(of))]
		}
		pieces := 0
		for _, token := range halves {
			start, end := 0, len(token)
			for start < end && !utf8.RuneStart(token[start]) {
				start++
			}
			for i := max(start, end-utf8.UTFMax+1); i < end; i++ {
				if utf8.RuneStart(token[i]) && !utf8.FullRuneInString(token[i:]) {
					end = i
					break
				}
			}
			for range 40 {
				piece := one(tails[token[:start]]) + token + one(heads[token[end:]])
				if !utf8.ValidString(piece) {
					continue
				}
				pieces++
				if got, want := apart(e, piece), whole(e, piece); got != want {
					t.Errorf("%s: %q has %d tokens, in parts %d: %q", name, piece, want, got, parts(e, piece))
				}
			}
		}
		if pieces < 1000 {
			t.Errorf("%s: %d pieces of %d such tokens", name, pieces, len(halves))
		}
	}
}

// However a piece of any characters is cut, it has the tokens that it has whole; so has one of
// bytes that are no characters.
func TestPartsAddUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(14, 15)) //nolint:gosec // the same pieces every time
	for name, e := range encoders(t) {
		for range 4000 {
			piece := scribble(rng, 1+rng.IntN(150))
			if rng.IntN(4) == 0 {
				bytes := []byte(piece)
				for range 1 + len(bytes)/8 {
					bytes[rng.IntN(len(bytes))] = byte(rng.Uint32())
				}
				piece = string(bytes)
			}
			want := whole(e, piece)
			if got, counted := apart(e, piece), e.merged(piece); got != want || counted != want {
				t.Errorf("%s: %q has %d tokens, counted as %d, in parts %d: %q", name, piece, want, counted, got, parts(e, piece))
			}
		}
	}
}

// What a script that puts no spaces between words has for a piece is kept in parts.
func TestPartsAreShort(t *testing.T) {
	for _, kind := range []string{"thai", "lao", "khmer", "burmese", "chinese"} {
		text, err := os.ReadFile("testdata/" + kind + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		piece := strings.Join(strings.Fields(string(text)), "")
		for name, e := range encoders(t) {
			all := parts(e, piece)
			longest := slices.MaxFunc(all, func(a, b string) int { return len(a) - len(b) })
			if len(longest) > memoBytes {
				t.Errorf("%s: of %d parts of %d bytes of %s one is %q", name, len(all), len(piece), kind, longest)
			}
		}
	}
}
