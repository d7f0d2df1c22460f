package tokens_test

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"tollgate.dev/platform/tokens"
)

// Many that count at once more pieces than a memo has room for, some of them the same, hear
// the truth, and nothing grows.
func TestMemoForgets(t *testing.T) {
	var c tokens.Counter
	word := func(i int) string { return fmt.Sprintf("q%xzx", i*0x9E3779B1) }
	letters := strings.NewReplacer("0", "g", "1", "h", "2", "i", "3", "j", "4", "k", "5", "l", "6", "m", "7", "n", "8", "o", "9", "p")
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 2 * tokens.MemoSlots {
				piece := letters.Replace(word(i + g*tokens.MemoSlots/2))
				if i%7 == 0 {
					piece = letters.Replace(word(i % 64)) // met again and again
				}
				got, err := c.Count(tokens.O200k, piece)
				if i%16 != 0 && err == nil {
					continue
				}
				scan, heap, err2 := c.Merged(tokens.O200k, piece)
				if err != nil || err2 != nil || scan != heap || got != (tokens.Count{Tokens: int64(scan)}) {
					t.Errorf("%q is %+v, merged %d and %d: %v, %v", piece, got, scan, heap, err, err2)
				}
			}
		})
	}
	wg.Wait()
	kept, err := c.Kept(tokens.O200k)
	if err != nil || len(kept) < tokens.MemoSlots/2 {
		t.Errorf("%d of %d slots are in use, %v", len(kept), tokens.MemoSlots, err)
	}
	for piece, n := range kept {
		if scan, _, err := c.Merged(tokens.O200k, piece); err != nil || scan != n || len(piece) > tokens.MemoBytes {
			t.Errorf("kept %q of %d bytes as %d, want %d, %v", piece, len(piece), n, scan, err)
		}
	}
	// Neither what is a token nor what is long takes a slot.
	if err := c.Forget(tokens.O200k); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"hello", " world", strings.Repeat("zq", tokens.MemoBytes)} {
		if _, err := c.Count(tokens.O200k, text); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := c.Kept(tokens.O200k); err != nil || len(kept) != 0 {
		t.Errorf("kept %v, %v", kept, err)
	}
}

// Both ways of merging are the same.
func TestWaysOfMerging(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 11)) //nolint:gosec // the same pieces every time
	for range 3000 {
		raw := make([]byte, 1+rng.IntN(72))
		for i := range raw {
			raw[i] = byte(rng.Uint32())
			if rng.IntN(3) > 0 {
				raw[i] = "aeintsr "[raw[i]&7]
			}
		}
		piece := string(raw)
		if rng.IntN(3) == 0 {
			piece = base64.StdEncoding.EncodeToString(raw)
		}
		for e, r := range references() {
			scan, heap, err := counter.Merged(e, piece)
			want := r.merge(piece)
			if _, whole := r.ranks[piece]; !whole && scan != want || scan != heap || err != nil {
				t.Errorf("%s: %q has %d and %d tokens, want %d: %v", e, piece, scan, heap, want, err)
			}
		}
	}
}

// Counting what was counted before allocates nothing, whatever it is.
func TestCountingAgainAllocatesNothing(t *testing.T) {
	ends, sizes := []int{10, 100, 400}, make([]int64, 3)
	var spread tokens.Spread
	for _, e := range encodings {
		for _, kind := range kinds {
			text := sample(t, kind)
			count(t, e, text)
			if n := testing.AllocsPerRun(20, func() { countAgain(t, e, text, &spread, ends, sizes) }); n > 0 {
				t.Errorf("%s: %s takes %v allocations", e, kind, n)
			}
		}
	}
}

func countAgain(t *testing.T, e tokens.Encoding, text string, spread *tokens.Spread, ends []int, sizes []int64) {
	t.Helper()
	whole, err := counter.Spread(t.Context(), e, text, spread)
	if err != nil {
		t.Fatal(err)
	}
	spread.Segments(ends, sizes)
	parts := [...]tokens.Part{{Start: 0, End: len(text), Count: whole}}
	if _, err := counter.CountParts(t.Context(), e, text, parts[:]); err != nil {
		t.Fatal(err)
	}
}

// A word is counted whole up to a length, and longer than that estimated, by parts.
func TestLongestWord(t *testing.T) {
	for _, e := range []tokens.Encoding{tokens.O200k, tokens.CL100k} {
		word := strings.Repeat("abcdefgh", tokens.MaxPiece/8)
		whole, longer := count(t, e, word), count(t, e, word+"abcdefgh")
		if whole.Estimated || !longer.Estimated || longer.Tokens < whole.Tokens || longer.Tokens > whole.Tokens+8 {
			t.Errorf("%s: %+v, and with eight letters more %+v", e, whole, longer)
		}
	}
}
