package compressor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	compressorv1 "tollgate.dev/gen/tollgate/compressor/v1"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/secret/secrettest"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/store/memory"
)

// What is said in a request, by whom.
const (
	saidBySystem    = "quillwort-system"
	saidByUser      = "larkspur-question"
	saidByAssistant = "samphire-answer"
	saidByCall      = "tamarisk-argument"
	saidByTool      = "oleander-result"
)

// secretive is an agent's conversation of so many turns with those words in it.
func secretive(t *testing.T, turns int) []byte {
	t.Helper()
	type object = map[string]any
	messages := []object{{"role": "system", "content": strings.Repeat("You keep the "+saidBySystem+" by the river. ", 150)}}
	for i := range turns {
		id := fmt.Sprintf("call_%d", i)
		messages = append(messages,
			object{"role": "user", "content": fmt.Sprintf("Which mill has the %s of year %d?", saidByUser, i)},
			object{"role": "assistant", "content": "I look for the " + saidByAssistant + ".", "tool_calls": []object{{
				"id": id, "type": "function", "function": object{"name": "look", "arguments": `{"what":"` + saidByCall + `"}`},
			}}},
			object{"role": "tool", "tool_call_id": id, "content": strings.Repeat(fmt.Sprintf("The %s of mill %d stands there.\n", saidByTool, i), 200)},
		)
	}
	raw, err := json.Marshal(object{"messages": messages, "tools": []object{{"type": "function", "function": object{"name": "look"}}}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// tellingNotes remember all that is written to them.
type tellingNotes struct {
	compressor.Notes
	mu  sync.Mutex
	all []compressor.Note
}

func (n *tellingNotes) Write(ctx context.Context, tenant string, notes []compressor.Note) error {
	n.mu.Lock()
	n.all = append(n.all, notes...)
	n.mu.Unlock()
	return n.Notes.Write(ctx, tenant, notes)
}

// Whatever becomes of a prompt, no word of it is in a log, in an error, in what is noted, or in what the
// answer's headers, events and metrics are made of: all that the service says but for the body.
func TestNothingThatIsSaidGetsOut(t *testing.T) {
	quotes := func(say func(text string) error) compressor.Stage {
		return fake{"quotes", func(_ context.Context, draft *prompt.Draft) error {
			return say(draft.Texts[len(draft.Texts)-1].Original)
		}}
	}
	waits := fake{"waits", func(ctx context.Context, _ *prompt.Draft) error { <-ctx.Done(); return ctx.Err() }}
	whole := func(r *compressorv1.CompressResponse) bool { return r.GetBody() == nil }
	for name, tc := range map[string]struct {
		opts   compressor.Options
		away   error // the store and the notes say so
		cut    bool  // of the request the end is missing
		gone   bool  // the caller is
		logs   string
		became func(*compressorv1.CompressResponse) bool
	}{
		"shortened":            {opts: compressor.Options{Stages: []compressor.Stage{leaveOut}}, became: func(r *compressorv1.CompressResponse) bool { return r.GetBody() != nil && len(r.GetOmitted()) > 0 }},
		"by all stages":        {became: func(r *compressorv1.CompressResponse) bool { return r.GetBody() != nil }},
		"failed":               {opts: compressor.Options{Stages: []compressor.Stage{quotes(func(string) error { return errors.New("broken") })}}, logs: "broken", became: (*compressorv1.CompressResponse).GetFailed},
		"a panic":              {opts: compressor.Options{Stages: []compressor.Stage{quotes(func(text string) error { panic(text) })}}, logs: "a panic at", became: (*compressorv1.CompressResponse).GetFailed},
		"late":                 {opts: compressor.Options{Stages: []compressor.Stage{waits}, Timeout: 100 * time.Millisecond}, logs: "in time", became: (*compressorv1.CompressResponse).GetLate},
		"late before it began": {opts: compressor.Options{Timeout: time.Nanosecond}, logs: "in time", became: (*compressorv1.CompressResponse).GetLate},
		"too long":             {opts: compressor.Options{MaxTextBytes: 10 << 10}, became: (*compressorv1.CompressResponse).GetTooLong},
		"the stores away":      {opts: compressor.Options{Stages: []compressor.Stage{leaveOut}}, away: errAway, logs: "away", became: func(r *compressorv1.CompressResponse) bool { return r.GetBody() != nil }},
		"unreadable":           {cut: true, became: whole},
		"a caller that left":   {gone: true, became: whole},
	} {
		t.Run(name, func(t *testing.T) {
			var log lines
			logger := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			times := clocktest.New()
			notes := &tellingNotes{Notes: &awayNotes{Notes: memory.NewNotes(memory.Options{Clock: times}), away: tc.away != nil}}
			store := &slow{Store: memory.New(memory.Options{Clock: times})}
			if tc.away != nil {
				store.fails.Store(&tc.away)
			}
			tc.opts.Prices, tc.opts.Clock, tc.opts.Notes, tc.opts.NotesTimeout, tc.opts.Logger = shipped(t), times, notes, compressor.AtOnce, logger
			tc.opts.Keeper = newKeeper(t, store, compressor.KeeperOptions{For: time.Hour, Timeout: compressor.AtOnce, Clock: times, Logger: logger})
			handler := compressor.NewHandler(newService(t, tc.opts))
			var said strings.Builder
			for turns := 2; turns < 6; turns++ {
				body := secretive(t, turns)
				if tc.cut {
					body = body[:len(body)-2]
				}
				ctx, leave := context.WithCancel(t.Context())
				if tc.gone {
					leave()
				}
				answer, err := handler.Compress(ctx, &compressorv1.CompressRequest{Body: body, Provider: "openai", Model: "gpt-5", TenantId: "acme", Profile: "chat"})
				leave()
				if err != nil {
					t.Fatal(err)
				}
				if turns == 2 && !tc.became(answer) {
					t.Errorf("it became %+v of %s", answer, log.String())
				}
				for _, part := range answer.GetOmitted() {
					if _, err := handler.Omitted(t.Context(), &compressorv1.OmittedRequest{TenantId: "globex", Name: part}); err != nil {
						fmt.Fprintln(&said, err)
					}
				}
				answer.Body = nil
				fmt.Fprintln(&said, answer)
			}
			_, err := handler.Compress(t.Context(), &compressorv1.CompressRequest{Body: secretive(t, 2), Profile: "none"})
			if err == nil {
				t.Error("a profile that there is not is taken")
			}
			fmt.Fprintln(&said, err)
			for _, n := range notes.all {
				fmt.Fprintln(&said, n.Name, n.Text)
			}
			if noted := slices.ContainsFunc(notes.all, func(n compressor.Note) bool { return n.Text != "" }); noted == (tc.cut || tc.gone) {
				t.Errorf("%d notes are written", len(notes.all))
			}
			if !strings.Contains(log.String(), tc.logs) || (tc.logs == "") != (log.String() == "") {
				t.Errorf("the log is %s", log.String())
			}
			secrettest.AssertNoLeak(t, log.String()+said.String(), saidBySystem, saidByUser, saidByAssistant, saidByCall, saidByTool)
		})
	}
}
