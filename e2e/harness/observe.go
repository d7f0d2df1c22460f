package harness

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// pageTimeout bounds the reading of what a process tells of itself.
const pageTimeout = 10 * time.Second

// page is what a process answers to a GET without a key; empty when it takes no calls any more.
func (g *Gateway) page(m *member, path string) string {
	g.tb.Helper()
	if m.url == "" || m.process.Ended() {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), pageTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.url+path, http.NoBody)
	if err != nil {
		g.tb.Errorf("%s of the %s: %v", path, m, err)
		return ""
	}
	resp, err := g.client.Do(req)
	if err != nil {
		return ""
	}
	body, err := readAll(resp)
	if err != nil {
		g.tb.Errorf("%s of the %s: %v", path, m, err)
	}
	return string(body)
}

// Metrics is the page of the process that runs a service: this one's own for the edge.
func (g *Gateway) Metrics(tb testing.TB, service string) string {
	tb.Helper()
	if service == "edge" {
		return string(g.Call(http.MethodGet, "/metrics", Call{Key: NoKey}).MustBe(tb, http.StatusOK).Body)
	}
	var pages strings.Builder
	for _, m := range g.state.members {
		if m.services == "" || m.services == service {
			pages.WriteString(g.page(m, "/metrics"))
		}
	}
	if pages.Len() == 0 {
		tb.Fatalf("the %s shows no metrics", service)
	}
	return pages.String()
}

// dependency is how something is that a process depends on.
type dependency struct {
	Name, Status string
	Required     bool
}

// Dependencies are the states of what the gateway depends on, by name, as /health of each of
// its processes tells; true for what is there.
func (g *Gateway) Dependencies(tb testing.TB) map[string]bool {
	tb.Helper()
	out := map[string]bool{}
	var health struct{ Dependencies []dependency }
	g.Call(http.MethodGet, "/health", Call{}).MustBe(tb, http.StatusOK).JSON(tb, &health)
	for _, d := range health.Dependencies {
		out[d.Name] = d.Status == "up"
		if d.Name == "kafka" && d.Required {
			tb.Error("Kafka is no requirement")
		}
	}
	for _, m := range g.state.members {
		if m.edge() {
			continue
		}
		var report struct {
			Results []struct {
				Name    string
				Healthy bool
			}
		}
		Answer{Body: []byte(g.page(m, "/health"))}.JSON(tb, &report)
		for _, r := range report.Results {
			was, seen := out[r.Name]
			out[r.Name] = r.Healthy && (was || !seen)
		}
	}
	return out
}
