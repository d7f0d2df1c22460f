package compressor

import "testing"

// What is billed of a prompt, at OpenAI's rates of GPT-5: a cached token costs a tenth.
func TestLedger(t *testing.T) {
	rates := tariff{input: 10, cached: 1}
	if got := rates.cost(ledger{plain: 3, read: 5}); got != 35 {
		t.Errorf("3 tokens and 5 cached cost %d", got)
	}
	if got := rates.missed(7); got != 63 {
		t.Errorf("7 tokens that are not read cost %d more", got)
	}
	for _, tc := range []struct {
		one, other        tariff
		discounts, deeper bool
	}{
		{tariff{10, 1}, tariff{10, 5}, true, true},
		{tariff{10, 5}, tariff{20, 4}, true, false},
		{tariff{10, 1}, tariff{20, 2}, true, false}, // as deep
		{tariff{10, 10}, tariff{10, 1}, false, false},
	} {
		if got := tc.one.discounts(); got != tc.discounts {
			t.Errorf("%+v discounts: %t", tc.one, got)
		}
		if got := tc.one.deeper(tc.other); got != tc.deeper {
			t.Errorf("%+v is deeper than %+v: %t", tc.one, tc.other, got)
		}
	}
}

// A provider keeps a prompt from a size on, and of that it reads what stands before the first
// turn that is another.
func TestKept(t *testing.T) {
	sizes := []int64{500, 1024, 3000}
	for _, tc := range []struct {
		least              int64
		from, turn         int
		keptAt, unreadFrom int64
	}{
		{1024, 0, 2, 3000, 3000},
		{1024, 1, 2, 3000, 3000}, // what is before is too short
		{1024, 2, 2, 3000, 1976},
		{1024, 0, 1, 1024, 1024},
		{1024, 0, 0, 0, 0},
		{1024, 0, -1, 0, 0},
		{0, 0, 2, 0, 0}, // it keeps nothing
	} {
		c := promptCache{least: tc.least}
		if got := c.kept(sizes, tc.turn); got != tc.keptAt {
			t.Errorf("from %d tokens on, turn %d: %d are kept, want %d", tc.least, tc.turn, got, tc.keptAt)
		}
		if got := c.unread(sizes, tc.from, tc.turn); got != tc.unreadFrom {
			t.Errorf("from %d tokens on, turns %d to %d: %d are not read, want %d", tc.least, tc.from, tc.turn, got, tc.unreadFrom)
		}
	}
}
