package spend_test

import "golang.org/x/sys/unix"

// cpu is the processor time that the calling thread and the whole process have used, in
// nanoseconds.
func cpu() (thread, process int64) {
	var t, p unix.Rusage
	if unix.Getrusage(unix.RUSAGE_THREAD, &t) != nil || unix.Getrusage(unix.RUSAGE_SELF, &p) != nil {
		return 0, 0
	}
	return t.Utime.Nano() + t.Stime.Nano(), p.Utime.Nano() + p.Stime.Nano()
}
