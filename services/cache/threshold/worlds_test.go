package threshold_test

import (
	"testing"

	"tollgate.dev/services/cache/threshold"
	"tollgate.dev/services/cache/threshold/world"
)

// 25 worlds of each kind: with other distributions of scores, shares of wrong
// answers, bounds (0.5 to 5 %) and samples (1 to 20 %). `go run ./services/cache/threshold/simulate`
// has longer ones.
func TestBoundHoldsInManyWorlds(t *testing.T) {
	const each, length = 25, 300
	kinds := float64(len(world.Kinds()))
	// The spare that a learner begins with, in wrong hits.
	const spare = 12
	var learned, guessed struct {
		beyond, unsafe int
		excess         float64
	}
	var first, last, oracle float64
	for _, kind := range world.Kinds() {
		for seed := range uint64(each) {
			w := world.New(kind, seed, length)
			rule, err := world.NewLearned(w)
			if err != nil {
				t.Fatal(err)
			}
			results := w.Run(rule, world.NewGuessed(w))
			got, naive := results[0], results[1]
			learned.excess += got.Beyond(w.Bound) / (kinds * each)
			guessed.excess += naive.Beyond(w.Bound) / (kinds * each)
			if got.Beyond(w.Bound) > spare {
				learned.beyond++
			}
			if naive.Beyond(w.Bound) > spare {
				guessed.beyond++
			}
			if kind != world.Steady {
				continue
			}
			if got.Unsafe > 0 {
				learned.unsafe++
			}
			if naive.Unsafe > 0 {
				guessed.unsafe++
			}
			first += got.Served[0] / each
			last += got.Served[9] / each
			oracle += w.Oracle() / each
		}
	}
	t.Logf("learned %+v, guessed %+v; steady worlds serve %.3f in the first tenth, %.3f in the last; %.3f could be",
		learned, guessed, first, last, oracle)
	// At a confidence of 95 %: of 25 steady worlds 1.25 may have an unsafe threshold; that 5 or
	// more do has a probability below 1 %.
	if learned.unsafe >= 5 {
		t.Errorf("in %d of %d steady worlds a threshold above the bound was in force", learned.unsafe, each)
	}
	// Whatever the world does, no more wrong hits than the bound allows and the first spare are
	// expected; and few worlds have more.
	if learned.excess > spare {
		t.Errorf("%v wrong hits beyond the bound in the mean over worlds", learned.excess)
	}
	if learned.beyond > 5 {
		t.Errorf("in %d of %d worlds there were more than %d wrong hits beyond the bound", learned.beyond, int(kinds)*each, spare)
	}
	// The worlds are such that a rule without limits fails in them.
	if guessed.unsafe < each/2 || guessed.beyond < each || guessed.excess < spare {
		t.Errorf("the rule that trusts an estimate passes: %+v", guessed)
	}
	if first > last/4 || last < 0.4*oracle {
		t.Errorf("steady worlds serve %.3f in the first tenth and %.3f in the last, of %.3f", first, last, oracle)
	}
}

// Of what can't be compared half is wrong. The bound holds where such hits are told as wrong, or are
// known beforehand and never served; it does not where they are only left out of the sample.
func TestBoundHoldsWhereSomeCannotBeCompared(t *testing.T) {
	t.Parallel()
	const worlds, length, spare = 20, 300, 12
	for name, c := range map[string]struct {
		share         float64 // of all would-be hits; below 1, of the bound where it is marked
		ofBound       bool
		how           world.Hiding
		holds, serves bool
	}{
		"many, left out":       {0.3, false, world.LeftOut, false, true},
		"many, told as wrong":  {0.3, false, world.ToldWrong, true, false},
		"many, never served":   {0.3, false, world.SetApart, true, true},
		"a few, told as wrong": {0.2, true, world.ToldWrong, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sum world.Result
			beyond, unsafe := 0.0, 0
			for seed := range uint64(worlds) {
				w := world.New(world.Steady, seed, length)
				share := c.share
				if c.ofBound {
					share *= w.Bound
				}
				w = w.Hide(share, 0.5, c.how)
				rule, err := world.NewLearned(w)
				if err != nil {
					t.Fatal(err)
				}
				got := w.Run(rule)[0]
				sum.Hits, sum.Wrong = sum.Hits+got.Hits, sum.Wrong+got.Wrong
				beyond += got.Beyond(w.Bound) / worlds
				if got.Unsafe > 0 {
					unsafe++
				}
			}
			t.Logf("%.4f of %d hits wrong; %.1f beyond the bound in the mean; a threshold above it in %d of %d worlds", sum.Rate(), sum.Hits, beyond, unsafe, worlds)
			if holds := beyond <= spare && unsafe < 5; holds != c.holds {
				t.Errorf("the bound holds: %t, want %t", holds, c.holds)
			}
			if serves := sum.Hits > 0; serves != c.serves {
				t.Errorf("it serves: %t, want %t", serves, c.serves)
			}
		})
	}
}

// Replicas that exchange states learn the same as one that sees all, only later, and each within the bound.
func TestBoundHoldsOverReplicas(t *testing.T) {
	const worlds = 20
	for _, n := range []int{2, 3} {
		unsafe, over := 0, 0.0
		for seed := range uint64(worlds) {
			w := world.New(world.Steady, seed, 200)
			replicas, err := world.NewReplicas(w, n)
			if err != nil {
				t.Fatal(err)
			}
			got := w.Run(replicas)[0]
			if got.Unsafe > 0 {
				unsafe++
			}
			over += got.Beyond(w.Bound) / worlds
		}
		if unsafe >= 5 || over > 12*float64(n) {
			t.Errorf("%d replicas: in %d of %d worlds a threshold above the bound was in force; %v wrong hits beyond it", n, unsafe, worlds, over)
		}
	}
}

// Where the would-be hits of an entry are all right or all wrong, the first of each is evidence; if each comparison
// were, much would seem proven that isn't. The account bounds what either costs.
func TestBoundHoldsWhereEntriesShareTheirFate(t *testing.T) {
	t.Parallel()
	const worlds, length, spare = 80, 1000, 12
	var unsafe [3]int
	var beyond [3]float64
	hits := 0
	for seed := range uint64(worlds) {
		w := world.New(world.Clustered, seed, length)
		one, err := world.NewLearned(w)
		if err != nil {
			t.Fatal(err)
		}
		three, err := world.NewReplicas(w, 3)
		if err != nil {
			t.Fatal(err)
		}
		each, err := world.NewLearned(w)
		if err != nil {
			t.Fatal(err)
		}
		each.Each = true
		for i, got := range w.Run(one, three, each) {
			if got.Unsafe > 0 {
				unsafe[i]++
			}
			beyond[i] += got.Beyond(w.Bound) / worlds
			if i == 0 {
				hits += got.Hits
			}
		}
	}
	t.Logf("one replica, three, and one that counts each comparison: %v worlds of %d unsafe, %.1f wrong hits beyond the bound in the mean; %d hits",
		unsafe, worlds, beyond, hits)
	// At a confidence of 95 % 4 of 80 may be; that 10 or more are has a probability below 1 %.
	if unsafe[0] >= 10 || unsafe[1] >= 10 {
		t.Errorf("in %d of %d worlds a threshold above the bound was in force, in %d with three replicas", unsafe[0], worlds, unsafe[1])
	}
	if unsafe[2] < 20 {
		t.Errorf("counting each comparison is unsafe in %d worlds only: these show nothing", unsafe[2])
	}
	for i, most := range []float64{spare, 3 * spare, spare} {
		if beyond[i] > most {
			t.Errorf("%v wrong hits beyond the bound in the mean", beyond[i])
		}
	}
	if hits == 0 {
		t.Error("nothing is ever served")
	}
}

// Processes that end and begin again, under one name that the next one takes over, keep the bound as one
// process does: what they may spend beyond it is one spare, not one for each life.
func TestBoundHoldsOverRestarts(t *testing.T) {
	const worlds, spare = 20, 12
	for _, kind := range world.Kinds() {
		unsafe, excess, beyond, hits, whole := 0, 0.0, 0, 0, 0
		for seed := range uint64(worlds) {
			w := world.New(kind, seed, 300)
			rule := &mortal{world: w, life: w.Length / 50}
			rule.begin()
			one, err := world.NewLearned(w)
			if err != nil {
				t.Fatal(err)
			}
			results := w.Run(rule, one)
			got := results[0]
			hits, whole = hits+got.Hits, whole+results[1].Hits
			excess += got.Beyond(w.Bound) / worlds
			if got.Beyond(w.Bound) > spare {
				beyond++
			}
			if got.Unsafe > 0 {
				unsafe++
			}
			if rule.lives < 50 {
				t.Fatalf("%s %d: %d lives", kind, seed, rule.lives)
			}
		}
		t.Logf("%s: %.1f wrong hits beyond the bound in the mean, above %d in %d of %d worlds; %d unsafe; %d hits, %d without restarts", kind, excess, spare, beyond, worlds, unsafe, hits, whole)
		if hits < whole*3/4 {
			t.Errorf("%s: %d hits, %d without restarts", kind, hits, whole)
		}
		if excess > spare || beyond > 2 || kind.Steady() && unsafe >= 5 {
			t.Errorf("%s: %.1f wrong hits beyond the bound in the mean, above %d in %d of %d worlds; %d unsafe", kind, excess, spare, beyond, worlds, unsafe)
		}
	}
}

// mortal is a replica that ends again and again; every other time it dies, and the state is one of some
// time before.
type mortal struct {
	*world.Learned

	world       world.World
	life, calls int
	lives       int
	state       []byte
}

func (m *mortal) begin() {
	l, err := threshold.New(threshold.Policy{MaxWrongHitRate: m.world.Bound, Confidence: 0.95, Sample: m.world.Sample}, "a")
	if err != nil {
		panic(err)
	}
	if m.state != nil && l.Merge(m.state) != nil {
		panic("a state of its own can't be read")
	}
	m.Learned = &world.Learned{Learner: l}
	m.lives++
}

func (m *mortal) Decide(entry int, score, coin float64) (serve, compare bool, limit float64) {
	m.calls++
	if m.calls%max(1, m.life/20) == 0 {
		m.state = m.Learner.OwnState()
	}
	if m.calls%m.life == 0 {
		if m.lives%2 == 0 {
			m.state = m.Learner.OwnState()
		}
		m.begin()
	}
	return m.Learned.Decide(entry, score, coin)
}
