package mesh

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// An address may come to be another process's: of another service, or of another release. So
// whoever asks a process for anything says which service is meant, and one that does not serve it
// answers 421 (RFC 9110 §15.5.20).
const (
	serviceHeader = "Tollgate-Service"
	// servicesHeader, of a refusal, is what is served instead.
	servicesHeader = "Tollgate-Services"
)

var (
	// errMisdirected is of an endpoint at which another service's process is.
	errMisdirected = errors.New("another service's process is there")
	// errNotHere is of a call of a procedure that its endpoint does not have.
	errNotHere = errors.New("it has no such procedure")
)

// refuses reports whether err is of an endpoint that will not take this call the next time
// either.
func refuses(err error) bool {
	return errors.Is(err, errRefused) || errors.Is(err, errMisdirected) || errors.Is(err, errNotHere)
}

// Meant hands requests to next, unless they come from a process that means a service of this one,
// and has not proved that it may call it, or that service does not run here.
func (h *Handler) Meant(next http.Handler) http.Handler {
	meant := h.meant(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(serviceHeader) != "" && !h.gatekeeper.admits(r) {
			h.refuse(w, r)
			return
		}
		meant.ServeHTTP(w, r)
	})
}

// meant is Meant of callers that have proved themselves.
func (h *Handler) meant(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if service := r.Header.Get(serviceHeader); service != "" && !h.serves(service) {
			w.Header()[servicesHeader] = []string{strings.Join(h.opts.Services, ", ")}
			w.WriteHeader(http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// serves reports whether a service runs here, by its full name.
func (h *Handler) serves(service string) bool { return slices.Contains(h.opts.Services, service) }

// serviceOf is the full name of a procedure's service.
func serviceOf(procedure string) string {
	service, _, _ := strings.Cut(strings.TrimPrefix(procedure, "/"), "/")
	return service
}

// misdirectedBy is the error of a process that refused what is meant for another service, or nil
// where it did not.
func misdirectedBy(resp *http.Response, meant string) error {
	if resp.StatusCode != http.StatusMisdirectedRequest {
		return nil
	}
	const most = 500 // it may be anybody's answer
	said := resp.Header.Get(servicesHeader)
	var names []string
	for name := range strings.SplitSeq(said[:min(len(said), most)], ", ") {
		names = append(names, short(name))
	}
	return fmt.Errorf("%w: it serves %q, not %s", errMisdirected, strings.Join(names, ", "), short(meant))
}

// short is a service's name in the words of logs: the one of tollgate.router.v1.RouterService is
// router.
func short(name string) string {
	if parts := strings.Split(name, "."); len(parts) > 2 {
		return parts[1]
	}
	return name
}
