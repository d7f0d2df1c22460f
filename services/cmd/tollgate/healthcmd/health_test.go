package healthcmd_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"flag"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tollgate.dev/services/cmd/tollgate/healthcmd"
)

func environment(vars map[string]string) healthcmd.Env {
	return healthcmd.Env{
		Lookup: func(name string) (string, bool) { v, ok := vars[name]; return v, ok },
		Stderr: new(strings.Builder),
	}
}

// process answers like one that is alive and not ready.
func process(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health/liveness", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /health/readiness", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func TestHealth(t *testing.T) {
	t.Parallel()
	addr := process(t).Listener.Addr().String()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	nobody := closed.Listener.Addr().String()
	for name, c := range map[string]struct {
		vars map[string]string
		args []string
		want string // of the error; empty for none
	}{
		"alive":                   {map[string]string{"TOLLGATE_ADDR": addr}, []string{"--live"}, ""},
		"not ready":               {map[string]string{"TOLLGATE_ADDR": addr}, nil, "503"},
		"on every address":        {map[string]string{"TOLLGATE_ADDR": "0.0.0.0:" + port}, []string{"--live"}, ""},
		"on every address, short": {map[string]string{"TOLLGATE_ADDR": ":" + port}, []string{"--live"}, ""},
		"another service":         {map[string]string{"TOLLGATE_SERVICES": "router, cache", "TOLLGATE_MESH_ADDR": addr, "TOLLGATE_ADDR": nobody}, []string{"--live"}, ""},
		"the edge and another":    {map[string]string{"TOLLGATE_SERVICES": "cache, edge", "TOLLGATE_MESH_ADDR": nobody, "TOLLGATE_ADDR": addr}, []string{"--live"}, ""},
		"by URL":                  {map[string]string{"TOLLGATE_ADDR": nobody}, []string{"--live", "--url", "http://" + addr}, ""},
		"nobody":                  {map[string]string{"TOLLGATE_ADDR": nobody}, []string{"--live"}, "no answer"},
		"no URL":                  {nil, []string{"--url", addr}, "--url must be"},
		"no address":              {map[string]string{"TOLLGATE_ADDR": "4000"}, nil, "TOLLGATE_ADDR must be"},
		"an unknown flag":         {nil, []string{"--ready"}, "--help"},
		"an argument":             {nil, []string{"now"}, "unexpected argument"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := healthcmd.Run(t.Context(), environment(c.vars), c.args)
			switch {
			case c.want == "" && err != nil:
				t.Fatal(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Fatalf("got %v, want an error with %q", err, c.want)
			}
		})
	}
	if err := healthcmd.Run(t.Context(), environment(nil), []string{"--help"}); !errors.Is(err, flag.ErrHelp) {
		t.Fatalf("got %v", err)
	}
}

// In a mesh with certificates the probe shows its own, and believes only the mesh's authority.
func TestHealthWithCertificates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pair, roots := certificate(t, dir)
	strangers := filepath.Join(t.TempDir(), "ca.pem")
	certificateAt(t, strangers)

	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(s.Close)

	vars := map[string]string{
		"TOLLGATE_SERVICES": "cache", "TOLLGATE_MESH_ADDR": s.Listener.Addr().String(),
		"TOLLGATE_MESH_CERT": filepath.Join(dir, "cert.pem"), "TOLLGATE_MESH_KEY": filepath.Join(dir, "key.pem"),
		"TOLLGATE_MESH_CA": filepath.Join(dir, "cert.pem"),
	}
	if err := healthcmd.Run(t.Context(), environment(vars), nil); err != nil {
		t.Fatal(err)
	}
	vars["TOLLGATE_MESH_CA"] = strangers
	if err := healthcmd.Run(t.Context(), environment(vars), nil); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Fatalf("got %v, want an unknown authority", err)
	}
	vars["TOLLGATE_MESH_CA"] = filepath.Join(dir, "none.pem")
	if err := healthcmd.Run(t.Context(), environment(vars), nil); err == nil || !strings.Contains(err.Error(), "TOLLGATE_MESH_CA") {
		t.Fatalf("got %v, want one that names TOLLGATE_MESH_CA", err)
	}
}

// certificate writes cert.pem, which is its own authority and names no address, and key.pem.
func certificate(t *testing.T, dir string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key := certificateAt(t, filepath.Join(dir, "cert.pem"))
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "key.pem"), "PRIVATE KEY", der)
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(pair.Leaf)
	return pair, roots
}

func certificateAt(t *testing.T, file string) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "cache"}, DNSNames: []string{"cache"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, "CERTIFICATE", der)
	return key
}

func write(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
