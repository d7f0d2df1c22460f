package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open makes a log of small segments, so that all that happens to them happens soon.
func open(tb testing.TB, dir, name string, tune ...func(*Options)) *Log {
	tb.Helper()
	opts := Options{Dir: dir, Name: name, SegmentBytes: 4 << 10, MaxBytes: 256 << 10, SyncEvery: -1, Boot: "this boot"}
	for _, f := range tune {
		f(&opts)
	}
	l, err := Open(opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := l.Close(); err != nil {
			tb.Error(err)
		}
	})
	return l
}

func add(tb testing.TB, l *Log, text string) Handle {
	tb.Helper()
	h, err := l.Append(1, []byte(text), 0, 100)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

func TestWhatLivesIsFound(t *testing.T) {
	dir := t.TempDir()
	l, next := open(t, dir, "a"), open(t, dir, "b")
	one, two := add(t, l, "one"), add(t, l, "two")
	add(t, l, "three")
	l.End(one)
	replaced, err := l.Replace(two, 2, []byte("two is over"))
	if err != nil {
		t.Fatal(err)
	}
	l.End(two, one, 0, Handle(1<<40)) // all of them are over, or were never there
	if st := l.Stats(); st.Records != 2 || st.Full || st.DiskBytes < 4<<10 {
		t.Errorf("the log holds %+v", st)
	}
	if found, err := next.Dead(); err != nil || len(found) != 0 {
		t.Fatalf("a living process's log was taken: %v, %v", found, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if l.End(replaced) {
		t.Error("a closed log says that a record is over")
	}
	if _, err := l.Append(1, []byte("x"), 0, 0); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed log says %v", err)
	}
	d := dead(t, next)
	if again, err := next.Dead(); err != nil || len(again) != 0 {
		t.Fatalf("a dead log was taken twice: %v, %v", again, err)
	}
	want := []string{"1 three", "2 two is over"}
	for range 2 {
		if bodies, found := living(t, d); !slices.Equal(bodies, want) || !found.Whole() || found.Records != 4 || found.Torn != 0 {
			t.Errorf("found %q, %+v", bodies, found)
		}
	}
	if err := d.Leave(); err != nil {
		t.Fatal(err)
	}
	if err := dead(t, next).Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the log is still there: %v", err)
	}
	if err := next.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "b")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the log is still there: %v", err)
	}
}

// A sealed log takes the end of what was begun, and nothing new; it is not removed from under
// what lives.
func TestSealed(t *testing.T) {
	dir := t.TempDir()
	l, next := open(t, dir, "a"), open(t, dir, "b")
	begun := add(t, l, "begun")
	reserved, err := l.Append(1, []byte("reserved"), 10, 100)
	if err != nil {
		t.Fatal(err)
	}
	if living := l.Seal(); living != 2 {
		t.Errorf("%d records live", living)
	}
	if _, err := l.Append(1, []byte("late"), 0, 0); !errors.Is(err, ErrClosed) {
		t.Errorf("a sealed log says %v", err)
	}
	if _, err := l.Replace(begun, 2, []byte("over")); err != nil {
		t.Error(err)
	}
	if err := l.Amend(reserved, []byte("over")); err != nil {
		t.Error(err)
	}
	if err := l.Remove(); err != nil {
		t.Fatal(err)
	}
	d := dead(t, next)
	if bodies, found := living(t, d); !slices.Equal(bodies, []string{"1 reserved+over", "2 over"}) || !found.Whole() {
		t.Errorf("found %q, %+v", bodies, found)
	}
	if err := d.Remove(); err != nil {
		t.Fatal(err)
	}
}

// Random records come, are replaced and end while segments fill, are emptied and used
// again. At each moment a copy of the files, which is what a killed process leaves, holds
// exactly what lives.
func TestAnyMomentSurvives(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { t.Parallel(); anyMoment(t, seed) })
	}
}

func anyMoment(t *testing.T, seed uint64) {
	t.Helper()
	dice := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // repeats itself, keeps no secret
	dir := t.TempDir()
	l := open(t, dir, "a")
	lives := map[Handle]string{}
	any1 := func() Handle {
		handles := slices.Sorted(maps.Keys(lives))
		return handles[dice.IntN(len(handles))]
	}
	most := 1 + dice.IntN(60)
	for step := range 3000 {
		body := fmt.Sprint(step, strings.Repeat("x", dice.IntN(300)))
		switch {
		case len(lives) < most && dice.IntN(2) == 0:
			h, err := l.Append(1, []byte(body), dice.IntN(2)*50, 50)
			if err != nil {
				t.Fatal(err)
			}
			lives[h] = "1 " + body
		case len(lives) > 0 && dice.IntN(3) == 0:
			h, more := any1(), body[:min(len(body), 1+dice.IntN(70))]
			room := int(l.slotOf(h).room)
			switch err := l.Amend(h, []byte(more)); {
			case err == nil && amendmentSize+len(more) <= room:
				lives[h] += "+" + more
			case !errors.Is(err, ErrNoRoom) || amendmentSize+len(more) <= room:
				t.Fatalf("%d bytes for a room of %d: %v", len(more), room, err)
			}
		case len(lives) > 0 && dice.IntN(3) == 0:
			old := any1()
			h, err := l.Replace(old, 2, []byte(body))
			if err != nil {
				t.Fatal(err)
			}
			delete(lives, old)
			lives[h] = "2 " + body
		case len(lives) > 0:
			h := any1()
			l.End(h)
			delete(lives, h)
		}
		if dice.IntN(20) == 0 {
			if err := l.keep(); err != nil {
				t.Fatal(err)
			}
		}
		if dice.IntN(100) == 0 {
			surviving(t, l, lives)
		}
	}
	surviving(t, l, lives)
	if st := l.Stats(); st.Records != len(lives) || st.DiskBytes > 160<<10 {
		t.Errorf("%d records live, the log holds %+v", len(lives), st)
	}
	for h := range lives {
		l.End(h)
	}
	if st := l.Stats(); st.Records != 0 || st.Bytes != 0 || l.promised != 0 {
		t.Errorf("nothing lives, the log holds %+v and %d promised bytes", st, l.promised)
	}
}

func surviving(t *testing.T, l *Log, lives map[Handle]string) {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(l.dir)); err != nil {
		t.Fatal(err)
	}
	bodies, found := living(t, &Dead{dir: copied, boot: l.boot})
	slices.Sort(bodies)
	if want := slices.Sorted(maps.Values(lives)); !slices.Equal(bodies, want) || !found.Whole() || found.Torn != 0 {
		t.Fatalf("%d records live, of a copy %d and %+v", len(want), len(bodies), found)
	}
}

func TestBounds(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, "a", func(o *Options) { o.MaxBytes = 32 << 10 })
	var handles []Handle
	for {
		h, err := l.Append(1, bytes.Repeat([]byte("x"), 200), 0, 300)
		if errors.Is(err, ErrFull) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		handles = append(handles, h)
	}
	if n := len(handles); n < 20 || n > 40 || !l.Stats().Full && n < 25 {
		t.Fatalf("%d records were taken", n)
	}
	// What was begun is brought to its end, all of it.
	for i, h := range handles {
		next, err := l.Replace(h, 2, bytes.Repeat([]byte("y"), 800))
		if err != nil {
			t.Fatal(err)
		}
		handles[i] = next
	}
	if _, err := l.Append(1, []byte("x"), 0, 0); !errors.Is(err, ErrFull) {
		t.Errorf("a full log says %v", err)
	}
	l.End(handles...)
	if err := l.keep(); err != nil {
		t.Fatal(err)
	}
	add(t, l, "room again")
	if st := l.Stats(); st.DiskBytes > 32<<10 {
		t.Errorf("the log kept %d bytes", st.DiskBytes)
	}
	if _, err := l.Append(1, make([]byte, 4<<10), 0, 0); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a large record: %v", err)
	}
	if _, err := l.Append(1, nil, 0, 0); err == nil {
		t.Error("a record without a body was taken")
	}
}

// A few records that live long do not hold on to the segments that they were written to.
func TestLongLivedRecordsMoveOn(t *testing.T) {
	dir := t.TempDir()
	l, next := open(t, dir, "a"), open(t, dir, "b")
	var long []Handle
	for i := range 2000 {
		h := add(t, l, fmt.Sprint("record ", i, strings.Repeat(".", 100)))
		if i%100 == 0 {
			long = append(long, h)
		} else {
			l.End(h)
		}
		if i%10 == 0 {
			if err := l.keep(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if st := l.Stats(); st.Records != 20 || st.DiskBytes > 10*4<<10 {
		t.Errorf("20 small records live, the log holds %+v", st)
	}
	if _, err := l.Replace(long[0], 2, []byte("over")); err != nil {
		t.Fatal(err)
	}
	l.End(long[1:10]...)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	d := dead(t, next)
	if bodies, found := living(t, d); len(bodies) != 11 || !found.Whole() {
		t.Errorf("found %q, %+v", bodies, found)
	}
	if err := d.Remove(); err != nil {
		t.Fatal(err)
	}
}

// The disk has no room for another segment: what is new is refused, until there is room.
func TestNoRoomOnTheDisk(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, "a")
	old := add(t, l, "old")
	// The next segment's file is there already, and is not the log's.
	obstacle := filepath.Join(l.dir, fmt.Sprintf("%08d%s", l.files+1, segmentSuffix))
	if err := os.MkdirAll(filepath.Join(obstacle, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	var err error
	for err == nil {
		_, err = l.Append(1, make([]byte, 500), 0, 0)
	}
	if !errors.Is(err, ErrFull) || !l.Stats().Full {
		t.Fatalf("without room: %v, %+v", err, l.Stats())
	}
	if _, err := l.Replace(old, 2, make([]byte, 500)); !errors.Is(err, ErrFull) {
		t.Fatalf("without room: %v", err)
	}
	if err := l.keep(); err != nil { // tries the next name
		t.Fatal(err)
	}
	if _, err := l.Replace(old, 2, make([]byte, 500)); err != nil {
		t.Fatal(err)
	}
}

// A page that cannot be reached breaks the log and not the process.
func TestDiskFails(t *testing.T) {
	l := open(t, t.TempDir(), "a", func(o *Options) { o.SegmentBytes = 64 << 10 })
	h := add(t, l, "x")
	if err := os.Truncate(l.active.path, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(1, []byte("y"), 0, 0); !errors.Is(err, ErrBroken) {
		t.Errorf("a log whose file was cut says %v", err)
	}
	l.End(h)
	if _, err := l.Replace(h, 1, []byte("y")); !errors.Is(err, ErrBroken) {
		t.Errorf("a log whose file was cut says %v", err)
	}
	if n := l.Stats().Records; n != 0 {
		t.Errorf("%d records live", n)
	}
	if !l.Stats().Full {
		t.Error("a broken log takes records")
	}
}

func TestConcurrentUse(t *testing.T) {
	dir := t.TempDir()
	l, next := open(t, dir, "a", func(o *Options) { o.SyncEvery = time.Millisecond; o.MaxBytes = 8 << 20 }), open(t, dir, "b")
	ctx, cancel := context.WithCancel(t.Context())
	var loops, callers sync.WaitGroup
	loops.Go(func() {
		if err := l.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	const each = 3000
	for c := range 8 {
		callers.Go(func() {
			for i := range each {
				h, err := l.Append(1, fmt.Appendf(nil, "%d %d %s", c, i, strings.Repeat("x", i%200)), i%2*50, 200)
				if err == nil && i%2 == 1 {
					err = l.Amend(h, fmt.Appendf(nil, "%d %d", c, i))
				} else if err == nil {
					h, err = l.Replace(h, 2, fmt.Appendf(nil, "%d %d", c, i))
				}
				if err != nil {
					t.Error(err)
					return
				}
				if i != each-1 {
					l.End(h)
				}
			}
		})
	}
	callers.Wait()
	cancel()
	loops.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	d := dead(t, next)
	if bodies, found := living(t, d); len(bodies) != 8 || !found.Whole() {
		t.Errorf("found %q, %+v", bodies, found)
	}
	if err := d.Remove(); err != nil {
		t.Fatal(err)
	}
}

func TestSyncReachesWhatWasAppended(t *testing.T) {
	l := open(t, t.TempDir(), "a", func(o *Options) { o.SyncEvery = time.Millisecond })
	ctx, cancel := context.WithCancel(t.Context())
	var loop sync.WaitGroup
	loop.Go(func() {
		if err := l.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	defer loop.Wait()
	defer cancel()
	var first Handle
	for i := range 100 {
		h, err := l.Append(1, fmt.Append(nil, i), 10, 10)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = h
		}
	}
	synced(t, l)
	if err := l.Amend(first, []byte("more")); err != nil {
		t.Fatal(err)
	}
	synced(t, l)
}

// synced waits until nothing is left to be written to the disk.
func synced(t *testing.T, l *Log) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		l.mu.Lock()
		behind := 0
		for _, s := range l.segments {
			if s != nil {
				behind += s.off - s.synced + s.amended
			}
		}
		l.mu.Unlock()
		if behind == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes were not synced", behind)
		}
	}
}

func TestBadFolders(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: filepath.Join(file, "wal"), Name: "a"}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a folder in a file: %v", err)
	}
	for _, name := range []string{"", "..", "a/b", "-a", "a b", "damaged", strings.Repeat("a", 65)} {
		if _, err := Open(Options{Dir: dir, Name: name}); err == nil {
			t.Errorf("%q names a log", name)
		}
	}
	open(t, dir, "a")
	if _, err := Open(Options{Dir: dir, Name: "a"}); !errors.Is(err, os.ErrExist) {
		t.Errorf("a name was used again: %v", err)
	}
}

func BenchmarkAppend(b *testing.B) {
	l := open(b, b.TempDir(), "a", func(o *Options) { o.SegmentBytes, o.MaxBytes = 0, 0 })
	ctx, cancel := context.WithCancel(b.Context())
	var loop sync.WaitGroup
	loop.Go(func() {
		if err := l.Run(ctx); err != nil {
			b.Error(err)
		}
	})
	defer loop.Wait()
	defer cancel()
	first, second := make([]byte, 350), make([]byte, 500)
	var ring [256]Handle
	b.ReportAllocs()
	for i := range b.N {
		h, err := l.Append(1, first, 0, 600)
		if err == nil {
			h, err = l.Replace(h, 2, second)
		}
		if err != nil {
			b.Fatal(err)
		}
		l.End(ring[i%len(ring)])
		ring[i%len(ring)] = h
	}
}
