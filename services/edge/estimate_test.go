package edge

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"tollgate.dev/platform/tokens"
)

// What is counted of a text is bounded, whatever its length; what is not counted is taken to
// be as dense as the densest of what is.
func TestGauge(t *testing.T) {
	var counter tokens.Counter
	asked := 0
	count := func(text string) int64 {
		asked += len(text)
		n, err := counter.Count(tokens.O200k, text)
		if err != nil {
			t.Fatal(err)
		}
		return n.Tokens
	}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a seeded one, for a test
	words := strings.Fields("the quick brown fox jumps over a lazy dog and then it rests for hours beneath some tree")
	prose := func(size int) []byte {
		var b strings.Builder
		for b.Len() < size {
			b.WriteString(words[random.IntN(len(words))] + " ")
		}
		return []byte(b.String())
	}
	dense := func(size int) []byte {
		var b strings.Builder
		for b.Len() < size {
			fmt.Fprintf(&b, "%c", '一'+random.IntN(20000))
		}
		return []byte(b.String())
	}
	small := [][]byte{[]byte(`"hello \u0077orld"`), []byte(`{"a":1}`)}
	if got, want := gauge(small, count), count(`hello world{"a":1}`); got != want {
		t.Errorf("a short text: %d tokens, want %d", got, want)
	}
	if gauge(nil, count) != 0 {
		t.Error("nothing has tokens")
	}
	for name, texts := range map[string][][]byte{
		"one text":   {prose(10 << 20)},
		"just above": {prose(maxGauged + 1)},
		"many texts": func() (all [][]byte) {
			for range 3000 {
				all = append(all, prose(60))
			}
			return all
		}(),
		"light before dense":  {prose(200 << 10), dense(200 << 10)},
		"empty ones as well":  {{}, prose(100 << 10), {}, {}, prose(50), {}},
		"nothing but letters": {[]byte(strings.Repeat("a", 5<<20))},
	} {
		t.Run(name, func(t *testing.T) {
			asked = 0
			got := gauge(texts, count)
			if asked > maxGauged {
				t.Errorf("%d bytes were counted", asked)
			}
			// The truth, from a part of a long text.
			all := bytes.Join(texts, nil)
			total, part := int64(len(all)), all[:min(len(all), 500<<10)]
			want := count(string(part)) * total / int64(len(part))
			if got < want*95/100 || got > total {
				t.Errorf("%d tokens of %d bytes, which have %d", got, total, want)
			}
			if name == "one text" && got > want*12/10 {
				t.Errorf("%d tokens, %d would be right", got, want)
			}
		})
	}
}

func TestPromptTexts(t *testing.T) {
	var req chatRequest
	image := strings.Repeat("QUJD", 1000)
	body := `{"model":"m","temperature":0.5,"messages":[{"role":"system","content":"be kind"},` +
		`{"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:image/png;base64,` + image + `"}}]},` +
		`{"role":"assistant","content":null,"tool_calls":[{"id":"c"}]}],"tools":[{"type":"function"}]}`
	if err := req.parse([]byte(body)); err != nil {
		t.Fatal(err)
	}
	texts, messages := promptTexts(&req)
	var got []string
	for _, text := range texts {
		got = append(got, string(text))
	}
	want := []string{`"be kind"`, `"look"`, `[{"id":"c"}]`, `[{"type":"function"}]`}
	if fmt.Sprint(got) != fmt.Sprint(want) || messages != 3 {
		t.Errorf("%d messages with %q", messages, got)
	}
}

// However many callers hang up, few counts run at once.
func TestCountsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counting := newCounting()
		proceed := make(chan struct{})
		var mu sync.Mutex
		running, most, done := 0, 0, 0
		const calls = 50
		for range calls {
			go counting.do(func() {
				mu.Lock()
				running++
				most = max(most, running)
				mu.Unlock()
				<-proceed
				mu.Lock()
				running--
				done++
				mu.Unlock()
			})
		}
		synctest.Wait()
		mu.Lock()
		if running != cap(counting) || running >= calls {
			t.Errorf("%d run at once, want %d", running, cap(counting))
		}
		mu.Unlock()
		close(proceed)
		synctest.Wait()
		if most > cap(counting) || done != calls {
			t.Errorf("%d ran at once, and %d of %d came to an end", most, done, calls)
		}
	})
}

// A transcript is bounded, and knows how long the whole answer is.
func TestTranscript(t *testing.T) {
	var o transcript
	chunk := make([]byte, 1000)
	for n := range 5000 {
		o.add([][]byte{chunk, chunk}, maxCached)
		if o.size != int64(n+1)*2000 {
			t.Fatalf("%d bytes after %d chunks", o.size, 2*(n+1))
		}
		held := 0
		for _, c := range o.chunks {
			held += len(c)
		}
		if int64(held) != o.kept || o.kept > maxCached || o.cut && o.kept > maxSampled || o.cut != (o.size > maxCached) {
			t.Fatalf("of %d bytes %d are held, cut %t", o.size, held, o.cut)
		}
	}
	var one transcript
	if one.add([][]byte{make([]byte, 2<<20)}, maxCached); !one.cut || one.kept != 2<<20 {
		t.Errorf("of one chunk %d bytes are held, cut %t", one.kept, one.cut)
	}
}

// A flight keeps its chunks for those who follow it; a long one takes nobody more aboard,
// and keeps nothing once nobody follows.
func TestLongFlights(t *testing.T) {
	chunk := make([]byte, 1000)
	fly := func(f *flight, size int) {
		for n := 0; n < size; n += len(chunk) {
			f.publish(nil, [][]byte{chunk}, false)
		}
	}
	f := &flight{cancel: func() {}, waiting: 1}
	fly(f, 100_000)
	if !f.board() {
		t.Fatal("nobody may follow a short stream")
	}
	fly(f, 2*maxCached)
	if f.board() {
		t.Error("one more may follow a stream that is too long")
	}
	if chunks, _, _ := f.next(0); int64(len(chunks)*len(chunk)) != f.size {
		t.Errorf("a follower gets %d chunks of %d bytes", len(chunks), f.size)
	}
	f.alight()
	fly(f, 1000)
	if len(f.chunks) != 0 {
		t.Errorf("%d chunks are kept for nobody", len(f.chunks))
	}
}

// Whoever follows a stream has a pump receive it, as soon as its leader does not: between two
// messages, and never after the last.
func TestWhoReceives(t *testing.T) {
	const receives, writes, follows, ends = "the leader receives", "the leader writes", "one follows", "the last message"
	for name, tc := range map[string]struct {
		steps []string
		pumps bool
	}{
		"alone":                        {[]string{receives, writes, receives, writes}, false},
		"one follows while it waits":   {[]string{receives, follows}, false},
		"and then there is a message":  {[]string{receives, follows, writes}, true},
		"one follows while it writes":  {[]string{receives, writes, follows}, true},
		"two do":                       {[]string{receives, writes, follows, follows}, true},
		"the message is the last":      {[]string{receives, follows, ends}, false},
		"one follows in the last line": {[]string{receives, ends, follows}, false},
	} {
		t.Run(name, func(t *testing.T) {
			pumps := 0
			f := &flight{cancel: func() {}, waiting: 1}
			f.lead(func() { pumps++ })
			for _, step := range tc.steps {
				switch step {
				case receives:
					if !f.receive() {
						t.Fatal("the leader has lost its stream")
					}
				case writes:
					f.publish(nil, nil, false)
				case ends:
					f.publish(nil, nil, true)
				case follows:
					if !f.board() {
						t.Fatal("nobody may follow")
					}
				}
			}
			f.pumping.Wait()
			if (pumps == 1) != tc.pumps || pumps > 1 {
				t.Errorf("%d pumps run", pumps)
			}
			if tc.pumps && f.receive() {
				t.Error("the leader receives beside the pump")
			}
		})
	}
}
