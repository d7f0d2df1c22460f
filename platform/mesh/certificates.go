package mesh

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"tollgate.dev/platform/clock"
)

// reloadEvery is how often the files of certificates are looked at.
const reloadEvery = 10 * time.Second

// Certificates are this process's certificate and the authority that those of its peers must
// come from. They follow their files: see Run.
type Certificates struct {
	files [3]string // certificate, key, authority
	clock clock.Clock
	log   *slog.Logger
	now   atomic.Pointer[identity]
}

// identity is what the files hold.
type identity struct {
	contents    [3][]byte
	certificate tls.Certificate
	authority   *x509.CertPool
}

// LoadCertificates reads a certificate with its chain, its key, and the authority that the
// certificates of peers must come from, all in PEM.
func LoadCertificates(certFile, keyFile, caFile string, clk clock.Clock, log *slog.Logger) (*Certificates, error) {
	c := &Certificates{files: [3]string{certFile, keyFile, caFile}, clock: clk, log: log}
	contents, err := c.read()
	if err != nil {
		return nil, err
	}
	id, err := c.parse(contents)
	if err != nil {
		return nil, err
	}
	c.now.Store(id)
	return c, nil
}

// Run takes over what the files hold anew, within 10 s, until ctx ends. Files that hold no
// valid certificates are logged, and the former ones stay. Connections that are open stay open.
func (c *Certificates) Run(ctx context.Context) error {
	ticks := c.clock.NewTicker(reloadEvery)
	defer ticks.Stop()
	refused := c.now.Load().contents
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C():
		}
		contents, err := c.read()
		if err == nil && (same(contents, c.now.Load().contents) || same(contents, refused)) {
			continue
		}
		var id *identity
		if err == nil {
			id, err = c.parse(contents)
		}
		if err != nil {
			refused = contents
			c.log.WarnContext(ctx, "the mesh's certificates are not taken over", "error", err)
			continue
		}
		c.now.Store(id)
		c.log.InfoContext(ctx, "the mesh's certificates were taken over", "valid_until", id.certificate.Leaf.NotAfter)
	}
}

func (c *Certificates) read() (contents [3][]byte, err error) {
	for i, name := range c.files {
		if contents[i], err = os.ReadFile(name); err != nil {
			return contents, fmt.Errorf("read certificates: %w", err)
		}
	}
	return contents, nil
}

func (c *Certificates) parse(contents [3][]byte) (*identity, error) {
	certificate, err := tls.X509KeyPair(contents[0], contents[1])
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", c.files[0], c.files[1], err)
	}
	authority := x509.NewCertPool()
	if !authority.AppendCertsFromPEM(contents[2]) {
		return nil, fmt.Errorf("authority %s: %w", c.files[2], errNoCertificate)
	}
	return &identity{contents: contents, certificate: certificate, authority: authority}, nil
}

var errNoCertificate = errors.New("there is no certificate in it")

func same(a, b [3][]byte) bool {
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// Server returns the configuration of a listener. It verifies the certificates of clients. A
// client that has none gets as far as [NewHandler], which serves it the health routes alone:
// what asks for those, a container's runtime for example, has no certificate.
func (c *Certificates) Server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			id := c.now.Load()
			return &tls.Config{
				MinVersion: tls.VersionTLS13, NextProtos: []string{"h2", "http/1.1"},
				Certificates: []tls.Certificate{id.certificate},
				ClientCAs:    id.authority, ClientAuth: tls.VerifyClientCertIfGiven,
			}, nil
		},
	}
}

// Client returns the configuration of a connection that is made now: it proves this process
// and verifies the server. The caller sets ServerName.
func (c *Certificates) Client() *tls.Config {
	id := c.now.Load()
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"},
		Certificates: []tls.Certificate{id.certificate}, RootCAs: id.authority,
	}
}
