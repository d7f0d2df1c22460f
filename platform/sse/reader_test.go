package sse

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// ev is an Event that can be kept and compared.
type ev struct{ name, data, id string }

func keep(e Event) ev { return ev{string(e.Name), string(e.Data), string(e.ID)} }

// golden holds streams and what they dispatch. Every one is also read split at every byte.
var golden = []struct {
	name   string
	stream string
	want   []ev
	cut    bool // ends in the middle of an event
}{
	// §9.2.1 and §9.2.6, the standard's own examples.
	{"three messages", "data: This is the first message.\n\ndata: This is the second message, it\ndata: has two lines.\n\ndata: This is the third message.\n\n",
		[]ev{{data: "This is the first message."}, {data: "This is the second message, it\nhas two lines."}, {data: "This is the third message."}}, false},
	{"event types", "event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent: add\ndata: 113411\n\n",
		[]ev{{name: "add", data: "73857293"}, {name: "remove", data: "2153"}, {name: "add", data: "113411"}}, false},
	{"stock ticker", "data: YHOO\ndata: +2\ndata: 10\n\n", []ev{{data: "YHOO\n+2\n10"}}, false},
	{"four blocks", ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n",
		[]ev{{data: "first event", id: "1"}, {data: "second event"}}, true},
	{"empty data", "data\n\ndata\ndata\n\ndata:", []ev{{data: ""}, {data: "\n"}}, true},
	{"one space goes", "data:test\n\ndata: test\n\ndata:  test\n\n", []ev{{data: "test"}, {data: "test"}, {data: " test"}}, false},

	{"nothing", "", nil, false},
	{"CR LF", "event: a\r\ndata: 1\r\ndata: 2\r\n\r\ndata: 3\r\n\r\n", []ev{{name: "a", data: "1\n2"}, {data: "3"}}, false},
	{"CR", "event: a\rdata: 1\rdata: 2\r\rdata: 3\r\r", []ev{{name: "a", data: "1\n2"}, {data: "3"}}, false},
	{"all line ends in one", "data: 1\rdata: 2\ndata: 3\r\n\rdata: 4\n\r\ndata: 5\r\r\n\n", []ev{{data: "1\n2\n3"}, {data: "4"}, {data: "5"}}, false},
	{"LF CR is two ends", "data: 1\n\rdata: 2\n\r", []ev{{data: "1"}, {data: "2"}}, false},
	{"nothing else ends a line", "data: a\vb\fc\x00d\x1ce\xc2\x85f\xe2\x80\xa8g\xe2\x80\xa9h\n\n",
		[]ev{{data: "a\vb\fc\x00d\x1ce\xc2\x85f\xe2\x80\xa8g\xe2\x80\xa9h"}}, false},
	{"byte order mark", "\xef\xbb\xbfdata: 1\n\n", []ev{{data: "1"}}, false},
	{"only one of them, only at the start", "\xef\xbb\xbf\xef\xbb\xbfdata: 1\n\ndata: 2\n\xef\xbb\xbfdata: 3\n\n", []ev{{data: "2"}}, false},
	{"half of one", "\xef\xbb", nil, true},
	{"half of one, then another thing", "\xef\xbbdata: 1\n\ndata: 2\n\n", []ev{{data: "2"}}, false},
	{"comments", ":\n: ping\n\n:data: no\ndata: 1\n: between\ndata: 2\n\n: bye\n", []ev{{data: "1\n2"}}, false},
	{"a cut comment", "data: 1\n\n: pi", []ev{{data: "1"}}, true},
	{"unknown fields", "Data: 1\ndata : 2\n data: 3\ndatas: 4\nfoo\ndata: 5\n\n", []ev{{data: "5"}}, false},
	{"colons in the value", "data: {\"a\": \"b:c\"}\n\ndata::\n\n", []ev{{data: `{"a": "b:c"}`}, {data: ":"}}, false},
	{"a name without data is forgotten", "event: lost\n\ndata: 1\n\n", []ev{{data: "1"}}, false},
	{"the last name counts", "event: a\nevent: b\ndata: 1\n\nevent: c\nevent\ndata: 2\n\n", []ev{{name: "b", data: "1"}, {data: "2"}}, false},
	{"a name between data lines", "data: a\nevent: the-name\ndata: " + strings.Repeat("b", 50) + "\nid: the-id\ndata: c\n\n",
		[]ev{{name: "the-name", data: "a\n" + strings.Repeat("b", 50) + "\nc", id: "the-id"}}, false},
	{"an ID holds", "id: 1\n\ndata: a\n\ndata: b\n\nid: 2\nid: 3\ndata: c\n\nid\n\ndata: d\n\n",
		[]ev{{data: "a", id: "1"}, {data: "b", id: "1"}, {data: "c", id: "3"}, {data: "d"}}, false},
	{"an ID with NUL is none", "id: 1\nid: x\x00y\ndata: a\n\n", []ev{{data: "a", id: "1"}}, false},
	{"cut before the blank line", "data: 1\n\ndata: [DONE]\n", []ev{{data: "1"}}, true},
	{"cut in a line", "data: 1\n\ndata: [DO", []ev{{data: "1"}}, true},
	{"cut after a name", "event: error\n", nil, true},
	{"cut after a retry", "retry: 1\n", nil, true},
	{"blank lines at the end", "data: 1\n\n\n\r\n\r", []ev{{data: "1"}}, false},
	{"longer than the first buffer", "data: " + strings.Repeat("x", 3*firstBuffer) + "\ndata: y\n\ndata: z\n\n",
		[]ev{{data: strings.Repeat("x", 3*firstBuffer) + "\ny"}, {data: "z"}}, false},
	{"a chat stream", "event: message_start\ndata: {\"type\":\"message_start\"}\n\nevent: ping\ndata: {\"type\": \"ping\"}\n\ndata: [DONE]\n\n",
		[]ev{{name: "message_start", data: `{"type":"message_start"}`}, {name: "ping", data: `{"type": "ping"}`}, {data: "[DONE]"}}, false},
}

// readAll reads a stream to its end, calling Buffered in between in every other step, as
// a consumer may or may not.
func readAll(r *Reader) (got []ev, err error) {
	for i := 0; ; i++ {
		e, err := r.Next()
		if err != nil {
			return got, err
		}
		if i%2 == 0 {
			before := keep(e)
			r.Buffered()
			if keep(e) != before {
				return got, fmt.Errorf("Buffered changed %q to %q", before, keep(e))
			}
		}
		got = append(got, keep(e))
	}
}

func check(t *testing.T, how string, r *Reader, want []ev, cut bool) {
	t.Helper()
	end := io.EOF
	if cut {
		end = io.ErrUnexpectedEOF
	}
	got, err := readAll(r)
	if !slices.Equal(got, want) || err != end { //nolint:errorlint // they come as themselves
		t.Errorf("%s: %q, %v; want %q, %v", how, got, err, want, end)
	}
	if _, again := r.Next(); again != err { //nolint:errorlint // as above
		t.Errorf("%s: first %v, then %v", how, err, again)
	}
}

func TestGoldenStreams(t *testing.T) {
	for _, tc := range golden {
		t.Run(tc.name, func(t *testing.T) {
			src := func() io.Reader { return strings.NewReader(tc.stream) }
			check(t, "whole", NewReader(src(), Options{}), tc.want, tc.cut)
			check(t, "byte by byte", NewReader(iotest.OneByteReader(src()), Options{}), tc.want, tc.cut)
			check(t, "halved", NewReader(iotest.HalfReader(src()), Options{}), tc.want, tc.cut)
			check(t, "end with the last bytes", NewReader(iotest.DataErrReader(src()), Options{}), tc.want, tc.cut)
			r := NewReader(nil, Options{})
			for i := range len(tc.stream) + 1 {
				if i > 200 && i < len(tc.stream)-200 {
					continue
				}
				r.Reset(io.MultiReader(strings.NewReader(tc.stream[:i]), strings.NewReader(tc.stream[i:])))
				check(t, fmt.Sprintf("split at %d", i), r, tc.want, tc.cut)
			}
		})
	}
}

// A script is a stream that hands out what each Read is to return, and fails the test
// if it is read when the Reader should not have.
type script struct {
	t      *testing.T
	chunks []string
	sealed bool
}

func (s *script) Read(p []byte) (int, error) {
	if s.sealed {
		s.t.Error("read while an event was buffered")
	}
	if len(s.chunks) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.chunks[0])
	if s.chunks[0] = s.chunks[0][n:]; s.chunks[0] == "" {
		s.chunks = s.chunks[1:]
	}
	return n, nil
}

func TestNeverReadsWhileAnEventIsBuffered(t *testing.T) {
	for _, end := range []string{"\n", "\r", "\r\n"} {
		src := &script{t: t, chunks: []string{
			strings.ReplaceAll("data: 1||: ping||data: 2||data: 3|", "|", end),
			strings.TrimSuffix(end, "\n") + "", // the CR of the blank line: enough by itself
		}}
		if end == "\n" {
			src.chunks[1] = "\n"
		} else {
			src.chunks = append(src.chunks, strings.TrimPrefix(end, "\r")+"data: 4"+end+end)
			src.chunks = slices.DeleteFunc(src.chunks, func(s string) bool { return s == "" })
		}
		r := NewReader(src, Options{})
		if r.Buffered() {
			t.Error("an event before the first Read")
		}
		next := func(want string, buffered bool) {
			t.Helper()
			if e, err := r.Next(); err != nil || string(e.Data) != want {
				t.Fatalf("%q: %q, %v; want %q", end, e.Data, err, want)
			}
			if got := r.Buffered(); got != buffered {
				t.Errorf("%q: after %s, Buffered is %v", end, want, got)
			}
			src.sealed = buffered
		}
		next("1", true)
		next("2", false)
		left := len(src.chunks)
		next("3", false)
		if len(src.chunks) != left-1 {
			t.Errorf("%q: %d reads for one event", end, left-len(src.chunks))
		}
		if end != "\n" {
			next("4", false)
		}
		if _, err := r.Next(); err != io.EOF { //nolint:errorlint // it comes as itself
			t.Error(err)
		}
	}
}

// The bytes of an event stay while Buffered parses the next one, whose name, ID and joined
// lines must not land on them.
func TestBufferedKeepsTheEvent(t *testing.T) {
	r := NewReader(strings.NewReader("event: aaa\nid: 1\ndata: x\ndata: y\n\nid: 3\n\nevent: bbb\nid: 2\nid: 4\ndata: z\ndata: w\n\n"), Options{})
	e, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if !r.Buffered() {
			t.Error("nothing buffered")
		}
	}
	if got := keep(e); got != (ev{"aaa", "x\ny", "1"}) {
		t.Errorf("%q", got)
	}
	if e, err = r.Next(); err != nil || keep(e) != (ev{"bbb", "z\nw", "4"}) {
		t.Errorf("%q, %v", keep(e), err)
	}
}

func TestOneDataLineIsNotCopied(t *testing.T) {
	r := NewReader(strings.NewReader("data: hello\n\n"), Options{})
	e, err := r.Next()
	if err != nil || &e.Data[0] != &r.buf[len("data: ")] {
		t.Errorf("%q was copied (%v)", e.Data, err)
	}
	_ = append(e.Data, "!!"...)
	if r.buf[len("data: hello")] != '\n' {
		t.Error("an append to Data writes into the buffer")
	}
}

func TestMaxEvent(t *testing.T) {
	const limit = 40
	line := func(n int) string { return "data: " + strings.Repeat("x", n-len("data: ")) + "\n" }
	for _, tc := range []struct {
		name, stream string
		events       int
		fits         bool
	}{
		{"a line at the limit", line(limit) + "\n", 1, true},
		{"a line beyond it", "data: 1\n\n" + line(limit+1) + "\n", 1, false},
		{"a line beyond it, not ended", "data: 1\n\n" + line(limit + 1)[:limit+1], 1, false},
		{"data and line at the limit", line(26) + line(20) + "\n", 1, true},
		{"data and line beyond it", line(26) + line(21) + "\n", 0, false},
		{"many short lines", strings.Repeat("data: x\n", 30) + "\n", 0, false},
		{"a long comment", ":" + strings.Repeat("x", limit) + "\n", 0, false},
		{"many events", strings.Repeat(line(limit)+"\n", 300), 300, true},
		{"many comments", strings.Repeat(": ping\n\n", 3000) + "data: 1\n\n", 1, true},
		{"a byte order mark is not counted", "\xef\xbb\xbf" + line(limit) + "\n", 1, true},
	} {
		want := io.EOF
		if !tc.fits {
			want = ErrEventTooLarge
		}
		for how, src := range map[string]io.Reader{"whole": strings.NewReader(tc.stream), "byte by byte": iotest.OneByteReader(strings.NewReader(tc.stream))} {
			r := NewReader(src, Options{MaxEvent: limit})
			got, err := readAll(r)
			if len(got) != tc.events || !errors.Is(err, want) {
				t.Errorf("%s, %s: %d events, %v", tc.name, how, len(got), err)
			}
			if _, err := r.Next(); !errors.Is(err, want) {
				t.Errorf("%s, %s: then %v", tc.name, how, err)
			}
			if len(r.buf) > firstBuffer {
				t.Errorf("%s, %s: a buffer of %d bytes", tc.name, how, len(r.buf))
			}
		}
	}
}

// An event near the limit made of short lines must neither take more than a small multiple of
// the limit nor move its data for every few lines.
func TestMemoryStaysBounded(t *testing.T) {
	const limit = 1 << 20
	stream := strings.Repeat("data: x\nunknown: field\n", limit/2-20) + "\ndata: end\n\n"
	r := NewReader(strings.NewReader(stream), Options{MaxEvent: limit})
	e, err := r.Next()
	if err != nil || len(e.Data) != limit-41 {
		t.Fatalf("%d bytes, %v", len(e.Data), err)
	}
	if len(r.buf) > 4*limit {
		t.Errorf("a buffer of %d bytes", len(r.buf))
	}
	if e, err = r.Next(); err != nil || string(e.Data) != "end" {
		t.Errorf("%q, %v", e.Data, err)
	}
	if r.Reset(nil); r.buf != nil {
		t.Error("Reset keeps the large buffer")
	}
}

func TestReadErrors(t *testing.T) {
	broken := errors.New("connection reset")
	for name, src := range map[string]io.Reader{
		"with the bytes": iotest.DataErrReader(io.MultiReader(strings.NewReader("data: 1\n\ndata: 2"), iotest.ErrReader(broken))),
		"after them":     io.MultiReader(strings.NewReader("data: 1\n\ndata: 2"), iotest.ErrReader(broken)),
	} {
		r := NewReader(src, Options{})
		got, err := readAll(r)
		if len(got) != 1 || !errors.Is(err, broken) || errors.Is(err, io.EOF) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if _, err := r.Next(); !errors.Is(err, broken) {
			t.Errorf("%s: then %v", name, err)
		}
	}

	r := NewReader(iotest.ErrReader(fmt.Errorf("transport: %w", io.EOF)), Options{})
	if _, err := r.Next(); errors.Is(err, io.EOF) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("an EOF inside another error: %v", err)
	}
	r.Reset(readFunc(func([]byte) (int, error) { return 0, nil }))
	if _, err := r.Next(); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("empty reads: %v", err)
	}
	for _, n := range []int{-1, 1 << 20} {
		r.Reset(readFunc(func([]byte) (int, error) { return n, nil }))
		if _, err := r.Next(); !errors.Is(err, errBadRead) {
			t.Errorf("a count of %d: %v", n, err)
		}
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// Nothing of one stream may be seen in the next: not its name, ID, retry or errors, nor the
// CR at its end or the event in it that was not taken.
func TestReset(t *testing.T) {
	r := NewReader(strings.NewReader("retry: 5\nid: 1\nevent: a\ndata: 1\n\ndata: not taken\n\nevent: b\ndata: 2\r"), Options{MaxEvent: 100})
	if _, err := r.Next(); err != nil || r.Retry() != 5*time.Millisecond || !r.Buffered() {
		t.Fatal(err, r.Retry())
	}
	r.Reset(strings.NewReader("\xef\xbb\xbf\ndata: 3\n\n"))
	if r.Buffered() || r.Retry() != 0 {
		t.Error("a rest of the first stream")
	}
	check(t, "after Reset", r, []ev{{data: "3"}}, false)
	r.Reset(strings.NewReader("data: " + strings.Repeat("x", 100)))
	if _, err := r.Next(); !errors.Is(err, ErrEventTooLarge) {
		t.Errorf("the limit is forgotten: %v", err)
	}
}

func TestRetry(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"1500": 1500 * time.Millisecond, "0": 0, "007": 7 * time.Millisecond, "9223372036854": 9223372036854 * time.Millisecond,
		"": time.Second, "-1": time.Second, "1.5": time.Second, " 5": time.Second, "1s": time.Second,
		"9223372036855": time.Second, "99999999999999999999999999": time.Second,
	} {
		r := NewReader(strings.NewReader("retry: 1000\nretry: "+value+"\n\ndata: 1\n\n"), Options{})
		if _, err := r.Next(); err != nil || r.Retry() != want {
			t.Errorf("retry %q: %v, %v; want %v", value, r.Retry(), err, want)
		}
	}
}

// reference reads a whole stream by the letter of the standard, line by line.
func reference(stream string) (events []ev, cut bool) {
	stream = strings.TrimPrefix(stream, "\xef\xbb\xbf")
	stream = strings.ReplaceAll(strings.ReplaceAll(stream, "\r\n", "\n"), "\r", "\n")
	lines := strings.Split(stream, "\n")
	cut = lines[len(lines)-1] != ""
	var name, data, id string
	open := false
	for _, line := range lines[:len(lines)-1] {
		if line == "" {
			if data != "" {
				events = append(events, ev{name, strings.TrimSuffix(data, "\n"), id})
			}
			name, data, open = "", "", false
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		open = open || field != ""
		switch field {
		case "event":
			name = value
		case "data":
			data += value + "\n"
		case "id":
			if !strings.Contains(value, "\x00") {
				id = value
			}
		}
	}
	return events, cut || open
}

// Long random streams, read in random pieces: what is kept moves about in the buffer.
func TestRandomStreams(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test that can be repeated
	pieces := []string{"data", "data: ", "data: x", "event: e", "id: 7", ":", ": ping", "\n", "\n", "\r", "\r\n", "\n\n", "\x00", "retry: 1", strings.Repeat("y", 300)}
	r := NewReader(nil, Options{})
	for range 200 {
		var b strings.Builder
		for range rnd.IntN(2000) {
			b.WriteString(pieces[rnd.IntN(len(pieces))])
		}
		stream, most := b.String(), 1+rnd.IntN(2000)
		rest := strings.NewReader(stream)
		r.Reset(readFunc(func(p []byte) (int, error) { return rest.Read(p[:min(len(p), 1+rnd.IntN(most))]) }))
		want, cut := reference(stream)
		if len(want) == 0 && len(stream) > 50_000 {
			t.Fatal("the streams hold no events")
		}
		check(t, "random pieces", r, want, cut)
	}
}

// FuzzReader: whatever the stream and wherever it is split, the events are those of the reference.
func FuzzReader(f *testing.F) {
	for _, tc := range golden {
		if len(tc.stream) > firstBuffer {
			continue // too slow to vary
		}
		f.Add([]byte(tc.stream), uint16(1), uint16(7))
	}
	f.Fuzz(func(t *testing.T, stream []byte, first, step uint16) {
		want, cut := reference(string(stream))
		check(t, "whole", NewReader(bytes.NewReader(stream), Options{}), want, cut)
		check(t, "byte by byte", NewReader(iotest.OneByteReader(bytes.NewReader(stream)), Options{}), want, cut)
		size := int(first) + 1
		rest := bytes.NewReader(stream)
		check(t, fmt.Sprintf("%d, then %d", first, step), NewReader(readFunc(func(p []byte) (int, error) {
			n, err := rest.Read(p[:min(len(p), size)])
			size = int(step) + 1
			return n, err
		}), Options{}), want, cut)

		// A low limit must strike at the same event, too.
		limited := func(src io.Reader) string {
			got, err := readAll(NewReader(src, Options{MaxEvent: 16}))
			return fmt.Sprintf("%q %v", got, err)
		}
		if a, b := limited(bytes.NewReader(stream)), limited(iotest.OneByteReader(bytes.NewReader(stream))); a != b {
			t.Errorf("limited: %s, byte by byte: %s", a, b)
		}
	})
}
