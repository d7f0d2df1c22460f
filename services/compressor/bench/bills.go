package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"tollgate.dev/platform/pricing"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/bench/bill"
	"tollgate.dev/services/compressor/bench/trace"
	"tollgate.dev/services/compressor/store/memory"
)

// bills prints what compression makes of the bills of conversations: for each, and for each
// model, what is paid with it of what is paid without. Prompts only; answers cost the same.
func (b *bench) bills(ctx context.Context) error {
	listed, err := pricing.Default(b.clock.Now())
	if err != nil {
		return err
	}
	service, err := compressor.New(compressor.Options{
		Counter: &b.counter, Prices: compressor.Listed{Table: listed}, Timeout: time.Minute, Notes: memory.NewNotes(memory.Options{}),
	})
	if err != nil {
		return err
	}
	biller := bill.Biller{Service: service, Counter: &b.counter, Prices: listed}
	if err := b.conversations(ctx, &biller); err != nil {
		return err
	}
	for _, profile := range slices.Compact([]string{b.profile, "rag"}) { // rag is the one for documents
		if err := b.questions(ctx, &biller, profile); err != nil {
			return err
		}
	}
	return nil
}

// conversations prints what is paid of the bills of long ones.
func (b *bench) conversations(ctx context.Context, biller *bill.Biller) error {
	traces := trace.All()
	var out strings.Builder
	fmt.Fprintf(&out, "\npaid of the bill, profile %s\t", b.profile)
	for _, t := range traces {
		fmt.Fprintf(&out, "%s\t", t.Name)
	}
	models := bill.Models()
	ratios := make([][]float64, len(models))
	for i, m := range models {
		fmt.Fprintf(&out, "\n%s\t", named(m))
		for _, t := range traces {
			of, err := biller.Bill(ctx, t, m, b.profile)
			if err != nil {
				return err
			}
			ratios[i] = append(ratios[i], of.Ratio())
			fmt.Fprintf(&out, "%.3f\t", of.Ratio())
		}
	}
	b.aims.bills(models, traces, ratios)
	return b.table(out.String(), tabwriter.AlignRight)
}

// questions prints what is paid by a profile of the bills of calls that ask about the same documents,
// eight sets of them one after another.
func (b *bench) questions(ctx context.Context, biller *bill.Biller, profile string) error {
	counts := []int{1, 2, 3, 10, 30}
	var out strings.Builder
	fmt.Fprintf(&out, "\nquestions about each of 8 documents, profile %s\t", profile)
	for _, n := range counts {
		fmt.Fprintf(&out, "%d\t", n)
	}
	for _, m := range bill.Sharing() {
		fmt.Fprintf(&out, "\n%s\t", named(m))
		for i, n := range counts {
			// Each has a team of its own, which has learned nothing.
			account, err := biller.Open(m, profile, fmt.Sprint("team ", profile, i))
			if err != nil {
				return err
			}
			for _, call := range trace.Asked(8, n, 0) {
				body, err := call.Request(0, m.Name, m.Breakpoints)
				if err != nil {
					return err
				}
				if _, err := account.Call(ctx, body); err != nil {
					return err
				}
			}
			fmt.Fprintf(&out, "%.3f\t", account.Bill.Ratio())
		}
	}
	return b.table(out.String(), tabwriter.AlignRight)
}

func named(m bill.Model) string {
	name := m.Provider + " " + m.Name
	if m.Note != "" {
		name += " (" + m.Note + ")"
	}
	return name
}

// table prints cells that end in tabs, aligned.
func (b *bench) table(cells string, flags uint) error {
	table := tabwriter.NewWriter(b.out, 0, 0, 2, ' ', flags)
	if _, err := table.Write([]byte(cells + "\n")); err != nil {
		return err
	}
	return table.Flush()
}
