package cache_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"testing/quick"

	"tollgate.dev/services/cache"
)

func TestNamespaceText(t *testing.T) {
	for want, n := range map[string]cache.Namespace{
		"acme:openai:gpt-4o:":            {Tenant: "acme", Provider: "openai", Model: "gpt-4o"},
		"acme:%2A:a/b_c~1.5@x:blue":      {Tenant: "acme", Provider: "*", Model: "a/b_c~1.5@x", Partition: "blue"},
		"key%3Ak1:p:m:a%3Ab":             {Tenant: "key:k1", Provider: "p", Model: "m", Partition: "a:b"},
		"%7Ba%7D:%253A:%5B%5D%3F%5C:%FF": {Tenant: "{a}", Provider: "%3A", Model: `[]?\`, Partition: "\xff"},
		"%C5%82%00:%20:%0A:":             {Tenant: "ł\x00", Provider: " ", Model: "\n"},
	} {
		if got := n.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Whatever the components hold, two namespaces have the same text only if they are the same.
func TestNamespacesNeverCollide(t *testing.T) {
	check := func(a, b cache.Namespace) bool {
		text := a.String()
		return (text == b.String()) == (a == b) && strings.Count(text, ":") == 3 && !strings.ContainsAny(text, "{}*?[]\\ \n\x00")
	}
	if err := quick.Check(check, &quick.Config{MaxCount: 20_000}); err != nil {
		t.Error(err)
	}
	// Random text seldom meets: so the same again from an alphabet made for it.
	const alphabet = ":%3Aa{}*"
	seen := make(map[string]cache.Namespace)
	word := func() string {
		b := make([]byte, rand.IntN(4)) //nolint:gosec // a test's
		for i := range b {
			b[i] = alphabet[rand.IntN(len(alphabet))] //nolint:gosec // a test's
		}
		return string(b)
	}
	for range 300_000 {
		n := cache.Namespace{Tenant: word(), Provider: word(), Model: word(), Partition: word()}
		if other, ok := seen[n.String()]; ok && other != n {
			t.Fatalf("%q and %q are both %s", n, other, n)
		}
		seen[n.String()] = n
	}
}

func FuzzNamespace(f *testing.F) {
	f.Add("a:b", "c", "d", "", "a", "b:c", "d", "")
	f.Add("a%3Ab", "c", "d", "", "a:b", "c", "d", "")
	f.Fuzz(func(t *testing.T, t1, p1, m1, x1, t2, p2, m2, x2 string) {
		a, b := cache.Namespace{Tenant: t1, Provider: p1, Model: m1, Partition: x1}, cache.Namespace{Tenant: t2, Provider: p2, Model: m2, Partition: x2}
		if (a.String() == b.String()) != (a == b) {
			t.Errorf("%q and %q: %s and %s", a, b, a, b)
		}
	})
}
