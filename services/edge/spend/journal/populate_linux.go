package journal

import "golang.org/x/sys/unix"

// populate has the pages of a mapping ready to be written to: the first write to a page
// costs a fault of some microseconds, which is better taken in the background. Where the
// system does not know how (Linux before 5.14), the faults come one by one.
func populate(data []byte) { _ = unix.Madvise(data, unix.MADV_POPULATE_WRITE) }
