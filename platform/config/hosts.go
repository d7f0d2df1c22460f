package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// CodeHostNotAllowed is the error code of a host that is off the allowlist.
const CodeHostNotAllowed = "provider_host_not_allowed"

// HostRule allows one host: a lower-case name or an IP address without brackets. Port "" allows every port.
type HostRule struct{ Host, Port string }

// String is the rule as it is written.
func (r HostRule) String() string {
	if r.Port == "" {
		return r.Host
	}
	return net.JoinHostPort(r.Host, r.Port)
}

// HostList is the allowlist of provider hosts.
type HostList []HostRule

// Allows reports whether host (a name or an IP, any case) at port is on the list.
func (h HostList) Allows(host, port string) bool {
	host = canonicalHost(host)
	return slices.ContainsFunc(h, func(r HostRule) bool { return r.Host == host && (r.Port == "" || r.Port == port) })
}

// AllowsPlain reports whether plain http may go to host at port: a loopback host on the list.
func (h HostList) AllowsPlain(host, port string) bool {
	return isLoopback(canonicalHost(host)) && h.Allows(host, port)
}

// providerHosts is the host of each provider's public API. Source: SPEC.md "Providers".
var providerHosts = map[Provider]string{
	OpenAI:    "api.openai.com",
	Anthropic: "api.anthropic.com",
	Gemini:    "generativelanguage.googleapis.com",
	Groq:      "api.groq.com",
}

// DefaultHosts is the allowlist when none is configured.
func DefaultHosts() HostList {
	return HostList{{Host: providerHosts[OpenAI]}, {Host: providerHosts[Anthropic]}, {Host: providerHosts[Gemini]}, {Host: providerHosts[Groq]}}
}

// ParseHost reads host or host:port (an IPv6 address in brackets when a port follows).
func ParseHost(s string) (HostRule, error) {
	host, port := strings.TrimSpace(s), ""
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return HostRule{Host: a.Unmap().String()}, nil
	}
	if strings.Contains(host, "://") || strings.Contains(host, "/") {
		return HostRule{}, fmt.Errorf("write a host or host:port, without scheme or path")
	}
	if strings.Contains(host, "*") {
		return HostRule{}, fmt.Errorf("wildcards are not allowed: name each host")
	}
	if strings.Contains(host, ":") {
		var err error
		if host, port, err = net.SplitHostPort(host); err != nil {
			return HostRule{}, fmt.Errorf("not a host or host:port")
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return HostRule{}, fmt.Errorf("the port must be 1 to 65535")
		}
	}
	if host = canonicalHost(host); !isHostName(host) {
		return HostRule{}, fmt.Errorf("not a host or host:port")
	}
	return HostRule{Host: host, Port: port}, nil
}

func canonicalHost(host string) string {
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return a.Unmap().String()
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

func isHostName(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

func isLoopback(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// allowedHosts reads general_settings.allowed_provider_hosts, or the variable that wins over it.
func (l *loader) allowedHosts(general *section) HostList {
	var hosts HostList
	parse := func(v value, text string) {
		if r, err := ParseHost(text); err != nil {
			l.errorf(v.line, v.path, "%s%v", v.lead(text), err)
		} else if !slices.Contains(hosts, r) {
			hosts = append(hosts, r)
		}
	}
	texts, at := general.texts("allowed_provider_hosts")
	const variable = "TOLLGATE_ALLOWED_PROVIDER_HOSTS"
	if list, ok := l.env.lookup(variable); ok {
		for h := range strings.SplitSeq(list, ",") {
			if h = strings.TrimSpace(h); h != "" {
				parse(value{path: variable, env: true}, h)
			}
		}
	} else {
		for i, h := range texts {
			parse(at[i], h)
		}
	}
	if hosts == nil {
		return DefaultHosts()
	}
	return hosts
}

// apiBase checks one base URL against the list. It gives "" after a problem.
func (l *loader) apiBase(v value, text string, allowed HostList) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Opaque != "" {
		l.errorf(v.line, v.path, "not an http or https URL: %s", v.quote(text))
		return ""
	}
	switch {
	case u.User != nil:
		l.errorf(v.line, v.path, "a base URL must not carry credentials; use api_key or extra_headers")
		return ""
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		l.errorf(v.line, v.path, "a base URL must have neither query nor fragment")
		return ""
	}
	host, port := canonicalHost(u.Hostname()), u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	if !isHostName(host) {
		l.errorf(v.line, v.path, "not an http or https URL: %s", v.quote(text))
		return ""
	}
	if !allowed.Allows(host, port) {
		l.errorf(v.line, v.path, "%s: host %s is not on general_settings.allowed_provider_hosts", CodeHostNotAllowed, v.quote(net.JoinHostPort(host, port)))
		return ""
	}
	if u.Scheme == "http" && !allowed.AllowsPlain(host, port) {
		l.errorf(v.line, v.path, "%s: plain http is for loopback hosts only; use https", CodeHostNotAllowed)
		return ""
	}
	return strings.TrimRight(text, "/")
}
