// Package storetest is the conformance suite of handlers that keep positions beside the
// effects of events.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"tollgate.dev/platform/quota"
)

// ErrRefused is what the effect under test returns for an event of the model "refused",
// after it has written.
var ErrRefused = errors.New("the effect fails")

// Database is where a handler's effects go. Its effect adds the event's id to a list, for
// the model "refused" too.
type Database struct {
	// Handler makes the handler of a consumer.
	Handler func(consumer string) Handler
	// Effects reads the list, in order.
	Effects func() []string
}

// Handler is a handler that lists its positions.
type Handler interface {
	quota.Handler
	Positions(ctx context.Context) (map[string]int64, error)
}

// Run holds the databases that open makes, each empty, to the contract of quota.Handler.
func Run(t *testing.T, open func(t *testing.T) Database) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, Database)
	}{
		{"events are applied in order and once", inOrder},
		{"a failed effect leaves nothing", failed},
		{"consumers of another name are apart", apart},
		{"of several at once one applies", atOnce},
		{"hostile tenants", hostile},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func event(tenant string, sequence int64) *quota.Event {
	return &quota.Event{
		EventID: fmt.Sprint(tenant, "-", sequence), TenantID: tenant, Payload: quota.Payload{TenantID: tenant, Sequence: sequence},
	}
}

func apply(t *testing.T, h quota.Handler, tenant string, sequence, previous int64) error {
	t.Helper()
	return h.Apply(t.Context(), event(tenant, sequence), quota.Position{TenantID: tenant, Sequence: sequence, Previous: previous})
}

func wantLast(t *testing.T, h quota.Handler, tenant string, want int64) {
	t.Helper()
	if last, err := h.Last(t.Context(), tenant); err != nil || last != want {
		t.Errorf("%s stands at %d, %v; want %d", tenant, last, err, want)
	}
}

func inOrder(t *testing.T, db Database) {
	t.Helper()
	h := db.Handler("c")
	wantLast(t, h, "a", 0)
	for _, step := range []struct {
		tenant             string
		sequence, previous int64
		moved              bool
	}{
		{"a", 1, 0, false},
		{"a", 1, 0, true}, // again
		{"a", 2, 1, false},
		{"b", 5, 0, false}, // begins late
		{"b", 1, 0, true},
		{"a", 4, 3, true},  // not there yet
		{"a", 9, 2, false}, // a gap that was accepted
		{"c", 2, 1, true},  // never seen
	} {
		if err := apply(t, h, step.tenant, step.sequence, step.previous); errors.Is(err, quota.ErrMoved) != step.moved || (err != nil) != step.moved {
			t.Errorf("%+v: %v", step, err)
		}
	}
	wantLast(t, h, "a", 9)
	wantLast(t, h, "b", 5)
	wantLast(t, h, "c", 0)
	wantLast(t, db.Handler("c"), "a", 9) // after a restart
	if got, want := db.Effects(), []string{"a-1", "a-2", "b-5", "a-9"}; !slices.Equal(got, want) {
		t.Errorf("effects %q, want %q", got, want)
	}
}

func failed(t *testing.T, db Database) {
	t.Helper()
	h := db.Handler("c")
	for _, previous := range []int64{0, 1} {
		e := event("a", previous+1)
		e.Payload.Model = "refused"
		at := quota.Position{TenantID: "a", Sequence: previous + 1, Previous: previous}
		if err := h.Apply(t.Context(), e, at); !errors.Is(err, ErrRefused) {
			t.Fatalf("error is %v", err)
		}
		wantLast(t, h, "a", previous)
		if err := apply(t, h, "a", previous+1, previous); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Apply(ctx, event("a", 3), quota.Position{TenantID: "a", Sequence: 3, Previous: 2}); err == nil {
		t.Error("a cancelled call went on")
	}
	if got, want := db.Effects(), []string{"a-1", "a-2"}; !slices.Equal(got, want) {
		t.Errorf("effects %q, want %q", got, want)
	}
}

func apart(t *testing.T, db Database) {
	t.Helper()
	for _, consumer := range []string{"billing", "mirror"} {
		h := db.Handler(consumer)
		if err := apply(t, h, "a", 1, 0); err != nil {
			t.Errorf("%s: %v", consumer, err)
		}
		wantLast(t, h, "a", 1)
	}
	mirror := db.Handler("mirror")
	if err := apply(t, mirror, "b", 7, 0); err != nil {
		t.Fatal(err)
	}
	for consumer, want := range map[string]string{"billing": "map[a:1]", "mirror": "map[a:1 b:7]", "nobody": "map[]"} {
		if got, err := db.Handler(consumer).Positions(t.Context()); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: positions %v, %v; want %s", consumer, got, err, want)
		}
	}
}

func atOnce(t *testing.T, db Database) {
	t.Helper()
	const members, events = 4, 10
	var wg sync.WaitGroup
	for range members {
		h := db.Handler("c")
		wg.Go(func() {
			for sequence := int64(1); sequence <= events; {
				err := apply(t, h, "a", sequence, sequence-1)
				if err != nil && !errors.Is(err, quota.ErrMoved) {
					t.Error(err)
					return
				}
				last, err := h.Last(t.Context(), "a")
				if err != nil {
					t.Error(err)
					return
				}
				sequence = last + 1
			}
		})
	}
	wg.Wait()
	effects := db.Effects()
	if len(effects) != events {
		t.Errorf("%d effects of %d events: %q", len(effects), events, effects)
	}
	for i, e := range effects {
		if e != fmt.Sprint("a-", i+1) {
			t.Errorf("effect %d is %s", i, e)
		}
	}
}

func hostile(t *testing.T, db Database) {
	t.Helper()
	h := db.Handler(`'; --`)
	for _, tenant := range []string{"", `'; DROP TABLE quota_positions; --`, "漢"} {
		if err := apply(t, h, tenant, 1, 0); err != nil {
			t.Errorf("%q: %v", tenant, err)
		}
		wantLast(t, h, tenant, 1)
	}
}
