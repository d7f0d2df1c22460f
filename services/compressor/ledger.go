package compressor

// ledger is what a prompt, or a part of one, is billed as: tokens that are sent anew, which
// those that are written to a cache are taken for, and tokens that are read from it.
type ledger struct{ plain, read int64 }

// tariff is what a token costs that is sent anew, and one that is read from the cache, in
// pico-dollars; or 1 and 0 where nobody knows.
type tariff struct{ input, cached int64 }

// cost is what is paid for it.
func (t tariff) cost(l ledger) int64 { return t.input*l.plain + t.cached*l.read }

// missed is what so many tokens cost more that are sent anew in place of being read.
func (t tariff) missed(tokens int64) int64 {
	return t.cost(ledger{plain: tokens}) - t.cost(ledger{read: tokens})
}

// discounts tells whether reading costs less.
func (t tariff) discounts() bool { return t.cached < t.input }

// deeper tells whether reading costs less, of what the rest costs, than at another.
func (t tariff) deeper(other tariff) bool { return t.cached*other.input < other.cached*t.input }

// kept is how many tokens of the prompt up to the end of a turn the provider keeps: none where
// that is too short, and before the first turn. Sizes are of the prompt up to the end of each.
func (c promptCache) kept(sizes []int64, turn int) int64 {
	if turn < 0 || c.least == 0 || sizes[turn] < c.least {
		return 0
	}
	return sizes[turn]
}

// unread is how many of them are not read where turns are others than they were from one on: all
// but those before it.
func (c promptCache) unread(sizes []int64, from, turn int) int64 {
	if all := c.kept(sizes, turn); all > 0 {
		return all - c.kept(sizes, from-1)
	}
	return 0
}
