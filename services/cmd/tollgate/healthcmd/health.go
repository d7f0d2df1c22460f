// Package healthcmd is `tollgate health`: a probe for images that have no shell. It asks a
// process on this machine whether it takes calls.
package healthcmd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

const usage = `Ask a Tollgate process whether it takes calls.

Usage:
  tollgate health [--live] [--url URL] [--timeout 3s]

Without --url it asks the process that the environment describes: at TOLLGATE_ADDR, or at
TOLLGATE_MESH_ADDR where TOLLGATE_SERVICES has no edge. --live asks whether it serves at all. It exits
with 0 when it does, and with 1 when it does not or says nothing.
`

// Env is what a command gets from its process.
type Env struct {
	// Lookup finds environment variables.
	Lookup func(name string) (string, bool)
	// Stderr takes the help.
	Stderr io.Writer
}

// Run asks, and returns an error unless the answer is 200.
func Run(ctx context.Context, env Env, args []string) error {
	flags := flag.NewFlagSet("health", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // an error is said once, by main
	base := flags.String("url", "", "base `URL` of the process")
	live := flags.Bool("live", false, "ask for liveness")
	timeout := flags.Duration("timeout", 3*time.Second, "how long to wait")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		_, _ = io.WriteString(env.Stderr, usage) // nobody to tell
		return err
	} else if err != nil {
		return fmt.Errorf("%w; tollgate health --help lists what there is", err)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	target, err := target(*base, env.value)
	if err != nil {
		return err
	}
	secured, err := env.tls(target.Scheme)
	if err != nil {
		return err
	}
	path := "/health/readiness"
	if *live {
		path = "/health/liveness"
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	return ask(ctx, target.JoinPath(path), secured)
}

func (e Env) value(name string) string {
	v, _ := e.Lookup(name)
	return strings.TrimSpace(v)
}

// target is where the process listens: as given, or by the variables that the process itself
// was started with.
func target(given string, env func(string) string) (*url.URL, error) {
	if given != "" {
		u, err := url.Parse(given)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, errors.New("--url must be http://host:port or https://host:port")
		}
		return u, nil
	}
	name, addr, scheme := "TOLLGATE_ADDR", "127.0.0.1:4000", "http"
	if services := env("TOLLGATE_SERVICES"); services != "" && !hasEdge(services) {
		name, addr = "TOLLGATE_MESH_ADDR", "127.0.0.1:4001"
		if env("TOLLGATE_MESH_CERT") != "" {
			scheme = "https"
		}
	}
	if v := env(name); v != "" {
		addr = v
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("%s must be host:port", name)
	}
	// Who listens on every address listens on this one.
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return &url.URL{Scheme: scheme, Host: net.JoinHostPort(host, port)}, nil
}

func hasEdge(services string) bool {
	return slices.ContainsFunc(strings.Split(services, ","), func(s string) bool { return strings.TrimSpace(s) == "edge" })
}

// tls shows the certificate of the mesh, and takes any that the mesh's authority has signed:
// no certificate names the loopback address.
func (e Env) tls(scheme string) (*tls.Config, error) {
	if scheme != "https" {
		return nil, nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if cert, key := e.value("TOLLGATE_MESH_CERT"), e.value("TOLLGATE_MESH_KEY"); cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("TOLLGATE_MESH_CERT and TOLLGATE_MESH_KEY: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	if file := e.value("TOLLGATE_MESH_CA"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("TOLLGATE_MESH_CA: %w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, errors.New("TOLLGATE_MESH_CA: no certificate in it")
		}
		cfg.InsecureSkipVerify = true // the chain is verified below, without a name
		cfg.VerifyConnection = func(state tls.ConnectionState) error {
			between := x509.NewCertPool()
			for _, c := range state.PeerCertificates[1:] {
				between.AddCert(c)
			}
			_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
			return err
		}
	}
	return cfg, nil
}

func ask(ctx context.Context, target *url.URL, secured *tls.Config) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), http.NoBody)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	client := &http.Client{
		Transport: &http.Transport{TLSClientConfig: secured, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing of it is read
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", target, resp.Status)
	}
	return nil
}
