// Command bills prints what compression makes of the bills of conversations: for each, and for
// each model, what is paid with it of what is paid without. Prompts only; answers cost the
// same.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/pricing"
	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/bill"
	"tollgate.dev/services/compressor/store/memory"
	"tollgate.dev/services/compressor/trace"
)

func main() {
	profile := flag.String("profile", compressor.DefaultProfile, "compression `PROFILE`")
	flag.Parse()
	if err := run(context.Background(), *profile); err != nil {
		fmt.Fprintln(os.Stderr, "bills:", err)
		os.Exit(1) //nolint:forbidigo // a command
	}
}

func run(ctx context.Context, profile string) error {
	listed, err := pricing.Default(clock.Real().Now())
	if err != nil {
		return err
	}
	counter := &tokens.Counter{}
	service, err := compressor.New(compressor.Options{
		Counter: counter, Prices: compressor.Listed{Table: listed}, Timeout: time.Minute, Notes: memory.NewNotes(memory.Options{}),
	})
	if err != nil {
		return err
	}
	biller := bill.Biller{Service: service, Counter: counter, Prices: listed}
	if err := conversations(ctx, &biller, profile); err != nil {
		return err
	}
	return questions(ctx, &biller, profile)
}

// conversations prints what is paid of the bills of long ones.
func conversations(ctx context.Context, biller *bill.Biller, profile string) error {
	traces := trace.All()
	var out strings.Builder
	fmt.Fprintf(&out, "paid of the bill, profile %s\t", profile)
	for _, t := range traces {
		fmt.Fprintf(&out, "%s\t", t.Name)
	}
	for _, m := range bill.Models() {
		fmt.Fprintf(&out, "\n%s\t", named(m))
		for _, t := range traces {
			b, err := biller.Bill(ctx, t, m, profile)
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, "%.3f\t", b.Ratio())
		}
	}
	return show(out.String())
}

// questions prints what is paid of the bills of calls that ask about the same documents, eight
// sets of them one after another.
func questions(ctx context.Context, biller *bill.Biller, profile string) error {
	counts := []int{1, 2, 3, 10, 30}
	var out strings.Builder
	fmt.Fprintf(&out, "questions about each of 8 documents, profile %s\t", profile)
	for _, n := range counts {
		fmt.Fprintf(&out, "%d\t", n)
	}
	for _, m := range bill.Sharing() {
		fmt.Fprintf(&out, "\n%s\t", named(m))
		for i, n := range counts {
			// Each has a team of its own, which has learned nothing.
			account, err := biller.Open(m, profile, fmt.Sprint("team ", i))
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
	return show(out.String())
}

func named(m bill.Model) string {
	name := m.Provider + " " + m.Name
	if m.Note != "" {
		name += " (" + m.Note + ")"
	}
	return name
}

// show aligns cells that end in tabs.
func show(cells string) error {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	if _, err := table.Write([]byte(cells + "\n")); err != nil {
		return err
	}
	return table.Flush()
}
