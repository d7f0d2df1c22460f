// Command simulate runs the threshold that learns through worlds, steady and changing ones,
// beside the rule that trusts an estimate, and prints how many wrong hits each served.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"tollgate.dev/services/cache/threshold/world"
)

func main() {
	worlds := flag.Uint64("worlds", 100, "how many worlds of each kind")
	length := flag.Float64("length", 2000, "would-be hits in a world, times the bound")
	flag.Parse()
	if err := run(os.Stdout, *worlds, *length); err != nil {
		fmt.Fprintln(os.Stderr, "simulate:", err)
		os.Exit(1)
	}
}

// sums of one rule over the worlds of one kind.
type sums struct {
	worlds, over, unsafe int
	beyond               []float64
	hits, wrong          int
	compared, all        int
	served, oracle       [10]float64
}

func (s *sums) add(w world.World, r world.Result) {
	s.worlds++
	if r.Rate() > w.Bound {
		s.over++
	}
	if r.Unsafe > 0 {
		s.unsafe++
	}
	s.beyond = append(s.beyond, r.Beyond(w.Bound))
	s.hits += r.Hits
	s.wrong += r.Wrong
	s.compared += r.Compared
	s.all += w.Length
	for i := range r.Served {
		s.served[i] += r.Served[i]
		s.oracle[i] += r.Oracle[i]
	}
}

func run(out io.Writer, worlds uint64, length float64) error {
	printf := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format, args...) }
	printf("%d worlds of each kind; bounds 0.5-5 %%, least samples 1-20 %%, %g/bound would-be hits\n\n", worlds, length)
	printf("%-9s %-8s %6s %6s %10s %10s %8s  %s\n", "kind", "rule", "over", "unsafe", "most beyond", "mean", "compared", "share served, by tenths of the course; oracle's last; of the oracle's")
	for _, kind := range world.Kinds() {
		var learned, guessed sums
		for seed := range worlds {
			w := world.New(kind, seed, length)
			rule, err := world.NewLearned(w)
			if err != nil {
				return err
			}
			learned.add(w, w.Run(rule))
			guessed.add(w, w.Run(world.NewGuessed(w)))
		}
		for _, s := range []struct {
			name string
			of   sums
		}{{"learned", learned}, {"guessed", guessed}} {
			n := float64(s.of.worlds)
			mean := 0.0
			for _, b := range s.of.beyond {
				mean += b / n
			}
			printf("%-9s %-8s %6d %6d %10.1f %10.1f %8.3f ", kind, s.name, s.of.over, s.of.unsafe, slices.Max(s.of.beyond), mean, float64(s.of.compared)/float64(s.of.all))
			for _, v := range s.of.served {
				printf(" %.2f", v/n)
			}
			last := s.of.oracle[9] / n
			printf("; %.2f; %.2f\n", last, s.of.served[9]/n/last)
		}
	}
	printf("\nover: worlds with more wrong hits per hit than the bound. unsafe: worlds in which a threshold was ever in force whose true wrong rate was above it.\nbeyond: wrong hits more than the bound allows; negative: fewer.\n")
	return nil
}
