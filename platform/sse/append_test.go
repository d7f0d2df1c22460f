package sse

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestAppendEvent(t *testing.T) {
	for _, tc := range []struct{ name, data, want string }{
		{"", "", "data: \n\n"},
		{"", "hello", "data: hello\n\n"},
		{"ping", `{"type": "ping"}`, "event: ping\ndata: {\"type\": \"ping\"}\n\n"},
		{"", "a\nb\r\nc\rd", "data: a\ndata: b\ndata: c\ndata: d\n\n"},
		{"", "\n", "data: \ndata: \n\n"},
		{"", "a\r", "data: a\ndata: \n\n"},
		{"", " x", "data:  x\n\n"},
		{"a\nb\r\nc", "x", "event: abc\ndata: x\n\n"},
	} {
		if got := string(AppendEvent([]byte("> "), tc.name, []byte(tc.data))); got != "> "+tc.want {
			t.Errorf("AppendEvent(%q, %q) = %q, want %q", tc.name, tc.data, got, tc.want)
		}
	}
}

// FuzzAppendEvent: what is framed is read back, line ends made LF.
func FuzzAppendEvent(f *testing.F) {
	f.Add("name", []byte("a\r\nb\rc\n"), []byte(" {\"x\": 1}"))
	f.Add("a\rb", []byte(""), []byte("\xef\xbb\xbf"))
	f.Fuzz(func(t *testing.T, name string, one, two []byte) {
		lf := func(s string) string {
			return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
		}
		stream := AppendEvent(nil, name, one)
		stream = AppendEvent(stream, "", two)
		check(t, "round trip", NewReader(bytes.NewReader(stream), Options{}), []ev{
			{name: strings.ReplaceAll(lf(name), "\n", ""), data: lf(string(one))},
			{data: lf(string(two))},
		}, false)
	})
}

// chunk is an event as a chat stream has them.
const chunk = `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o","choices":[{"index":0,"delta":{"content":" token"},"finish_reason":null}]}`

func BenchmarkReader(b *testing.B) {
	for name, bench := range map[string]struct {
		event string
		read  int // bytes a Read
	}{
		"chunks read together": {"data: " + chunk + "\n\n", 4096},
		"chunks one by one":    {"data: " + chunk + "\n\n", len(chunk) + 8},
		"named, CR LF":         {"event: content_block_delta\r\ndata: " + chunk + "\r\n\r\n", 4096},
		"CR alone":             {"data: " + chunk + "\r\r", 4096},
		"ten lines":            {strings.Repeat("data: a line of text\n", 10) + "\n", 4096},
		"64 KB":                {"data: " + strings.Repeat("x", 64<<10) + "\n\n", 4096},
	} {
		b.Run(name, func(b *testing.B) {
			stream := endless{[]byte(strings.Repeat(bench.event, 100)), 0, bench.read}
			r := NewReader(&stream, Options{})
			b.SetBytes(int64(len(bench.event)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Next(); err != nil {
					b.Fatal(err)
				}
				r.Buffered()
			}
		})
	}
}

// endless repeats its bytes.
type endless struct {
	bytes []byte
	pos   int
	most  int
}

func (e *endless) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, io.ErrShortBuffer
	}
	n := copy(p[:min(len(p), e.most)], e.bytes[e.pos:])
	e.pos = (e.pos + n) % len(e.bytes)
	return n, nil
}

func BenchmarkAppendEvent(b *testing.B) {
	data := []byte(chunk)
	var out []byte
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		out = AppendEvent(out[:0], "content_block_delta", data)
	}
}

// The steady state must not allocate: this fails where a benchmark would only show it.
func TestSteadyStateDoesNotAllocate(t *testing.T) {
	stream := endless{[]byte("id: 1\nevent: delta\ndata: " + chunk + "\n: ping\n\ndata: a\ndata: b\r\n\r\n"), 0, 100}
	r := NewReader(&stream, Options{})
	var out []byte
	run := func() {
		e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		r.Buffered()
		out = AppendEvent(out[:0], "delta", e.Data)
	}
	for range 10 {
		run()
	}
	if n := testing.AllocsPerRun(1000, run); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
