package upstream

import (
	"net"
	"net/netip"
	"net/url"
	"strings"

	"tollgate.dev/platform/errs"
)

// Allowlist holds the hosts that may be called, each a host or a host:port (an IPv6
// address with a port in brackets). A host without a port stands for all of its ports.
// Case, a trailing dot and the spelling of an IP address make no difference.
type Allowlist []string

// Check tells whether a URL may be called: https to a host of the list, or http to
// a loopback host of the list. The error is provider_host_not_allowed.
func (a Allowlist) Check(u *url.URL) error { return a.rules().check(u) }

// rule is an entry of the list: a canonical host, and the one port or "".
type rule struct{ host, port string }

type rules []rule

func (a Allowlist) rules() rules {
	out := make(rules, 0, len(a))
	for _, entry := range a {
		host, port, err := net.SplitHostPort(entry)
		if err != nil { // there is no port
			host, port = entry, ""
		}
		if host = canonicalHost(host); host != "" {
			out = append(out, rule{host, port})
		}
	}
	return out
}

func (r rules) check(u *url.URL) error {
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
	if listed, _ := r.find(u.Hostname(), port); !listed {
		return notAllowed(net.JoinHostPort(u.Hostname(), port))
	}
	return nil
}

// find says whether a host is listed, and whether it is with its port.
func (r rules) find(host, port string) (listed, withPort bool) {
	if listed, withPort = r.match(host, port); !listed {
		listed, withPort = r.match(canonicalHost(host), port)
	}
	return listed, withPort
}

func (r rules) match(host, port string) (listed, withPort bool) {
	for _, rule := range r {
		if rule.host != host {
			continue
		}
		if rule.port == port {
			return true, true
		}
		listed = listed || rule.port == ""
	}
	return listed, false
}

func canonicalHost(host string) string {
	if addr, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return addr.Unmap().String()
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func notAllowed(address string) error {
	return errs.Newf(errs.ProviderHostNotAllowed, "the provider host %q is not on the allowlist", address).
		WithDetail("host", address)
}

// loopbackName says that a host is this machine by its name (RFC 6761 §6.3) or address.
func loopbackName(host string) bool {
	host = canonicalHost(host)
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
