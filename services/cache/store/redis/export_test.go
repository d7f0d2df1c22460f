package redis

import "time"

// Small returns the options of a store for which less is much: a purge goes through so many pages of so many names
// before it answers, and a lease to sweep has that term.
func (o Options) Small(pages int, page int64, term time.Duration) Options {
	o.pages, o.page, o.term = pages, page, term
	return o
}

// AskAgain is when the server is asked again for vector sets, in milliseconds. It is no method, for a test asks whether
// it has tried all of them.
func AskAgain(s *Store) int64 { return s.askAgain.Load() }
