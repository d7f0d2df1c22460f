package tokens

// Rank returns a text's rank in o200k_base if it is one token of it. The ranks are in the
// order in which the vocabulary was merged, so that of two words the one with the lower
// rank is more frequent, as a rule and in many languages.
func (c *Counter) Rank(text string) (rank int, ok bool) {
	e, err := c.encoder(O200k)
	if err != nil {
		return 0, false
	}
	r := e.vocabulary.rank(text)
	return int(r), r != unranked
}
