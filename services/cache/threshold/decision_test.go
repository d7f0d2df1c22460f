package threshold

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
)

func encoded(t testing.TB, d Decision) []byte {
	t.Helper()
	b, err := d.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A decision that has travelled counts as the one that was made does.
func TestDecisionTravels(t *testing.T) {
	here, there := counted(t, "a", 0, 0), counted(t, "a", 0, 0)
	for i := range 700 {
		score := 0.9
		if i == 0 {
			score = 1
		}
		d := here.Decide(score, 0, i%2 == 0 || here.Threshold() == Nothing)
		got, err := ParseDecision(encoded(t, d))
		if err != nil || got != d {
			t.Fatalf("%+v arrives as %+v: %v", d, got, err)
		}
		here.Observe(d, i == 5)
		there.Observe(got, i == 5)
	}
	if !bytes.Equal(here.State(), there.State()) || there.Threshold() != 0.9 {
		t.Errorf("threshold %v where decisions travelled, %v where they did not", there.Threshold(), here.Threshold())
	}
	// One in force, with a rate below 1.
	if d := here.Decide(0.95, 0, true); d.Rate == 1 || len(encoded(t, d)) > 32 {
		t.Errorf("%+v has %d bytes", d, len(encoded(t, d)))
	}
}

func TestWhatIsNoDecision(t *testing.T) {
	good := encoded(t, counted(t, "a", 0, 0).Decide(0.9, 0, true))
	with := func(at int, v float64) []byte {
		b := bytes.Clone(good)
		binary.BigEndian.PutUint64(b[at:], math.Float64bits(v))
		return b
	}
	for name, b := range map[string][]byte{
		"empty":                  {},
		"another version":        append([]byte{1}, good[1:]...),
		"cut":                    good[:len(good)-1],
		"with a rest":            append(bytes.Clone(good), 0),
		"a window spelled long":  append(bytes.Clone(good[:26]), 0x81, 0x00),
		"neither first nor not":  append(bytes.Clone(good[:25]), 2, 1),
		"window 0":               append(bytes.Clone(good[:26]), 0),
		"a score of no number":   with(1, math.NaN()),
		"a score above 1":        with(1, 1.01),
		"a threshold above 1":    with(9, 1.01),
		"a threshold below 0":    with(9, math.Inf(-1)),
		"a rate of almost 0":     with(17, 1e-300),
		"a rate above 1":         with(17, 1.01),
		"a rate that no one has": with(17, math.NaN()),
	} {
		if d, err := ParseDecision(b); err == nil {
			t.Errorf("%s: read as %+v", name, d)
		}
	}
	for name, d := range map[string]Decision{
		"served": counted(t, "a", 700, 0.9).Decide(0.9, 0.999, true), "passed": {Score: 0.9, Threshold: Nothing, Rate: 1, window: 1},
		"of no number": counted(t, "a", 0, 0).Decide(math.NaN(), 0, true), "made by nobody": {Verdict: Compare, Rate: 1},
	} {
		if b, err := d.AppendBinary(nil); err == nil || len(b) > 0 {
			t.Errorf("%s: written as %x", name, b)
		}
	}
}

// FuzzDecision: whatever bytes come, they are refused or are a decision that is written as it
// was read, and that a learner can take.
func FuzzDecision(f *testing.F) {
	f.Add(encoded(f, counted(f, "a", 0, 0).Decide(0.9, 0, true)))
	f.Add(encoded(f, counted(f, "a", 700, 0.9).Decide(0.5, 0, true)))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := ParseDecision(b)
		if err != nil {
			return
		}
		if again := encoded(t, d); !bytes.Equal(again, b) {
			t.Fatalf("%x is written as %x", b, again)
		}
		l := counted(t, "a", 0, 0)
		l.Observe(d, true)
		if _, err := parseState(l.State()); err != nil {
			t.Fatal(err)
		}
	})
}
