package static

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// How well vectors tell duplicates from others, and find them: of labelled pairs of questions
// in the folder that TOLLGATE_DATA names, or else of the few in this package. auc is the
// chance that a duplicate pair is nearer than another one; recall@10 the share of questions
// whose duplicate is among the ten that are nearest of all. A try is one pair's two vectors.
//
//	TOLLGATE_DATA=folder go test -run '^$' -bench Figures ./services/cache/embed/static
func BenchmarkFigures(b *testing.B) {
	for _, set := range sets(b) {
		b.Run(set.name, func(b *testing.B) {
			e := open(b)
			for b.Loop() {
				vector(b, e, set.pairs[0].a)
				vector(b, e, set.pairs[0].b)
			}
			measure(b, e, set.pairs)
		})
	}
}

type pair struct {
	same bool
	a, b string
}

type set struct {
	name  string
	pairs []pair
}

func sets(b *testing.B) []set {
	b.Helper()
	folder := os.Getenv("TOLLGATE_DATA")
	if folder == "" {
		own := set{name: "of this package"}
		for i, p := range duplicates {
			own.pairs = append(own.pairs, pair{true, p[0], p[1]}, pair{false, p[0], duplicates[(i+1)%len(duplicates)][1]})
		}
		return []set{own}
	}
	return []set{
		{"qqp.dev", pairs(b, filepath.Join(folder, "semcache", "qqp.dev.tsv.gz"))},
		{"hard.dev", pairs(b, filepath.Join(folder, "semcache", "hard.dev.tsv.gz"))},
	}
}

// pairs reads a label, 1 for duplicates, and two questions, which stand last in a line.
func pairs(b *testing.B, path string) (all []pair) {
	b.Helper()
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	for lines.Scan() {
		f := strings.Split(lines.Text(), "\t")
		all = append(all, pair{f[0] == "1", f[len(f)-2], f[len(f)-1]})
	}
	if err := lines.Err(); err != nil || len(all) == 0 {
		b.Fatalf("%s: %d pairs, %v", path, len(all), err)
	}
	return all
}

func measure(b *testing.B, e *Embedder, pairs []pair) {
	b.Helper()
	var vectors [][]float32
	number := map[string]int{}
	id := func(text string) int {
		n, ok := number[text]
		if !ok {
			n = len(vectors)
			number[text] = n
			to := make([]float32, e.Dim())
			_, _ = e.Embed(b.Context(), text, to) // one that it knows nothing of is near to none
			vectors = append(vectors, to)
		}
		return n
	}
	type scored struct {
		by   float32
		same bool
	}
	scores := make([]scored, 0, len(pairs))
	for _, p := range pairs {
		scores = append(scores, scored{dot(vectors[id(p.a)], vectors[id(p.b)]), p.same})
	}
	// Of all pairs of a duplicate and another: where the duplicate stands higher.
	slices.SortFunc(scores, func(a, b scored) int { return cmp.Compare(a.by, b.by) })
	below, wins, same := 0, 0, 0
	for _, s := range scores {
		if s.same {
			same++
			wins += below
		} else {
			below++
		}
	}
	b.ReportMetric(float64(wins)/float64(same)/float64(below), "auc")

	asked, found := 0, 0
	for _, p := range pairs {
		from, to := id(p.a), id(p.b)
		if !p.same || from == to {
			continue
		}
		asked++
		near, nearer := dot(vectors[from], vectors[to]), 0
		for i, v := range vectors {
			if i != from && dot(vectors[from], v) > near {
				if nearer++; nearer == 10 {
					break
				}
			}
		}
		if nearer < 10 {
			found++
		}
	}
	b.ReportMetric(float64(found)/float64(asked), "recall@10")
	b.ReportMetric(float64(len(vectors)), "questions")
}

func dot(a, b []float32) (sum float32) {
	b = b[:len(a)]
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}
