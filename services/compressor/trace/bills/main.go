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
	service, err := compressor.New(compressor.Options{Counter: counter, Prices: compressor.Listed{Table: listed}, Timeout: time.Minute})
	if err != nil {
		return err
	}
	biller := bill.Biller{Service: service, Counter: counter, Prices: listed}
	traces := trace.All()
	var out strings.Builder
	fmt.Fprintf(&out, "paid of the bill, profile %s\t", profile)
	for _, t := range traces {
		fmt.Fprintf(&out, "%s\t", t.Name)
	}
	for _, m := range bill.Models() {
		name := m.Provider + " " + m.Name
		if m.Note != "" {
			name += " (" + m.Note + ")"
		}
		fmt.Fprintf(&out, "\n%s\t", name)
		for _, t := range traces {
			b, err := biller.Bill(ctx, t, m, profile)
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, "%.3f\t", b.Ratio())
		}
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	if _, err := table.Write([]byte(out.String() + "\n")); err != nil {
		return err
	}
	return table.Flush()
}
