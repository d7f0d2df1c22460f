package main

import (
	"strings"
	"testing"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/cache/canon"
)

func TestMeasuresTheProjectsOwnPairsWithoutAnyFolder(t *testing.T) {
	var out strings.Builder
	b := bench{out: &out, clock: clock.Real(), show: "wrong", sizes: "50"}
	if err := b.run(t.Context(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Data: the project's own pairs; there is no ",
		"own, by hand: ", "own, by templates: ",
		"served by tier 1 of what asks another thing: 0.00 %",
		"tier 2 by static-", "veto of one candidate", "look-ups that embed by static-",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output has no %q:\n%s", want, out.String())
		}
	}
}

// What [canon.Same] holds to be the same must be found by a key, or no index would find it.
func TestWhatIsTheSameSharesAKey(t *testing.T) {
	sets, _, err := load(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, s := range sets {
		for _, p := range s.pairs {
			a, b := canon.Of(s.read(p.a)), canon.Of(s.read(p.b))
			if _, same := canon.Same(a, b); !same {
				continue
			}
			found++
			keys := map[canon.Key]bool{a.Key(): true}
			for k := range a.Near() {
				keys[k] = true
			}
			shared := keys[b.Key()]
			for k := range b.Near() {
				shared = shared || keys[k]
			}
			if !shared {
				t.Errorf("no key is common to\n\t%s\n\t%s", p.a, p.b)
			}
		}
	}
	if found == 0 {
		t.Error("nothing is the same")
	}
}

// passing is how many pairs of each of the project's own sets that ask another thing pass the veto: none more may.
var passing = map[string]int{
	"own, by hand": 2, "own, by templates": 0, "own, unseen": 1, "own, held": 3, "own, by an adversary": 1, "own, everyday": 13,
	"own, whose doing": 2, "own, whose doing, to somebody": 2, "own, forms": 0,
}

// The project's own pairs hold the tier and the veto to what they reached.
func TestOwnPairs(t *testing.T) {
	sets, _, err := load(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	b := bench{out: &out, clock: clock.Real()}
	for _, s := range sets {
		var c [2]count
		for _, p := range s.pairs {
			b.judge(s, p, &c[label(p)])
		}
		if c[0].served > 0 {
			t.Errorf("%s: %d pairs that ask another thing are served", s.name, c[0].served)
		}
		lost, least := 12, 3
		if s.wordy {
			lost, least = 10, 1
		}
		most, known := passing[s.name]
		if passes := c[0].all - c[0].unfit - c[0].vetoed; !known || passes > most {
			t.Errorf("%s: %d of %d pairs that ask another thing pass the veto", s.name, passes, c[0].all)
		}
		if c[1].vetoed*lost > c[1].all {
			t.Errorf("%s: %d of %d pairs that ask the same are vetoed", s.name, c[1].vetoed, c[1].all)
		}
		if c[1].served*4 < c[1].all*least {
			t.Errorf("%s: %d of %d pairs that ask the same are served", s.name, c[1].served, c[1].all)
		}
	}
}

// The limits are those of tables: none of 298 is the least that proves 1 %, one of 473.
func TestUpper(t *testing.T) {
	for _, c := range []struct {
		k, n int
		want float64
	}{{0, 298, 0.01}, {0, 299, 0.01}, {1, 473, 0.01}, {5, 728, 0.0144}, {3, 3, 1}, {0, 0, 1}} {
		if got := upper(c.k, c.n); got < c.want-0.0001 || got > c.want+0.0001 {
			t.Errorf("%d of %d: %.5f, want %.4f", c.k, c.n, got, c.want)
		}
	}
}

func TestTheAuditIsWellFormed(t *testing.T) {
	same, err := audited()
	if err != nil {
		t.Fatal(err)
	}
	if len(same) < 200 {
		t.Errorf("only %d rows were read", len(same))
	}
}

// From a threshold on, what is served is counted by label and by audit.
func TestTally(t *testing.T) {
	alike, other := &pair{same: true}, &pair{kind: "k"}
	got := tallied([]scored{
		{alike, 1, 1, true}, {other, 2, 1, true}, {other, 3, 0.9, false}, {other, 4, 0.9, false}, {alike, 5, 0.8, false},
	}, 0.9, map[int]bool{2: true, 3: false})
	if got.right != 1 || got.wrong != 3 || got.audited != 2 || got.unread != 1 || got.kinds["k"] != 3 {
		t.Errorf("got %+v", got)
	}
}
