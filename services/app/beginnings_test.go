package app

import (
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/fx/fxtest"

	"tollgate.dev/platform/background"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/compressor/store/file"
	"tollgate.dev/services/compressor/store/memory"
	notesredis "tollgate.dev/services/compressor/store/redis"
)

// How prompts began is in Redis where there is one and prompts may be compressed, and else in the
// data folder, if that can be written.
func TestWhereBeginningsAre(t *testing.T) {
	const redis, folder, process = "redis", "folder", "process"
	for name, tc := range map[string]struct {
		yaml, redis string
		taken       bool // by a file of its name
		want        string
	}{
		"without Redis":                        {"", "", false, folder},
		"without Redis, no folder":             {"", "", true, process},
		"without Redis, no compression":        {"compression: {enabled: false}\n", "", false, process},
		"with Redis":                           {"", "redis://127.0.0.1:1", false, redis},
		"with Redis, what is left out is not":  {"compression: {keep_omitted: 0}\n", "redis://127.0.0.1:1", false, redis},
		"with Redis, no compression":           {"compression: {enabled: false}\n", "redis://127.0.0.1:1", false, process},
		"with Redis, a namespace with a brace": {"compression: {namespace: \"a{b}\"}\n", "redis://127.0.0.1:1", false, redis},
	} {
		t.Run(name, func(t *testing.T) {
			open, log, lc := &opened{}, &journal{}, fxtest.NewLifecycle(t)
			dir := t.TempDir()
			if tc.taken {
				if err := os.WriteFile(filepath.Join(dir, beginningsFolder), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			cfg := load(t, simulatedModel+tc.yaml, "REDIS_URL", tc.redis, "TOLLGATE_DATA_DIR", dir)
			notes, err := openBeginnings(lc, background.NewWork(slog.New(slog.DiscardHandler)), open, cfg, clocktest.New(), log.logger())
			if err != nil {
				t.Fatal(err)
			}
			lc.RequireStart().RequireStop()
			got := ""
			switch notes.(type) {
			case *memory.Notes:
				got = process
			case *notesredis.Notes:
				got = redis
			case *file.Notes:
				got = folder
			}
			if got != tc.want {
				t.Errorf("they are %T", notes)
			}
			if told := strings.Contains(log.String(), "not kept for the next start"); told != tc.taken {
				t.Errorf("logged %s", log)
			}
			if err := open.close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// A process that starts again on its data folder sends the documents of a conversation as they
// went out before.
func TestARestartKeepsWhatWasLeft(t *testing.T) {
	// Whether a compression is done in time is not asked here.
	opts := options(t, "model_list: [{model_name: m, litellm_params: {model: openai/gpt-5}}]\ncompression: {timeout: 20s}\n", &journal{})
	run := func(body string) *http.Response {
		t.Helper()
		p, err := New(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		resp, answer := ask(t, p, http.MethodPost, chatPath, body, "X-Compress", "default")
		if resp.StatusCode != http.StatusOK {
			t.Fatal(answer)
		}
		if err := p.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		return resp
	}
	body := func(question string) string {
		return `{"model":"m","messages":[{"role":"user","content":"Context:\n` + strings.ReplaceAll(prose(400), "\n", " ") + `\n\nQuestion: ` + question + `"}]}`
	}
	if resp := run(body("Who counts?")); resp.Header.Get("X-Tollgate-Compressed-Tokens") == resp.Header.Get("X-Tollgate-Original-Tokens") {
		t.Fatalf("the first is not compressed: %v", resp.Header)
	}
	for i, question := range []string{"Who answers?", "Who may spend?"} {
		resp := run(body(question))
		if original, compressed := resp.Header.Get("X-Tollgate-Original-Tokens"), resp.Header.Get("X-Tollgate-Compressed-Tokens"); original != compressed {
			t.Errorf("time %d: documents that were there before go out as %s of %s tokens", i+2, compressed, original)
		}
	}
}
