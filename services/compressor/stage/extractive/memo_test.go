package extractive

import (
	"fmt"
	"runtime"
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
		p, err := prompt.Parse(t.Context(), fmt.Appendf(nil, `{"messages":[{"role":"tool","content":%q}]}`, text))
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
	given := textsOf(t, "ab", "c")
	given[1].Kind = prompt.Context
	for name, key := range map[string][32]byte{
		"a":                keyOf("t", "q", tokens.O200k, 10, textsOf(t, "ab", "c")),
		"other borders":    keyOf("t", "q", tokens.O200k, 10, textsOf(t, "a", "bc")),
		"one text":         keyOf("t", "q", tokens.O200k, 10, textsOf(t, "abc")),
		"another question": keyOf("t", "", tokens.O200k, 10, textsOf(t, "q", "ab", "c")),
		"another budget":   keyOf("t", "q", tokens.O200k, 11, textsOf(t, "ab", "c")),
		"another tenant":   keyOf("tq", "", tokens.O200k, 10, textsOf(t, "ab", "c")),
		"no tenant":        keyOf("", "q", tokens.O200k, 10, textsOf(t, "ab", "c")),
		"another kind":     keyOf("t", "q", tokens.O200k, 10, given),
		"another encoding": keyOf("t", "q", tokens.CL100k, 10, textsOf(t, "ab", "c")),
	} {
		if other, ok := seen[key]; ok {
			t.Errorf("%q and %q have one key", name, other)
		}
		seen[key] = name
	}
	again := keyOf("t", "q", tokens.O200k, 10, textsOf(t, "ab", "c"))
	if seen[again] != "a" {
		t.Error("the same has two keys")
	}
}

// The memo holds what was used last, and takes no more memory than it has room for, however
// large the requests are that its texts were in.
func TestMemoIsBounded(t *testing.T) {
	m := newMemo()
	of := func(i int) [32]byte { return keyOf("", fmt.Sprint(i), tokens.O200k, 1, nil) }
	request := func(i int) (string, string) {
		body := fmt.Sprint(i) + strings.Repeat("The mill stands by the river. ", 1<<15)
		return body[:1<<19], body[1<<19:]
	}
	remember := func(i int) {
		left, kept := request(i)
		texts := []*prompt.Text{{Original: kept}, {Original: left}}
		for _, text := range texts {
			text.Restore()
		}
		half := extract.Span{Start: 6000, End: len(left)}
		m.put(of(i), texts, extract.Result{Texts: []string{kept, left[:6000] + extract.Mark}, Omitted: [][]extract.Span{nil, {half}}})
	}
	var callers sync.WaitGroup
	for i := range 40 {
		callers.Go(func() {
			remember(i)
			_, _ = m.get(of(0), textsOf(t, "a", strings.Repeat("a", 7000)))
		})
	}
	callers.Wait()
	before := heap()
	for i := range 200 {
		remember(i)
		if _, ok := m.get(of(0), textsOf(t, "a", strings.Repeat("a", 7000))); !ok {
			t.Fatal("what is used is forgotten")
		}
	}
	if grown := int64(heap() - before); grown > memoBytes {
		t.Errorf("%d MB more in the heap after 200 requests", grown>>20)
	}
	if m.bytes > memoBytes || len(m.known) != m.used.Len() {
		t.Errorf("%d bytes, %d known, %d in order", m.bytes, len(m.known), m.used.Len())
	}
	const many = memoBytes / 4 / spanSize / 2
	large, left, spans := &prompt.Text{Original: strings.Repeat("ab", many)}, strings.Repeat("a"+extract.Mark, many), make([]extract.Span, many)
	large.Restore()
	for i := range spans {
		spans[i] = extract.Span{Start: 2*i + 1, End: 2*i + 2}
	}
	m.put(of(-1), []*prompt.Text{large}, extract.Result{Texts: []string{left}, Omitted: [][]extract.Span{spans}})
	if _, ok := m.get(of(-1), []*prompt.Text{large}); ok {
		t.Error("one selection takes much of the room")
	}
}

// As much is counted as is taken, whatever the selections are.
func TestMemoCountsWhatItTakes(t *testing.T) {
	for name, pieces := range map[string]int{"of one piece": 1, "of many": 400} {
		m, before := newMemo(), heap()
		body := strings.Repeat("A mill. ", 2*pieces)
		for i := range 1 << 20 {
			text := &prompt.Text{Original: body}
			text.Restore()
			var left strings.Builder
			omitted := make([]extract.Span, 0, pieces)
			for j := range pieces {
				left.WriteString("A mill. " + extract.Mark)
				omitted = append(omitted, extract.Span{Start: 16*j + 8, End: 16*j + 16})
			}
			res := extract.Result{Texts: []string{left.String()}, Omitted: [][]extract.Span{omitted}}
			m.put(keyOf("", fmt.Sprint(i), tokens.O200k, 1, nil), []*prompt.Text{text}, res)
			if m.bytes > memoBytes*9/10 {
				break
			}
		}
		if grown := int64(heap() - before); m.bytes < memoBytes/2 || grown > memoBytes {
			t.Errorf("%s: %d selections counted as %d KiB take %d KiB", name, len(m.known), m.bytes>>10, grown>>10)
		}
		runtime.KeepAlive(m)
	}
}

// heap is how many bytes are in use.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
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

// What was chosen for a tenant is chosen again for another, who would be told by the time that
// somebody has sent that text.
func TestNoTenantFindsWhatAnotherHasSent(t *testing.T) {
	s := New(&tokens.Counter{})
	selections := func(tenant string) int {
		texts := textsOf(t, strings.Repeat("The mill stands by the river. A boat goes by each day. ", 40))
		texts[0].Restore()
		texts[0].Size, texts[0].Tokens = 480, 480
		draft := &prompt.Draft{
			Tenant: tenant, Texts: texts, Rate: 0.5, Encoding: tokens.O200k, Floors: make([]int64, 1), Prefixes: []int64{480},
		}
		if err := s.Apply(t.Context(), draft); err != nil || !texts[0].Changed() {
			t.Fatalf("changed %t, %v", texts[0].Changed(), err)
		}
		return len(s.memo.known)
	}
	for i, tenant := range []string{"acme", "globex", "", "acme"} {
		if n, want := selections(tenant), min(i+1, 3); n != want {
			t.Errorf("after %q there are %d selections, want %d", tenant, n, want)
		}
	}
}
