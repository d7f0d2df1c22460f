package mesh

import (
	"errors"
	"maps"
	"net"
	"slices"
	"time"
)

// A link's connection can be lost while its process answers on others: something between has
// forgotten it, and says so to nobody. So a link that is used is watched by itself. Each round
// (they are those of the probes) looks whether it was heard of, and asks if not. Rounds are
// counted, not time, so that a process that was itself held up hears its answers first.
const (
	// avoidedAfter is after how many silent rounds others are preferred. The first one asks.
	avoidedAfter = 3
	// retiredAfter is after how many a link takes no more calls: another one is opened.
	retiredAfter = 7
	// endedAfter is after how many those that wait are broken off. What is written before the
	// question has to pass within that time: it is no more than maxUnwritten and what the kernel
	// holds.
	endedAfter = 13
)

// errSilent is why the calls on a link are broken off.
var errSilent = errors.New("nothing is heard on the link, and its calls were broken off")

// pulse is what the watch knows of a link. It is the watch's alone.
type pulse struct {
	heard  uint64 // frames
	last   uint32 // call
	silent int    // rounds
}

// watch is a round. It returns how many were silent, this one with them. A link that nobody uses
// costs nothing: of one that nothing is asked of, nothing has to be heard.
func (l *link) watch() int {
	l.mu.Lock()
	used := len(l.calls) > 0 || l.last != l.pulse.last
	l.pulse.last = l.last
	l.mu.Unlock()
	if heard := l.heard.Load(); heard != l.pulse.heard {
		l.pulse.heard, l.pulse.silent = heard, 0
		return 0
	}
	if l.pulse.silent == 0 && !used {
		return 0
	}
	l.pulse.silent++
	switch l.pulse.silent {
	case 1:
		l.tell(kindPing, 0)
	case retiredAfter:
		l.retire()
	case endedAfter:
		l.end(errSilent)
	}
	return l.pulse.silent
}

// watch is a round of all links that are open.
func (ls *links) watch() {
	ls.mu.Lock()
	open := slices.Collect(maps.Keys(ls.open))
	ls.mu.Unlock()
	silent := false
	for _, l := range open {
		if n := l.watch(); n >= avoidedAfter && n < retiredAfter {
			silent = true
		}
	}
	ls.silent.Store(silent)
}

const (
	// Where a connection carries nothing, the kernel asks after as long whether it is whole, and
	// gives up on it after so many questions.
	keepAliveIdle, keepAliveEvery, keepAliveCount = 10 * time.Second, 5 * time.Second, 3
	// unacknowledged is after how long it gives up on one whose other end takes nothing.
	unacknowledged = 20 * time.Second
)

// bound has the kernel give up on a connection that is dead. It is not for those whose reader
// may take its time: the kernel does not tell one that is slow from one that is dead.
func bound(conn net.Conn) {
	if secured, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secured.NetConn()
	}
	if c, ok := conn.(*net.TCPConn); ok {
		// Without these the connection is given up later: the watch above has no need of them.
		_ = c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: keepAliveEvery, Count: keepAliveCount})
		_ = setUserTimeout(c, unacknowledged)
	}
}
