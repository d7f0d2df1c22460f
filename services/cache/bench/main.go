// Command bench measures what decides of the semantic cache on pairs of prompts: how often the
// near-exact tier serves a pair that asks the same, and one that doesn't; of which pairs the veto
// would keep an answer from being served, if an embedder found them all alike; and what an
// embedder finds of the others at which threshold.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/cache/canon"
	"tollgate.dev/services/cache/embed"
	"tollgate.dev/services/cache/embed/onnx"
	"tollgate.dev/services/cache/embed/static"
	"tollgate.dev/services/cache/reading"
	"tollgate.dev/services/cache/veto"
)

func main() {
	folder := os.Getenv("TOLLGATE_DATA")
	if folder == "" {
		folder = "../shared/data"
	}
	data := flag.String("data", folder, "folder with labelled data ($TOLLGATE_DATA)")
	show := flag.String("show", "", "print the pairs that were served, wrong (served against the label), lost (vetoed against it), kept (not vetoed, with it) or passed (not vetoed, against it)")
	only := flag.String("set", "", "show those of this set alone")
	model := flag.String("model", "", "folder with a sentence encoder, to measure beside the table in the binary; it takes minutes")
	bare := flag.Bool("bare", false, "measure what a threshold alone serves: no near tier before it, no veto behind it")
	lookups := flag.String("lookups", "10000", "questions in the cache in which look-ups are timed, with commas between; empty leaves them out")
	flag.Parse()
	b := bench{out: os.Stdout, clock: clock.Real(), show: *show, only: *only, model: *model, bare: *bare, sizes: *lookups}
	if err := b.run(context.Background(), *data); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	out        io.Writer
	clock      clock.Clock
	show, only string
	model      string
	bare       bool   // the embedder decides alone
	sizes      string // of the caches in which look-ups are timed
}

func (b *bench) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(b.out, format, args...) // nobody could be told
}

// count of pairs with one label.
type count struct {
	all int
	// unfit are those of which a prompt is personal or about a passing time; the figures below
	// leave them out.
	unfit  int
	served int // by the near-exact tier
	vetoed int
}

func (c *count) add(d count) {
	c.all += d.all
	c.unfit += d.unfit
	c.served += d.served
	c.vetoed += d.vetoed
}

func share(n, of int) string {
	if of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f %%", 100*float64(n)/float64(of))
}

func (b *bench) run(ctx context.Context, folder string) error {
	sets, from, err := load(folder)
	if err != nil {
		return err
	}
	embedders, err := b.embedders(ctx)
	if err != nil {
		return err
	}
	b.printf("Data: %s\n", from)
	for _, s := range sets {
		b.measure(s)
		for _, e := range embedders {
			if err := b.semantic(ctx, e, s); err != nil {
				return err
			}
		}
	}
	b.speed(sets)
	return b.lookups(ctx, embedders[0], b.sizes)
}

// embedders are the one in the binary, and the model that was named.
func (b *bench) embedders(ctx context.Context) ([]embed.Embedder, error) {
	table, err := static.New()
	if err != nil {
		return nil, err
	}
	all := []embed.Embedder{table}
	if b.model != "" {
		model, err := onnx.Open(ctx, b.model, onnx.Options{Threads: 2, Timeout: time.Minute})
		if err != nil {
			return nil, err
		}
		all = append(all, model)
	}
	return all, nil
}

func (b *bench) measure(s set) {
	counts := map[string]*[2]count{}
	var kinds []string
	rules := map[string]int{}
	for _, p := range s.pairs {
		c := counts[p.kind]
		if c == nil {
			c = &[2]count{}
			counts[p.kind] = c
			kinds = append(kinds, p.kind)
		}
		rule := b.judge(s, p, &c[label(p)])
		if p.same && rule != "" {
			rules[rule]++
		}
	}
	slices.Sort(kinds)
	var total [2]count
	mean := 0.0
	negative := 0
	for _, k := range kinds {
		for i := range total {
			total[i].add(counts[k][i])
		}
		if c := counts[k][0]; c.all > 0 {
			negative++
			mean += float64(c.all-c.unfit-c.vetoed) / float64(max(1, c.all-c.unfit))
		}
	}
	b.printf("\n%s: %d pairs", s.name, len(s.pairs))
	if s.noisy {
		b.printf(", of which some are labelled wrong")
	}
	b.printf("\n")
	for i, title := range []string{"ask another thing", "ask the same"} {
		if total[i].all == 0 {
			continue
		}
		b.printf("  %-62s %6s %7s %8s %8s\n", title, "pairs", "unfit", "tier 1", "vetoed")
		for _, k := range kinds {
			if c := counts[k][i]; c.all > 0 && k != "" {
				b.printf("    %-60.60s %6d %7d %8d %8d\n", k, c.all, c.unfit, c.served, c.vetoed)
			}
		}
		c := total[i]
		b.printf("    %-60s %6d %7d %8d %8d\n", "all", c.all, c.unfit, c.served, c.vetoed)
	}
	if negative > 0 && kinds[0] != "" {
		b.printf("  served by tier 1 of what asks another thing: %s; passes the veto: %s, mean over kinds %.2f %%\n",
			share(total[0].served, total[0].all), share(total[0].all-total[0].unfit-total[0].vetoed, total[0].all-total[0].unfit), 100*mean/float64(negative))
	}
	if c := total[1]; c.all > 0 {
		b.printf("  found by tier 1 of what asks the same: %s; the veto loses %s (and unfit are %s)\n",
			share(c.served, c.all), share(c.vetoed, c.all-c.unfit), share(c.unfit, c.all))
		if s.noisy {
			b.printf("  served against the label: %s of what tier 1 serves\n", share(total[0].served, total[0].served+c.served))
			b.printf("  lost by rule:")
			for _, r := range veto.Rules() {
				if rules[r] > 0 {
					b.printf(" %s %d", r, rules[r])
				}
			}
			b.printf("\n")
		}
	}
}

func label(p pair) int {
	if p.same {
		return 1
	}
	return 0
}

// judge counts what is done with a pair, and returns the rule that vetoes it.
func (b *bench) judge(s set, p pair, c *count) string {
	c.all++
	x, y := s.read(p.a), s.read(p.b)
	if _, unfit := veto.Unfit(x); unfit {
		c.unfit++
		return ""
	}
	if _, unfit := veto.Unfit(y); unfit {
		c.unfit++
		return ""
	}
	f, vetoed := veto.Check(x, y)
	same := found(canon.Of(x), canon.Of(y))
	if vetoed {
		c.vetoed++
	} else if same {
		c.served++
	}
	served := same && !vetoed
	if (b.only == "" || b.only == s.name) &&
		(b.show == "served" && served || b.show == "wrong" && served && !p.same ||
			b.show == "lost" && vetoed && p.same || b.show == "kept" && !vetoed && p.same || b.show == "passed" && !vetoed && !p.same) {
		b.printf("%s\t%s %q %q\t%d\t%s\t%s\n", s.name, f.Rule, f.A, f.B, label(p), p.a, p.b)
	}
	return f.Rule
}

// found reports whether an index that holds one form's keys would find it by the other's, and
// the two are then the same.
func found(a, b *canon.Form) bool {
	keys := map[canon.Key]bool{a.Key(): true}
	for k := range a.Near() {
		keys[k] = true
	}
	shared := keys[b.Key()]
	for k := range b.Near() {
		shared = shared || keys[k]
	}
	_, same := canon.Same(a, b)
	return shared && same
}

// speed measures what one look-up costs in this package's own work.
func (b *bench) speed(sets []set) {
	var pairs []pair
	for _, s := range sets {
		pairs = append(pairs, s.pairs[:min(len(s.pairs), 4000)]...)
	}
	var read, form, check []float64
	for _, p := range pairs {
		t0 := b.clock.Now()
		x := reading.ReadBare(p.a)
		t1 := b.clock.Now()
		f := canon.Of(x)
		f.Key()
		for range f.Near() {
		}
		t2 := b.clock.Now()
		y := reading.ReadBare(p.b)
		t3 := b.clock.Now()
		veto.Check(x, y)
		t4 := b.clock.Now()
		read = append(read, float64(t1.Sub(t0).Nanoseconds()))
		form = append(form, float64(t2.Sub(t1).Nanoseconds()))
		check = append(check, float64(t4.Sub(t3).Nanoseconds()))
	}
	b.printf("\nµs, p50 and p99 over %d prompts:", len(pairs))
	for _, m := range []struct {
		name string
		ns   []float64
	}{{"read", read}, {"form and its keys", form}, {"veto of one candidate", check}} {
		slices.Sort(m.ns)
		b.printf("  %s %.1f %.1f", m.name, m.ns[len(m.ns)/2]/1e3, m.ns[len(m.ns)*99/100]/1e3)
	}
	b.printf("\n")
}
