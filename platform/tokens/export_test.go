package tokens

// MemoSlots and MemoBytes bound how many pieces are kept, and how long each is.
const (
	MemoSlots = memoSlots
	MemoBytes = memoBytes
)

// MaxPiece is the longest piece that is counted whole.
const MaxPiece = maxPiece

// Forget empties what a counter keeps of an exact encoding's pieces.
func (c *Counter) Forget(e Encoding) error {
	encoder, err := c.encoder(e)
	if err != nil {
		return err
	}
	for i := range encoder.recent.slots {
		encoder.recent.slots[i].Store(0)
	}
	for i := range encoder.recent.mid {
		encoder.recent.mid[i].put(0, 0, 0)
	}
	for i := range encoder.memo.slots {
		encoder.memo.slots[i].Store(nil)
	}
	return nil
}

// Kept returns the pieces that a counter keeps, with their tokens.
func (c *Counter) Kept(e Encoding) (map[string]int, error) {
	encoder, err := c.encoder(e)
	if err != nil {
		return nil, err
	}
	kept := map[string]int{}
	for i := range encoder.memo.slots {
		if r := encoder.memo.slots[i].Load(); r != nil {
			kept[r.piece] = r.tokens
		}
	}
	return kept, nil
}

// Merged returns how many tokens a piece has, by either way of merging.
func (c *Counter) Merged(e Encoding, piece string) (scan, heap int, err error) {
	encoder, err := c.encoder(e)
	if err != nil {
		return 0, 0, err
	}
	var m merger
	return encoder.mergeScan(piece), m.mergeHeap(encoder.vocabulary, piece), nil
}
