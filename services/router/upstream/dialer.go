package upstream

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"tollgate.dev/platform/errs"
)

// dialer is where the allowlist holds: whatever asks for a connection, it opens none
// to a host that is not listed, and none to an address inside the network for a
// public name that was rebound to it.
type dialer struct {
	allow rules
	net   net.Dialer
}

// DialContext connects to an allowed host.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	listed, withPort := d.allow.find(host, port)
	if !listed {
		return nil, notAllowed(address)
	}
	dial := d.net
	if permits := permitted(host, withPort); permits != nil {
		// The address is checked when it is connected to, after every look-up.
		dial.ControlContext = func(_ context.Context, _, resolved string, _ syscall.RawConn) error {
			if addr, err := netip.ParseAddrPort(resolved); err != nil || !permits(addr.Addr().Unmap()) {
				return errs.Newf(errs.ProviderHostNotAllowed, "the provider host %q resolves to an address that is not allowed for it: "+
					"list it with its port if it is meant to be a private one", host).WithCause(errAddress)
			}
			return nil
		}
	}
	return dial.DialContext(ctx, network, address)
}

// permitted says which addresses a listed host may resolve to; nil are all. A host that
// the operator lists with its port may be in a private network, but never at an address
// of the link, where clouds serve credentials to whoever asks.
func permitted(host string, withPort bool) func(netip.Addr) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return nil // it is the address that is listed
	}
	switch {
	case loopbackName(host): // it may be called without TLS, so it must not be elsewhere
		return netip.Addr.IsLoopback
	case withPort:
		return func(a netip.Addr) bool {
			return !a.IsLinkLocalUnicast() && !a.IsUnspecified() && !a.IsMulticast()
		}
	}
	return public
}

// public says that an address belongs to the public internet.
func public(addr netip.Addr) bool {
	if nat64.Contains(addr) {
		inside := addr.As16()
		return public(netip.AddrFrom4([4]byte(inside[12:])))
	}
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return false
	}
	return !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// nat64 is how a network without IPv4 writes IPv4 addresses (RFC 6052 §2.1).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// special are the address blocks that are not public, beyond what netip knows, from
// IANA's special-purpose registries (RFC 6890;
// https://www.iana.org/assignments/iana-ipv4-special-registry and …-ipv6-…, November
// 2026).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network
	netip.MustParsePrefix("100.64.0.0/10"),   // carriers' and clouds' shared space
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, and broadcast
	netip.MustParsePrefix("::/96"),           // IPv4-compatible
	netip.MustParsePrefix("64:ff9b:1::/48"),  // local NAT64
	netip.MustParsePrefix("100::/64"),        // discard
	netip.MustParsePrefix("2001:db8::/32"),   // documentation
	netip.MustParsePrefix("2002::/16"),       // 6to4
	netip.MustParsePrefix("fec0::/10"),       // site-local, deprecated
}
