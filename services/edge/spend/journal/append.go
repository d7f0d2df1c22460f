package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"runtime"
	"runtime/debug"
)

// endStep is how many records end under one lock.
const endStep = 32

// Append writes a record, which lives until it is ended. room is how large an amendment of
// it may be; 0: it gets none. promise is the size of the record that may replace it: room is
// set aside for what that takes beyond this one. body stays the caller's. When Append has
// returned, the record survives the end of the process. Errors: ErrFull, ErrTooLarge,
// ErrBroken, ErrClosed.
func (l *Log) Append(kind Kind, body []byte, room, promise int) (h Handle, err error) {
	checksum := crc32.Checksum(body, castagnoli)
	room = roomFor(room)
	size := sizeOf(len(body)) + room
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(len(body), size); err != nil {
		return 0, err
	}
	if l.sealed {
		return 0, ErrClosed
	}
	aside := int64(max(0, sizeOf(promise)-room))
	if l.living+l.promised+int64(size)+aside > l.opts.MaxBytes/2 {
		return 0, ErrFull
	}
	i := l.freeSlot()
	if err := l.write(i, record{kind: kind, body: body, checksum: checksum, room: room}, true); err != nil {
		return 0, err
	}
	h = l.takeSlot(i)
	l.slots[i].promise = uint32(aside) //nolint:gosec // below a segment's size
	l.promised += aside
	return h, nil
}

// Amend adds to a living record, once, what became known later. The record and what is added
// are one: they live, move and end together. When Amend has returned, both survive the end of
// the process; until then there is the record alone. Errors: ErrNoRoom when the amendment is
// larger than what the record has room for, or the record has one, or is over; ErrBroken,
// ErrClosed.
func (l *Log) Amend(h Handle, body []byte) (err error) {
	checksum := crc32.Checksum(body, castagnoli)
	l.mu.Lock()
	defer l.mu.Unlock()
	x := l.slotOf(h)
	switch {
	case l.closed:
		return ErrClosed
	case l.broken != nil:
		return l.broken
	case x == nil || len(body) == 0 || amendmentSize+len(body) > int(x.room):
		return ErrNoRoom
	}
	s := l.segments[x.segment]
	at := s.data[x.offset : x.offset+x.size]
	room := at[len(at)-int(x.room):]
	defer l.catch(&err)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	copy(room[amendmentSize:], body)
	binary.LittleEndian.PutUint32(room[atAmendmentSum:], amendmentSum(checksum, at))
	publish(room, len(body))
	x.room = 0
	l.promised -= int64(x.promise)
	x.promise = 0
	if s.amended == 0 || int(x.offset) < s.amended {
		s.amended = int(x.offset)
	}
	l.unsync()
	return nil
}

// Replace writes a record that takes the place of a living one, which ends. After an error
// the old one lives on. Without an old one it appends. It is not held to the log's size:
// what was begun can be brought to its end. Errors: ErrFull when the disk has no room,
// ErrTooLarge, ErrBroken, ErrClosed.
func (l *Log) Replace(old Handle, kind Kind, body []byte) (Handle, error) {
	checksum := crc32.Checksum(body, castagnoli)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(len(body), sizeOf(len(body))); err != nil {
		return 0, err
	}
	i := l.freeSlot()
	if err := l.write(i, record{kind: kind, body: body, checksum: checksum}, false); err != nil {
		return 0, err
	}
	h := l.takeSlot(i)
	l.endAll(old)
	return h, nil
}

// End ends records, a few under one lock, so that calls get in between. Handles of records
// that have ended already change nothing. It reports whether the log says so: one that is
// closed or broken may still hold them as living.
func (l *Log) End(handles ...Handle) (ended bool) {
	ended = true
	for len(handles) > 0 {
		n := min(len(handles), endStep)
		l.mu.Lock()
		if !l.closed {
			l.endAll(handles[:n]...)
		}
		ended = ended && !l.closed && l.broken == nil
		l.mu.Unlock()
		handles = handles[n:]
	}
	return ended
}

func (l *Log) usable(body, size int) error {
	switch {
	case l.closed:
		return ErrClosed
	case l.broken != nil:
		return l.broken
	case size > l.opts.SegmentBytes-headerSize:
		return ErrTooLarge
	case body == 0:
		return errEmpty
	}
	return nil
}

// freeSlot is the slot of the next record, which takes it once it is written.
func (l *Log) freeSlot() uint32 {
	if n := len(l.free); n > 0 {
		return l.free[n-1]
	}
	l.slots = append(l.slots, slot{})
	l.free = append(l.free, uint32(len(l.slots)-1)) //nolint:gosec // a log of 4 GiB of records does not exist
	return l.free[0]
}

func (l *Log) takeSlot(i uint32) Handle {
	l.free = l.free[:len(l.free)-1]
	return Handle(l.slots[i].generation)<<32 | Handle(i+1)
}

// slotOf is where a record is kept; nil when it is over.
func (l *Log) slotOf(h Handle) *slot {
	i := uint32(h) - 1 //nolint:gosec // the lower half
	if h == 0 || int(i) >= len(l.slots) || l.slots[i].generation != uint32(h>>32) {
		return nil
	}
	return &l.slots[i]
}

// record is what is to be written.
type record struct {
	kind      Kind
	body      []byte
	checksum  uint32 // the body's
	room      int
	amendment []byte // in the room
}

// write copies a record into the active segment, and begins another one when that is full.
// The lock is held.
func (l *Log) write(i uint32, r record, bounded bool) (err error) {
	size := sizeOf(len(r.body)) + r.room
	if l.active.off+size > len(l.active.data) {
		if err := l.next(bounded); err != nil {
			return err
		}
	}
	s := l.active
	l.seq++
	at := s.data[s.off : s.off+size]
	defer l.catch(&err)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	copy(at[recordSize:], r.body)
	// Summed where it is made: to read back what was just written to memory that no processor
	// has in its caches takes longer than all the rest.
	l.fixed.put(l.seq, r.kind, r.room)
	copy(at[atSeq:], l.fixed[:])
	binary.LittleEndian.PutUint32(at[atSlot:], i)
	binary.LittleEndian.PutUint32(at[atSum:], crc32.Update(r.checksum, castagnoli, l.fixed[:]))
	if n := len(r.amendment); n > 0 {
		room := at[size-r.room:]
		copy(room[amendmentSize:], r.amendment)
		binary.LittleEndian.PutUint32(room[atAmendmentSum:], amendmentSum(crc32.Checksum(r.amendment, castagnoli), at))
		binary.LittleEndian.PutUint32(room, uint32(n)) //nolint:gosec // below a segment's size
	}
	publish(at, len(r.body))
	x := &l.slots[i]
	x.segment, x.offset, x.size, x.promise = s.index, uint32(s.off), uint32(size), 0 //nolint:gosec // below a segment's size
	if x.room = uint32(r.room); len(r.amendment) > 0 {                               //nolint:gosec // below a segment's size
		x.room = 0
	}
	s.off += size
	s.records++
	s.living += size
	l.living += int64(size)
	l.unsync()
	return nil
}

// publish writes a length, after all that it is the length of: a process that is killed before
// leaves a length of 0, which is nothing. The compiler moves no write past a call that is not
// inlined, and whoever looks after a process has ended sees its writes up to one, and none after.
// A machine that loses its power may lose this order too; then the checksum tells.
//
//go:noinline
func publish(at []byte, length int) {
	binary.LittleEndian.PutUint32(at, uint32(length)) //nolint:gosec // below a segment's size
}

// unsync tells the syncer that there is something to write to the disk. The lock is held.
func (l *Log) unsync() {
	if !l.unsynced {
		l.unsynced = true
		signal(l.dirty)
	}
}

// endAll marks records as ended and frees their slots. The lock is held.
func (l *Log) endAll(handles ...Handle) {
	for len(handles) > 0 {
		n := 0
		// After a fault the rest is still accounted for.
		l.fail(guard(func() {
			for n < len(handles) {
				h := handles[n]
				n++
				l.endOne(h)
			}
		}))
		handles = handles[n:]
	}
}

// endOne marks a record as ended and frees its slot. The lock is held, faults are caught.
func (l *Log) endOne(h Handle) {
	x := l.slotOf(h)
	if x == nil {
		return
	}
	s, offset, size := l.segments[x.segment], int(x.offset), int(x.size)
	l.promised -= int64(x.promise)
	x.generation++
	l.free = append(l.free, uint32(h)-1) //nolint:gosec // the lower half
	l.bury(s, offset, size)
}

// bury marks a record of a segment as ended. The lock is held, faults are caught.
func (l *Log) bury(s *segment, offset, size int) {
	s.records--
	s.living -= size
	l.living -= int64(size)
	if s.records == 0 && s != l.active {
		signal(l.wake)
	}
	s.data[offset+atEnded] = 1
}

// fail notes that the log's memory could not be reached. The lock is held.
func (l *Log) fail(err error) {
	if err != nil && l.broken == nil {
		l.broken = fmt.Errorf("%w: %w", ErrBroken, err)
	}
}

// guard turns a fault of mapped memory into an error: the disk could not bring a page, or
// somebody cut the file. It must not take the process down with all its calls.
func guard(touch func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = faultOf(r)
		}
	}()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	touch()
	return nil
}

// catch is guard for what every call does: deferred, it makes a fault the error of its
// caller, and breaks the log. The lock is held.
func (l *Log) catch(err *error) {
	if r := recover(); r != nil {
		l.fail(faultOf(r))
		*err = l.broken
	}
}

// faultOf is the error of a fault; any other panic goes on.
func faultOf(r any) error {
	fault, ok := r.(interface {
		runtime.Error
		Addr() uintptr
	})
	if !ok {
		panic(r)
	}
	return errors.New("a page of the log could not be reached: " + fault.Error())
}

func signal(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}
