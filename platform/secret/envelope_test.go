package secret_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"tollgate.dev/platform/secret"
	"tollgate.dev/platform/secret/secrettest"
)

func kek(id uint32, b byte) secret.KEK { return secret.KEK{ID: id, Key: pepper(b)} }

func envelope(t testing.TB, current secret.KEK, retired ...secret.KEK) *secret.Envelope {
	t.Helper()
	e, err := secret.NewEnvelope(current, retired...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func seal(t testing.TB, e *secret.Envelope, plaintext, aad string) []byte {
	t.Helper()
	sealed, err := e.Seal([]byte(plaintext), []byte(aad))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestEnvelopeRoundTrip(t *testing.T) {
	e := envelope(t, kek(1, 1))
	for _, text := range []string{"", "x", "sk-ant-credential", string(bytes.Repeat([]byte{0}, 10_000))} {
		sealed := seal(t, e, text, "tenant/openai")
		if len(sealed) != len(text)+secret.Overhead {
			t.Errorf("%d bytes became %d", len(text), len(sealed))
		}
		got, err := e.Open(sealed, []byte("tenant/openai"))
		if err != nil || string(got) != text {
			t.Errorf("opened %d bytes, %v", len(got), err)
		}
	}
	one, two := seal(t, e, "sk-ant-credential", "a"), seal(t, e, "sk-ant-credential", "a")
	if bytes.Equal(one[5:], two[5:]) {
		t.Error("two records of one text are alike")
	}
	secrettest.AssertNoLeak(t, string(one), "sk-ant-credential")
}

func TestEnvelopeBindsItsContext(t *testing.T) {
	e := envelope(t, kek(1, 1))
	sealed := seal(t, e, "credential", "tenant-a/openai")
	for _, aad := range []string{"", "tenant-b/openai", "tenant-a/openai "} {
		if _, err := e.Open(sealed, []byte(aad)); !errors.Is(err, secret.ErrSealed) {
			t.Errorf("opened under %q: %v", aad, err)
		}
	}
}

func TestEnvelopeDetectsAnyChange(t *testing.T) {
	e := envelope(t, kek(1, 1), kek(0, 1)) // the same key under another id: the id is bound too
	aad := []byte("tenant/openai")
	sealed := seal(t, e, "credential", string(aad))
	for i := range sealed {
		for _, flip := range []byte{1, 0x80} {
			bad := bytes.Clone(sealed)
			bad[i] ^= flip
			if _, err := e.Open(bad, aad); !errors.Is(err, secret.ErrSealed) && !errors.Is(err, secret.ErrUnknownKey) {
				t.Fatalf("byte %d changed, yet %v", i, err)
			}
		}
	}
	for n := range sealed {
		if _, err := e.Open(sealed[:n], aad); err == nil {
			t.Fatalf("the first %d bytes opened", n)
		}
	}
	if _, err := e.Open(append(bytes.Clone(sealed), 0), aad); err == nil {
		t.Error("a longer record opened")
	}
}

func TestEnvelopeRotation(t *testing.T) {
	aad := []byte("tenant/openai")
	old := envelope(t, kek(1, 1))
	sealed := seal(t, old, "credential", string(aad))

	both := envelope(t, kek(2, 2), kek(1, 1))
	if got, err := both.Open(sealed, aad); err != nil || string(got) != "credential" {
		t.Errorf("after rotation: %v", err)
	}
	fresh := envelope(t, kek(2, 2))
	if got, err := fresh.Open(seal(t, both, "credential", string(aad)), aad); err != nil || string(got) != "credential" {
		t.Errorf("a record of the current key: %v", err)
	}
	if _, err := fresh.Open(sealed, aad); !errors.Is(err, secret.ErrUnknownKey) {
		t.Errorf("a record of a forgotten key: %v", err)
	}
	wrong := envelope(t, kek(1, 9))
	if _, err := wrong.Open(sealed, aad); !errors.Is(err, secret.ErrSealed) {
		t.Errorf("another key of the same id: %v", err)
	}
	if _, err := secret.NewEnvelope(kek(1, 1), kek(1, 2)); err == nil {
		t.Error("two keys of one id were accepted")
	}
}

// A record that this version wrote must open in every later one.
func TestEnvelopeGolden(t *testing.T) {
	sealed, err := hex.DecodeString(goldenSealed)
	if err != nil {
		t.Fatal(err)
	}
	got, err := envelope(t, kek(0x01020304, 1)).Open(sealed, []byte("tenant/openai"))
	if err != nil || string(got) != "golden credential" {
		t.Errorf("%v", err)
	}
}

func FuzzOpen(f *testing.F) {
	e := envelope(f, kek(1, 1))
	f.Add(seal(f, e, "credential", "aad"), []byte("aad"))
	f.Add([]byte{1}, []byte{})
	good := seal(f, e, "credential", "aad")
	f.Fuzz(func(t *testing.T, sealed, aad []byte) {
		got, err := e.Open(sealed, aad)
		if err == nil && string(got) != "credential" {
			t.Errorf("forged a record of %d bytes", len(got))
		}
		if _, err := e.Open(good, []byte("aad")); err != nil {
			t.Error(err)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	e := envelope(b, kek(1, 1))
	sealed := seal(b, e, "sk-ant-a-credential-of-usual-length", "aad")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Open(sealed, []byte("aad")); err != nil {
			b.Fatal(err)
		}
	}
}

// goldenSealed was made from the documented layout by Python's cryptography package.
const goldenSealed = "01010203046465666768696a6b6c6d6e6f5f0d294c93570f99084f216bbbd54a4c5b43701f1c6612cddb11a1fef5a00cfe3b80a60041551fd6a9c0523a15538b5dc8c9cacbcccdcecfd0d1d2d376170dbfe3a2db4306597bdb707282758c66bfdfb5b56e98b6bffa63c5095cefcd"
