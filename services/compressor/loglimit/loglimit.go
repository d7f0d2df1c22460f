// Package loglimit keeps a failure that lasts from filling the log.
package loglimit

import (
	"sync"
	"time"

	"tollgate.dev/platform/clock"
)

// Limit lets one line through in a while. It is safe for concurrent use.
type Limit struct {
	clock clock.Clock
	every time.Duration

	mu   sync.Mutex
	next time.Time
}

// New returns a limit that lets a line through, and the next one when so much time has passed since.
func New(c clock.Clock, every time.Duration) *Limit { return &Limit{clock: c, every: every} }

// Allow tells whether a line may be logged now, and takes it for logged then.
func (l *Limit) Allow() bool {
	now := l.clock.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Before(l.next) {
		return false
	}
	l.next = now.Add(l.every)
	return true
}
