package compressor_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/bench/trace"
	"tollgate.dev/services/compressor/store/memory"
)

// With notes it is so too behind a turn that went out as it came because there was no time: on two
// replicas that share the notes, in processes that begin anew, and after a pause. That turn itself tells
// what it loses. Before it, and when the notes are too old, the bytes are those of a process that has none.
func TestEarlierTurnsGoOutAsTheyDidWithNotes(t *testing.T) {
	const late, turns, long = 3, 12, 6 // which turn is late, how many there are, and before which everybody rests
	prices := shipped(t)
	for name, rests := range map[string]time.Duration{"within the hour": 50 * time.Minute, "later": 1000 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			times, changed := clocktest.New(), 0
			for _, tr := range trace.All()[1:] { // the first is sources, which stay
				if !tr.Tools {
					continue
				}
				notes := memory.NewNotes(memory.Options{Clock: times})
				replica := func(timeout time.Duration) *compressor.Service {
					return newService(t, compressor.Options{
						Prices: prices, Clock: times, Notes: notes, NotesTimeout: compressor.AtOnce, Timeout: timeout,
					})
				}
				one, other, without := replica(time.Minute), replica(time.Minute), newService(t, compressor.Options{Prices: prices, Timeout: time.Minute})
				var before [][]byte
				var touched bool // earlier turns went out compressed
				for i := range min(tr.Turns(), turns) {
					times.Advance(20 * time.Second)
					service := one
					one, other = other, one
					switch i {
					case late:
						service = replica(time.Nanosecond)
					case long - 1:
						other = replica(time.Minute) // begins anew
					case long:
						times.Advance(rests)
					}
					body, err := tr.Request(i, "gpt-5", trace.None)
					if err != nil {
						t.Fatal(err)
					}
					req := compressor.Request{Provider: "openai", Model: "gpt-5", Tenant: "acme", Body: body}
					got := compress(t, service, req)
					now, fresh := messages(t, out(body, got)), messages(t, out(body, compress(t, without, req)))
					as := func(earlier [][]byte) bool {
						return slices.EqualFunc(earlier, now[:len(earlier)], bytes.Equal)
					}
					switch old := i >= long && rests > time.Hour; {
					case i == late:
						if !got.Late || touched != (got.Cache.Lost > 0) {
							t.Errorf("%s, turn %d: late %t, %d tokens are told as lost", tr.Name, i, got.Late, got.Cache.Lost)
						}
					case i < late || old:
						if !as(fresh) {
							t.Errorf("%s, turn %d is not what a process without notes sends", tr.Name, i)
						}
						fallthrough
					default:
						if i != long || !old {
							if !as(before) {
								t.Errorf("%s, turn %d begins otherwise than the turn before", tr.Name, i)
							}
						}
					}
					if before, touched = now, touched || got.Body != nil; got.Body != nil {
						changed++
					}
				}
			}
			if changed < 10 {
				t.Errorf("only %d turns changed: what is the test about?", changed)
			}
		})
	}
}

// out is what goes out of a request.
func out(body []byte, r compressor.Result) []byte {
	if r.Body != nil {
		return r.Body
	}
	return body
}
