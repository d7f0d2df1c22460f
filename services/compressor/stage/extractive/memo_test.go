package extractive

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor/extract"
	"tollgate.dev/services/compressor/prompt"
)

func textsOf(t *testing.T, all ...string) (texts []*prompt.Text) {
	t.Helper()
	for _, text := range all {
		p, err := prompt.Parse(fmt.Appendf(nil, `{"messages":[{"role":"tool","content":%q}]}`, text))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, p.Texts...)
	}
	return texts
}

// What a selection depends on tells keys apart, and nothing runs into something else.
func TestKeys(t *testing.T) {
	seen := map[[32]byte]string{}
	for name, key := range map[string][32]byte{
		"a":                keyOf("q", tokens.O200k, 10, textsOf(t, "ab", "c")),
		"other borders":    keyOf("q", tokens.O200k, 10, textsOf(t, "a", "bc")),
		"one text":         keyOf("q", tokens.O200k, 10, textsOf(t, "abc")),
		"another question": keyOf("", tokens.O200k, 10, textsOf(t, "q", "ab", "c")),
		"another budget":   keyOf("q", tokens.O200k, 11, textsOf(t, "ab", "c")),
		"another encoding": keyOf("q", tokens.CL100k, 10, textsOf(t, "ab", "c")),
	} {
		if other, ok := seen[key]; ok {
			t.Errorf("%q and %q have one key", name, other)
		}
		seen[key] = name
	}
	again := keyOf("q", tokens.O200k, 10, textsOf(t, "ab", "c"))
	if seen[again] != "a" {
		t.Error("the same has two keys")
	}
}

// The memo holds what was used last, and no more than it has room for.
func TestMemoIsBounded(t *testing.T) {
	m := newMemo()
	of := func(i int) [32]byte { return keyOf(fmt.Sprint(i), tokens.O200k, 1, nil) }
	res := extract.Result{Texts: []string{strings.Repeat("x", memoBytes/8)}, Omitted: [][]extract.Span{nil}}
	var callers sync.WaitGroup
	for i := range 40 {
		callers.Go(func() {
			m.put(of(i), res)
			m.get(of(0))
		})
	}
	callers.Wait()
	m.put(of(0), res)
	for i := 100; i < 105; i++ {
		m.put(of(i), res)
		if _, ok := m.get(of(0)); !ok {
			t.Fatal("what is used is forgotten")
		}
	}
	if _, ok := m.get(of(104)); !ok || m.bytes > memoBytes || len(m.known) != m.used.Len() || len(m.known) > 8 {
		t.Errorf("%d bytes, %d known, %d in order", m.bytes, len(m.known), m.used.Len())
	}
	m.put(of(200), extract.Result{Texts: []string{strings.Repeat("x", memoBytes/2)}, Omitted: [][]extract.Span{nil}})
	if _, ok := m.get(of(200)); ok {
		t.Error("one selection takes most of the room")
	}
}

// What is remembered is what would be chosen again.
func TestRememberedIsChosenAgain(t *testing.T) {
	var counter tokens.Counter
	text := strings.Repeat("The mill stands by the river. Its wheel is of oak. Nobody knows who built it. ", 40)
	one := New(&counter)
	var last string
	for i, s := range []Stage{one, one, New(&counter)} {
		texts := textsOf(t, text)
		n, err := counter.Count(tokens.O200k, text)
		if err != nil {
			t.Fatal(err)
		}
		texts[0].Size, texts[0].Tokens = n.Tokens, n.Tokens
		draft := &prompt.Draft{Texts: texts, Rate: 0.5, Encoding: tokens.O200k, Floors: []int64{0}, Prefixes: []int64{n.Tokens}}
		if err := s.Apply(t.Context(), draft); err != nil {
			t.Fatal(err)
		}
		if !texts[0].Changed() || i > 0 && texts[0].Current() != last || len(texts[0].Omitted()) != 1 {
			t.Errorf("run %d is another: %.80q", i, texts[0].Current())
		}
		last = texts[0].Current()
	}
}
