package spend_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
	"tollgate.dev/services/budget"
	"tollgate.dev/services/edge/spend"
	"tollgate.dev/services/edge/spend/journal"
)

// What a call held is free only when the log says that the call is over: while nobody can
// reach the money, the log is written already. Otherwise a process that is killed in between
// would leave two calls in it that are charged for the same money.
func TestLogBeforeMoney(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*running, spend.Reservation)
		want []string
	}{
		"release":                {func(m *running, r spend.Reservation) { m.Release(r) }, nil},
		"settle":                 {func(m *running, r spend.Reservation) { m.Settle(r, call(20)) }, []string{"req100", "20"}},
		"settle as another call": {func(m *running, r spend.Reservation) { m.Settle(r, wide(20, 300)) }, []string{"req20", "0"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, budget.Options{})
			w.put(t, budget.Budget{Scope: key, Limit: 100})
			dir := t.TempDir()
			opts := logged(t, dir)
			opts.FlushEvery = time.Hour
			m := w.start(t, opts)
			res := reserve(t, m, 100)
			unlock := m.LockKey(key.ID)
			var ending sync.WaitGroup
			ending.Go(func() { c.end(m, res) })
			defer ending.Wait()
			defer unlock()
			eventually(t, "the log's word", func() bool {
				return slices.Equal(segment(t, filepath.Join(dir, opts.ReplicaID, "00000001.seg")), c.want)
			})
		})
	}
}

// wide is a call whose settlement does not fit into the room that its reservation has for it.
func wide(cost money.Nano, width int) *eventv1.UsageRecord {
	rec := call(cost)
	for ; width > 0; width -= 100 {
		rec.Tags = append(rec.Tags, strings.Repeat("a", min(width, 100)))
	}
	return rec
}

// A settlement that the log does not take leaves the reservation in it, which is what the call
// is charged if the process dies. So it stays set aside until the record is delivered.
func TestUnloggedCallsKeepTheirReservation(t *testing.T) {
	begin := func(t *testing.T) (w *world, m *running, dir string, log *journal.Log) {
		t.Helper()
		w = newWorld(t, budget.Options{})
		w.put(t, budget.Budget{Scope: key, Limit: 100})
		dir = t.TempDir()
		opts := logged(t, dir, func(o *journal.Options) { o.SegmentBytes = 4 << 10 })
		opts.Patience = -1
		m = w.start(t, opts)
		w.client.fail(func(call string) error {
			if call == "record" {
				return errDown
			}
			return nil
		}, nil)
		m.Settle(reserve(t, m, 100), wide(20, 5000)) // more than a segment holds
		if st := m.Stats(); st.Unlogged != 1 || m.State(scopes)[0].Spent != 20 {
			t.Fatalf("the meter has %+v and %+v", st, m.State(scopes))
		}
		_, err := m.Reserve(t.Context(), caller, 1)
		_ = exceeded(t, err)
		return w, m, dir, opts.Journal
	}
	t.Run("killed", func(t *testing.T) {
		w, m, dir, log := begin(t)
		m.die(t, log)
		w.client.fail(nil, nil)
		w.recovered(t, logged(t, dir)).close(t)
		if st := w.state(t, key); st.Spent != 100 || st.Leased != 0 {
			t.Errorf("spent %d, leased %d", st.Spent, st.Leased)
		}
	})
	t.Run("delivered", func(t *testing.T) {
		w, m, _, _ := begin(t)
		w.client.fail(nil, nil)
		eventually(t, "the rest", func() bool {
			res, err := m.Reserve(t.Context(), caller, 80)
			if err == nil {
				m.Settle(res, call(80))
			}
			return err == nil
		})
		m.close(t)
		if st := w.state(t, key); st.Spent != 100 || st.Leased != 0 {
			t.Errorf("spent %d, leased %d", st.Spent, st.Leased)
		}
	})
}

// Where the disk fails under the log, a released call may still stand in it: what it held is
// not given back while the process lives.
func TestReleaseIntoABrokenLog(t *testing.T) {
	w := newWorld(t, budget.Options{})
	w.put(t, budget.Budget{Scope: key, Limit: 100})
	dir := t.TempDir()
	opts := logged(t, dir)
	m := w.start(t, opts)
	res := reserve(t, m, 100)
	if err := os.Truncate(filepath.Join(dir, opts.ReplicaID, "00000001.seg"), 0); err != nil {
		t.Fatal(err)
	}
	m.Release(res)
	if left, limited, err := m.Available(t.Context(), scopes); left != 0 || !limited || err != nil {
		t.Errorf("%d is to be had, %v", left, err)
	}
	_, err := m.Reserve(t.Context(), caller, 1)
	if !errs.Is(err, errs.BudgetExceeded) {
		t.Errorf("a released call's money: %v", err)
	}
}
