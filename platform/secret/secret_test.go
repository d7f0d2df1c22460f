package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"testing"

	"tollgate.dev/platform/secret"
	"tollgate.dev/platform/secret/secrettest"
)

const plain = "sk-live-\"é<&>/?=0123456789"

func TestSecretsRedactThemselves(t *testing.T) {
	type nested struct {
		Key  secret.String
		Ptr  *secret.String
		Map  map[string]secret.String
		List []secret.String
		// fmt cannot call methods of what it meets in unexported fields.
		key secret.String
		any any
	}
	s := secret.New(plain)
	for name, v := range map[string]any{
		"string": s, "pointer": &s,
		"nested": nested{s, &s, map[string]secret.String{"k": s}, []secret.String{s}, s, s},
		"kek":    secret.KEK{ID: 7, Key: [32]byte([]byte("0123456789abcdef0123456789abcdef"))},
	} {
		t.Run(name, func(t *testing.T) {
			secrettest.AssertRedacts(t, v, plain, "0123456789abcdef0123456789abcdef")
			var buf bytes.Buffer
			for _, h := range []slog.Handler{slog.NewJSONHandler(&buf, nil), slog.NewTextHandler(&buf, nil)} {
				slog.New(h).Info("m", "v", v, slog.Group("g", "v", v))
			}
			secrettest.AssertNoLeak(t, buf.String(), plain, "0123456789abcdef0123456789abcdef")
			secrettest.AssertNoLeak(t, fmt.Errorf("wrapped: %w %v", errors.New("x"), v).Error(), plain)
		})
	}
}

func TestSecretsKeepTheirValue(t *testing.T) {
	s := secret.New(plain)
	if s.Reveal() != plain {
		t.Error("Reveal gives another value")
	}
	if s.String() != "[redacted]" || fmt.Sprintf("%s|%10q", s, s) != "[redacted]|[redacted]" {
		t.Error("not the documented mark")
	}
	if s.IsZero() || !(secret.String{}).IsZero() {
		t.Error("IsZero")
	}
	if !s.Equal(secret.New(plain)) || s.Equal(secret.New(plain+"x")) || s.Equal(secret.String{}) {
		t.Error("Equal")
	}
	var in struct{ Key secret.String }
	if err := json.Unmarshal([]byte(`{"Key":"k1"}`), &in); err != nil {
		t.Fatal(err)
	}
	if in.Key.Reveal() != "k1" {
		t.Error("decoding lost the value")
	}
}

func TestGenerateKey(t *testing.T) {
	shape := regexp.MustCompile(`^sk-[0-9A-Za-z]{43}$`)
	seen := make(map[string]bool)
	count := make(map[rune]int)
	const keys = 2000
	for range keys {
		k := secret.GenerateKey().Reveal()
		if !shape.MatchString(k) || seen[k] {
			t.Fatal("a key of another shape, or a repeated one")
		}
		seen[k] = true
		for _, c := range k[3:] {
			count[c]++
		}
	}
	// Each of 62 characters is expected 1387 times with a deviation of 37; a modulo
	// bias would show as a quarter more or less, 7 deviations and over.
	for c, n := range count {
		if n < 1387-260 || n > 1387+260 {
			t.Errorf("%c came %d times in %d keys", c, n, keys)
		}
	}
}

func TestDisplayName(t *testing.T) {
	for in, want := range map[string]string{
		"sk-0123456789abcdefWXYZ": "sk-...WXYZ",
		"sk-1234":                 "sk-...",
		"":                        "sk-...",
	} {
		if got := secret.DisplayName(secret.New(in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestDeriveSeparatesPurposes(t *testing.T) {
	master := secret.New("sk-a-long-master-secret")
	seen := make(map[[32]byte]secret.Purpose)
	for _, p := range []secret.Purpose{secret.VirtualKeyPepper, secret.CredentialKEK} {
		k, err := secret.Derive(master, p)
		if err != nil {
			t.Fatal(err)
		}
		if other, twice := seen[k]; twice {
			t.Errorf("%s and %s have one key", p, other)
		}
		seen[k] = p
		if again, _ := secret.Derive(master, p); again != k {
			t.Errorf("%s: not the same twice", p)
		}
		if other, _ := secret.Derive(secret.New("sk-another-master-secret"), p); other == k {
			t.Errorf("%s: two masters give one key", p)
		}
	}
	if _, err := secret.Derive(secret.New("short"), secret.CredentialKEK); !errors.Is(err, secret.ErrWeakMaster) {
		t.Errorf("a short master: %v", err)
	}
}

// Keys derived once are stored for years: this golden says that a change of label or
// of algorithm would orphan them. It was computed with Python's hmac module.
func TestDeriveGolden(t *testing.T) {
	k, err := secret.Derive(secret.New("golden-master-secret-0001"), secret.VirtualKeyPepper)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%x", k); got != goldenPepper {
		t.Errorf("got %s", got)
	}
}

const goldenPepper = "1989aec32eb7be17497e0ac97e13b134636815564f94fd7d83e8ccdbb3e79c26"
