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
	worlds, over, unsafe, compared, all int
	beyond                              []float64 // wrong hits, by world
	served, oracle                      [10]float64
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
	s.compared += r.Compared
	s.all += w.Length
	for i := range r.Served {
		s.served[i] += r.Served[i]
		s.oracle[i] += r.Oracle[i]
	}
}

// try of one rule in the worlds of one kind.
type try struct {
	name string
	rule func(world.World) (world.Rule, error)
	sums sums
}

func rules(kind world.Kind) []*try {
	all := []*try{
		{name: "learned", rule: func(w world.World) (world.Rule, error) { return world.NewLearned(w) }},
		{name: "guessed", rule: func(w world.World) (world.Rule, error) { return world.NewGuessed(w), nil }},
	}
	if kind == world.Clustered {
		all = append(all, &try{name: "3-replicas", rule: func(w world.World) (world.Rule, error) { return world.NewReplicas(w, 3) }},
			&try{name: "each", rule: func(w world.World) (world.Rule, error) {
				l, err := world.NewLearned(w)
				if err == nil {
					l.Each = true
				}
				return l, err
			}})
	}
	return all
}

const legend = `
3-replicas  of the learned rule, of which each counts the first would-be hit of an entry that comes to it
each        the learned rule, if each comparison were evidence and not only the first of an entry
over      worlds with more wrong hits per hit than the bound
unsafe    worlds in which a threshold was ever in force above which more than the bound is wrong
beyond    wrong hits more than the bound allows: mean over the worlds, and the most
compared  share of would-be hits
served    share of would-be hits, in the first, second, fifth, sixth and last tenth of a course
oracle    share that the lowest threshold within the bound would serve in the last tenth, known
          from the start and without comparisons
`

func run(out io.Writer, worlds uint64, length float64) error {
	printf := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format, args...) }
	printf("%d worlds of each kind, of %g/bound would-be hits; bounds 0.5-5 %%, least samples 1-20 %%\n\n", worlds, length)
	printf("%-9s %-10s %5s %6s %8s %7s %9s   %-24s %6s\n", "kind", "rule", "over", "unsafe", "beyond", "most", "compared", "served", "oracle")
	for _, kind := range world.Kinds() {
		tries := rules(kind)
		for seed := range worlds {
			w := world.New(kind, seed, length)
			run := make([]world.Rule, len(tries))
			for i, try := range tries {
				var err error
				if run[i], err = try.rule(w); err != nil {
					return err
				}
			}
			for i, r := range w.Run(run...) {
				tries[i].sums.add(w, r)
			}
		}
		for _, rule := range tries {
			s := rule.sums
			n := float64(s.worlds)
			mean := 0.0
			for _, b := range s.beyond {
				mean += b / n
			}
			printf("%-9s %-10s %5d %6d %8.1f %7.1f %9.3f  ", kind, rule.name, s.over, s.unsafe, mean, slices.Max(s.beyond), float64(s.compared)/float64(s.all))
			for _, tenth := range []int{0, 1, 4, 5, 9} {
				printf(" %.2f", s.served[tenth]/n)
			}
			printf(" %6.2f\n", s.oracle[9]/n)
		}
	}
	printf("%s", legend)
	return nil
}
