package e2e_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"tollgate.dev/e2e/harness"
	"tollgate.dev/platform/postgres/postgrestest"
	"tollgate.dev/platform/redisx/redisxtest"
)

const omittedRoute = "/v1/compressions/omitted/"

// TestWhatCompressionLeftOut has a picture left out of a tool's result, and fetches it by the
// name that the answer tells: its team gets it as it was sent, at each gateway that shares a
// Redis, and nobody else finds it.
func TestWhatCompressionLeftOut(t *testing.T) {
	t.Parallel()
	// The time is long: what is compressed must not depend on how busy the machine is.
	config := harness.SimulatedConfig("compression: {timeout: 20s, namespace: e2e-"+strings.ToLower(rand.Text())+"}\n",
		harness.Model{Name: "m", Upstream: "anthropic/claude-sonnet-4-5"})
	for name, start := range map[string]func(t *testing.T) []*harness.Gateway{
		"by itself": func(t *testing.T) []*harness.Gateway {
			t.Helper()
			return []*harness.Gateway{harness.Start(t, harness.Options{Config: config})}
		},
		"with Redis": func(t *testing.T) []*harness.Gateway {
			t.Helper()
			redisxtest.New(t) // it fails when there is none
			env := []string{"DATABASE_URL=" + postgrestest.URL(t).Reveal(), "REDIS_URL=" + os.Getenv(redisxtest.Variable)}
			return harness.Replicas(t, 2, harness.Options{Config: config, Env: env})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateways := start(t)
			first, last := gateways[0], gateways[len(gateways)-1]
			ours, theirs := first.NewTenantKey(nil), first.NewTenantKey(nil)
			picture := make([]byte, 6000)
			// It begins as a PNG does: chance might begin it as the words of a path.
			if _, err := rand.Read(picture[copy(picture, "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"):]); err != nil {
				t.Fatal(err)
			}
			text := base64.StdEncoding.EncodeToString(picture)
			for _, g := range gateways {
				g.Secret(ours.Secret, theirs.Secret, text)
			}
			a := first.Call(http.MethodPost, completions, harness.Call{
				Key: ours.Secret, Body: toolTalk("The picture is " + text + " and shows a mill."), Header: http.Header{"X-Compress": {"default"}},
			}).MustBe(t, http.StatusOK)
			name := nameOf(text)
			if got := strings.Split(a.Header.Get("X-Tollgate-Omitted"), ","); len(got) != 1 || got[0] != name {
				t.Fatalf("left out are %q, want %s: %v", got, name, a.Header)
			}

			harness.Eventually(t, "the part is there", func() error {
				if got := last.Call(http.MethodGet, omittedRoute+name, harness.Call{Key: ours.Secret}); got.Status != http.StatusOK {
					return fmt.Errorf("%d %s", got.Status, got.Body)
				}
				return nil
			})
			for _, g := range gateways {
				mustFetch(t, g, harness.Call{Key: ours.Secret}, name, text)
				mustFetch(t, g, harness.Call{Key: g.Master, Header: http.Header{"X-Tenant-Id": {ours.Team}}}, name, text)
				mustFetch(t, g, harness.Call{Key: g.Master}, name+"?tenant_id="+ours.Team, text)
				none := g.Call(http.MethodGet, omittedRoute+"0123456789abcdef", harness.Call{Key: ours.Secret}).MustBe(t, http.StatusNotFound, "not_found")
				other := g.Call(http.MethodGet, omittedRoute+name, harness.Call{Key: theirs.Secret}).MustBe(t, http.StatusNotFound, "not_found")
				if string(none.Body) != string(other.Body) {
					t.Errorf("what others have is told from what never was: %s, %s", other.Body, none.Body)
				}
				g.Call(http.MethodGet, omittedRoute+name+"?tenant_id="+ours.Team, harness.Call{Key: theirs.Secret}).MustBe(t, http.StatusForbidden, "tenant_mismatch")
				g.Call(http.MethodGet, omittedRoute+name, harness.Call{Key: harness.NoKey}).MustBe(t, http.StatusUnauthorized, "invalid_api_key")
			}
		})
	}
}

// toolTalk is a conversation in which a tool has answered.
func toolTalk(result string) map[string]any {
	return map[string]any{"model": "m", "messages": []any{
		map[string]any{"role": "user", "content": "What does the picture show?"},
		map[string]any{"role": "assistant", "content": nil, "tool_calls": []any{map[string]any{
			"id": "call_1", "type": "function", "function": map[string]any{"name": "look", "arguments": "{}"},
		}}},
		map[string]any{"role": "tool", "tool_call_id": "call_1", "content": result},
	}}
}

// nameOf is what a part of a prompt is called.
func nameOf(part string) string {
	sum := sha256.Sum256([]byte(part))
	return hex.EncodeToString(sum[:8])
}

// mustFetch fetches a part in both of its forms.
func mustFetch(t *testing.T, g *harness.Gateway, call harness.Call, path, text string) {
	t.Helper()
	var part struct{ Name, Text string }
	a := g.Call(http.MethodGet, omittedRoute+path, call).MustBe(t, http.StatusOK)
	a.JSON(t, &part)
	if part.Text != text || !strings.HasPrefix(path, part.Name) || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%q is %d bytes, want %d", part.Name, len(part.Text), len(text))
	}
	call.Header = call.Header.Clone()
	if call.Header == nil {
		call.Header = http.Header{}
	}
	call.Header.Set("Accept", "text/plain")
	if a := g.Call(http.MethodGet, omittedRoute+path, call).MustBe(t, http.StatusOK); string(a.Body) != text ||
		a.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("as text it is %s of %d bytes", a.Header.Get("Content-Type"), len(a.Body))
	}
}
