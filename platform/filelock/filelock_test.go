package filelock_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"tollgate.dev/platform/filelock"
)

// TestOneHolder holds two opens of one file apart, as it does two processes: who comes
// second is told, or waits.
func TestOneHolder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first, err := filelock.Take(path, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := filelock.Take(path, false); !errors.Is(err, filelock.ErrHeld) {
		t.Fatalf("a second holder is told %v", err)
	}
	type taken struct {
		file *os.File
		err  error
	}
	second := make(chan taken)
	go func() {
		file, err := filelock.Take(path, true)
		second <- taken{file, err}
	}()
	select {
	case got := <-second:
		t.Fatalf("a held lock was given: %v", got.err)
	default:
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	got := <-second
	if got.err != nil {
		t.Fatal(got.err)
	}
	if _, err := filelock.Take(path, false); !errors.Is(err, filelock.ErrHeld) {
		t.Errorf("who waited does not hold it: %v", err)
	}
	if err := got.file.Close(); err != nil {
		t.Error(err)
	}
}

// TestNowhere says where a lock cannot be.
func TestNowhere(t *testing.T) {
	t.Parallel()
	if _, err := filelock.Take(filepath.Join(t.TempDir(), "none", "lock"), false); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a lock in no folder: %v", err)
	}
}
