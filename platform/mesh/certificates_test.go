package mesh_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/mesh"
)

// authority issues certificates.
type authority struct {
	tb   testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(tb testing.TB, name string) *authority {
	tb.Helper()
	a := &authority{tb: tb}
	a.cert, a.key, a.pem = a.issue(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

func (a *authority) issue(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey, []byte) {
	a.tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(a.tb, err)
	template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	must(a.tb, err)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	must(a.tb, err)
	cert, err := x509.ParseCertificate(der)
	must(a.tb, err)
	return cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// write puts a certificate for 127.0.0.1, its key and the authority into a folder.
func (a *authority) write(dir string) {
	a.tb.Helper()
	_, key, cert := a.issue(&x509.Certificate{
		Subject: pkix.Name{CommonName: "a service"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature,
	})
	der, err := x509.MarshalECPrivateKey(key)
	must(a.tb, err)
	for _, f := range []struct {
		name    string
		content []byte
	}{{"cert.pem", cert}, {"key.pem", pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})}, {"ca.pem", a.pem}} {
		must(a.tb, os.WriteFile(filepath.Join(dir, f.name+".new"), f.content, 0o600))
		must(a.tb, os.Rename(filepath.Join(dir, f.name+".new"), filepath.Join(dir, f.name)))
	}
}

func load(tb testing.TB, dir string, clk clock.Clock, log *slog.Logger) *mesh.Certificates {
	tb.Helper()
	c, err := mesh.LoadCertificates(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "ca.pem"), clk, log)
	must(tb, err)
	return c
}

// certified are credentials with a certificate of an authority.
func (a *authority) certified() mesh.Credentials {
	dir := a.tb.TempDir()
	a.write(dir)
	return mesh.Credentials{Certificates: load(a.tb, dir, clock.Real(), slog.New(slog.DiscardHandler))}
}

// Only those who have a certificate of the deployment's authority talk to each other.
func TestMutualTLS(t *testing.T) {
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	r := newReplica(t, with(ours.certified()))
	p := running(t, mesh.PeerOptions{Credentials: ours.certified()}, r)
	must(t, p.complete(t.Context(), "m"))
	must(t, p.look(t.Context()))

	err := newPeer(t, mesh.PeerOptions{Credentials: theirs.certified()}, r).complete(t.Context(), "m")
	if !errs.Is(err, errs.ServiceUnavailable) || !errs.NotSent(err) {
		t.Errorf("a peer of another authority: %v", errs.Chain(err))
	}
	// One that trusts ours, and has a certificate of theirs, is told so.
	dir, log := t.TempDir(), &lines{}
	theirs.write(dir)
	must(t, os.WriteFile(filepath.Join(dir, "ca.pem"), ours.pem, 0o600))
	foreign := mesh.Credentials{Certificates: load(t, dir, clock.Real(), slog.New(slog.DiscardHandler))}
	spy := newPeer(t, mesh.PeerOptions{Credentials: foreign, Log: slog.New(slog.NewTextHandler(log, nil))}, r)
	spy.run(t)
	eventually(t, "the log names the credentials", func() bool { return log.count("a peer refuses this process's credentials") > 0 })
	if err := spy.Check(t.Context()); err == nil || log.count("a peer is ready") > 0 {
		t.Errorf("the health check says %v, the log %s", err, log)
	}
	stranger := newReplica(t, with(theirs.certified()))
	if err := newPeer(t, mesh.PeerOptions{Credentials: ours.certified()}, stranger).complete(t.Context(), "m"); !errs.NotSent(err) {
		t.Errorf("a server of another authority: %v", errs.Chain(err))
	}

	pool := x509.NewCertPool()
	pool.AddCert(ours.cert)
	bare := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	defer bare.CloseIdleConnections()
	for path, want := range map[string]int{"/health/readiness": 200, "/tollgate.router.v1.RouterService/Complete": 401} {
		resp, err := bare.Post(r.url()+path, "application/proto", nil)
		if path == "/health/readiness" {
			resp, err = bare.Get(r.url() + path)
		}
		must(t, err)
		must(t, resp.Body.Close())
		if resp.StatusCode != want {
			t.Errorf("without a certificate, %s is %d, want %d", path, resp.StatusCode, want)
		}
	}
	if r.calls.Load() != 2 || stranger.calls.Load() != 0 {
		t.Errorf("%d and %d calls came through", r.calls.Load(), stranger.calls.Load())
	}

	both := ours.certified()
	both.Token = tokens("t", "").Token
	strict := newReplica(t, with(both))
	must(t, newPeer(t, mesh.PeerOptions{Credentials: both}, strict).complete(t.Context(), "m"))
	if err := newPeer(t, mesh.PeerOptions{Credentials: ours.certified()}, strict).complete(t.Context(), "m"); !errs.NotSent(err) {
		t.Errorf("a certificate without the token: %v", errs.Chain(err))
	}
}

// Certificates follow their files; what is broken there is said once and changes nothing.
func TestCertificatesFollowTheirFiles(t *testing.T) {
	dir, log, clk := t.TempDir(), &lines{}, clocktest.New()
	old, next := newAuthority(t, "old"), newAuthority(t, "next")
	old.write(dir)
	c := load(t, dir, clk, slog.New(slog.NewTextHandler(log, nil)))
	serves := func() []byte {
		config, err := c.Server().GetConfigForClient(nil)
		must(t, err)
		return config.Certificates[0].Leaf.RawIssuer
	}
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	defer done.Wait()
	defer cancel()
	done.Go(func() { _ = c.Run(ctx) })
	clk.WaitForTimers(t, 1)

	must(t, os.WriteFile(filepath.Join(dir, "cert.pem"), []byte("half a file"), 0o600))
	for range 3 {
		clk.Advance(10 * time.Second)
		eventually(t, "the broken file is said", func() bool { return log.count("PEM data") > 0 })
	}
	if string(serves()) != string(old.cert.RawSubject) {
		t.Error("a broken file takes the certificate away")
	}
	next.write(dir)
	eventually(t, "the new certificate is taken over", func() bool {
		clk.Advance(10 * time.Second)
		return string(serves()) == string(next.cert.RawSubject)
	})
	if n := log.count("PEM data"); n != 1 {
		t.Errorf("one broken file was said %d times", n)
	}
	if err := os.Remove(filepath.Join(dir, "key.pem")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the missing file is said", func() bool {
		clk.Advance(10 * time.Second)
		return log.count("no such file") > 0
	})
	if string(serves()) != string(next.cert.RawSubject) || string(c.Client().Certificates[0].Leaf.RawIssuer) != string(next.cert.RawSubject) {
		t.Error("a missing file takes the certificate away")
	}
}

func TestCertificatesThatCannotBeLoaded(t *testing.T) {
	dir := t.TempDir()
	newAuthority(t, "ours").write(dir)
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.WriteFile(at("empty.pem"), nil, 0o600))
	for _, files := range [][3]string{
		{"none.pem", "key.pem", "ca.pem"}, {"cert.pem", "none.pem", "ca.pem"}, {"cert.pem", "key.pem", "none.pem"},
		{"ca.pem", "key.pem", "ca.pem"}, {"cert.pem", "key.pem", "empty.pem"}, {"empty.pem", "key.pem", "ca.pem"},
	} {
		if _, err := mesh.LoadCertificates(at(files[0]), at(files[1]), at(files[2]), clock.Real(), slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%v were loaded", files)
		}
	}
}

// lines is a log that can be read while it is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *lines) count(text string) int { return strings.Count(l.String(), text) }
