package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestAmendOnce(t *testing.T) {
	l := open(t, t.TempDir(), "a")
	without := add(t, l, "without room")
	with, err := l.Append(1, []byte("with"), 10, 100)
	if err != nil {
		t.Fatal(err)
	}
	over, err := l.Append(1, []byte("over"), 10, 100)
	if err != nil {
		t.Fatal(err)
	}
	l.End(over)
	for what, h := range map[string]Handle{"without room": without, "over": over, "none": 0, "never there": Handle(1 << 40)} {
		if err := l.Amend(h, []byte("x")); !errors.Is(err, ErrNoRoom) {
			t.Errorf("a record that is %s: %v", what, err)
		}
	}
	for _, body := range []string{"", strings.Repeat("x", 17)} {
		if err := l.Amend(with, []byte(body)); !errors.Is(err, ErrNoRoom) {
			t.Errorf("an amendment of %d bytes: %v", len(body), err)
		}
	}
	if l.promised == 0 {
		t.Error("nothing is promised for what may replace a record")
	}
	if err := l.Amend(with, []byte("more")); err != nil {
		t.Fatal(err)
	}
	if err := l.Amend(with, []byte("more")); !errors.Is(err, ErrNoRoom) {
		t.Errorf("a second amendment: %v", err)
	}
	surviving(t, l, map[Handle]string{without: "1 without room", with: "1 with+more"})
	l.End(without, with)
	if st := l.Stats(); st.Records != 0 || st.Bytes != 0 || l.promised != 0 {
		t.Errorf("nothing lives, the log holds %+v and %d promised bytes", st, l.promised)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Amend(with, []byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed log: %v", err)
	}
}

// A settlement is an amendment of what may have been on the disk for long: it is written there
// as well, and from where the first one lies.
func TestAmendmentsAreSynced(t *testing.T) {
	l := open(t, t.TempDir(), "a")
	var handles []Handle
	for range 3 {
		h, err := l.Append(1, []byte("body"), 10, 10)
		if err != nil {
			t.Fatal(err)
		}
		handles = append(handles, h)
	}
	if err := l.sync(); err != nil {
		t.Fatal(err)
	}
	<-l.dirty // the syncer took the word
	at := func(h Handle) int { return int(l.slotOf(h).offset) }
	if spans, _ := l.unwritten(); len(spans) != 0 {
		t.Fatalf("after it was written, %v is not", spans)
	}
	for _, h := range []Handle{handles[2], handles[1]} {
		if err := l.Amend(h, []byte("more")); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-l.dirty:
	default:
		t.Error("the syncer does not hear of amendments")
	}
	spans, _ := l.unwritten()
	if len(spans) != 1 || spans[0].from != at(handles[1]) || spans[0].to != l.active.off {
		t.Errorf("%+v is to be written, of what lies from %d to %d", spans, at(handles[1]), l.active.off)
	}
}

// A process that ends at any step of an amendment leaves the record as it was, and one whose
// amendment does not have its checksum is read without it, as damage.
func TestTornAmendment(t *testing.T) {
	l := open(t, t.TempDir(), "a")
	h, err := l.Append(1, []byte("first"), 100, 100)
	if err != nil {
		t.Fatal(err)
	}
	add(t, l, "second")
	x := *l.slotOf(h)
	room := int(x.offset+x.size) - int(x.room)
	before := bytes.Clone(l.active.data)
	if err := l.Amend(h, []byte("and so on")); err != nil {
		t.Fatal(err)
	}
	after := bytes.Clone(l.active.data)
	check := func(what string, data []byte, amended bool, damaged int) {
		t.Helper()
		want := []string{"first", "second"}
		if amended {
			want[0] = "first+and so on"
		}
		if got, s := read(t, data); !slices.Equal(got, want) || len(s.damaged) != damaged {
			t.Errorf("%s: read %q, %+v", what, got, s)
		}
	}
	check("before", before, false, 0)
	check("after", after, true, 0)
	for n := range int(x.room) { // the bytes come in any order, the length last
		torn := bytes.Clone(before)
		copy(torn[room+4:], after[room+4:room+4+min(n, int(x.room)-4)])
		check(fmt.Sprint("without a length, ", n, " bytes"), torn, false, 0)
	}
	for at := room; at < room+amendmentSize+len("and so on"); at++ {
		spoilt := bytes.Clone(after)
		spoilt[at] ^= 0x5a
		check(fmt.Sprint("a changed byte at ", at), spoilt, false, 1)
	}
	// Another record's amendment, as old pages of a machine that died may have.
	stale := bytes.Clone(after)
	other := open(t, t.TempDir(), "b")
	if h, err = other.Append(1, []byte("FIRST"), 100, 100); err == nil {
		err = other.Amend(h, []byte("and so on"))
	}
	if err != nil {
		t.Fatal(err)
	}
	copy(stale[room:], other.active.data[room:room+int(x.room)])
	check("another one's amendment", stale, false, 1)
}

// What the release before amendments wrote is read.
func TestLogOfVersion1(t *testing.T) {
	dir := t.TempDir()
	l, next := open(t, dir, "a"), open(t, dir, "b")
	one := add(t, l, "one")
	add(t, l, "two")
	if _, err := l.Replace(one, 2, []byte("one is over")); err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint32(l.active.data[8:], 1) // records without room are those of version 1
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	d := dead(t, next)
	if bodies, found := living(t, d); !slices.Equal(bodies, []string{"1 two", "2 one is over"}) || !found.Whole() {
		t.Errorf("found %q, %+v", bodies, found)
	}
	if err := d.Leave(); err != nil {
		t.Fatal(err)
	}
}

// The page of a record that is to be amended, ended or moved cannot be reached either.
func TestDiskFailsUnderARecord(t *testing.T) {
	for name, touch := range map[string]func(*Log, Handle) error{
		"amended": func(l *Log, h Handle) error { return l.Amend(h, []byte("x")) },
		"ended": func(l *Log, h Handle) error {
			if l.End(h, h) {
				return errors.New("the record is said to be over")
			}
			return l.broken
		},
		"moved": func(l *Log, _ Handle) error { l.move(l.active); return l.broken },
	} {
		t.Run(name, func(t *testing.T) {
			l := open(t, t.TempDir(), "a")
			h, err := l.Append(1, []byte("body"), 10, 10)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(l.active.path, 0); err != nil {
				t.Fatal(err)
			}
			if err := touch(l, h); !errors.Is(err, ErrBroken) {
				t.Errorf("a log whose file was cut says %v", err)
			}
		})
	}
}

// A process that ends while it begins a segment, or clears one, leaves no damage.
func TestSegmentHalfBegun(t *testing.T) {
	l := open(t, t.TempDir(), "a")
	whole := bytes.Clone(l.active.data[:headerSize])
	if h, err := readHeader(whole); err != nil || h.number != 1 {
		t.Fatalf("the header is %+v, %v", h, err)
	}
	for n := range headerSize {
		begun := make([]byte, headerSize)
		copy(begun[len(magic):], whole[len(magic):max(n, len(magic))])
		cleared := bytes.Clone(begun)
		clear(cleared[:n])
		for _, header := range [][]byte{begun, cleared} {
			if h, err := readHeader(header); err != nil || h.number != 0 {
				t.Fatalf("a header of %d bytes without magic: %+v, %v", n, h, err)
			}
		}
	}
}
