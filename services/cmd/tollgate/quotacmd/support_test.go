package quotacmd_test

import (
	"bytes"
	"context"
	"database/sql"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/id"
	"tollgate.dev/platform/kafkax"
	"tollgate.dev/platform/kafkax/kafkaxtest"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/rpc"
	platform "tollgate.dev/platform/sqlite"
	"tollgate.dev/services/budget"
	"tollgate.dev/services/budget/relay"
	"tollgate.dev/services/budget/store/sqlite"
	"tollgate.dev/services/cmd/tollgate/quotacmd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = time.Minute

// teams are the tenants that the keystore knows.
type teams struct {
	keystorev1connect.UnimplementedKeystoreServiceHandler
	known map[string]bool
}

func (s teams) GetTenant(_ context.Context, req *keystorev1.GetTenantRequest) (*keystorev1.GetTenantResponse, error) {
	if !s.known[req.GetId()] {
		return nil, errs.New(errs.NotFound, "no such tenant")
	}
	return &keystorev1.GetTenantResponse{Tenant: &keystorev1.Tenant{Id: req.GetId()}}, nil
}

// gateway is a ledger that is served as a gateway serves it, and its topic.
type gateway struct {
	url   string
	db    *platform.DB
	store *sqlite.Store
	svc   *budget.Service
	ids   *id.Generator
	topic string
	kafka *kafkax.Client
}

func newGateway(t *testing.T) *gateway {
	t.Helper()
	db, err := platform.Open(t.Context(), filepath.Join(t.TempDir(), "budget.db"), platform.Options{Synchronous: platform.Normal})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	store, err := sqlite.New(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{db: db, store: store, ids: id.NewGenerator(clock.Real())}
	g.svc = budget.New(store, budget.Options{Books: store})
	server, mux := rpc.NewServer(), http.NewServeMux()
	budgetv1connect.RegisterBudgetServiceHandler(server, budget.Handler(g.svc))
	keystorev1connect.RegisterKeystoreServiceHandler(server, teams{known: map[string]bool{"acme": true, "idle": true}})
	rpc.Mount(mux, server)
	remote := httptest.NewServer(mux)
	t.Cleanup(remote.Close)
	t.Cleanup(g.svc.EndUsageWatches)
	g.url = remote.URL
	return g
}

// withTopic gives the gateway a topic of its own.
func (g *gateway) withTopic(t *testing.T) *gateway {
	t.Helper()
	g.kafka, g.topic = kafkaxtest.New(t, 3)
	return g
}

// settle records calls of tenants that have a budget each.
func (g *gateway) settle(t *testing.T, calls int, tenants ...string) {
	t.Helper()
	var records []*eventv1.UsageRecord
	for _, tenant := range tenants {
		var draws []*eventv1.LeaseDraw
		if tenant != "" {
			scope := budget.Scope{Kind: budget.Tenant, ID: tenant}
			if _, err := g.svc.PutBudget(t.Context(), budget.Budget{Scope: scope, Limit: money.Dollar}); err != nil {
				t.Fatal(err)
			}
			leases, err := g.svc.Lease(t.Context(), "replica", []budget.Ask{{Scope: scope, Need: 1000, TenantID: tenant}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			draws = []*eventv1.LeaseDraw{{LeaseId: leases.Grants[0][0].Lease.ID, Nanos: 1000}}
		}
		for range calls {
			records = append(records, &eventv1.UsageRecord{
				EventId: g.ids.NewString(), OccurredMillis: 1795435200000, TenantId: tenant, KeyId: "k", Model: "gpt-4o", Provider: "openai",
				CostNanos: 1000, Draws: draws,
			})
		}
	}
	if _, err := g.svc.Record(t.Context(), records); err != nil {
		t.Fatal(err)
	}
}

// publish relays the outbox until it is empty.
func (g *gateway) publish(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	r := relay.New(g.store.Outbox(), relay.Options{Publisher: g.kafka.Writer(kafkax.Topic{Name: g.topic}, false)})
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	for {
		backlog, err := g.store.Outbox().Backlog(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if backlog.Rows == 0 {
			break
		}
		_ = clock.Sleep(ctx, clock.Real(), 5*time.Millisecond) // Backlog fails when the time is over
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// exec changes the database behind the service's back.
func (g *gateway) exec(t *testing.T, statement string) {
	t.Helper()
	err := g.db.Update(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), statement)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// change changes an entry of the ledger behind the service's back.
func (g *gateway) change(t *testing.T, tenant string, sequence int64, to func(*eventv1.UsageRecord)) {
	t.Helper()
	err := g.db.Update(t.Context(), func(tx *sql.Tx) error {
		var raw []byte
		row := tx.QueryRowContext(t.Context(), "SELECT record FROM ledger WHERE tenant_id = ? AND sequence = ?", tenant, sequence)
		if err := row.Scan(&raw); err != nil {
			return err
		}
		record := &eventv1.UsageRecord{}
		if err := proto.Unmarshal(raw, record); err != nil {
			return err
		}
		to(record)
		raw, err := proto.Marshal(record)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(t.Context(), "UPDATE ledger SET record = ? WHERE tenant_id = ? AND sequence = ?", raw, tenant, sequence)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// output is what a command wrote; it may be read while it runs.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func env(variables map[string]string, stdout, stderr *output) quotacmd.Env {
	return quotacmd.Env{
		Lookup: func(name string) (string, bool) { v, ok := variables[name]; return v, ok }, Stdout: stdout, Stderr: stderr,
	}
}

// run runs the command against the gateway, and its topic if it has one.
func (g *gateway) run(t *testing.T, ctx context.Context, args ...string) (stdout, stderr *output, err error) {
	t.Helper()
	variables := map[string]string{"TOLLGATE_URL": g.url, "TOLLGATE_MASTER_KEY": "sk-master-0123456789"}
	if g.topic != "" {
		variables["KAFKA_BROKERS"] = strings.Join(kafkaxtest.Brokers(t), ",")
		args = append(args, "--topic", g.topic)
	}
	stdout, stderr = &output{}, &output{}
	err = quotacmd.Run(ctx, env(variables, stdout, stderr), args)
	return stdout, stderr, err
}
