//go:build !linux

package spend_test

// cpu is Linux's.
func cpu() (thread, process int64) { return 0, 0 }
