package mesh

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/clock/clocktest"
)

// names is a name service.
type names struct {
	mu        sync.Mutex
	addresses []string
	err       error
	asked     int
}

func (n *names) set(err error, addresses ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.err, n.addresses = err, addresses
}

func (n *names) lookup(_ context.Context, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	if host != "router.svc" {
		return nil, errors.New("no such name")
	}
	var out []netip.Addr
	for _, a := range n.addresses {
		out = append(out, netip.MustParseAddr(a))
	}
	return out, n.err
}

func (p *Peer) addresses() []string {
	var out []string
	for _, e := range *p.endpoints.Load() {
		out = append(out, e.address)
	}
	return out
}

// A name stands for the addresses that it has now. Endpoints that stay keep what is known of
// them; while the name cannot be looked up, all stay.
func TestNamesAreLookedUpAgain(t *testing.T) {
	clk, dns := clocktest.New(), &names{addresses: []string{"127.0.1.2", "127.0.1.1", "127.0.1.2", "::ffff:127.0.1.1"}}
	p, err := NewPeer(PeerOptions{
		Service: "router", Name: "router", URLs: []string{"http://router.svc:9", "http://127.0.2.1:9"}, Clock: clk, Log: slog.New(slog.DiscardHandler), lookup: dns.lookup,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.addresses(), []string{"router.svc:9", "127.0.2.1:9"}; !slices.Equal(got, want) {
		t.Errorf("before Run it has %v, want %v", got, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	defer done.Wait()
	defer cancel()
	done.Go(func() { _ = p.Run(ctx) })

	has := func(want ...string) {
		t.Helper()
		within, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		for !slices.Equal(p.addresses(), want) {
			clk.Advance(resolveEvery)
			if clock.Sleep(within, clock.Real(), time.Millisecond) != nil {
				t.Fatalf("it has %v, want %v", p.addresses(), want)
			}
		}
	}
	has("127.0.1.1:9", "127.0.1.2:9", "127.0.2.1:9")
	kept := (*p.endpoints.Load())[1]
	dns.set(nil, "127.0.1.3", "127.0.1.2", "::1")
	has("127.0.1.2:9", "127.0.1.3:9", "[::1]:9", "127.0.2.1:9")
	if (*p.endpoints.Load())[0] != kept {
		t.Error("an endpoint that stayed was made anew")
	}
	for _, err := range []error{errors.New("no name server"), nil} {
		dns.set(err)
		dns.mu.Lock()
		asked := dns.asked
		dns.mu.Unlock()
		within, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		for {
			clk.Advance(resolveEvery)
			dns.mu.Lock()
			over := dns.asked > asked+2 // the answers of the first two were taken
			dns.mu.Unlock()
			if over {
				break
			}
			if clock.Sleep(within, clock.Real(), time.Millisecond) != nil {
				t.Fatal("the name is not looked up")
			}
		}
		cancel()
		has("127.0.1.2:9", "127.0.1.3:9", "[::1]:9", "127.0.2.1:9")
	}
}

func TestURLs(t *testing.T) {
	for raw, want := range map[string]string{
		"http://router:80": "router:80", "http://router": "router:80", "http://10.0.0.1:9/": "10.0.0.1:9", "http://[::1]:9": "[::1]:9",
		"https://router:80": "", "router:80": "", "": "", "http://": "", "http://user:password@router": "", "http://router/path": "", "http://router?x": "",
	} {
		p, err := NewPeer(PeerOptions{Service: "router", Name: "router", URLs: []string{raw}, Clock: clock.Real(), Log: slog.New(slog.DiscardHandler)})
		if (err == nil) != (want != "") || err == nil && !slices.Equal(p.addresses(), []string{want}) {
			t.Errorf("%q: %v, want %q", raw, err, want)
		}
	}
	if _, err := NewPeer(PeerOptions{Service: "router", Name: "router"}); err == nil {
		t.Error("a peer needs a URL")
	}
	if _, err := NewPeer(PeerOptions{Service: "router", URLs: []string{"http://router"}}); err == nil {
		t.Error("a peer needs the service's full name")
	}
}
