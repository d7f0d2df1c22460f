package edge

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/obs"
)

// What a handler fails of is in the log with its cause and the request's id; the caller is
// told that something failed, and no more.
func TestFaultsOfHandlers(t *testing.T) {
	const content = "what a caller wrote"
	for name, c := range map[string]struct {
		handler func(*exchange) error
		status  int
		logged  []string
	}{
		"a panic": {
			func(*exchange) error { panic(content) }, http.StatusInternalServerError,
			[]string{`"cause":"panic: a value of type string"`, "TestFaultsOfHandlers"},
		},
		"an error of ours": {
			func(*exchange) error { return errors.New("disk full") }, http.StatusInternalServerError,
			[]string{`"cause":"disk full"`, `"level":"ERROR"`},
		},
		"a store that is away": {
			func(*exchange) error {
				return errs.New(errs.ServiceUnavailable, "away").WithCause(errors.New("disk full"))
			}, http.StatusServiceUnavailable,
			[]string{`"cause":"service_unavailable: away < disk full"`, `"level":"WARN"`},
		},
		"an error of the caller's": {
			func(*exchange) error { return errs.New(errs.InvalidRequest, content) }, http.StatusBadRequest, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var buf bytes.Buffer
			log, err := obs.NewLogger(&buf, obs.LogOptions{})
			if err != nil {
				t.Fatal(err)
			}
			e := &Edge{Parts: Parts{Clock: clock.Real(), Log: log, Faults: obs.NewFaults(log, clock.Real())}}
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/x", nil)
			r.Header.Set("X-Request-Id", "req_9")
			endpoint{e, route{http.MethodGet, "/x", c.handler}}.ServeHTTP(w, r)
			if w.Code != c.status || strings.Contains(w.Body.String(), "disk full") {
				t.Errorf("answered %d %s", w.Code, w.Body)
			}
			line := buf.String()
			if len(c.logged) == 0 && line != "" {
				t.Errorf("logged %s", line)
			}
			for _, want := range c.logged {
				if !strings.Contains(line, want) || !strings.Contains(line, `"at":"/x","reason"`) || !strings.Contains(line, `"request_id":"req_9"`) {
					t.Errorf("%s is not in %s", want, line)
				}
			}
			if strings.Contains(line, content) {
				t.Errorf("the log quotes the caller: %s", line)
			}
		})
	}
}

// An answer that has begun is cut off: its caller must not take it for whole.
func TestPanicsCutAnswersOff(t *testing.T) {
	var buf bytes.Buffer
	log, err := obs.NewLogger(&buf, obs.LogOptions{})
	if err != nil {
		t.Fatal(err)
	}
	e := &Edge{Parts: Parts{Clock: clock.Real(), Log: log, Faults: obs.NewFaults(log, clock.Real())}}
	server := httptest.NewServer(endpoint{e, route{http.MethodGet, "/x", func(x *exchange) error {
		x.wrote = true
		_, _ = x.w.Write([]byte("data: half"))
		_ = x.control.Flush()
		panic("late")
	}}})
	defer server.Close() // a second time is nothing
	resp, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := new(bytes.Buffer).ReadFrom(resp.Body); err == nil {
		t.Error("the answer looks whole")
	}
	server.Close() // the handler's goroutine writes the log
	if !strings.Contains(buf.String(), "panic: a value of type string") {
		t.Errorf("the log has %s", buf.String())
	}
}
