// Package measure is what the cache's benchmarks measure with.
package measure

import (
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// ThreadTime is the processor's time that this thread has had, which others on a shared machine
// don't lengthen; 0 where the system doesn't tell. The caller locks its thread
// ([runtime.LockOSThread]).
func ThreadTime() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// Heap is how many bytes of the heap live, after a collection.
func Heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Quantile is the q-th quantile, from 0 to 1, of one time at least. It sorts them.
func Quantile(d []time.Duration, q float64) time.Duration {
	slices.Sort(d)
	return d[min(int(q*float64(len(d))), len(d)-1)].Round(100 * time.Nanosecond)
}
