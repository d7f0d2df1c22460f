package simulator_test

import (
	"strings"
	"testing"
	"time"

	"tollgate.dev/services/simulator"
)

func TestParseDirectives(t *testing.T) {
	d, err := simulator.ParseDirectives(" status=429 ; retry-after=1.5,chunks=3,,echo,first-byte=500ms")
	if err != nil || d.Status != 429 || d.RetryAfter != 1500*time.Millisecond || d.Chunks != 3 || !d.Echo || d.FirstByte != 500*time.Millisecond || d.Cut != -1 {
		t.Errorf("%+v, %v", d, err)
	}
	for spec, want := range map[string]string{
		"status=200":              "from 400 to 599",
		"status":                  "needs a value",
		"hang=yes":                "takes no value",
		"nonsense":                `directive "nonsense": unknown directive`,
		"delay=soon":              "want a duration",
		"delay=-1s":               "want a duration",
		"delay=11m":               "want a duration",
		"retry-after=NaN":         "want a duration",
		"error=other":             "want context-length or quota",
		"bytes=99999999999999999": "whole number",
		strings.Repeat("x", 600):  "longer than 512 bytes",
	} {
		if _, err := simulator.ParseDirectives(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20s: %v, want %q", spec, err, want)
		}
	}
}

func TestSplitModel(t *testing.T) {
	for model, want := range map[string][2]string{
		"gpt-4o":             {"gpt-4o", ""},
		"gpt-4o;status=500":  {"gpt-4o", "status=500"},
		"sim-status=1,hang":  {"sim", "status=1,hang"},
		"openai/gpt-oss;a;b": {"openai/gpt-oss", "a;b"},
		"simple":             {"simple", ""},
	} {
		if name, spec := simulator.SplitModel(model); name != want[0] || spec != want[1] {
			t.Errorf("%s: %q, %q", model, name, spec)
		}
	}
}

// FuzzParseDirectives wants bounded values from any accepted text, and the
// same ones when it is parsed with the other separator.
func FuzzParseDirectives(f *testing.F) {
	for _, s := range []string{"", "status=429;retry-after=2", "cut=0,cut-bytes=5", "chunk-delay=10ms", "key=a=b", "hang;;,", "tokens=1e3", "delay=0x1p3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		d, err := simulator.ParseDirectives(spec)
		if err != nil {
			return
		}
		if d.Status != 0 && (d.Status < 400 || d.Status > 599) {
			t.Errorf("status %d", d.Status)
		}
		for _, dur := range []time.Duration{d.Delay, d.FirstByte, d.ChunkDelay, d.RetryAfter} {
			if dur < 0 || dur > 10*time.Minute {
				t.Errorf("duration %v", dur)
			}
		}
		for _, n := range []int{d.Chunks, d.Tokens, d.Reasoning, d.FailTimes, d.HangAt, d.ErrorAt, d.MalformedChunk} {
			if n < 0 || n > 1_000_000 {
				t.Errorf("count %d", n)
			}
		}
		again, err := simulator.ParseDirectives(strings.ReplaceAll(spec, ",", ";"))
		if err != nil || again != d {
			t.Errorf("with semicolons: %+v, %v; want %+v", again, err, d)
		}
	})
}
