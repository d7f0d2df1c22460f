package mesh_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"

	"tollgate.dev/platform/mesh"
)

// TestBehind hears from two replicas what they depend on. What one of them says to be away is
// away; what they have only heard of, and what was so of one that has gone, counts for nothing.
func TestBehind(t *testing.T) {
	var said [2]atomic.Value
	var replicas [2]*httptest.Server
	var urls []string
	for i := range replicas {
		said[i].Store(`{"results": [{"name": "kafka", "healthy": true}, {"name": "database", "healthy": true}]}`)
		replicas[i] = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			text, _ := said[i].Load().(string)
			_, _ = io.WriteString(w, text)
		}))
		t.Cleanup(replicas[i].Close)
		urls = append(urls, replicas[i].URL)
	}
	p := newPeer(t, mesh.PeerOptions{URLs: urls})
	if behind := p.Behind(); len(behind) > 0 {
		t.Errorf("before anybody is asked: %v", behind)
	}
	p.run(t)
	database := mesh.Dependency{Name: "database", Healthy: true}
	becomes := func(what string, want ...mesh.Dependency) {
		t.Helper()
		eventually(t, what, func() bool { return slices.Equal(p.Behind(), want) })
	}
	becomes("all is well", mesh.Dependency{Name: "kafka", Healthy: true}, database)
	said[1].Store(`{"results": [{"name": "kafka", "error": "no answer"}, {"name": "redis", "healthy": true, "through": "cache"}, {"healthy": true}]}`)
	becomes("one has no Kafka", mesh.Dependency{Name: "kafka", Error: "no answer"}, database)
	replicas[1].Close()
	becomes("that one has gone", mesh.Dependency{Name: "kafka", Healthy: true}, database)
	said[0].Store(`no JSON`)
	becomes("the other one says nothing")
}
