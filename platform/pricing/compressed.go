package pricing

import "tollgate.dev/platform/money"

// Compressed is a prompt that was made smaller, in tokens.
type Compressed struct {
	// Original and Compressed are its size before and after.
	Original, Compressed int64
	// Read are those of the tokens saved that the provider would have read from its cache, Lost
	// those that it would have and does not.
	Read, Lost int64
}

// Saved is what the tokens that were left out would have cost, less what is not read from the
// provider's cache any more. It is below 0 when that is more. rated is what a usage costs.
func (c Compressed) Saved(rated func(Usage) money.Nano) money.Nano {
	less := c.Original - c.Compressed
	read := min(c.Read, less)
	return rated(Usage{Input: less - read, CachedInput: read}) - (rated(Usage{Input: c.Lost}) - rated(Usage{CachedInput: c.Lost}))
}
