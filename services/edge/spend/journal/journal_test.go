package journal

import (
	"bytes"
	"context"
	"encoding/binary"
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

// dead takes the one log beside l whose process has ended.
func dead(tb testing.TB, l *Log) *Dead {
	tb.Helper()
	found, err := l.Dead()
	if err != nil || len(found) != 1 {
		tb.Fatalf("%d dead logs, %v", len(found), err)
	}
	return found[0]
}

// living reads what lives in a dead log.
func living(tb testing.TB, d *Dead) ([]string, Found) {
	tb.Helper()
	var bodies []string
	found, err := d.Read(func(r Record) error {
		if !r.Ended {
			bodies = append(bodies, fmt.Sprintf("%d %s", r.Kind, whole(r)))
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return bodies, found
}

// whole is a record's body with its amendment.
func whole(r Record) string {
	if r.Amendment == nil {
		return string(r.Body)
	}
	return string(r.Body) + "+" + string(r.Amendment)
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

// Without the kernel's word that the machine has run since, something may be missing.
func TestAnotherBoot(t *testing.T) {
	for _, boots := range [][2]string{{"one", "two"}, {"", ""}} {
		dir := t.TempDir()
		l := open(t, dir, "a", func(o *Options) { o.Boot = boots[0] })
		next := open(t, dir, "b", func(o *Options) { o.Boot = boots[1] })
		if boots[0] == "" {
			l.boot, next.boot = [bootSize]byte{}, [bootSize]byte{}
			if err := l.begin(l.active); err != nil {
				t.Fatal(err)
			}
		}
		add(t, l, "x")
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		d := dead(t, next)
		if bodies, found := living(t, d); len(bodies) != 1 || found.SameBoot || found.Whole() {
			t.Errorf("%q: found %q, %+v", boots, bodies, found)
		}
		if err := d.Leave(); err != nil {
			t.Fatal(err)
		}
	}
}

// written returns a segment with some records, and where each begins.
func written(tb testing.TB, room int) (data []byte, bodies []string, starts []int) {
	tb.Helper()
	l := open(tb, tb.TempDir(), "a", func(o *Options) { o.SyncEvery = -1 })
	for i := range 12 {
		starts = append(starts, l.active.off)
		bodies = append(bodies, fmt.Sprint("record ", i, strings.Repeat("-", 13*i)))
		h, err := l.Append(1, []byte(bodies[i]), room, 100)
		if err == nil && room > 0 && i%2 == 0 {
			more := strings.Repeat("+", room/2)
			err = l.Amend(h, []byte(more))
			bodies[i] += "+" + more
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	starts = append(starts, l.active.off)
	return bytes.Clone(l.active.data), bodies, starts
}

// read scans a segment and returns the bodies.
func read(tb testing.TB, data []byte) ([]string, scanned) {
	tb.Helper()
	var bodies []string
	s, err := scan(data, 1, func(r Record) error { bodies = append(bodies, whole(r)); return nil })
	if err != nil {
		tb.Fatal(err)
	}
	return bodies, s
}

// A process that ends while it writes leaves every record but the one that it wrote.
func TestTornTail(t *testing.T) {
	data, bodies, starts := written(t, 0)
	last := starts[len(starts)-2]
	for cut := last + 1; cut < starts[len(starts)-1]; cut++ {
		torn := bytes.Clone(data)
		clear(torn[cut:])
		if cut < last+recordSize+len(bodies[11]) {
			if got, s := read(t, torn); !slices.Equal(got, bodies[:11]) || len(s.damaged) != 0 || s.torn == 0 {
				t.Fatalf("cut at %d: %d records, %+v", cut, len(got), s)
			}
		}
		// The length is written last.
		torn = bytes.Clone(data)
		binary.LittleEndian.PutUint32(torn[last:], 0)
		clear(torn[cut:])
		if got, s := read(t, torn); !slices.Equal(got, bodies[:11]) || len(s.damaged) != 0 {
			t.Fatalf("without a length, cut at %d: %d records, %+v", cut, len(got), s)
		}
		// A file that was cut.
		if got, _ := read(t, data[:cut]); !slices.Equal(got, bodies[:11]) && cut < last+recordSize+len(bodies[11]) {
			t.Fatalf("a file of %d bytes: %d records", cut, len(got))
		}
	}
}

// Any byte that changes costs its own record at most.
func TestDamageInTheMiddle(t *testing.T) {
	data, bodies, starts := written(t, 0)
	for at := headerSize; at < starts[11]; at++ {
		damaged := bytes.Clone(data)
		damaged[at] ^= 0x5a
		hit := 0
		for starts[hit+1] <= at {
			hit++
		}
		got, s := read(t, damaged)
		rest := slices.Delete(slices.Clone(bodies), hit, hit+1)
		inHeader := at - starts[hit]
		switch {
		case inHeader >= atSlot && inHeader < recordSize, at >= starts[hit]+recordSize+len(bodies[hit]):
			rest = bodies // what is in no checksum
		case len(s.damaged) != 1:
			t.Fatalf("at %d: %+v", at, s)
		}
		if !slices.Equal(got, rest) {
			t.Fatalf("at %d: read %d records of %d", at, len(got), len(rest))
		}
	}
}

func TestDamagedLogsAreKept(t *testing.T) {
	dir := t.TempDir()
	l, next := open(t, dir, "a"), open(t, dir, "b")
	for i := range 100 {
		add(t, l, fmt.Sprint("record ", i, strings.Repeat(".", 100)))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "a", "*"+segmentSuffix))
	if err != nil || len(files) < 4 {
		t.Fatalf("%q, %v", files, err)
	}
	edit := func(file string, change func([]byte) []byte) {
		data, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(file, change(data), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	edit(files[0], func(b []byte) []byte { b[200] ^= 1; return b })
	edit(files[1], func(b []byte) []byte { b[30] ^= 1; return b })
	edit(files[2], func(b []byte) []byte { return b[:1000] })
	d := dead(t, next)
	bodies, found := living(t, d)
	if len(bodies) < 40 || len(found.Damaged) != 3 || found.Whole() {
		t.Errorf("found %d records, %+v", len(bodies), found)
	}
	where, err := d.Keep()
	if err != nil || where != filepath.Join(dir, "damaged", "a") {
		t.Fatalf("kept at %q, %v", where, err)
	}
	if again, err := next.Dead(); err != nil || len(again) != 0 {
		t.Errorf("a kept log was taken: %v, %v", again, err)
	}
}

func TestNewerFormat(t *testing.T) {
	dir := t.TempDir()
	l, next := open(t, dir, "a"), open(t, dir, "b")
	add(t, l, "x")
	binary.LittleEndian.PutUint32(l.active.data[8:], version+1)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	d := dead(t, next)
	_, err := d.Read(func(Record) error { t.Error("a record of another format was read"); return nil })
	if !errors.Is(err, ErrNewer) {
		t.Errorf("a newer log: %v", err)
	}
	if err := d.Leave(); err != nil {
		t.Fatal(err)
	}
	if again := dead(t, next); again.Leave() != nil {
		t.Error("it is no longer there")
	}
}

// Whatever a file holds, reading it ends, and what is read has its checksum.
func FuzzScan(f *testing.F) {
	data, _, starts := written(f, 20)
	f.Add(data[:starts[4]])
	f.Add(data[headerSize:starts[2]])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := readHeader(data); err == nil && len(data) < headerSize {
			t.Fatal("a header that is too short")
		}
		bytesRead := 0
		s, err := scan(data, 1, func(r Record) error { bytesRead += sizeOf(len(r.Body)) + len(r.Amendment); return nil })
		if err != nil || s.torn < 0 || bytesRead > len(data)+align {
			t.Fatalf("%+v, %v", s, err)
		}
	})
}

// Whatever happens to a log's bytes, each record that is read is one that was written, in
// its order, and those before the damage are all there.
func FuzzDamage(f *testing.F) {
	data, bodies, starts := written(f, 20)
	f.Add(uint16(100), []byte{1, 2, 3})
	f.Add(uint16(300), []byte{0, 0, 0, 0, 0, 0, 0, 0})
	f.Add(uint16(64), data[200:300])
	f.Fuzz(func(t *testing.T, at uint16, with []byte) {
		damaged := bytes.Clone(data)
		from := headerSize + int(at)%(len(data)-headerSize)
		copy(damaged[from:], with)
		got, _ := read(t, damaged)
		before := 0
		for before < len(bodies) && starts[before+1] <= from {
			before++
		}
		if len(got) < before || !slices.Equal(got[:before], bodies[:before]) {
			t.Fatalf("%d records stand before the damage, read %q", before, got)
		}
		rest := bodies
		for _, body := range got {
			// An amendment may be lost, and nothing is taken for one.
			i := slices.IndexFunc(rest, func(full string) bool {
				alone, _, _ := strings.Cut(full, "+")
				return body == full || body == alone
			})
			if i < 0 {
				t.Fatalf("read %q, which was not written there", body)
			}
			rest = rest[i+1:]
		}
	})
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
