package e2e_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"tollgate.dev/e2e/harness"
	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/platform/errs"
)

// TestWatchUsageFollowsCalls follows calls without Kafka, and does not hold up a shutdown.
func TestWatchUsageFollowsCalls(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	team := g.NewTeam(nil)
	key := g.NewKey(map[string]any{"team_id": team})
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	stream, err := g.Budget().WatchUsage(ctx, &budgetv1.WatchUsageRequest{TenantId: team})
	if err != nil {
		t.Fatal(err)
	}
	if res, err := stream.Receive(); err != nil || !res.GetCaughtUp() {
		t.Fatalf("the first message is %v, %v", res, err)
	}
	for n := int64(1); n <= 3; n++ {
		answer := g.Complete(key.Secret, harness.Chat("gpt-4o-mini", g.Prompt(t))).MustBe(t, http.StatusOK)
		res, err := stream.Receive()
		if err != nil || len(res.GetRecords()) != 1 || res.GetRecords()[0].GetSequence() != n || res.GetRecords()[0].GetRequestId() != answer.Header.Get("X-Request-Id") {
			t.Fatalf("after call %d came %v, %v", n, res, err)
		}
	}
	began := time.Now()
	g.Terminate()
	if _, err := stream.Receive(); !errs.Is(err, errs.ServiceUnavailable) {
		t.Errorf("the stream ends with %v", err)
	}
	if code := g.Process().Wait(t, harness.Patience); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if took := time.Since(began); took > 20*time.Second { // the grace period is 30 s
		t.Errorf("the shutdown took %s", took)
	}
}
