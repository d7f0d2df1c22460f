package harness

import (
	"errors"
	"net/http"
	"testing"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/rpc"
)

// Bearer is an HTTP client's transport that presents a key with each call.
type Bearer struct {
	Key  string
	Next http.RoundTripper
}

// RoundTrip sends a request with the key.
func (b Bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	if b.Key != "" {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer "+b.Key)
	}
	return b.Next.RoundTrip(req)
}

// Budget is a typed client of the budget service, with the master key.
func (g *Gateway) Budget() budgetv1connect.BudgetServiceClient {
	client := &http.Client{Transport: Bearer{Key: g.Master, Next: g.client.Transport}}
	return budgetv1connect.NewBudgetServiceClient(rpc.Remote(client, g.URL))
}

// errNoUsage says that the ledger has no entry yet.
var errNoUsage = errors.New("the ledger has no entry")

// Usage waits for the ledger's entry of a request, and returns it.
func (g *Gateway) Usage(tb testing.TB, requestID string) *eventv1.UsageRecord {
	tb.Helper()
	var record *eventv1.UsageRecord
	client := g.Budget()
	Eventually(tb, "the ledger has an entry of "+requestID, func() error {
		resp, err := client.ListUsage(tb.Context(), &budgetv1.ListUsageRequest{RequestId: requestID})
		if err != nil {
			return err
		}
		if len(resp.GetRecords()) == 0 {
			return errNoUsage
		}
		if n := len(resp.GetRecords()); n > 1 {
			tb.Fatalf("the ledger has %d entries of %s", n, requestID)
		}
		record = resp.GetRecords()[0]
		return nil
	})
	return record
}

// UsageOf lists the ledger's entries of a key, oldest first.
func (g *Gateway) UsageOf(tb testing.TB, keyID string) []*eventv1.UsageRecord {
	tb.Helper()
	resp, err := g.Budget().ListUsage(tb.Context(), &budgetv1.ListUsageRequest{KeyId: keyID, Limit: 1000})
	if err != nil {
		tb.Fatalf("list the usage of a key: %v", err)
	}
	return resp.GetRecords()
}
