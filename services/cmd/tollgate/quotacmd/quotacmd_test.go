package quotacmd_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/kafkax"
	"tollgate.dev/platform/quota"
	"tollgate.dev/services/cmd/tollgate/quotacmd"
)

// wants holds a text to contain some parts.
func wants(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("there is no %q in\n%s", part, text)
		}
	}
}

func TestReconcileAgrees(t *testing.T) {
	g := newGateway(t)
	g.settle(t, 30, "acme", "zeta", "")
	out, _, err := g.run(t, t.Context(), "reconcile")
	if err != nil || quotacmd.ExitCode(err) != 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	wants(t, out.String(), "balances: 2 windows", "ledger: 90 records of 3 tenants; 90 events wait in the outbox", "topic: not compared", "all agrees")

	g.withTopic(t)
	g.publish(t)
	g.settle(t, 5, "acme", "new") // still in the outbox
	out, _, err = g.run(t, t.Context(), "reconcile")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	wants(t, out.String(), "ledger: 100 records of 4 tenants; 10 events wait", "topic: 90 events of 3 tenants, 0 came more than once", "all agrees")

	// What a relay sends twice is no difference.
	if _, err := g.db.Write.ExecContext(t.Context(), `INSERT INTO outbox (tenant_id, sequence, event_id)
		SELECT tenant_id, sequence, event_id FROM outbox WHERE tenant_id = 'acme'`); err != nil {
		t.Fatal(err)
	}
	g.publish(t)
	out, _, err = g.run(t, t.Context(), "reconcile", "--tenant", "acme")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	wants(t, out.String(), "balances: 1 windows", "topic: 35 events of 1 tenants, 5 came more than once", "all agrees")
}

// What the gateway could not publish is named, and explains what the topic lacks.
func TestReconcileNamesWhatWasSetAside(t *testing.T) {
	g := newGateway(t).withTopic(t)
	g.settle(t, 30, "acme", "zeta")
	const rows = "FROM outbox WHERE tenant_id = 'zeta' OR sequence IN (7, 30)"
	g.exec(t, "INSERT INTO outbox_set_aside SELECT position, tenant_id, sequence, event_id, 'too_large', 1 "+rows)
	g.exec(t, "DELETE "+rows)
	g.publish(t)
	out, _, err := g.run(t, t.Context(), "reconcile")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	wants(t, out.String(), "SET ASIDE tenant acme: event 7 (", "SET ASIDE tenant acme: event 30 (", ") could not be published: too_large",
		"… and 10 more of tenant zeta that were set aside", "topic: 28 events of 1 tenants", "all agrees")

	// Only what was set aside is explained by it.
	g.exec(t, "DELETE FROM outbox_set_aside WHERE tenant_id = 'zeta' OR sequence = 7")
	out, _, err = g.run(t, t.Context(), "reconcile")
	if !errors.Is(err, quotacmd.ErrDiffers) {
		t.Errorf("%v", err)
	}
	wants(t, out.String(), "DIFFERS tenant acme: event 7 (", "DIFFERS tenant zeta: the topic has none of its 30 published events")
	if strings.Contains(out.String(), "DIFFERS tenant acme: event 30 (") {
		t.Errorf("event 30 was set aside:\n%s", out)
	}
}

func TestReconcileDiffers(t *testing.T) {
	for name, c := range map[string]struct {
		before string // the topic is written
		after  func(*testing.T, *gateway)
		want   []string
	}{
		"a balance": {
			before: "UPDATE budget_windows SET spent_nanos = spent_nanos + 500 WHERE tenant_id = 'acme'",
			want:   []string{"of tenant acme, window from 1970-01-01T00:00:00Z: $0.0000305 are spent, the ledger explains $0.00003"},
		},
		"a hole in the ledger": {
			after: func(t *testing.T, g *gateway) {
				t.Helper()
				g.exec(t, "DELETE FROM ledger WHERE tenant_id = 'acme' AND sequence IN (4, 5)")
			},
			want: []string{
				"tenant acme: the ledger lacks the sequences between 3 and 6",
				"$0.00003 are spent, the ledger explains $0.000028",
			},
		},
		"an event that was not published": {
			before: "DELETE FROM outbox WHERE tenant_id = 'acme' AND sequence IN (7, 30)",
			want:   []string{"tenant acme: event 7 (", "is not in the topic", "tenant acme: event 30 ("},
		},
		"another amount": {
			after: func(t *testing.T, g *gateway) {
				t.Helper()
				g.change(t, "zeta", 3, func(r *eventv1.UsageRecord) { r.CostNanos = 2000 })
			},
			want: []string{"tenant zeta: event 3 (", "costs $0.000001 in the topic and $0.000002 in the ledger"},
		},
		"another event": {
			after: func(t *testing.T, g *gateway) {
				t.Helper()
				g.exec(t, "UPDATE ledger SET sequence = 1000 WHERE tenant_id = 'zeta' AND sequence = 1")
				g.exec(t, "UPDATE ledger SET sequence = 1 WHERE tenant_id = 'zeta' AND sequence = 2")
				g.exec(t, "UPDATE ledger SET sequence = 2 WHERE tenant_id = 'zeta' AND sequence = 1000")
			},
			want: []string{"tenant zeta: the ledger lacks the sequences"},
		},
		"two events of one sequence, out of order": {
			after: func(t *testing.T, g *gateway) {
				t.Helper()
				for i, sequence := range []int64{3, 33, 32} {
					e := quota.Event{EventID: fmt.Sprint("other", i), TenantID: "acme", Payload: quota.Payload{TenantID: "acme", Sequence: sequence}}
					value, err := e.Encode()
					if err != nil {
						t.Fatal(err)
					}
					err = g.kafka.Produce(t.Context(), g.topic, kafkax.PartitionOf([]byte("acme"), 3), []kafkax.Message{{Key: []byte("acme"), Value: value}})
					if err != nil {
						t.Fatal(err)
					}
				}
			},
			want: []string{
				"tenant acme: two events have the sequence 3", "tenant acme: event 32 (other2) comes after event 33",
				"tenant acme: the topic has events up to 33, the ledger only up to 30",
			},
		},
		"what is no event, and whom nobody knows": {
			after: func(t *testing.T, g *gateway) {
				t.Helper()
				stranger := `{"eventId":"e","tenantId":"stranger","payload":{"tenantId":"stranger","sequence":1}}`
				err := g.kafka.Produce(t.Context(), g.topic, 1, []kafkax.Message{{Key: []byte("k"), Value: []byte("{}")}, {Key: []byte("k"), Value: []byte(stranger)}})
				if err != nil {
					t.Fatal(err)
				}
			},
			want: []string{
				"partition 1, offset", "an event without eventId", `event e of tenant stranger has the key "k"`,
				"tenant stranger: the topic has events up to 1, the ledger only up to 0",
			},
		},
		"a topic without a tenant": {
			before: "DELETE FROM outbox WHERE tenant_id = ''",
			want:   []string{"tenant -: the topic has none of its 30 published events"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t).withTopic(t)
			g.settle(t, 30, "acme", "zeta", "")
			if c.before != "" {
				g.exec(t, c.before)
			}
			g.publish(t)
			if c.after != nil {
				c.after(t, g)
			}
			out, _, err := g.run(t, t.Context(), "reconcile")
			if !errors.Is(err, quotacmd.ErrDiffers) || quotacmd.ExitCode(err) != 1 {
				t.Errorf("error is %v", err)
			}
			wants(t, out.String(), append(c.want, "DIFFERS")...)
			if strings.Contains(out.String(), "all agrees") {
				t.Error("it says that all agrees")
			}
		})
	}
}

func TestTail(t *testing.T) {
	for name, g := range map[string]*gateway{"ledger": newGateway(t), "topic": newGateway(t).withTopic(t)} {
		t.Run(name, func(t *testing.T) {
			g.settle(t, 2, "acme", "zeta")
			publish := func() {
				if g.topic != "" {
					g.publish(t)
				}
			}
			publish()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			tail := func(args ...string) (out *output, stop func()) {
				life, end := context.WithCancel(ctx)
				out, done := &output{}, make(chan error, 1)
				variables := map[string]string{"TOLLGATE_URL": g.url, "TOLLGATE_MASTER_KEY": "sk-master-0123456789"}
				args = append([]string{"tail"}, args...)
				if g.topic != "" {
					args = append(args, "--topic", g.topic, "--brokers", g.kafka.Brokers())
				}
				notes := &output{}
				go func() { done <- quotacmd.Run(life, env(variables, out, notes), args) }()
				for !strings.HasPrefix(notes.String(), "# ") { // it has begun
					select {
					case err := <-done:
						t.Fatalf("tail ended: %v", err)
					default:
						_ = clock.Sleep(ctx, clock.Real(), time.Millisecond) // bounded by the context
					}
				}
				return out, func() {
					end()
					if err := <-done; err != nil {
						t.Errorf("tail: %v", err)
					}
				}
			}
			await := func(out *output, lines int) []string {
				t.Helper()
				for {
					got := strings.Split(strings.TrimSpace(out.String()), "\n")
					if got[0] != "" && len(got) >= lines {
						slices.Sort(got)
						return got
					}
					if err := clock.Sleep(ctx, clock.Real(), 2*time.Millisecond); err != nil {
						t.Fatalf("want %d lines, got %q", lines, got)
					}
				}
			}
			all, stopAll := tail("--from-start")
			got := await(all, 4)
			if want := "2026-11-23T12:00:00Z acme #2 call gpt-4o 0 tokens $0.000001 bypass: $0.000002 of $1 spent"; got[1] != want {
				t.Errorf("line %q, want %q", got[1], want)
			}
			one, stopOne := tail("--from-start", "--json", "--tenant", "zeta")
			for i, text := range await(one, 2) {
				var e quota.Event
				if err := json.Unmarshal([]byte(text), &e); err != nil || e.TenantID != "zeta" || e.Payload.Sequence < 1 {
					t.Errorf("line %d: %s, %v", i, text, err)
				}
			}
			g.settle(t, 1, "acme")
			publish()
			wants(t, strings.Join(await(all, 5), "\n"), "acme #3")
			stopAll()
			stopOne()
			if strings.Contains(one.String(), "acme") {
				t.Errorf("a tail of zeta has\n%s", one)
			}
		})
	}
}

func TestMistakesAreExplained(t *testing.T) {
	g := newGateway(t).withTopic(t)
	key := map[string]string{"TOLLGATE_MASTER_KEY": "sk-master-0123456789"}
	for name, c := range map[string]struct {
		args []string
		env  map[string]string
		want string
		code int
	}{
		"nothing":              {nil, nil, "say what: tail or reconcile", 2},
		"unknown command":      {[]string{"tails"}, nil, `unknown command quota "tails"`, 2},
		"unknown flag":         {[]string{"tail", "--tennant", "x"}, nil, "flag provided but not defined: -tennant", 2},
		"flag of the other":    {[]string{"reconcile", "--json"}, nil, "flag provided but not defined: -json", 2},
		"no value":             {[]string{"reconcile", "--timeout", "soon"}, nil, `invalid value "soon"`, 2},
		"no time":              {[]string{"reconcile", "--timeout", "0s"}, nil, "--timeout must be above 0", 2},
		"a negative time":      {[]string{"reconcile", "--timeout", "-1s"}, nil, "--timeout must be above 0", 2},
		"a time beyond all":    {[]string{"reconcile", "--timeout", "9999999999h"}, nil, `invalid value "9999999999h"`, 2},
		"a tenant too long":    {[]string{"reconcile", "--url", g.url, "--tenant", strings.Repeat("x", 600)}, key, "too long", 2},
		"a tenant of no text":  {[]string{"tail", "--url", g.url, "--tenant", "a\x00b"}, key, "no text", 2},
		"an argument":          {[]string{"tail", "acme"}, nil, `unexpected argument "acme"`, 2},
		"both":                 {[]string{"tail", "--no-kafka", "--brokers", "k:1"}, nil, "exclude each other", 2},
		"a bad URL":            {[]string{"reconcile", "--url", "localhost:4000"}, nil, "--url must be an http or https URL", 2},
		"a bad broker":         {[]string{"tail", "--brokers", "kafka"}, nil, `the broker "kafka" is no host:port`, 2},
		"no broker answers":    {[]string{"tail", "--brokers", "127.0.0.1:1"}, key, "no broker of 127.0.0.1:1 answers (--no-kafka goes without)", 2},
		"no topic":             {[]string{"tail", "--brokers", g.kafka.Brokers(), "--topic", "nope-" + g.topic}, key, "does not exist at", 2},
		"no gateway":           {[]string{"reconcile", "--url", "http://127.0.0.1:1"}, key, "the gateway at http://127.0.0.1:1 does not answer (--url)", 2},
		"no gateway to follow": {[]string{"tail", "--url", "http://127.0.0.1:1"}, key, "does not answer (--url)", 2},
		"no key":               {[]string{"reconcile", "--url", g.url}, nil, "the gateway's master key is not known", 2},
		"unknown tenant":       {[]string{"reconcile", "--url", g.url, "--tenant", "nobody"}, key, `there is no tenant "nobody"`, 2},
		"tail of nobody":       {[]string{"tail", "--url", g.url, "--tenant", "nobody"}, key, `there is no tenant "nobody"`, 2},
		"no configuration":     {[]string{"tail", "--config", "/no/such/file"}, key, "/no/such/file", 2},
	} {
		t.Run(name, func(t *testing.T) {
			variables := map[string]string{"TOLLGATE_DATA_DIR": t.TempDir()}
			for k, v := range c.env {
				variables[k] = v
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			err := quotacmd.Run(ctx, env(variables, &output{}, &output{}), c.args)
			if err == nil || !strings.Contains(err.Error(), c.want) || quotacmd.ExitCode(err) != c.code {
				t.Errorf("error %v with code %d, want %q and %d", err, quotacmd.ExitCode(err), c.want, c.code)
			}
			if err != nil && strings.Contains(err.Error(), "sk-master") {
				t.Errorf("the key is in %v", err)
			}
		})
	}
	for _, args := range [][]string{{"--help"}, {"help"}, {"tail", "-h"}, {"reconcile", "--help"}} {
		said := &output{}
		err := quotacmd.Run(t.Context(), env(nil, &output{}, said), args)
		if !errors.Is(err, flag.ErrHelp) || quotacmd.ExitCode(err) != 0 {
			t.Errorf("%q: %v", args, err)
		}
		wants(t, said.String(), "tollgate quota tail", "--from-start", "Exit codes of reconcile")
	}
	// A team that has spent nothing is no mistake.
	if out, _, err := g.run(t, t.Context(), "reconcile", "--tenant", "idle"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
