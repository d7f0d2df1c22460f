package spend_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/id"
	"tollgate.dev/platform/money"
	"tollgate.dev/services/budget"
	"tollgate.dev/services/edge/spend"
	"tollgate.dev/services/edge/spend/journal"
)

// logged gives a meter a log in a folder that others share.
func logged(t testing.TB, dir string, tune ...func(*journal.Options)) spend.Options {
	t.Helper()
	name := id.NewGenerator(clocktest.NewAt(time.Now())).NewString()
	opts := journal.Options{Dir: dir, Name: name, SegmentBytes: 64 << 10, SyncEvery: -1, Boot: "this boot"}
	for _, f := range tune {
		f(&opts)
	}
	log, err := journal.Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	return spend.Options{ReplicaID: name, Journal: log}
}

// die ends a meter as SIGKILL would end its process: the log's files stay as they are, and
// their lock is free.
func (r *running) die(t testing.TB, log *journal.Log) {
	t.Helper()
	r.crash(t)
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
}

// recovered starts a meter beside the logs of dead ones, and waits until they are delivered.
func (w *world) recovered(t testing.TB, opts spend.Options) *running {
	t.Helper()
	m := w.start(t, opts)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	m.WaitRecovered(ctx)
	if ctx.Err() != nil {
		t.Fatal("the logs were not delivered")
	}
	return m
}

type seen struct {
	mu                     sync.Mutex
	settled, charged, kept int
}

func (s *seen) LogRecovered(settled, charged int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled, s.charged = s.settled+settled, s.charged+charged
}

func (s *seen) LogKept() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept++
}

func (w *world) entries(t testing.TB, tenant string) []*eventv1.UsageRecord {
	t.Helper()
	records, err := w.store.Usage(context.Background(), budget.UsageQuery{TenantID: tenant, AfterTenant: tenant, Limit: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// A process that dies leaves settled calls that were not delivered, calls in flight and
// leases. The next one delivers the first, charges the second at their reservation, and gives
// the third back.
func TestLogOfADeadProcess(t *testing.T) {
	w := newWorld(t, budget.Options{})
	for _, scope := range []budget.Scope{r1, acme, user, key} {
		w.put(t, budget.Budget{Scope: scope, Limit: 100_000})
	}
	dir := t.TempDir()
	opts := logged(t, dir)
	opts.FlushEvery = time.Hour
	m := w.start(t, opts)
	delivered := call(7)
	m.Settle(reserve(t, m, 50), delivered)
	for range 600 { // a batch goes out at 500
		m.Settle(reserve(t, m, 50), call(20))
	}
	eventually(t, "the first batch", func() bool { return m.Stats().Queued < 200 })
	w.client.fail(func(call string) error {
		if call == "record" {
			return errDown
		}
		return nil
	}, nil)
	m.Release(reserve(t, m, 30))
	flying, unlimited := caller, caller
	flying.RequestID, flying.CorrelationID, flying.StartedMillis = "req-flying", "trace-1", 1234
	unlimited.Scopes = spend.Scopes{Tenant: "other", Key: "no budget"}
	unlimited.PlatformID, unlimited.UserID = "p9", "u9"
	for _, c := range []spend.Call{flying, unlimited} {
		if _, err := m.Reserve(t.Context(), c, 40); err != nil {
			t.Fatal(err)
		}
	}
	if st := m.Stats(); st.Log.Records != st.Queued+2 || st.Unlogged != 0 {
		t.Errorf("the meter has %+v", st)
	}
	m.die(t, opts.Journal)
	w.client.fail(nil, nil)

	var told seen
	next := logged(t, dir)
	next.Observer = &told
	m2 := w.recovered(t, next)
	const spent = 7 + 600*20 + 40
	for _, scope := range []budget.Scope{r1, acme, user, key} {
		if st := w.state(t, scope); st.Spent != spent || st.Leased != 0 {
			t.Errorf("%v: spent %d, leased %d", scope, st.Spent, st.Leased)
		}
	}
	if cost, n := w.ledger(t, "acme"); cost != spent || n != 602 {
		t.Errorf("the ledger has %d in %d entries", cost, n)
	}
	last := w.entries(t, "acme")[601]
	if last.GetRequestId() != "req-flying" || last.GetCorrelationId() != "trace-1" || last.GetStartedMillis() != 1234 || last.GetModel() != "m" ||
		last.GetError() != spend.ReservationCharged || !last.GetUsage().GetEstimated() || last.GetCostNanos() != 40 ||
		last.GetKeyId() != "k1" || last.GetUserId() != "u1" || last.GetPlatformId() != "r1" || last.GetCallType() != "chat.completions" ||
		last.GetOccurredMillis() == 0 || len(last.GetDraws()) != 4 {
		t.Errorf("the call in flight became %v", last)
	}
	other := w.entries(t, "other")
	if len(other) != 1 || other[0].GetCostNanos() != 40 || other[0].GetPlatformId() != "p9" || other[0].GetKeyId() != "no budget" {
		t.Errorf("the call without budgets became %v", other)
	}
	if told.charged != 2 || told.settled == 0 || told.kept != 0 {
		t.Errorf("told %+v", &told)
	}
	if folders := logFolders(t, dir); len(folders) != 1 {
		t.Errorf("logs are left: %q", folders)
	}
	m2.close(t)
	if folders := logFolders(t, dir); len(folders) != 0 {
		t.Errorf("a clean stop left %q", folders)
	}
}

func logFolders(t *testing.T, dir string) (folders []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			folders = append(folders, e.Name())
		}
	}
	return folders
}

// A call may pass the check for the end just before it, and come to the log after all else:
// then it is refused. What has cost something is kept for the next process.
func TestWhatComesWhileTheLeasesAreReturned(t *testing.T) {
	w := newWorld(t, budget.Options{})
	dir := t.TempDir()
	opts := logged(t, dir)
	m := w.start(t, opts)
	var late error
	w.client.fail(func(call string) error {
		if call == "end" {
			_, late = opts.Journal.Append(1, []byte("as a reservation does"), 0, 0)
		}
		return nil
	}, func(what string) error {
		if what == "end" {
			m.Settle(spend.Reservation{}, call(5))
		}
		return nil
	})
	m.close(t)
	w.client.fail(nil, nil)
	if !errors.Is(late, journal.ErrClosed) {
		t.Errorf("a reservation after the look into the log came to %v", late)
	}
	if folders := logFolders(t, dir); len(folders) != 1 {
		t.Fatalf("the logs are %q", folders)
	}
	w.recovered(t, logged(t, dir))
	if cost, n := w.ledger(t, "acme"); cost != 5 || n != 1 {
		t.Errorf("the ledger has %d in %d entries", cost, n)
	}
}

// While the budget service is away, the log waits for it; calls are served meanwhile.
func TestRecoveryWaitsForTheBudgetService(t *testing.T) {
	w := newWorld(t, budget.Options{})
	w.put(t, budget.Budget{Scope: key, Limit: 100_000})
	dir := t.TempDir()
	opts := logged(t, dir)
	opts.FlushEvery = time.Hour
	m := w.start(t, opts)
	m.Settle(reserve(t, m, 50), call(20))
	reserve(t, m, 30)
	m.die(t, opts.Journal)
	w.client.fail(down, nil)
	opts = logged(t, dir)
	m2 := w.start(t, opts)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	m2.WaitRecovered(ctx) // the start goes on
	w.client.fail(func(call string) error {
		if call == "end" {
			return errDown
		}
		return nil
	}, nil)
	eventually(t, "delivery", func() bool { return w.state(t, key).Spent == 50 })
	if got := w.state(t, key); got.Leased == 0 {
		t.Errorf("the leases came back: %+v", got)
	}
	w.client.fail(nil, nil)
	m2.close(t)
	// What was left undone is done by the next one, and nothing twice.
	m3 := w.recovered(t, logged(t, dir))
	if st := w.state(t, key); st.Spent != 50 || st.Leased != 0 {
		t.Errorf("spent %d, leased %d", st.Spent, st.Leased)
	}
	if cost, n := w.ledger(t, "acme"); cost != 50 || n != 2 {
		t.Errorf("the ledger has %d in %d entries", cost, n)
	}
	m3.close(t)
}

// A process that shares the folder does not wait for a restart of the one that died.
func TestNeighboursRecover(t *testing.T) {
	w := newWorld(t, budget.Options{})
	w.put(t, budget.Budget{Scope: key, Limit: 100_000})
	dir := t.TempDir()
	first, second := logged(t, dir), logged(t, dir)
	first.FlushEvery, second.Heartbeat = time.Hour, 10*time.Millisecond
	a := w.start(t, first)
	b := w.recovered(t, second)
	a.Settle(reserve(t, a, 50), call(20))
	b.Settle(reserve(t, b, 50), call(1))
	a.die(t, first.Journal)
	eventually(t, "the neighbour", func() bool { return w.state(t, key).Spent == 21 && len(logFolders(t, dir)) == 1 })
	b.close(t)
	if st := w.state(t, key); st.Leased != 0 {
		t.Errorf("leased %d", st.Leased)
	}
}

// The budget service has charged a dead replica's leases by the time its log is found.
func TestLogThatComesAfterTheCharge(t *testing.T) {
	w := newWorld(t, budget.Options{Term: 40 * time.Millisecond, Grace: 10 * time.Millisecond, ExpireEvery: 10 * time.Millisecond})
	for _, scope := range []budget.Scope{acme, key} {
		w.put(t, budget.Budget{Scope: scope, Limit: 100_000})
	}
	dir := t.TempDir()
	opts := logged(t, dir)
	opts.FlushEvery = time.Hour
	m := w.start(t, opts)
	m.Settle(reserve(t, m, 50), call(20))
	reserve(t, m, 30)
	m.die(t, opts.Journal)
	eventually(t, "the charge", func() bool { return w.state(t, key).Spent > 50 && w.state(t, key).Leased == 0 })
	m2 := w.recovered(t, logged(t, dir))
	m2.close(t)
	explained := w.explained(t, acme, key)
	for _, scope := range []budget.Scope{acme, key} {
		if st := w.state(t, scope); st.Spent != 50 || explained[st.Budget.ID] != 50 {
			t.Errorf("%v: spent %d, of which the ledger explains %d", scope, st.Spent, explained[st.Budget.ID])
		}
	}
}

// Where something of a log may be missing, what leases hold is left to be charged: nobody
// can say that it was not spent.
func TestLogThatMayMissSomething(t *testing.T) {
	for name, c := range map[string]struct {
		boot    string
		damage  func(*testing.T, string)
		kept    bool
		charged int // calls at their reservation, if not 1
	}{
		"the machine has died": {boot: "another boot", damage: func(*testing.T, string) {}},
		"a damaged record": {boot: "this boot", kept: true, damage: func(t *testing.T, file string) {
			t.Helper()
			edit(t, file, func(b []byte) { b[80] ^= 1 })
		}},
		"a damaged amendment": {boot: "this boot", kept: true, charged: 2, damage: func(t *testing.T, file string) {
			t.Helper()
			edit(t, file, func(b []byte) {
				n := int(binary.LittleEndian.Uint32(b[64:]))
				b[64+(32+n+7)/8*8+8] ^= 1
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, budget.Options{Term: 300 * time.Millisecond, Grace: 100 * time.Millisecond, ExpireEvery: 20 * time.Millisecond})
			w.put(t, budget.Budget{Scope: key, Limit: 100_000})
			dir := t.TempDir()
			opts := logged(t, dir)
			opts.FlushEvery = time.Hour
			m := w.start(t, opts)
			m.Settle(reserve(t, m, 50), call(20))
			m.Settle(reserve(t, m, 50), call(21))
			reserve(t, m, 30)
			held := w.state(t, key).Leased
			w.client.fail(func(call string) error {
				if call == "record" {
					return errDown
				}
				return nil
			}, nil)
			m.die(t, opts.Journal)
			w.client.fail(nil, nil)
			c.damage(t, filepath.Join(dir, opts.ReplicaID, "00000001.seg"))
			var told seen
			next := logged(t, dir, func(o *journal.Options) { o.Boot = c.boot })
			next.Observer = &told
			w.recovered(t, next).close(t)
			eventually(t, "the charge", func() bool { return w.state(t, key).Leased == 0 })
			if st := w.state(t, key); st.Spent != held {
				t.Errorf("spent %d, %d was leased", st.Spent, held)
			}
			if cost, _ := w.ledger(t, "acme"); cost != held {
				t.Errorf("the ledger explains %d of %d", cost, held)
			}
			if told.charged != max(1, c.charged) || told.settled < 1 || (told.kept == 1) != c.kept {
				t.Errorf("told %+v", &told)
			}
			if _, err := os.Stat(filepath.Join(dir, "damaged", opts.ReplicaID)); (err == nil) != c.kept {
				t.Errorf("kept: %v", err)
			}
		})
	}
}

func edit(t *testing.T, file string, change func([]byte)) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err == nil {
		change(data)
		err = os.WriteFile(file, data, 0o600) //nolint:gosec,nolintlint // the test's own file; whether gosec minds depends on what else it reads
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestLogOfANewerRelease(t *testing.T) {
	w := newWorld(t, budget.Options{})
	dir := t.TempDir()
	opts := logged(t, dir)
	m := w.start(t, opts)
	reserve(t, m, 30)
	m.die(t, opts.Journal)
	edit(t, filepath.Join(dir, opts.ReplicaID, "00000001.seg"), func(b []byte) { binary.LittleEndian.PutUint32(b[8:], 99) })
	var told seen
	var out bytes.Buffer
	next := logged(t, dir)
	next.Observer, next.Heartbeat = &told, time.Millisecond
	next.Logger = slog.New(slog.NewTextHandler(&out, nil))
	m2 := w.recovered(t, next)
	m2.Settle(reserve(t, m2, 1), call(1))
	m2.close(t)
	if strings.Count(out.String(), "newer release") != 1 || told.kept != 1 || told.charged != 0 {
		t.Errorf("told %+v and %s", &told, out.String())
	}
	if folders := logFolders(t, dir); len(folders) != 1 || folders[0] != opts.ReplicaID {
		t.Errorf("the log is not left: %q", folders)
	}
}

// A log without room refuses calls, and brings to their end those that it took.
func TestFullLogRefuses(t *testing.T) {
	w := newWorld(t, budget.Options{})
	opts := logged(t, t.TempDir(), func(o *journal.Options) { o.MaxBytes = 256 << 10 })
	opts.FlushEvery = time.Hour
	m := w.start(t, opts)
	var open []spend.Reservation
	for {
		res, err := m.Reserve(t.Context(), caller, 10)
		if err != nil {
			if e := errs.Of(err); !errs.Is(err, errs.ServiceUnavailable) || e.RetryAfter <= 0 {
				t.Fatal(err)
			}
			break
		}
		open = append(open, res)
	}
	if len(open) < 20 {
		t.Fatalf("%d calls were taken", len(open))
	}
	for _, res := range open {
		m.Settle(res, call(10))
	}
	if st := m.Stats(); st.Unlogged != 0 || st.Log.Records != len(open) {
		t.Errorf("the meter has %+v", st)
	}
	m.close(t)
	if cost, n := w.ledger(t, "acme"); n != len(open) || cost != money.Nano(10*len(open)) {
		t.Errorf("the ledger has %d in %d entries", cost, n)
	}
}

// What stands in the log is what stands in the ledger: no secret, no prompt, no answer has a
// way into it, because nothing but the record's fields is written.
func TestLogHoldsRecordsAlone(t *testing.T) {
	w := newWorld(t, budget.Options{})
	dir := t.TempDir()
	opts := logged(t, dir)
	opts.FlushEvery = time.Hour
	m := w.start(t, opts)
	w.client.fail(func(call string) error {
		if call == "record" {
			return errDown
		}
		return nil
	}, nil)
	m.Settle(reserve(t, m, 10), call(5))
	reserve(t, m, 10)
	m.die(t, opts.Journal)
	if found := segment(t, filepath.Join(dir, opts.ReplicaID, "00000001.seg")); strings.Join(found, ",") != "req10,5,req10,0" {
		t.Errorf("the log holds %q", found)
	}
}

// segment reads what a segment of a log holds: for each record whose request it is and what it
// is charged, and then its amendment's own, which is "0" without one. What is over is left out.
func segment(t testing.TB, path string) (found []string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := 64
	for {
		n, ended, room := int(binary.LittleEndian.Uint32(data[at:])), data[at+28], int(binary.LittleEndian.Uint32(data[at+20:]))
		if n == 0 {
			return found
		}
		end := at + (32+n+7)/8*8
		bodies := [][]byte{data[at+32 : at+32+n], nil}
		if room > 0 {
			bodies[1] = data[end+8 : end+8+int(binary.LittleEndian.Uint32(data[end:]))]
		}
		for _, body := range bodies {
			got := &eventv1.UsageRecord{}
			if err := proto.Unmarshal(body, got); err != nil || len(got.ProtoReflect().GetUnknown()) > 0 {
				t.Fatalf("a record of %v, %v", got, err)
			}
			if ended == 0 {
				found = append(found, fmt.Sprint(got.GetRequestId(), got.GetCostNanos()))
			}
		}
		at = end + room
	}
}
