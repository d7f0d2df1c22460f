package quota_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"

	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	"tollgate.dev/platform/kafkax"
	"tollgate.dev/platform/quota"
	"tollgate.dev/platform/quota/store/sqlite"
	"tollgate.dev/platform/rpc"
	platform "tollgate.dev/platform/sqlite"
)

// deliveries stands in for a topic: what a relay publishes, some of it twice.
type deliveries []string

func (d *deliveries) Fetch(context.Context) (*quota.Event, error) {
	if len(*d) == 0 {
		return nil, io.EOF
	}
	e, err := quota.Decode([]byte((*d)[0]))
	*d = (*d)[1:]
	return e, err
}

func (*deliveries) Commit(context.Context) error { return nil }

// Billing adds up what each tenant spent, in a table of its own. The position is in the same
// transaction, so that the second delivery of an event adds nothing.
func ExampleConsumer() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "billing")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	db, err := platform.Open(ctx, filepath.Join(dir, "billing.db"), platform.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Write.ExecContext(ctx, "CREATE TABLE bills (tenant TEXT PRIMARY KEY, nanos INTEGER, calls INTEGER)"); err != nil {
		fmt.Println(err)
		return
	}
	handler, err := sqlite.New(ctx, db, "billing", func(ctx context.Context, tx *sql.Tx, e *quota.Event) error {
		if !e.IsUsage() {
			return nil // a threshold, the end of a window, the charge of a lost process
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO bills VALUES (?, ?, 1)
			ON CONFLICT (tenant) DO UPDATE SET nanos = nanos + excluded.nanos, calls = calls + 1`, e.TenantID, e.Payload.Cost)
		return err
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	event := `{"eventId": "019ab000-0000-7000-8000-00000000000%d", "occurredAt": "2026-11-28T12:00:00.000Z", "tenantId": "acme",
		"payload": {"tenantId": "acme", "cost": 0.002, "sequence": %d}}`
	first, second := fmt.Sprintf(event, 1, 1), fmt.Sprintf(event, 2, 2)
	if err := quota.NewConsumer(&deliveries{first, second, first, second}, handler, quota.Options{}).Run(ctx); err != nil {
		fmt.Println(err)
		return
	}
	var nanos, calls int64
	if err := db.Read.QueryRowContext(ctx, "SELECT nanos, calls FROM bills WHERE tenant = 'acme'").Scan(&nanos, &calls); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(calls, "calls,", nanos, "nano-dollars")
	// Output: 2 calls, 4000000 nano-dollars
}

// A member of a group reads the topic, and the gateway's ledger where the topic has a gap.
func ExampleFromKafka() {
	ctx, log := context.Background(), slog.Default()
	run := func(handler quota.Handler) error {
		client, err := kafkax.Open(kafkax.Options{Brokers: []string{"kafka:9092"}})
		if err != nil {
			return err
		}
		defer func() { _ = client.Close() }()
		group, err := client.NewGroup(ctx, kafkax.GroupOptions{Group: "billing", Topic: quota.Topic, Log: log})
		if err != nil {
			return err
		}
		defer func() { _ = group.Close() }()
		ledger := budgetv1connect.NewBudgetServiceClient(rpc.Remote(&http.Client{
			Transport: bearer{os.Getenv("TOLLGATE_MASTER_KEY"), http.DefaultTransport},
		}, "http://tollgate:4000"))
		return quota.NewConsumer(quota.FromKafka(group), handler, quota.Options{Ledger: ledger, Log: log}).Run(ctx)
	}
	_ = run // needs a Kafka
}

// bearer presents a key with each call.
type bearer struct {
	key  string
	next http.RoundTripper
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.key)
	return b.next.RoundTrip(r)
}

// Without a ledger a jump of the sequence ends the consumer, before anything is left out.
func ExampleGapError() {
	event := `{"eventId": "019ab000-0000-7000-8000-00000000000%d", "occurredAt": "2026-11-28T12:00:00.000Z", "tenantId": "acme",
		"payload": {"tenantId": "acme", "sequence": %d}}`
	topic := &deliveries{fmt.Sprintf(event, 1, 1), fmt.Sprintf(event, 3, 3)}
	err := quota.NewConsumer(topic, newBook(), quota.Options{}).Run(context.Background())
	var gap *quota.GapError
	fmt.Println(errors.As(err, &gap), gap)
	// Output: true quota: tenant "acme": the events after 1 and before 3 are missing
}
