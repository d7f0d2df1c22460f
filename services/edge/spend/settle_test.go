package spend_test

import (
	"encoding/binary"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/id"
	"tollgate.dev/platform/money"
	"tollgate.dev/services/budget"
	"tollgate.dev/services/edge/spend"
	"tollgate.dev/services/edge/spend/journal"
)

// Whatever a settlement changes of its call, takes away from it or adds to it, the ledger has
// the call as it was settled.
func TestSettlementsOfAllKinds(t *testing.T) {
	w := newWorld(t, budget.Options{})
	for _, scope := range []budget.Scope{r1, acme, key} {
		w.put(t, budget.Budget{Scope: scope, Limit: 100_000})
	}
	dir := t.TempDir()
	opts := logged(t, dir)
	opts.FlushEvery = time.Hour
	m := w.start(t, opts)
	reserve(t, m, 9) // in flight to the end
	var want []*eventv1.UsageRecord
	for i, change := range []func(*eventv1.UsageRecord){
		func(*eventv1.UsageRecord) {},
		func(r *eventv1.UsageRecord) { r.CostNanos = 0 },
		func(r *eventv1.UsageRecord) { r.CostNanos = 77 }, // more than was reserved
		func(r *eventv1.UsageRecord) { r.Model, r.CorrelationId, r.StartedMillis = "another", "trace", 99 },
		func(r *eventv1.UsageRecord) { r.Model = "" },
		func(r *eventv1.UsageRecord) { r.UserId, r.StartedMillis = "", 0 },
		func(r *eventv1.UsageRecord) { r.Tags = []string{strings.Repeat("a", 300), "b"} },
		func(r *eventv1.UsageRecord) { r.Tags, r.Error, r.Unpriced = []string{"a", ""}, "timeout", true },
		func(r *eventv1.UsageRecord) {
			r.CostNanos, r.SavedCacheNanos, r.Cache = 0, 50, "semantic"
			r.CacheHit = &eventv1.CacheHit{Tier: "near", Score: 0.98, AgeMillis: 3, EntryId: "entry"}
		},
		func(r *eventv1.UsageRecord) { r.UpstreamModel = "odd \xff text" },
	} {
		rec := call(money.Nano(10 + i))
		rec.RequestId, rec.CallType, rec.StartedMillis, rec.OccurredMillis = "req", "chat.completions", 1, int64(1000+i)
		rec.Usage = &usagev1.Usage{Input: int64(i), Output: 2}
		rec.Provider, rec.UpstreamModel, rec.Cache, rec.LatencyMillis = "openai", "m-2026", "miss", 5
		change(rec)
		want = append(want, proto.CloneOf(rec))
		m.Settle(reserve(t, m, 50), rec)
	}
	if st := m.Stats(); st.Log.Records != len(want)+1 || st.Unlogged != 0 {
		t.Errorf("the meter has %+v", st)
	}
	w.client.fail(func(call string) error {
		if call == "record" {
			return errDown
		}
		return nil
	}, nil)
	m.die(t, opts.Journal)
	w.client.fail(nil, nil)
	var told seen
	next := logged(t, dir)
	next.Observer = &told
	w.recovered(t, next).close(t)
	if told.settled != len(want) || told.charged != 1 || told.kept != 0 {
		t.Errorf("told %+v", &told)
	}
	var sum money.Nano
	got := map[int64]*eventv1.UsageRecord{}
	for _, e := range w.entries(t, "acme") {
		sum += money.Nano(e.GetCostNanos())
		if e.GetError() == spend.ReservationCharged {
			continue
		}
		for _, d := range e.GetDraws() {
			if d.GetNanos() != e.GetCostNanos() {
				t.Errorf("a draw of %v for %v", d, e)
			}
		}
		if len(e.GetDraws()) != 3 {
			t.Errorf("%d draws: %v", len(e.GetDraws()), e)
		}
		got[e.GetOccurredMillis()] = e
	}
	for _, r := range want {
		e := got[r.GetOccurredMillis()]
		if e == nil {
			t.Errorf("nothing is there of %v", r)
			continue
		}
		r.UpstreamModel = strings.ToValidUTF8(r.GetUpstreamModel(), "\uFFFD")
		e.EventId, e.Sequence, e.Draws, e.Window = "", 0, nil, nil
		if !proto.Equal(e, r) {
			t.Errorf("%v became %v", r, e)
		}
	}
	for _, scope := range []budget.Scope{r1, acme, key} {
		if st := w.state(t, scope); st.Spent != sum || st.Leased != 0 {
			t.Errorf("%v: spent %d of %d, leased %d", scope, st.Spent, sum, st.Leased)
		}
	}
}

// A log of the release before amendments: what is settled there is delivered, what is in
// flight is charged, and the leases come back.
func TestLogOfTheReleaseBefore(t *testing.T) {
	w := newWorld(t, budget.Options{})
	w.put(t, budget.Budget{Scope: key, Limit: 100_000})
	dir := t.TempDir()
	opts := logged(t, dir)
	m := w.start(t, opts)
	m.Settle(reserve(t, m, 50), call(1))
	eventually(t, "delivery", func() bool { return m.Stats().Log.Records == 0 })
	lease := w.entries(t, "acme")[0].GetDraws()[0].GetLeaseId()
	old := func(request string, cost int64, failure string) []byte {
		r := call(money.Nano(cost))
		r.EventId, r.RequestId, r.Error = newEventID(), request, failure
		r.Draws = []*eventv1.LeaseDraw{{LeaseId: lease, Nanos: cost}}
		body, err := proto.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	var handles []journal.Handle
	for _, body := range [][]byte{old("flying", 30, spend.ReservationCharged), old("over", 40, spend.ReservationCharged), old("released", 50, spend.ReservationCharged)} {
		h, err := opts.Journal.Append(1, body, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		handles = append(handles, h)
	}
	if _, err := opts.Journal.Replace(handles[1], 2, old("over", 20, "")); err != nil {
		t.Fatal(err)
	}
	opts.Journal.End(handles[2])
	m.die(t, opts.Journal)
	edit(t, filepath.Join(dir, opts.ReplicaID, "00000001.seg"), func(b []byte) { binary.LittleEndian.PutUint32(b[8:], 1) })
	var told seen
	next := logged(t, dir)
	next.Observer = &told
	w.recovered(t, next).close(t)
	if told.settled != 1 || told.charged != 1 || told.kept != 0 {
		t.Errorf("told %+v", &told)
	}
	if st := w.state(t, key); st.Spent != 1+30+20 || st.Leased != 0 {
		t.Errorf("spent %d, leased %d", st.Spent, st.Leased)
	}
	if cost, n := w.ledger(t, "acme"); cost != 1+30+20 || n != 3 {
		t.Errorf("the ledger has %d in %d entries", cost, n)
	}
}

func newEventID() string { return id.NewGenerator(clocktest.NewAt(time.Now())).NewString() }

// loggedCall is a call as the log has it, reserved or settled.
func loggedCall(t testing.TB, event, lease string, cost int64) []byte {
	t.Helper()
	r := call(money.Nano(cost))
	r.EventId, r.Draws = event, []*eventv1.LeaseDraw{{LeaseId: lease, Nanos: cost}}
	body, err := proto.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return body
}
