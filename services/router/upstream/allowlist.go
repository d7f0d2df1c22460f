package upstream

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"

	"tollgate.dev/platform/errs"
)

// Allowlist holds the hosts that may be called, each a host or a host:port, in
// lower case. A host without a port stands for all of its ports.
type Allowlist []string

// DefaultAllowlist are the four providers' public hosts.
func DefaultAllowlist() Allowlist {
	return Allowlist{"api.openai.com", "api.anthropic.com", "generativelanguage.googleapis.com", "api.groq.com"}
}

// Check tells whether a URL may be called: https to a host of the list, or http to
// a loopback host of the list. The error is provider_host_not_allowed.
func (a Allowlist) Check(u *url.URL) error {
	port := u.Port()
	switch u.Scheme {
	case "https":
		if port == "" {
			port = "443"
		}
	case "http":
		if port == "" {
			port = "80"
		}
		if !loopbackName(u.Hostname()) {
			return errs.Newf(errs.ProviderHostNotAllowed, "plain http is for loopback hosts alone, not for %q", u.Hostname())
		}
	default:
		return errs.Newf(errs.ProviderHostNotAllowed, "the scheme %q is not allowed: use https", u.Scheme)
	}
	if !a.contains(u.Hostname(), port) {
		return notAllowed(net.JoinHostPort(u.Hostname(), port))
	}
	return nil
}

func (a Allowlist) contains(host, port string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return slices.Contains(a, host) || slices.Contains(a, net.JoinHostPort(host, port))
}

func notAllowed(address string) error {
	return errs.Newf(errs.ProviderHostNotAllowed, "the provider host %q is not on the allowlist", address).
		WithDetail("host", address)
}

func loopbackName(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// dialer is where the allowlist holds: whatever asks for a connection, it opens none
// to a host that is not listed, and none to an address inside the network for a
// public name that was rebound to it.
type dialer struct {
	allow Allowlist
	net   net.Dialer
}

// DialContext connects to an allowed host.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if !d.allow.contains(host, port) {
		return nil, notAllowed(address)
	}
	dial := d.net
	if !d.allow.mayBeInternal(host, port) {
		// The address is checked when it is connected to, after every look-up.
		dial.ControlContext = func(_ context.Context, _, resolved string, _ syscall.RawConn) error {
			if addr, err := netip.ParseAddrPort(resolved); err != nil || internal(addr.Addr().Unmap()) {
				return errs.Newf(errs.ProviderHostNotAllowed,
					"the provider host %q resolves to an address inside the network: list it with its port if that is meant", host)
			}
			return nil
		}
	}
	return dial.DialContext(ctx, network, address)
}

// mayBeInternal says that the operator listed a host in a form that can only be
// meant for a host inside: loopback, an address, or a name with its port.
func (a Allowlist) mayBeInternal(host, port string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil || loopbackName(host) ||
		slices.Contains(a, net.JoinHostPort(strings.ToLower(strings.TrimSuffix(host, ".")), port))
}

// internal says that an address is not one of the public internet.
func internal(addr netip.Addr) bool {
	return addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() ||
		addr.IsUnspecified() || addr.IsMulticast()
}
