package file_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/filelock"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/store/file"
	"tollgate.dev/services/compressor/storetest"
)

func open(t *testing.T, dir string, opts file.Options) *file.Notes {
	t.Helper()
	n, err := file.Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func closed(t *testing.T, n *file.Notes) {
	t.Helper()
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}

func write(t *testing.T, n *file.Notes, tenant, name, text string, life time.Duration) {
	t.Helper()
	if err := n.Write(t.Context(), tenant, []compressor.Note{{Name: name, Text: text, Life: life}}); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, n *file.Notes, tenant, name string) string {
	t.Helper()
	texts, err := n.Read(t.Context(), tenant, []compressor.Note{{Name: name, Life: time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	return texts[0]
}

func TestNotes(t *testing.T) {
	storetest.RunNotes(t, func(t *testing.T) storetest.NotesRig {
		t.Helper()
		c := clocktest.New()
		n := open(t, filepath.Join(t.TempDir(), "notes"), file.Options{Clock: c})
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- n.Run(ctx) }()
		t.Cleanup(func() {
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			closed(t, n)
		})
		return storetest.NotesRig{Notes: n, Pass: c.Advance}
	})
}

// A process that starts again knows what the one before it knew, for as long as that had.
func TestNotesAreThereAfterARestart(t *testing.T) {
	dir, c := t.TempDir(), clocktest.New()
	n := open(t, dir, file.Options{Clock: c})
	write(t, n, "t", "a", "first", time.Hour)
	write(t, n, "t", "a", "second", time.Hour)
	write(t, n, "u", "a", "\x00\xff", time.Hour)
	write(t, n, "t", "short", "s", time.Minute)
	write(t, n, "t", "read", "r", time.Minute)
	read(t, n, "t", "read")
	closed(t, n)
	for range 2 {
		c.Advance(time.Minute)
		n = open(t, dir, file.Options{Clock: c})
		for _, want := range [][3]string{{"t", "a", "second"}, {"u", "a", "\x00\xff"}, {"t", "short", ""}, {"t", "read", "r"}, {"u", "read", ""}} {
			if got := read(t, n, want[0], want[1]); got != want[2] {
				t.Errorf("%s of %s: %q, want %q", want[1], want[0], got, want[2])
			}
		}
		closed(t, n)
	}
	for name, mode := range map[string]os.FileMode{"new.log": 0o600, "lock": 0o600} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// Wherever a file ends or is damaged, all before is known, and what is noted from then on is.
func TestNotesOfADamagedFile(t *testing.T) {
	dir := t.TempDir()
	n := open(t, dir, file.Options{})
	write(t, n, "t", "a", "first", time.Hour)
	write(t, n, "t", "b", "second", time.Hour)
	closed(t, n)
	whole, err := os.ReadFile(filepath.Join(dir, "new.log"))
	if err != nil {
		t.Fatal(err)
	}
	first := len(whole) / 2 // where it ends: the second has a letter more
	for at := range whole {
		flipped := bytes.Clone(whole)
		flipped[at] ^= 0x40
		for name, damaged := range map[string][]byte{"cut": whole[:at], "flipped": flipped} {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "new.log"), damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			wantA := ""
			if at >= first {
				wantA = "first"
			}
			for i := range 2 {
				n := open(t, dir, file.Options{})
				if a, b := read(t, n, "t", "a"), read(t, n, "t", "b"); a != wantA || b != "" {
					t.Errorf("%s at %d: %q, %q", name, at, a, b)
				}
				if i > 0 && read(t, n, "t", "c") != "third" {
					t.Errorf("%s at %d: what is noted later is not there", name, at)
				}
				write(t, n, "t", "c", "third", time.Hour)
				closed(t, n)
			}
		}
	}
}

// The files are bounded, and hold the latest notes.
func TestFilesAreBounded(t *testing.T) {
	const most = 64 << 10
	dir := t.TempDir()
	n := open(t, dir, file.Options{MaxBytes: most})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	for i := range 1000 {
		write(t, n, "t", fmt.Sprint(i), strings.Repeat("x", 1000), time.Hour)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	closed(t, n)
	var size int64
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size > most+2<<20 { // and what may have waited at each end
		t.Errorf("the files are %d bytes", size)
	}
	n = open(t, dir, file.Options{MaxBytes: most})
	defer closed(t, n)
	if len(read(t, n, "t", "999")) != 1000 {
		t.Error("the last is not there")
	}
}

// Where the folder is taken away notes are in memory, and that is said once.
func TestAFolderThatIsGone(t *testing.T) {
	var log bytes.Buffer
	dir := filepath.Join(t.TempDir(), "notes")
	n := open(t, dir, file.Options{MaxBytes: 20 << 10, Clock: clocktest.New(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	for i := range 100 {
		write(t, n, "t", "a", fmt.Sprint(i, strings.Repeat(" ", 1000)), time.Hour)
	}
	if got := read(t, n, "t", "a"); !strings.HasPrefix(got, "99 ") {
		t.Errorf("%q", got)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	closed(t, n)
	if lines := strings.Count(log.String(), "\n"); lines != 1 {
		t.Errorf("%d lines are logged: %s", lines, &log)
	}
}

func TestOneProcessHasAFolder(t *testing.T) {
	dir := t.TempDir()
	n := open(t, dir, file.Options{})
	if _, err := file.Open(dir, file.Options{}); !errors.Is(err, filelock.ErrHeld) {
		t.Errorf("another one is told %v", err)
	}
	closed(t, n)
	closed(t, open(t, dir, file.Options{}))
}
