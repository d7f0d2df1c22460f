// Package filelock takes locks that end with the process that holds them, however it ends.
package filelock

import "errors"

// ErrHeld says that a living process holds the lock.
var ErrHeld = errors.New("a living process holds the lock")
