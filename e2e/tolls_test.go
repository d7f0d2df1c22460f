package e2e_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"tollgate.dev/e2e/harness"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/services/simulator"
)

// TestAttemptsThatMayCostMoney has providers that take a call and bring no answer. What they
// may bill is in the ledger, and another attempt is made only where the budgets can pay for
// it as well.
func TestAttemptsThatMayCostMoney(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		directives string
		budget     any
		stream     bool
		status     int
		code       string
		calls      int
		estimated  bool
	}{
		"time-outs, each paid for":             {";hang", nil, false, http.StatusGatewayTimeout, "provider_timeout", 3, true},
		"time-outs of streams":                 {";hang", nil, true, http.StatusGatewayTimeout, "provider_timeout", 3, true},
		"a time-out, and no money for another": {";hang", 0.015, false, http.StatusGatewayTimeout, "provider_timeout", 1, true},
		"half an answer":                       {";cut-bytes=40", nil, false, http.StatusBadGateway, "provider_error", 1, true},
		"connections that die":                 {";cut=0", nil, false, http.StatusServiceUnavailable, "provider_unavailable", 3, true},
		"a status that refuses":                {";status=500", nil, false, http.StatusBadGateway, "provider_error", 3, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providers := harness.StartProviders(t)
			g := harness.Start(t, harness.Options{Config: providers.Config("router_settings: {num_retries: 2, allowed_fails: 99}",
				harness.Model{Name: "m", Upstream: "openai/gpt-4o" + test.directives, Params: "timeout: 1"})})
			key := g.NewTenantKey(map[string]any{"max_budget": test.budget})
			body := harness.Chat("m", g.Prompt(t))
			if test.stream {
				body = harness.ChatStream("m", g.Prompt(t))
			}
			body["max_tokens"], body["service_tier"] = 1000, "default" // a cent
			g.Complete(key.Secret, body).MustBe(t, test.status, test.code)
			if n := len(callsOf(providers.Calls())); n != test.calls {
				t.Errorf("the provider was called %d times, want %d", n, test.calls)
			}
			entries := test.calls
			if !test.estimated {
				entries = 1 // what cost nothing is one entry
			}
			var records []*eventv1.UsageRecord
			harness.Eventually(t, "the ledger is whole", func() error {
				if records = g.UsageOf(t, key.ID); len(records) < entries {
					return errors.New("entries are missing")
				}
				return nil
			})
			if len(records) != entries {
				t.Errorf("the ledger has %d entries, want %d", len(records), entries)
			}
			for _, r := range records {
				if (r.GetCostNanos() > 0) != test.estimated || r.GetUsage().GetEstimated() != test.estimated || r.GetError() != test.code {
					t.Errorf("an entry of cost %d, estimated %t, error %q", r.GetCostNanos(), r.GetUsage().GetEstimated(), r.GetError())
				}
				if r.GetRequestId() != records[0].GetRequestId() {
					t.Error("the attempts are of different requests")
				}
			}
			if limit, ok := test.budget.(float64); ok && g.KeyInfo(key.ID).Spend > limit {
				t.Errorf("$%v was spent of $%v", g.KeyInfo(key.ID).Spend, limit)
			}
		})
	}
}

// callsOf are the completions that a provider was asked for.
func callsOf(calls []simulator.Call) (out []simulator.Call) {
	for _, c := range calls {
		if strings.HasSuffix(c.Path, "/chat/completions") {
			out = append(out, c)
		}
	}
	return out
}
