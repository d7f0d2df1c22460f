package mesh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// target is one URL of a peer: a host that has an address or, by its name, several.
type target struct {
	scheme string
	// authority is host and port, as requests name them; host alone is what a certificate is for.
	authority, host, port string
	endpoints             []*endpoint
}

func newTarget(raw string, certificates *Certificates) (*target, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("peer's URL: %w", err)
	}
	want, port := "http", "80"
	if certificates != nil {
		want, port = "https", "443"
	}
	switch {
	case u.Scheme != want:
		return nil, fmt.Errorf("peer's URL %q: it must begin with %s://, because the mesh has %s", u.Redacted(), want,
			map[bool]string{true: "certificates", false: "no certificates"}[certificates != nil])
	case u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("peer's URL %q: it must be %s://host:port", u.Redacted(), want)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	t := &target{scheme: u.Scheme, authority: u.Host, host: u.Hostname(), port: port}
	t.endpoints = []*endpoint{newEndpoint(t, net.JoinHostPort(t.host, port), certificates)}
	return t, nil
}

// named reports whether the target has a name, which may stand for other addresses tomorrow.
func (t *target) named() bool {
	_, err := netip.ParseAddr(t.host)
	return err != nil
}

// lookupFunc finds the addresses of a name.
type lookupFunc func(ctx context.Context, host string) ([]netip.Addr, error)

func lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("look up: %w", err)
	}
	return addresses, nil
}

var errNoAddress = errors.New("the name has no address")

// resolve returns the endpoints that the target has by the answer to its name: those that it
// had, as they are, and new ones.
func (t *target) resolve(ctx context.Context, lookup lookupFunc, certificates *Certificates) ([]*endpoint, error) {
	addresses, err := lookup(ctx, t.host)
	if err == nil && len(addresses) == 0 {
		err = errNoAddress
	}
	if err != nil {
		return nil, fmt.Errorf("addresses of %s: %w", t.host, err)
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	out := make([]*endpoint, 0, len(addresses))
	for _, a := range slices.Compact(addresses) {
		address := net.JoinHostPort(a.Unmap().String(), t.port)
		at := slices.IndexFunc(t.endpoints, func(e *endpoint) bool { return e.address == address })
		switch {
		case slices.ContainsFunc(out, func(e *endpoint) bool { return e.address == address }):
		case at >= 0:
			out = append(out, t.endpoints[at])
		default:
			out = append(out, newEndpoint(t, address, certificates))
		}
	}
	return out, nil
}
