package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"syscall"

	"tollgate.dev/platform/errs"
)

// errAddress is why an address is refused that a listed host resolves to.
var errAddress = errors.New("the address is not allowed for its host")

// handshakeError is of a TLS handshake that failed.
type handshakeError struct{ error }

func (e handshakeError) Unwrap() error { return e.error }

// Cause says for an operator what went wrong on the way to a provider, in a few words that
// are always the same: an error's own text may hold addresses, and what a provider sent. It
// is empty where nothing is known beyond the error's reason.
func Cause(err error) string {
	if errs.Is(err, errs.ProviderHostNotAllowed) {
		if errors.Is(err, errAddress) {
			return "address not allowed"
		}
		return "host not on the allowlist"
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dnsCause(dns)
	}
	if cause := certificateCause(err); cause != "" {
		return cause
	}
	for _, known := range causes {
		if errors.Is(err, known.err) {
			return known.cause
		}
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		if Unsent(err) {
			return "connecting timed out"
		}
		return "no answer in time"
	}
	if _, ok := errors.AsType[handshakeError](err); ok {
		return "tls handshake failed"
	}
	return ""
}

// causes are the errors that mean one thing.
var causes = []struct {
	err   error
	cause string
}{
	{syscall.ECONNREFUSED, "connection refused"},
	{syscall.ECONNRESET, "connection reset"},
	{syscall.EPIPE, "connection reset"},
	{syscall.ENETUNREACH, "network unreachable"},
	{syscall.EHOSTUNREACH, "host unreachable"},
	{syscall.EMFILE, "too many open files"},
	{io.ErrUnexpectedEOF, "connection closed early"},
	{io.EOF, "connection closed early"},
	{errHeaderSize, "header too large"},
	{errHeaderValue, "header with a line break"},
}

func dnsCause(err *net.DNSError) string {
	switch {
	case err.IsNotFound:
		return "dns: no such host"
	case err.IsTimeout:
		return "dns: no answer in time"
	}
	return "dns: look-up failed"
}

func certificateCause(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "tls: certificate of an unknown authority"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "tls: certificate of another host"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.Expired {
			return "tls: certificate expired or not yet valid"
		}
		return "tls: certificate invalid"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "tls: the provider speaks none"
	}
	return ""
}
