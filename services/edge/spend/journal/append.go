package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"runtime"
	"runtime/debug"
)

// Append writes a record, which lives until it is ended. promise is the size of the record
// that will replace it: room is set aside for that. body stays the caller's. When Append
// has returned, the record survives the end of the process. Errors: ErrFull, ErrTooLarge,
// ErrBroken, ErrClosed.
func (l *Log) Append(kind Kind, body []byte, promise int) (Handle, error) {
	checksum := crc32.Checksum(body, castagnoli)
	size := sizeOf(len(body))
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(size); err != nil {
		return 0, err
	}
	if l.sealed {
		return 0, ErrClosed
	}
	aside := int64(sizeOf(promise))
	if l.living+l.promised+int64(size)+aside > l.opts.MaxBytes/2 {
		return 0, ErrFull
	}
	i := l.takeSlot()
	if err := l.write(i, kind, body, checksum, true); err != nil {
		l.free = append(l.free, i)
		return 0, err
	}
	s := &l.slots[i]
	s.promise = uint32(aside) //nolint:gosec // below a segment's size
	l.promised += aside
	return handleOf(i, s.generation), nil
}

// Replace writes a record that takes the place of a living one, which ends. After an error
// the old one lives on. Without an old one it appends. It is not held to the log's size:
// what was begun can be brought to its end. Errors: ErrFull when the disk has no room,
// ErrTooLarge, ErrBroken, ErrClosed.
func (l *Log) Replace(old Handle, kind Kind, body []byte) (Handle, error) {
	checksum := crc32.Checksum(body, castagnoli)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(sizeOf(len(body))); err != nil {
		return 0, err
	}
	i := l.takeSlot()
	if err := l.write(i, kind, body, checksum, false); err != nil {
		l.free = append(l.free, i)
		return 0, err
	}
	l.endOne(old)
	return handleOf(i, l.slots[i].generation), nil
}

// End ends records. Handles of records that have ended already change nothing.
func (l *Log) End(handles ...Handle) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	for _, h := range handles {
		l.endOne(h)
	}
}

func (l *Log) usable(size int) error {
	switch {
	case l.closed:
		return ErrClosed
	case l.broken != nil:
		return l.broken
	case size > l.opts.SegmentBytes-headerSize:
		return ErrTooLarge
	case size == recordSize:
		return errEmpty
	}
	return nil
}

func (l *Log) takeSlot() uint32 {
	if n := len(l.free); n > 0 {
		i := l.free[n-1]
		l.free = l.free[:n-1]
		return i
	}
	l.slots = append(l.slots, slot{})
	return uint32(len(l.slots) - 1) //nolint:gosec // a log of 4 GiB of records does not exist
}

func handleOf(i, generation uint32) Handle {
	return Handle(generation)<<32 | Handle(i+1)
}

// write copies a record into the active segment, and begins another one when that is full.
// The lock is held.
func (l *Log) write(i uint32, kind Kind, body []byte, checksum uint32, bounded bool) error {
	size := sizeOf(len(body))
	if l.active.off+size > len(l.active.data) {
		if err := l.next(bounded); err != nil {
			return err
		}
	}
	s := l.active
	l.seq++
	at := s.data[s.off : s.off+size]
	err := guard(func() {
		copy(at[recordSize:], body)
		binary.LittleEndian.PutUint64(at[atSeq:], l.seq)
		at[atKind] = byte(kind)
		binary.LittleEndian.PutUint32(at[atSlot:], i)
		binary.LittleEndian.PutUint32(at[atSum:], sum(checksum, at))
		// A process that is killed here leaves a length of 0: no record. The compiler
		// keeps its order around the atomic write, and so does the processor's own memory.
		l.published.Store(l.seq)
		binary.LittleEndian.PutUint32(at, uint32(len(body))) //nolint:gosec // below a segment's size
	})
	if err != nil {
		l.broken = fmt.Errorf("%w: %w", ErrBroken, err)
		return l.broken
	}
	x := &l.slots[i]
	x.segment, x.offset, x.promise = s.index, uint32(s.off), 0 //nolint:gosec // below a segment's size
	s.off += size
	s.records++
	s.living += size
	l.living += int64(size)
	if !l.unsynced {
		l.unsynced = true
		signal(l.dirty)
	}
	return nil
}

// endOne marks a record as ended and frees its slot. The lock is held.
func (l *Log) endOne(h Handle) {
	i := uint32(h) - 1 //nolint:gosec // the lower half
	if h == 0 || int(i) >= len(l.slots) || l.slots[i].generation != uint32(h>>32) {
		return
	}
	x := &l.slots[i]
	l.promised -= int64(x.promise)
	l.bury(l.segments[x.segment], int(x.offset))
	x.generation++
	l.free = append(l.free, i)
}

// bury marks a record of a segment as ended. The lock is held.
func (l *Log) bury(s *segment, offset int) {
	size := 0
	if err := guard(func() {
		size = sizeOf(int(binary.LittleEndian.Uint32(s.data[offset:])))
		s.data[offset+atEnded] = 1
	}); err != nil {
		l.broken = fmt.Errorf("%w: %w", ErrBroken, err)
	}
	s.records--
	s.living -= size
	l.living -= int64(size)
	if s.records == 0 && s != l.active {
		signal(l.wake)
	}
}

// guard turns a fault of mapped memory into an error: the disk could not bring a page, or
// somebody cut the file. It must not take the process down with all its calls.
func guard(touch func()) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			fault, ok := r.(interface {
				runtime.Error
				Addr() uintptr
			})
			if !ok {
				panic(r)
			}
			err = errors.New("a page of the log could not be reached: " + fault.Error())
		}
	}()
	touch()
	return nil
}

func signal(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}
