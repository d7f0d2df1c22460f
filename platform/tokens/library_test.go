package tokens_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
	"github.com/tiktoken-go/tokenizer/codec"

	"tollgate.dev/platform/tokens"
)

// reference counts as the encodings are published: by their expression, which an interpreter
// matches, and by merging in the plainest way, with the vocabulary of the tokenizer library.
type reference struct {
	library *codec.Codec
	pieces  *regexp2.Regexp
	ranks   map[string]int
}

var references = sync.OnceValue(func() map[tokens.Encoding]*reference {
	return map[tokens.Encoding]*reference{
		tokens.O200k: newReference(codec.NewO200kBase(),
			`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?`+
				`|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?`+
				`|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`),
		tokens.CL100k: newReference(codec.NewCl100kBase(),
			`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`),
	}
})

func newReference(library *codec.Codec, expression string) *reference {
	r := &reference{library: library, ranks: map[string]int{}}
	// The library has engines generated for its expressions; one that is in a group is another one.
	r.pieces = regexp2.MustCompile("(?:"+expression+")", regexp2.None)
	for id := uint(0); ; id++ {
		token, err := library.Decode([]uint{id})
		if err != nil {
			return r
		}
		r.ranks[token] = int(id)
	}
}

func (r *reference) count(t *testing.T, text string) (tokens int) {
	t.Helper()
	m, err := r.pieces.FindStringMatch(text)
	for ; m != nil && err == nil; m, err = r.pieces.FindNextMatch(m) {
		tokens += r.merge(m.String())
	}
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func (r *reference) merge(piece string) int {
	if _, ok := r.ranks[piece]; ok {
		return 1
	}
	starts := make([]int, len(piece)+1)
	for i := range starts {
		starts[i] = i
	}
	for {
		best, at := math.MaxInt, 0
		for i := range len(starts) - 2 {
			if rank, ok := r.ranks[piece[starts[i]:starts[i+2]]]; ok && rank < best {
				best, at = rank, i
			}
		}
		if best == math.MaxInt {
			return len(starts) - 1
		}
		starts = slices.Delete(starts, at+1, at+2)
	}
}

// faithful tells whether the library's generated engines do what its expressions say. They
// pass over DEL as if it were not there, and of several newlines among blanks they take the
// first for the last.
func faithful(text string) bool {
	lines, apart := false, false
	for _, r := range text {
		switch {
		case r == '\x7f':
			return false
		case r == '\n' || r == '\r':
			if apart {
				return false
			}
			lines = true
		case unicode.IsSpace(r):
			apart = lines
		default:
			lines, apart = false, false
		}
	}
	return true
}

// check holds a text's count to the reference, and to the library where that is faithful.
func check(t *testing.T, text string) {
	t.Helper()
	for e, r := range references() {
		got := count(t, e, text)
		if !utf8.ValidString(text) {
			if !got.Estimated || got.Tokens <= 0 || got.Tokens > int64(len(text)) {
				t.Errorf("%s: %q, which is no text, is %+v", e, text, got)
			}
			continue
		}
		want := r.count(t, text)
		if got != (tokens.Count{Tokens: int64(want)}) {
			t.Errorf("%s: %.300q is %+v, want %d", e, text, got, want)
		}
		if library, err := r.library.Count(text); faithful(text) && (err != nil || got.Tokens != int64(library)) {
			t.Errorf("%s: %.300q is %+v, the library has %d, %v", e, text, got, library, err)
		}
	}
}

// Characters of every kind, at every place that the splitting expressions treat differently.
func TestEveryKindOfCharacter(t *testing.T) {
	var b strings.Builder
	for r := rune(0); r <= unicode.MaxRune; r++ {
		switch { // TestEveryCharactersClass looks at them all
		case !utf8.ValidRune(r):
			continue
		case r < 0x700, r < 0x3100 && r%5 == 0, r < 0x20000 && r%0x40 == 0, r%0x1000 == 0:
		default:
			continue
		}
		c := string(r)
		for _, s := range []string{"aB", c, "b", c, c, "Cd", c, "\n ", c, "1", c, "2 ", c, "!", c, "'s ", c, "X", c} {
			b.WriteString(s)
		}
		if b.Len() > 1000 {
			check(t, b.String())
			b.Reset()
		}
	}
	check(t, b.String())
}

func TestFragments(t *testing.T) {
	for _, a := range fragments {
		check(t, a)
		for _, b := range []string{"a", "B", " ", "\n", "1", "!", "'s", "\u0301", "漢"} {
			check(t, a+b)
			check(t, b+a)
		}
	}
	for seed := range uint64(300) {
		check(t, mixed(seed, 12))
	}
	for _, n := range []int{2, 96, 97, 129, 300} {
		for _, s := range []string{" ", "\n", "=", "-", "9", "ab", "漢", "aé", "🙂", " \n", "\t", "A", "xY", "/", "\u0301"} {
			check(t, strings.Repeat(s, n))
			check(t, "a"+strings.Repeat(s, n)+"b")
		}
	}
	for _, kind := range kinds {
		check(t, sample(t, kind))
	}
}

// Clauses that are one piece each, of hundreds of bytes.
func TestScriptsWithoutSpaces(t *testing.T) {
	for _, kind := range []string{"thai", "lao", "khmer", "burmese", "chinese"} {
		text := sample(t, kind)
		check(t, strings.Join(strings.Fields(text), ""))
		rng := rand.New(rand.NewPCG(16, 17)) //nolint:gosec // the same texts every time
		written := []rune(text)
		for range 60 {
			letters := make([]rune, 1+rng.IntN(200))
			for i := range letters { // runs of the text, and single characters of it
				letters[i] = written[rng.IntN(len(written))]
			}
			from := rng.IntN(len(written))
			check(t, string(letters)+string(written[from:min(from+100, len(written))])+"👩\u200d👩\u200d👧🏽"+string(letters[:1]))
		}
	}
}

// The texts that TOLLGATE_DATA has, or that lie beside the repository, are counted as by the
// library. Without them the project's own are.
func TestDataCountsAsByTheLibrary(t *testing.T) {
	texts, from := dataset(t)
	if len(texts) == 0 {
		from = "texts of the project's own"
		for _, kind := range kinds {
			texts = append(texts, strings.SplitAfter(sample(t, kind), "\n")...)
		}
		for seed := range uint64(2000) {
			texts = append(texts, mixed(seed, 5))
		}
	}
	t.Logf("%d texts: %s", len(texts), from)
	for _, text := range texts {
		for e, r := range references() {
			want, err := r.library.Count(text)
			if err != nil {
				t.Fatal(err)
			}
			if !faithful(text) {
				want = r.count(t, text)
			}
			if got := count(t, e, text); got != (tokens.Count{Tokens: int64(want)}) {
				t.Errorf("%s: %.300q is %+v, want %d", e, text, got, want)
			}
		}
	}
}

// dataset reads every string of the files in a folder's subfolders, each once.
func dataset(t *testing.T) (texts []string, from string) {
	t.Helper()
	from = os.Getenv("TOLLGATE_DATA")
	if from == "" {
		from = "../../../shared/data"
	}
	files, err := filepath.Glob(filepath.Join(from, "*", "*.gz"))
	if err != nil {
		t.Fatal(err)
	}
	met := map[string]bool{}
	add := func(text string) {
		if text != "" && utf8.ValidString(text) && !met[text] {
			met[text] = true
			texts = append(texts, text)
		}
	}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		lines, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewScanner(lines)
		in.Buffer(nil, 1<<22)
		for in.Scan() {
			var line any
			if json.Unmarshal(in.Bytes(), &line) == nil {
				everyString(line, add)
				continue
			}
			for text := range strings.SplitSeq(in.Text(), "\t") {
				add(text)
			}
		}
		if in.Err() != nil {
			t.Fatalf("%s: %v", file, in.Err())
		}
	}
	return texts, from
}

func everyString(v any, add func(string)) {
	switch v := v.(type) {
	case string:
		add(v)
	case []any:
		for _, v := range v {
			everyString(v, add)
		}
	case map[string]any:
		for _, v := range v {
			everyString(v, add)
		}
	}
}

func FuzzCountIsTheLibrarys(f *testing.F) {
	for _, s := range fragments {
		f.Add(s)
	}
	for seed := range uint64(30) {
		f.Add(mixed(seed, 8))
	}
	for _, kind := range []string{"thai", "lao", "khmer", "burmese", "chinese"} {
		f.Add(strings.ToValidUTF8(sample(f, kind)[:900], ""))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 0 && len(text) <= 1000 {
			check(t, text)
		}
	})
}
