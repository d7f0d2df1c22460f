// Command bench measures the cache's index: how long a search takes, how much memory an entry,
// and which share of the true neighbours it finds.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/cache/bench/measure"
	"tollgate.dev/services/cache/index"
)

func main() {
	sizes := flag.String("n", "10000,100000", "entries in the group, a row of the table each")
	dims := flag.Int("dims", 256, "dimensions of the vectors")
	queries := flag.Int("queries", 500, "searches that are timed")
	exact := flag.Int("exact", 50, "searches that are compared with a flat scan")
	groups := flag.Int("groups", 100_000, "groups of 10 entries; 0 leaves them out")
	flag.Parse()

	// A look-up is one goroutine's, and the processor's time is that of its thread.
	runtime.LockOSThread()
	b := bench{out: os.Stdout, clock: clock.Real(), dims: *dims, queries: *queries, exact: *exact}
	if err := b.run(*sizes, *groups); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	out            io.Writer
	clock          clock.Clock
	dims           int
	queries, exact int
}

func (b *bench) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(b.out, format, args...) // nobody could be told
}

func (b *bench) run(sizes string, groups int) error {
	b.printf("%d dimensions, 11 keys an entry, processor's time on one core (p50 and p99 of the clock's in brackets)\n\n", b.dims)
	b.printf("| entries | bytes an entry | add | floor | k | search p50 | p99 | found | recall |\n")
	b.printf("| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for s := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return errors.New("-n takes numbers, with commas between")
		}
		if err := b.one(n); err != nil {
			return err
		}
	}
	if groups > 0 {
		return b.many(groups)
	}
	return nil
}

func (b *bench) index() *index.Index {
	return index.New(index.Options{MaxBytes: math.MaxInt64 / 2, Clock: b.clock})
}

// one measures a group of n entries.
func (b *bench) one(n int) error {
	w := newWorld(1, b.dims, 1000)
	ix := b.index()
	all := make([]int8, 0, n*b.dims)
	// Half of the queries have an entry that is as near as a paraphrase is, half have none.
	queries := make([][]int8, 0, b.queries+1)
	before := measure.Heap()
	begin := b.clock.Now()
	var adding time.Duration
	for i := range n {
		v := w.prompt()
		if i%max(n/b.queries, 1) == 0 {
			near := [...]float64{0.55, 0.97, 0.65, 0.9, 0.75, 0.85}[len(queries)%6]
			queries = append(queries, quantised(w.paraphrase(v, near)))
		}
		q := quantised(v)
		all = append(all, q...)
		e := entry(index.Group{}, i, q, begin)
		t := measure.ThreadTime()
		if err := ix.Add(e); err != nil {
			return err
		}
		adding += measure.ThreadTime() - t
	}
	bytes := float64(measure.Heap()-before) / float64(n)
	runtime.KeepAlive(w)

	for _, floor := range []float64{0.9, 0.8, 0.7, 0.6} {
		for _, k := range []int{1, 10} {
			var took, wall []time.Duration
			var hits, recalled, wanted int
			for i, q := range queries {
				t, begun := measure.ThreadTime(), b.clock.Now()
				found, err := ix.Search(context.Background(), index.Group{}, q, k, floor)
				took, wall = append(took, measure.ThreadTime()-t), append(wall, b.clock.Now().Sub(begun))
				if err != nil {
					return err
				}
				hits += min(len(found), 1)
				if i < b.exact {
					truth := flat(all, q, k, floor)
					wanted += len(truth)
					for _, c := range found {
						if slices.Contains(truth, c.Handle) {
							recalled++
						}
					}
				}
			}
			b.printf("| %d | %.0f | %s | %.1f | %d | %s (%s) | %s (%s) | %.0f %% | %d of %d |\n", n, bytes,
				adding/time.Duration(n), floor, k, measure.Quantile(took, 0.5), measure.Quantile(wall, 0.5), measure.Quantile(took, 0.99), measure.Quantile(wall, 0.99),
				100*float64(hits)/float64(len(queries)), recalled, wanted)
		}
	}
	return nil
}

// many measures groups of 10 entries.
func (b *bench) many(groups int) error {
	w := newWorld(2, b.dims, 1000)
	ix := b.index()
	vectors := make([][]int8, 1000)
	for i := range vectors {
		vectors[i] = quantised(w.prompt())
	}
	before := measure.Heap()
	begin := b.clock.Now()
	for i := range groups * 10 {
		if err := ix.Add(entry(group(i/10), i, vectors[i%len(vectors)], begin)); err != nil {
			return err
		}
	}
	bytes := float64(measure.Heap()-before) / float64(groups*10)
	var took []time.Duration
	for i := range b.queries {
		t := measure.ThreadTime()
		if _, err := ix.Search(context.Background(), group(i*7919%groups), vectors[i%len(vectors)], 1, 0.8); err != nil {
			return err
		}
		took = append(took, measure.ThreadTime()-t)
	}
	b.printf("\n%d groups of 10: %.0f bytes an entry, search p50 %s, p99 %s\n", groups, bytes, measure.Quantile(took, 0.5), measure.Quantile(took, 0.99))
	return nil
}

func entry(g index.Group, i int, v []int8, now time.Time) index.Entry {
	e := index.Entry{Group: g, Vector: v, Expires: now.Add(time.Hour), Value: 1, Handle: uint64(i)} //nolint:gosec // a number of the loop's
	binary.BigEndian.PutUint64(e.ID[:], e.Handle)
	for j := range uint64(11) {
		var k index.Key
		binary.BigEndian.PutUint64(k[:], e.Handle<<8|j)
		e.Keys = append(e.Keys, k)
	}
	return e
}

func group(i int) (g index.Group) {
	binary.BigEndian.PutUint64(g[:], uint64(i)) //nolint:gosec // a number of the loop's
	return g
}

// flat returns the handles of the k nearest by comparing all.
func flat(all, q []int8, k int, floor float64) []uint64 {
	type scored struct {
		handle uint64
		cosine float64
	}
	square := func(v []int8) (s int64) {
		for _, a := range v {
			s += int64(a) * int64(a)
		}
		return s
	}
	of := square(q)
	var best []scored
	for i := range uint64(len(all) / len(q)) {
		v := all[int(i)*len(q):][:len(q)]
		dot := int32(0)
		for j, a := range v {
			dot += int32(a) * int32(q[j])
		}
		if dot <= 0 || float64(dot)*float64(dot) < floor*floor*float64(of)*float64(square(v)) {
			continue
		}
		best = append(best, scored{i, float64(dot) / math.Sqrt(float64(of*square(v)))})
	}
	slices.SortFunc(best, func(a, b scored) int {
		if a.cosine != b.cosine {
			if a.cosine > b.cosine {
				return -1
			}
			return 1
		}
		return int(a.handle) - int(b.handle) //nolint:gosec // both are small
	})
	handles := make([]uint64, min(k, len(best)))
	for i := range handles {
		handles[i] = best[i].handle
	}
	return handles
}
