package edge_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/services/edge"
)

// A request that manages something waits for the services that have it until its deadline, and then
// says which one does not answer. What was half done is taken back. Without the deadline
// this test would not end.
func TestManagementHasADeadline(t *testing.T) {
	t.Parallel()
	const body = `{"key": "key-of-acme", "key_alias": "after", "max_budget": 2}`
	for _, c := range []struct{ service, procedure, method, path, body string }{
		{"keystore", "SetKeyBlocked", http.MethodPost, "/key/block", `{"key": "key-of-acme"}`},
		{"keystore", "GetKey", http.MethodGet, "/key/info?key=key-of-acme", ""},
		{"keystore", "UpdateKey", http.MethodPost, "/key/update", body},
		{"keystore", "GetTenant", http.MethodGet, "/team/info?team_id=acme", ""},
		{"keystore", "GetTenant", http.MethodPost, "/team/delete", `{"team_ids": ["acme"]}`},
		{"budget", "ListBudgets", http.MethodGet, "/team/list", ""},
		{"budget", "ListBudgets", http.MethodPost, "/key/update", body},
		{"budget", "SetBudgets", http.MethodPost, "/key/update", body},
		{"budget", "SetBudgets", http.MethodPost, "/team/update", `{"team_id": "acme", "team_alias": "after", "max_budget": 2}`},
	} {
		for _, header := range []map[string]string{nil, {"Idempotency-Key": "once"}} {
			t.Run(fmt.Sprint(c.path, " at ", c.procedure, header), func(t *testing.T) {
				t.Parallel()
				r := changes(t, func(s *setup) { s.options.ManagementTimeout = 300 * time.Millisecond })
				r.keystore.hangs.at(c.procedure)
				r.budget.hangs.at(c.procedure)
				a := r.do(c.method, c.path, call{opsKey, header, c.body})
				if want := "the " + c.service + " service did not answer in time"; a.status != http.StatusServiceUnavailable ||
					a.reason() != string(errs.ServiceUnavailable) || !strings.Contains(a.body, want) {
					t.Errorf("it is told %d %s, want %q", a.status, a.body, want)
				}
				if key, team := r.standing(); key != "before/" || team != "before/" {
					t.Errorf("the key is %s and the team %s", key, team)
				}
				if !strings.Contains(r.log.String(), "the "+c.service+" service did not answer in time") {
					t.Error("the log does not tell of it")
				}
			})
		}
	}
}

// The time of a request's body is its own.
func TestTheDeadlineBeginsWithTheBody(t *testing.T) {
	t.Parallel()
	r := changes(t, func(s *setup) {
		s.options = edge.Options{ManagementTimeout: time.Nanosecond}
	})
	// Whoever may not manage keys hears of that, and a body that is none is told so, in no time.
	for key, want := range map[string]int{acmeKey: http.StatusForbidden, opsKey: http.StatusBadRequest} {
		if a := r.do(http.MethodPost, "/key/block", call{key: key, body: "no JSON"}); a.status != want {
			t.Errorf("it is told %d %s, want %d", a.status, a.body, want)
		}
	}
}

// What hangs beside the providers is the gateway's own fault, and never a provider's time.
func TestWhatHangsIsNoProvider(t *testing.T) {
	t.Parallel()
	for name, hang := range map[string]func(*rig) answer{
		"the keystore": func(r *rig) answer {
			r.keystore.hangs.at("ResolveKey")
			return r.complete(chat("Hi"))
		},
		"the budgets": func(r *rig) answer {
			r.budget.hangs.at("Lease")
			defer r.budget.hangs.at("") // or the meter could not give back what it has leased
			return r.complete(chat("Hi"))
		},
		"the store of the budgets": func(r *rig) answer {
			r.budget.setting = func(*budgetv1.SetBudgetsRequest) error {
				return fmt.Errorf("commit: %w", context.DeadlineExceeded)
			}
			return r.do(http.MethodPost, "/key/update", call{key: opsKey, body: `{"key": "key-of-acme", "max_budget": 2}`})
		},
		"the cache": func(r *rig) answer {
			r.cache.away = fmt.Errorf("redis: %w", context.DeadlineExceeded)
			return r.do(http.MethodPost, "/v1/cache/invalidate", call{key: acmeKey, body: `{"namespace": "acme"}`})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := changes(t)
			if a := hang(r); a.status != http.StatusServiceUnavailable || a.reason() != string(errs.ServiceUnavailable) {
				t.Errorf("it is told %d %s", a.status, a.body)
			}
		})
	}
}

// What is wrong is named as the caller named it.
func TestFaultsHaveTheCallersNames(t *testing.T) {
	t.Parallel()
	r := changes(t)
	for _, c := range []struct {
		method, path string
		call         call
		param        string
	}{
		{http.MethodGet, "/spend/logs?api_key=sk-nobodys", call{key: opsKey}, "api_key"},
		{http.MethodGet, "/key/info?key=sk-nobodys", call{key: opsKey}, "key"},
		{http.MethodPost, chatPath, call{acmeKey, map[string]string{"X-Compress": "zip"}, chat("Hi")}, "X-Compress"},
		{http.MethodPost, chatPath, call{key: acmeKey, body: chat("Hi", `"compress":"zip"`)}, "compress"},
		{http.MethodPost, chatPath, call{acmeKey, map[string]string{"X-Compress": "zip"}, chat("Hi", `"compress":"rag"`)}, "X-Compress"},
	} {
		if a := r.do(c.method, c.path, c.call); a.status/100 != 4 || !strings.Contains(a.body, `"param":"`+c.param+`"`) {
			t.Errorf("%s: %d %s, want it to blame %s", c.path, a.status, a.body, c.param)
		}
	}
}
