//go:build !linux

package journal

// populate is Linux's.
func populate([]byte) {}
