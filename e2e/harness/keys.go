package harness

import (
	"fmt"
	"maps"
	"net/http"
	"sync/atomic"
	"testing"
)

// Key is a virtual key, as `/key/generate` answers.
type Key struct {
	// Secret is what callers present; ID is its public name.
	Secret string   `json:"key"`
	ID     string   `json:"token"`
	Name   string   `json:"key_name"`
	Team   string   `json:"team_id"`
	Spend  float64  `json:"spend"`
	Max    *float64 `json:"max_budget"`
}

// NewKey issues a key. It is a secret from then on.
func (g *Gateway) NewKey(fields map[string]any) Key {
	g.tb.Helper()
	if fields == nil {
		fields = map[string]any{}
	}
	var key Key
	g.Call(http.MethodPost, "/key/generate", Call{Body: fields}).MustBe(g.tb, http.StatusOK).JSON(g.tb, &key)
	if key.Secret == "" || key.ID == "" {
		g.tb.Fatalf("/key/generate answered without a key: %+v", key)
	}
	g.Secret(key.Secret)
	return key
}

// NewTeam makes a team, which is a tenant here, and returns its id.
func (g *Gateway) NewTeam(fields map[string]any) string {
	g.tb.Helper()
	if fields == nil {
		fields = map[string]any{}
	}
	var team struct {
		ID string `json:"team_id"`
	}
	g.Call(http.MethodPost, "/team/new", Call{Body: fields}).MustBe(g.tb, http.StatusOK).JSON(g.tb, &team)
	return team.ID
}

// NewTenantKey makes a team of its own and a key for it.
func (g *Gateway) NewTenantKey(fields map[string]any) Key {
	g.tb.Helper()
	fields = maps.Clone(fields)
	if fields == nil {
		fields = map[string]any{}
	}
	fields["team_id"] = g.NewTeam(nil)
	return g.NewKey(fields)
}

// KeyInfo is what `/key/info` says of a key.
func (g *Gateway) KeyInfo(id string) Key {
	g.tb.Helper()
	var info struct {
		Info Key `json:"info"`
	}
	g.Call(http.MethodGet, "/key/info?key="+id, Call{}).MustBe(g.tb, http.StatusOK).JSON(g.tb, &info)
	return info.Info
}

var prompts atomic.Int64

// Prompt makes a prompt that nobody has used before, and whose text must not leak.
func (g *Gateway) Prompt(tb testing.TB) string {
	tb.Helper()
	text := fmt.Sprintf("canary-prompt-%06d-of-%p", prompts.Add(1), g.state)
	g.Secret(text)
	return text
}
