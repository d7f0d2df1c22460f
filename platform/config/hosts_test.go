package config_test

import (
	"testing"

	"tollgate.dev/platform/config"
)

func TestHosts(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"API.OpenAI.com.", "api.openai.com"}, {"localhost:8080", "localhost:8080"}, {"[::1]:8080", "[::1]:8080"}, {"::1", "::1"},
		{"127.0.0.1", "127.0.0.1"}, {"https://a.b", ""}, {"a/b", ""}, {"*.a.b", ""}, {"a:0", ""}, {"a:99999", ""}, {"a b", ""}, {"", ""}, {"-a", ""},
	} {
		r, err := config.ParseHost(c.in)
		if got := r.String(); got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("ParseHost(%q) = %q, %v; want %q", c.in, got, err, c.want)
		}
	}
	list := config.HostList{{Host: "localhost", Port: "80"}, {Host: "api.example"}}
	for _, c := range []struct {
		host, port   string
		allow, plain bool
	}{
		{"LOCALHOST", "80", true, true}, {"localhost", "81", false, false}, {"api.example", "443", true, false},
		{"x.api.example", "443", false, false}, {"127.0.0.1", "80", false, false},
	} {
		if a, p := list.Allows(c.host, c.port), list.AllowsPlain(c.host, c.port); a != c.allow || p != c.plain {
			t.Errorf("%s:%s allowed %t, plain %t", c.host, c.port, a, p)
		}
	}
}
