//go:build !race

// The race detector takes minutes for what has one goroutine: make test runs this without it.

package compressor_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/protect"
	"tollgate.dev/services/compressor/stage/blob"
	"tollgate.dev/services/compressor/stage/extractive"
	"tollgate.dev/services/compressor/stage/fold"
	"tollgate.dev/services/compressor/stage/jsonspace"
	"tollgate.dev/services/compressor/stage/jsontable"
	"tollgate.dev/services/compressor/stage/llmlingua2"
	"tollgate.dev/services/compressor/stage/repeat"
)

// No text makes a stage fail, and none takes so long that nobody waits for it.
func TestHostileTexts(t *testing.T) {
	for name, text := range hostile(1 << 14) {
		protect.Append(nil, text)
		for _, stage := range losing() {
			if err := stage.Apply(t.Context(), losingDraft(t, text)); err != nil {
				t.Errorf("%s of %q: %v", stage.Name(), name, err)
			}
		}
		for _, kind := range []prompt.Kind{prompt.ToolResult, prompt.Context} {
			for _, stage := range nearLossless() {
				if err := stage.Apply(t.Context(), draft(kind, text)); err != nil {
					t.Errorf("%s of %q: %v", stage.Name(), name, err)
				}
			}
		}
	}
}

// Nor do very many small texts, whether they are the same or of one call.
func TestHostileConversations(t *testing.T) {
	for name, set := range crowds {
		for _, rate := range []float64{0.5, 1} {
			d := crowd(3000, rate, set)
			for _, stage := range nearLossless() {
				if err := stage.Apply(t.Context(), d); err != nil {
					t.Errorf("%s, %s: %v", stage.Name(), name, err)
				}
			}
		}
	}
}

// A stage's memory is a small multiple of its text's.
func TestHostileTextsTakeLittleMemory(t *testing.T) {
	check := func(stage compressor.Stage, name string, d *prompt.Draft, most int) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := stage.Apply(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		size := max(len(d.Texts[0].Original), 1)
		if took := int(after.TotalAlloc-before.TotalAlloc) / size; took > most {
			t.Errorf("%s of %q takes %d bytes a byte", stage.Name(), name, took)
		}
	}
	for name, text := range hostile(1 << 17) {
		for _, stage := range nearLossless() {
			check(stage, name, draft(prompt.ToolResult, text), 160)
		}
	}
	for name, text := range hostile(1 << 13) {
		check(extractive.New(&counter), name, losingDraft(t, text), 800)
		check(llmlingua2.New(needless{}, &counter), name, losingDraft(t, text), 6*350) // at six rates
	}
}

// ending is a context that ends once it was asked so often.
type ending struct {
	context.Context //nolint:containedctx // it is one
	left            int
}

func (e *ending) Err() error {
	if e.left--; e.left < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

// Within a large text a stage asks again and again whether there is time.
func TestStagesEndWithinATextThatIsLarge(t *testing.T) {
	var log, rows, data strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&log, "\x1b[1mthe line %d of a log, with %d\x1b[0m\n\n", i, i*i%997)
		fmt.Fprintf(&rows, "{\"number\": %d, \"name\": \"name of %d\"}\n", i, i)
	}
	noise := make([]byte, 0, 400)
	for i := range 400 {
		noise = append(noise, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"[i*i%3001%62])
	}
	for range 1000 {
		data.Write(noise)
		data.WriteString(". ")
	}
	list := "[" + strings.ReplaceAll(strings.TrimSpace(rows.String()), "\n", ",\n") + "]"
	for name, tc := range map[string]struct {
		stage compressor.Stage
		text  string
		asks  int
	}{
		"blob":       {blob.Stage{}, data.String(), 100},
		"fold":       {fold.Stage{}, log.String(), 20},
		"json_space": {jsonspace.Stage{}, list, 2},
		"json_table": {jsontable.Stage{}, list, 4},
		"JSON lines": {jsontable.Stage{}, rows.String(), 10},
		"repeat":     {repeat.Stage{}, log.String(), 10},
		"extractive": {nil, prose(500), 10},
		"llmlingua2": {nil, prose(500), 5},
	} {
		t.Run(name, func(t *testing.T) {
			apply := func(ctx context.Context) error { return tc.stage.Apply(ctx, draft(prompt.ToolResult, tc.text)) }
			if tc.stage == nil { // one of its own each time, for it remembers what it chose
				apply = func(ctx context.Context) error {
					at := slices.IndexFunc(losing(), func(s compressor.Stage) bool { return s.Name() == name })
					return losing()[at].Apply(ctx, losingDraft(t, tc.text))
				}
			}
			all := &ending{t.Context(), 1 << 30}
			if err := apply(all); err != nil {
				t.Fatal(err)
			}
			asked := 1<<30 - all.left
			if asked < tc.asks {
				t.Errorf("it asked %d times", asked)
			}
			for _, left := range []int{1, asked / 2, asked - 1} {
				if err := apply(&ending{t.Context(), left}); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("asked %d times it goes on: %v", left, err)
				}
			}
		})
	}
}
