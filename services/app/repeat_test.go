package app

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A repeat of a management request makes nothing again: its answer is the first one's, with
// the secret, which lies nowhere in the clear.
func TestManagementHappensOnce(t *testing.T) {
	p, _ := start(t, "")
	send := func(path, key, body string) (*http.Response, string) {
		t.Helper()
		return ask(t, p, http.MethodPost, path, body, "Idempotency-Key", key)
	}
	for _, request := range []struct{ path, body string }{
		{"/key/generate", `{"key_alias":"once"}`},
		{"/key/generate", ``},
		{"/team/new", `{"team_alias":"once"}`},
		{"/team/new", `{"team_id":"acme"}`},
		{"/key/regenerate", `{"key":"sk-the-first-secret-0123"}`},
	} {
		name := request.path + request.body
		if request.path == "/key/regenerate" {
			if resp, text := ask(t, p, http.MethodPost, "/key/generate", `{"key":"sk-the-first-secret-0123"}`); resp.StatusCode != http.StatusOK {
				t.Fatal(text)
			}
		}
		resp, first := send(request.path, "k"+request.body, request.body)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Idempotent-Replayed") != "" || resp.ContentLength != int64(len(first)) {
			t.Fatalf("%s: %d %v %s", name, resp.StatusCode, resp.Header, first)
		}
		resp, again := send(request.path, "k"+request.body, request.body)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Idempotent-Replayed") != "true" || again != first ||
			resp.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: again %d %v %s, first %s", name, resp.StatusCode, resp.Header, again, first)
		}
		if resp, text := send(request.path, "k"+request.body, `{"metadata":{}}`); resp.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: with another body %d %s", name, resp.StatusCode, text)
		}
		if _, secret, ok := strings.Cut(first, `"key":"`); ok {
			secret, _, _ = strings.Cut(secret, `"`)
			nowhere(t, p.cfg.General.DataDir, secret)
		}
	}
	if _, teams := ask(t, p, http.MethodGet, "/team/list", ""); strings.Count(teams, `"team_id"`) != 2 {
		t.Errorf("teams %s", teams)
	}
	if _, keys := ask(t, p, http.MethodGet, "/key/list", ""); !strings.Contains(keys, `"total_count":3`) {
		t.Errorf("keys %s", keys)
	}

	// A request that failed frees its key, and a key that is none is told by its name.
	if resp, text := send("/team/new", "failed", `{"team_id":"acme"}`); resp.StatusCode != http.StatusConflict {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
	if resp, text := send("/team/new", "failed", `{"team_id":"other"}`); resp.StatusCode != http.StatusOK {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
	if resp, text := send("/key/generate", "two words", `{}`); resp.StatusCode != http.StatusBadRequest || !strings.Contains(text, `"param":"Idempotency-Key"`) {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
	// What it says is for those who may ask.
	resp, text := ask(t, p, http.MethodPost, "/team/new", `{"team_alias":"once"}`, "Idempotency-Key", `k{"team_alias":"once"}`, "Authorization", "Bearer sk-nobody-has-this-key")
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
}

// nowhere looks for a secret in all files of a folder.
func nowhere(t *testing.T, dir, secret string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "tollgate.db*"))
	if err != nil || len(files) == 0 || len(secret) < 20 {
		t.Fatalf("%v: %d files, a secret of %d bytes", err, len(files), len(secret))
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(secret)) {
			t.Errorf("%s has a secret", filepath.Base(name))
		}
	}
}
