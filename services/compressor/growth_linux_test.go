package compressor_test

import (
	"context"
	"encoding/json"
	"maps"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/protect"
	"tollgate.dev/services/compressor/stage/extractive"
	"tollgate.dev/services/compressor/stage/repeat"
)

// BenchmarkGrowth holds that stages take linear time, whatever comes in. It prints by how much
// more time the thread takes for a hostile text that is four times as long: about 4 where that is
// linear, 16 where it is quadratic. Of each stage it prints the worst, and it fails above 8.
func BenchmarkGrowth(b *testing.B) {
	const size, many = 1 << 13, 1000
	texts := map[int]map[string]string{}
	for _, n := range []int{size, growing * size, growing * growing * size} {
		texts[n] = hostile(n)
	}
	for _, name := range slices.Sorted(maps.Keys(stageRuns)) {
		b.Run(name, func(b *testing.B) {
			worst(b, texts[size], func(text string, times int) func() { return stageRuns[name](b, texts[times*size][text]) })
		})
	}
	// Few references take less time than all else, so they are measured in texts that are longer.
	b.Run("references", func(b *testing.B) {
		worst(b, references, func(name string, times int) func() {
			d := losingDraft(b, references[name](16*times*size))
			applied(b, repeat.Stage{}, d)()
			return applied(b, extractive.New(&counter), d)
		})
	})
	for _, stage := range nearLossless() {
		b.Run("conversations/"+stage.Name(), func(b *testing.B) {
			worst(b, crowds, func(name string, times int) func() { return applied(b, stage, crowd(times*many, 1, crowds[name])) })
		})
	}
}

// growing is how many times as much a stage is given, and mostGrowth how many times as long it may take.
const growing, mostGrowth = 4, 8

// worst measures cases by name, and reports that which grows the most. A run is prepared for so
// many times the least size.
func worst[T any](b *testing.B, cases map[string]T, prepare func(name string, times int) func()) {
	b.Helper()
	var most float64
	var of string
	for b.Loop() {
		for name := range cases {
			run := func(times int) func() func() { return func() func() { return prepare(name, times) } }
			x := growth(run(1), run(growing))
			if x > mostGrowth { // perhaps because a stage only begins with what is larger than the less of two
				x = growth(run(growing), run(growing*growing))
			}
			if x > most {
				most, of = x, name
			}
			if most > mostGrowth { // one is enough to fail
				break
			}
		}
	}
	b.ReportMetric(most, "x-for-4x")
	if most > mostGrowth {
		b.Errorf("%.1f times as long for four times as much of %.40q", most, of)
	}
}

// stageRuns prepare what reads a whole text.
var stageRuns = func() map[string]func(b *testing.B, text string) func() {
	runs := map[string]func(b *testing.B, text string) func(){
		"protect": func(_ *testing.B, text string) func() { return func() { protect.Append(nil, text) } },
		"regions": func(_ *testing.B, text string) func() { return func() { protect.Regions(text) } },
		"parse":   parsed,
	}
	for _, stage := range nearLossless() {
		runs[stage.Name()] = func(b *testing.B, text string) func() {
			b.Helper()
			return applied(b, stage, draft(prompt.ToolResult, text))
		}
	}
	for i, stage := range losing() {
		runs[stage.Name()] = func(b *testing.B, text string) func() {
			b.Helper()
			return applied(b, losing()[i], losingDraft(b, text)) // a new one, which has remembered nothing
		}
	}
	return runs
}()

// parsed reads a text as what a user says.
func parsed(b *testing.B, text string) func() {
	b.Helper()
	body, err := json.Marshal(map[string]any{"messages": []any{map[string]string{"role": "user", "content": text + "\n\nHow old is it?"}}})
	if err != nil {
		b.Fatal(err)
	}
	return func() {
		if _, err := prompt.Parse(context.WithoutCancel(b.Context()), body); err != nil {
			b.Error(err)
		}
	}
}

func applied(b *testing.B, stage compressor.Stage, d *prompt.Draft) func() {
	b.Helper()
	return func() {
		if err := stage.Apply(context.WithoutCancel(b.Context()), d); err != nil {
			b.Error(err)
		}
	}
}

// growth is how many times as long the second of two takes, each of which is prepared anew every
// time. What is too much it measures more often before it says so, for others use the machine, too.
func growth(less, more func() func()) (x float64) {
	const floor = 100 * time.Microsecond // what takes less is measured too badly to be compared
	for _, rounds := range []int{3, 20} {
		x = float64(least(more, rounds)) / float64(max(least(less, rounds), floor))
		if x <= mostGrowth {
			break
		}
	}
	return x
}

// longest is how long something is run again and again, in time of the thread.
const longest = 3 * time.Second

// least is the least time of its thread that something takes, in so many rounds or in those that begin
// before longest is over.
func least(prepare func() func(), rounds int) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var took, all time.Duration
	for i := 0; i < rounds && all < longest; i++ {
		run := prepare()
		before := threadTime()
		run()
		t := threadTime() - before
		if all += t; i == 0 || t < took {
			took = t
		}
	}
	return took
}

// threadTime is the processor time that the thread has used.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}
