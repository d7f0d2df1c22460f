package quotacmd

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/platform/kafkax"
	"tollgate.dev/platform/money"
)

// maxShown bounds the differences of one kind that are printed of one tenant.
const maxShown = 20

// relayBatch is how many events a relay may have sent twice: where a topic was trimmed
// inside of such a repetition, what follows it may seem to be missing.
const relayBatch = 2000

// report collects what a reconciliation finds.
type report struct {
	c           *command
	differences int
}

func (r *report) differs(format string, args ...any) error {
	r.differences++
	_, err := fmt.Fprintf(r.c.env.Stdout, "DIFFERS "+format+"\n", args...)
	return err
}

func (r *report) says(format string, args ...any) error {
	_, err := fmt.Fprintf(r.c.env.Stdout, format+"\n", args...)
	return err
}

// reconcile compares topic, ledger and balances. The books come first: what is not in the
// outbox then must be in the topic when that is read.
func (c *command) reconcile(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	starting, started := context.WithTimeout(ctx, startTimeout)
	defer started()
	client, err := c.kafka(starting)
	if err != nil {
		return err
	}
	if client != nil {
		defer func() { _ = client.Close() }() // it only reads
	}
	g, err := c.connect()
	if err != nil {
		return err
	}
	defer g.idle()
	books, err := g.budget.AuditLedger(ctx, &budgetv1.AuditLedgerRequest{TenantId: c.tenant})
	if err != nil {
		return c.explain(err)
	}
	err = c.knowTenant(ctx, g, func() (bool, error) { return len(books.GetTenants()) > 0, nil })
	if err != nil {
		return err
	}
	r := &report{c: c}
	if err := r.balances(books); err != nil {
		return err
	}
	if err := r.sequences(books); err != nil {
		return err
	}
	if client == nil {
		err = r.says("topic: not compared, no brokers are known")
	} else {
		err = r.topic(ctx, client, g, books)
	}
	if err != nil {
		return err
	}
	if r.differences > 0 {
		return fmt.Errorf("%d differences: %w", r.differences, ErrDiffers)
	}
	return r.says("all agrees")
}

// balances compares what is spent of each window with what the ledger explains.
func (r *report) balances(books *budgetv1.AuditLedgerResponse) error {
	unknown := 0
	for _, w := range books.GetWindows() {
		if w.GetUnknown() {
			unknown++
			continue
		}
		spent, explained := money.Nano(w.GetSpentNanos()), money.Nano(w.GetExplainedNanos())
		if spent == explained {
			continue
		}
		kind := [...]string{"unknown", "platform", "tenant", "user", "key"}[max(0, min(4, w.GetScope().GetKind()))]
		err := r.differs("budget %s of %s %s, window from %s: $%s are spent, the ledger explains $%s", w.GetBudgetId(), kind,
			word(w.GetScope().GetId()), time.UnixMilli(w.GetStartMillis()).UTC().Format(time.RFC3339), spent.Dollars(), explained.Dollars())
		if err != nil {
			return err
		}
	}
	text := fmt.Sprintf("balances: %d windows", len(books.GetWindows())-unknown)
	if unknown > 0 {
		text += fmt.Sprintf("; %d are older than what explains them and were left out", unknown)
	}
	return r.says("%s", text)
}

// sequences looks for holes in the ledger.
func (r *report) sequences(books *budgetv1.AuditLedgerResponse) error {
	var records, waiting int64
	for _, t := range books.GetTenants() {
		records += t.GetRecords()
		waiting += t.GetWaiting()
		for i, gap := range t.GetGaps() {
			if i == maxShown {
				if err := r.says("… and further gaps of tenant %s", word(t.GetTenantId())); err != nil {
					return err
				}
				break
			}
			if err := r.differs("tenant %s: the ledger lacks the sequences between %d and %d", word(t.GetTenantId()), gap.GetAfter(), gap.GetBefore()); err != nil {
				return err
			}
		}
	}
	return r.says("ledger: %d records of %d tenants; %d events wait in the outbox", records, len(books.GetTenants()), waiting)
}

// topic compares each tenant's events with its records, from the first event that the topic
// still has to the last one that must be there.
func (r *report) topic(ctx context.Context, client *kafkax.Client, g *gateway, books *budgetv1.AuditLedgerResponse) error {
	v, err := r.c.readTopic(ctx, client)
	if err != nil {
		return err
	}
	for _, problem := range v.problems {
		if err := r.differs("topic: %s", problem); err != nil {
			return err
		}
	}
	req := &budgetv1.WatchUsageRequest{TenantId: r.c.tenant}
	tenants := map[string]*tenantCheck{}
	for _, t := range books.GetTenants() {
		check, after, err := r.begin(t, v.tenants[t.GetTenantId()])
		if err != nil {
			return err
		}
		tenants[t.GetTenantId()] = check
		if err := r.setAside(t); err != nil {
			return err
		}
		req.Positions = append(req.Positions, &budgetv1.UsagePosition{TenantId: t.GetTenantId(), Sequence: after})
	}
	if err := r.compareAll(ctx, g, req, tenants); err != nil {
		return err
	}
	for tenant, s := range v.tenants {
		check, end := tenants[tenant], s.first+int64(len(s.events))-1
		if check == nil {
			check = &tenantCheck{}
		}
		// What was settled since the books were read has come as a record by now.
		if end > check.seen {
			if err := r.differs("tenant %s: the topic has events up to %d, the ledger only up to %d", word(tenant), end, check.seen); err != nil {
				return err
			}
		}
		if hidden := check.shown - maxShown; hidden > 0 {
			if err := r.says("… and %d more of tenant %s", hidden, word(tenant)); err != nil {
				return err
			}
		}
	}
	return r.says("topic: %d events of %d tenants, %d came more than once", v.messages-v.repeats, len(v.tenants), v.repeats)
}

// tenantCheck is how far the comparison of a tenant is.
type tenantCheck struct {
	events *stretch
	aside  map[int64]bool // sequences that the topic lacks, and the gateway says why
	last   int64          // the last sequence that must be in the topic
	seen   int64          // in the ledger
	shown  int
}

// begin says after which record the comparison of a tenant begins.
func (r *report) begin(t *budgetv1.TenantAudit, s *stretch) (check *tenantCheck, after int64, err error) {
	check = &tenantCheck{events: s, aside: map[int64]bool{}, last: t.GetLastSequence()}
	if t.GetWaitingFrom() > 0 {
		check.last = min(check.last, t.GetWaitingFrom()-1)
	}
	published := check.last
	for _, e := range t.GetSetAside() {
		if check.aside[e.GetSequence()] = true; e.GetSequence() <= check.last {
			published--
		}
	}
	switch {
	case s == nil && published > 0:
		err = r.differs("tenant %s: the topic has none of its %d published events (or its retention has removed them)", word(t.GetTenantId()), published)
		fallthrough
	case s == nil:
		check.last, after = 0, t.GetLastSequence()
	case s.trimmed:
		after = min(s.first-1, t.GetLastSequence())
	}
	check.seen = after
	return check, after, err
}

// setAside names the events of a tenant that the gateway could not publish. They are no
// difference: the ledger has them, and says so.
func (r *report) setAside(t *budgetv1.TenantAudit) error {
	for i, e := range t.GetSetAside() {
		if i == maxShown {
			return r.says("… and %d more of tenant %s that were set aside", len(t.GetSetAside())-i, word(t.GetTenantId()))
		}
		err := r.says("SET ASIDE tenant %s: event %d (%s) could not be published: %s", word(t.GetTenantId()), e.GetSequence(), e.GetEventId(), word(e.GetReason()))
		if err != nil {
			return err
		}
	}
	return nil
}

// compareAll reads the ledger once, up to where it is by now.
func (r *report) compareAll(ctx context.Context, g *gateway, req *budgetv1.WatchUsageRequest, tenants map[string]*tenantCheck) error {
	stream, err := g.budget.WatchUsage(ctx, req)
	if err != nil {
		return r.c.explain(err)
	}
	defer func() { _ = stream.Close() }() // the rest is not wanted
	for {
		res, err := stream.Receive()
		if err != nil {
			return r.c.explain(err)
		}
		if res.GetCaughtUp() {
			return nil
		}
		for _, rec := range res.GetRecords() {
			check := tenants[rec.GetTenantId()]
			if check == nil { // its first call was settled since the books were read
				check = &tenantCheck{}
				tenants[rec.GetTenantId()] = check
			}
			check.seen = rec.GetSequence()
			if _, published := check.events.at(check.seen); check.seen > check.last || check.aside[check.seen] && !published {
				continue
			}
			text := compare(rec.GetEventId(), money.Nano(rec.GetCostNanos()), check.seen, check.events)
			if text == "" {
				continue
			}
			if check.shown++; check.shown > maxShown {
				r.differences++
				continue
			}
			if err := r.differs("tenant %s: %s", word(rec.GetTenantId()), text); err != nil {
				return err
			}
		}
	}
}

// compare says what differs between a record and the topic; nothing when all is well.
func compare(id string, cost money.Nano, sequence int64, s *stretch) string {
	event, ok := s.at(sequence)
	switch {
	case !ok && s.trimmed && sequence < s.first+relayBatch:
		return ""
	case !ok:
		return fmt.Sprintf("event %d (%s) is not in the topic", sequence, id)
	case event.id != id:
		return fmt.Sprintf("event %d is %s in the topic and %s in the ledger", sequence, event.id, id)
	case event.cost != cost:
		return fmt.Sprintf("event %d (%s) costs $%s in the topic and $%s in the ledger", sequence, id, event.cost.Dollars(), cost.Dollars())
	}
	return ""
}

// ExitCode is what the process ends with for an error of Run.
func ExitCode(err error) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, ErrDiffers):
		return 1
	}
	return 2
}
