package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

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
