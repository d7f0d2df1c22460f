package relay_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/kafkax"
	"tollgate.dev/platform/kafkax/kafkaxtest"
	"tollgate.dev/platform/quota"
	"tollgate.dev/platform/rpc"
	platform "tollgate.dev/platform/sqlite"
	"tollgate.dev/services/budget"
	"tollgate.dev/services/budget/event"
	"tollgate.dev/services/budget/relay"
)

// sequences are those of a tenant's events in the log, repetitions left out.
func (l *topic) sequences(t *testing.T, tenant string) (out []int64) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, messages := range l.partitions {
		for _, m := range messages {
			of, sequence, _ := parse(t, m.Value)
			if of != tenant || len(out) > 0 && sequence <= out[len(out)-1] {
				continue
			}
			out = append(out, sequence)
		}
	}
	return out
}

// upTo is the sequences from 1 to n without some.
func upTo(n int64, without ...int64) (out []int64) {
	for i := int64(1); i <= n; i++ {
		if !slices.Contains(without, i) {
			out = append(out, i)
		}
	}
	return out
}

// setAside is what was set aside, as sequence and reason.
func setAside(t *testing.T, db *platform.DB) (out []string) {
	t.Helper()
	rows, err := db.Read.QueryContext(t.Context(), "SELECT tenant_id || '/' || sequence || ' ' || reason FROM outbox_set_aside ORDER BY tenant_id, sequence")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }() // its error is that of rows.Err
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		out = append(out, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// lateAside fails to set rows aside, at first.
type lateAside struct {
	relay.Outbox
	fails atomic.Int64
	log   *topic
	after atomic.Int64 // how many messages were in the log at the last failure
}

var errAside = errors.New("the database is away")

func (o *lateAside) SetAside(ctx context.Context, epoch int64, rows []relay.Aside) error {
	if o.fails.Add(-1) >= 0 {
		o.log.mu.Lock()
		o.after.Store(int64(len(o.log.partitions[0])))
		o.log.mu.Unlock()
		return errAside
	}
	return o.Outbox.SetAside(ctx, epoch, rows)
}

// Rows of which there can be no event are set aside one by one. What stands behind them goes
// out in its order, and not before that; the log says which they are, and nothing of what
// is in them.
func TestSetsAsideWhatCannotBePublished(t *testing.T) {
	store, db := newStoreOver(t)
	log, told := newTopic(1), &seen{}
	newSettler(store, nil).settle(t.Context(), t, 40, "a", "b")
	if _, err := db.Write.ExecContext(t.Context(), "UPDATE ledger SET record = x'ff' WHERE tenant_id = 'a' AND sequence = 3"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Write.ExecContext(t.Context(), "DELETE FROM ledger WHERE tenant_id = 'b' AND sequence = 40"); err != nil {
		t.Fatal(err)
	}
	log.setFaults(func(_ int, messages []kafkax.Message) fault {
		for _, m := range messages {
			if tenant, sequence, _ := parse(t, m.Value); tenant == "a" && (sequence == 11 || sequence == 12) {
				return large
			}
		}
		return none
	})
	outbox := &lateAside{Outbox: store.Outbox(), log: log}
	outbox.fails.Store(2)
	var lines bytes.Buffer
	options := quick(relay.Options{Publisher: log, Observer: told, Log: slog.New(slog.NewTextHandler(&lines, nil))})
	options.Batch, options.OrdinaryBytes = 0, 1 // all at once, and any event may be too large
	r := relay.New(outbox, options)
	r.RenderWith(func(record *eventv1.UsageRecord) ([]byte, error) {
		if record.GetTenantId() == "a" && record.GetSequence() == 7 {
			return nil, errors.New("no form for it")
		}
		return event.Envelope(record)
	})
	stop := run(t, r)
	eventually(t, "an empty outbox", func() bool { return waiting(t, store.Outbox()) == 0 })
	stop()
	if got, want := log.sequences(t, "a"), upTo(40, 3, 7, 11, 12); !slices.Equal(got, want) {
		t.Errorf("a has %v, want %v", got, want)
	}
	if got, want := log.sequences(t, "b"), upTo(39); !slices.Equal(got, want) {
		t.Errorf("b has %v, want %v", got, want)
	}
	if n := outbox.after.Load(); n != 4 { // a/1, b/1, a/2, b/2 stand before a/3
		t.Errorf("%d messages were sent before the row was set aside", n)
	}
	want := []string{"a/3 unreadable", "a/7 unrenderable", "a/11 too_large", "a/12 too_large", "b/40 missing"}
	if got := setAside(t, db); !slices.Equal(got, want) {
		t.Errorf("set aside: %q", got)
	}
	if got := told.get(); got.aside != 5 || got.published != 75 {
		t.Errorf("told of %d set aside, %d published", got.aside, got.published)
	}
	for _, want := range []string{
		`level=ERROR msg="outbox: an event cannot be published and was set aside`, "tenant=a sequence=3 event_id=0", "reason=unreadable",
		"sequence=7", "reason=unrenderable", "no form for it", "sequence=11", "reason=too_large", "tenant=b sequence=40", "reason=missing",
	} {
		if !strings.Contains(lines.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, &lines)
		}
	}
	if n := strings.Count(lines.String(), "level=ERROR"); n != 5 {
		t.Errorf("%d errors in the log:\n%s", n, &lines)
	}
}

// Broken rows alone, more of them than a batch takes, keep nothing back.
func TestManyBrokenRows(t *testing.T) {
	store, db := newStoreOver(t)
	log := newTopic(2)
	newSettler(store, nil).settle(t.Context(), t, 60, "a")
	newSettler(store, nil).settle(t.Context(), t, 1, "b")
	if _, err := db.Write.ExecContext(t.Context(), "UPDATE ledger SET record = x'ff' WHERE tenant_id = 'a'"); err != nil {
		t.Fatal(err)
	}
	options := quick(relay.Options{Publisher: log})
	options.Batch = 7
	run(t, relay.New(store.Outbox(), options))
	eventually(t, "an empty outbox", func() bool { return waiting(t, store.Outbox()) == 0 })
	if n := len(setAside(t, db)); n != 60 || !slices.Equal(log.sequences(t, "b"), upTo(1)) {
		t.Errorf("%d were set aside, b has %v", n, log.sequences(t, "b"))
	}
}

// wide are calls whose texts are as long as the ledger keeps them, and do not compress.
func wide(s *settler, n int, tenant string) (out []*eventv1.UsageRecord) {
	text := func() string {
		var b strings.Builder
		for b.Len() < 2048 {
			b.WriteString(rand.Text())
		}
		return b.String()
	}
	for range n {
		out = append(out, &eventv1.UsageRecord{
			EventId: s.ids.NewString(), TenantId: tenant, KeyId: "k", RequestId: text(), CorrelationId: text(), Model: text(), Provider: text(), CostNanos: 5,
		})
	}
	return out
}

// A topic of a real Kafka takes messages of 4 kB. Events that are larger are set aside and no
// others, whatever is sent together; a consumer has them from the ledger.
func TestKafkaRefusesLargeEvents(t *testing.T) {
	client := kafkaxtest.Open(t, kafkaxtest.Brokers(t)...)
	name := kafkaxtest.Name()
	kafkaxtest.Remove(t, client, name)
	store, db := newStoreOver(t)
	told, calls := &seen{}, newSettler(store, nil)
	names := tenants(4)
	for _, n := range []int{30, 31} {
		calls.settle(t.Context(), t, n, names...)
		if n == 30 {
			if _, err := calls.svc.Record(t.Context(), wide(calls, 2, names[0])); err != nil {
				t.Fatal(err)
			}
		}
	}
	topic := kafkax.Topic{Name: name, Partitions: 2, Replicas: 1, Config: map[string]string{"max.message.bytes": "4000"}}
	run(t, relay.New(store.Outbox(), relay.Options{Publisher: client.Writer(topic, true), Observer: told, OrdinaryBytes: 3000}))
	eventually(t, "an empty outbox", func() bool { return waiting(t, store.Outbox()) == 0 })
	log := topicOf(t, client, name)
	for i, tenant := range names {
		want := upTo(61)
		if i == 0 {
			want = upTo(63, 31, 32)
		}
		if got := log.sequences(t, tenant); !slices.Equal(got, want) {
			t.Errorf("%s has %v", tenant, got)
		}
	}
	want := []string{"tenant0/31 too_large", "tenant0/32 too_large"}
	if got := setAside(t, db); !slices.Equal(got, want) || told.get().aside != 2 {
		t.Errorf("set aside: %q, told of %d", got, told.get().aside)
	}

	server := rpc.NewServer()
	budgetv1connect.RegisterBudgetServiceHandler(server, budget.Handler(calls.svc))
	read := &applied{}
	source := &replay{messages: slices.Concat(log.partitions...)}
	err := quota.NewConsumer(source, read, quota.Options{Ledger: budgetv1connect.NewBudgetServiceClient(rpc.InProcess(server))}).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(read.of(names[0]), upTo(63)) || !slices.Equal(read.of(names[1]), upTo(61)) {
		t.Errorf("a consumer has %v and %v", read.of(names[0]), read.of(names[1]))
	}
}

// A topic that takes no ordinary event is set wrongly: its events wait until it is set right.
func TestATopicThatTakesNoEvents(t *testing.T) {
	store, db := newStoreOver(t)
	log := newTopic(1)
	newSettler(store, nil).settle(t.Context(), t, 40, "a")
	var right atomic.Bool
	var refusals atomic.Int64
	log.setFaults(func(int, []kafkax.Message) fault {
		if right.Load() {
			return none
		}
		refusals.Add(1)
		return large
	})
	run(t, relay.New(store.Outbox(), quick(relay.Options{Publisher: log})))
	eventually(t, "some refusals", func() bool { return refusals.Load() > 20 })
	if got := setAside(t, db); len(got) > 0 || waiting(t, store.Outbox()) != 40 {
		t.Errorf("set aside: %q, waiting: %d", got, waiting(t, store.Outbox()))
	}
	right.Store(true)
	eventually(t, "an empty outbox", func() bool { return waiting(t, store.Outbox()) == 0 })
	if got, want := log.sequences(t, "a"), upTo(40); !slices.Equal(got, want) {
		t.Errorf("a has %v, want %v", got, want)
	}
}

// replay is a source of what a topic has.
type replay struct{ messages []kafkax.Message }

func (r *replay) Fetch(context.Context) (*quota.Event, error) {
	if len(r.messages) == 0 {
		return nil, io.EOF
	}
	m := r.messages[0]
	r.messages = r.messages[1:]
	return quota.Decode(m.Value)
}

func (r *replay) Commit(context.Context) error { return nil }

// applied keeps the positions that were applied, in their order.
type applied struct{ at []quota.Position }

func (a *applied) of(tenant string) (out []int64) {
	for _, p := range a.at {
		if p.TenantID == tenant {
			out = append(out, p.Sequence)
		}
	}
	return out
}

func (a *applied) Last(_ context.Context, tenant string) (int64, error) {
	if all := a.of(tenant); len(all) > 0 {
		return all[len(all)-1], nil
	}
	return 0, nil
}

func (a *applied) Apply(_ context.Context, _ *quota.Event, at quota.Position) error {
	a.at = append(a.at, at)
	return nil
}
