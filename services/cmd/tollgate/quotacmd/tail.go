package quotacmd

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/platform/kafkax"
	"tollgate.dev/platform/quota"
)

// startTimeout bounds finding things out before the first event.
const startTimeout = 15 * time.Second

// tail prints events until ctx ends, which is no error: somebody pressed ctrl-C.
func (c *command) tail(ctx context.Context) error {
	if err := c.follow(ctx); ctx.Err() == nil {
		return err
	}
	return nil
}

func (c *command) follow(ctx context.Context) error {
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	client, err := c.kafka(starting)
	if err != nil {
		return err
	}
	if client == nil {
		return c.tailLedger(ctx, starting)
	}
	err = c.tailTopic(ctx, starting, client)
	return errors.Join(err, client.Close())
}

// tailTopic reads all partitions, without a group: it commits nothing.
func (c *command) tailTopic(ctx, starting context.Context, client *kafkax.Client) error {
	ranges, err := client.Ranges(starting, c.topic)
	if err != nil {
		return err
	}
	if err := c.note("topic %s at %s", c.topic, c.brokers); err != nil {
		return err
	}
	only := -1
	if c.tenant != "" {
		only = kafkax.PartitionOf([]byte(c.tenant), len(ranges))
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var printing sync.Mutex
	var reading sync.WaitGroup
	for partition, r := range ranges {
		if only >= 0 && partition != only {
			continue
		}
		from := r.End
		if c.fromStart {
			from = r.First
		}
		reading.Go(func() {
			stop(client.ReadRange(ctx, c.topic, partition, from, -1, func(m kafkax.Message) error {
				printing.Lock()
				defer printing.Unlock()
				e, err := quota.Decode(m.Value)
				if err != nil {
					return c.note("partition %d, offset %d: %v", m.Partition, m.Offset, err)
				}
				return c.print(e, m.Value)
			}))
		})
	}
	reading.Wait()
	return context.Cause(ctx)
}

// tailLedger follows the gateway's ledger.
func (c *command) tailLedger(ctx, starting context.Context) error {
	g, err := c.connect()
	if err != nil {
		return err
	}
	defer g.idle()
	err = c.knowTenant(starting, g, func() (bool, error) {
		res, err := g.budget.ListUsage(starting, &budgetv1.ListUsageRequest{TenantId: c.tenant, Limit: 1})
		return len(res.GetRecords()) > 0, err
	})
	if err != nil {
		return err
	}
	watch := quota.FromWatch(g.budget, quota.WatchOptions{TenantID: c.tenant, FromNow: !c.fromStart})
	defer func() { _ = watch.Close() }() // it has no error
	if err := c.note("ledger of the gateway at %s", c.url); err != nil {
		return err
	}
	for {
		e, err := watch.Fetch(ctx)
		if err != nil {
			return c.explain(err)
		}
		if err := c.print(e, nil); err != nil {
			return err
		}
	}
}

// note tells a person something beside the events.
func (c *command) note(format string, args ...any) error {
	_, err := fmt.Fprintf(c.env.Stderr, "# "+format+"\n", args...)
	return err
}

// print prints an event, or its own JSON.
func (c *command) print(e *quota.Event, raw []byte) (err error) {
	if c.tenant != "" && e.TenantID != c.tenant {
		return nil
	}
	if !c.asJSON {
		_, err = fmt.Fprintln(c.env.Stdout, line(e))
		return err
	}
	if raw == nil {
		if raw, err = e.Encode(); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(c.env.Stdout, "%s\n", raw)
	return err
}

// line is an event for a person.
func line(e *quota.Event) string {
	p := e.Payload
	head := fmt.Sprintf("%s %s #%d", e.OccurredAt.UTC().Format(time.RFC3339), word(e.TenantID), p.Sequence)
	switch {
	case e.Type == quota.ThresholdReached && p.Budget != nil:
		return fmt.Sprintf("%s threshold %d %% of the budget of %s %s: %s", head, p.Budget.Threshold, p.Budget.Scope.Kind, word(p.Budget.Scope.ID), spent(p.Window))
	case e.Type == quota.WindowReset && p.Budget != nil:
		return fmt.Sprintf("%s window ended of the budget of %s %s: %s", head, p.Budget.Scope.Kind, word(p.Budget.Scope.ID), spent(p.Budget.Ended))
	case e.Type != quota.QuotaUpdated:
		return fmt.Sprintf("%s %s", head, e.Type)
	case !e.IsUsage():
		return fmt.Sprintf("%s %s $%s: %s", head, *p.Error, p.Cost.Dollars(), spent(p.Window))
	}
	text := fmt.Sprintf("%s call %s %d tokens $%s %s", head, word(p.Model), p.Tokens.Total, p.Cost.Dollars(), p.Cache)
	if p.Error != nil {
		text += " error " + *p.Error
	}
	if p.Window != nil {
		text += ": " + spent(p.Window)
	}
	return text
}

func spent(w *quota.Window) string {
	if w == nil {
		return "no budget"
	}
	return fmt.Sprintf("$%s of $%s spent", w.Spent.Dollars(), w.Limit.Dollars())
}

// word keeps a caller's own text on its line, and shows an empty one.
func word(s string) string {
	for _, r := range s {
		if r <= ' ' || r == 0x7f || r == '"' {
			return fmt.Sprintf("%q", s)
		}
	}
	if s == "" {
		return "-"
	}
	return s
}
