package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"time"

	"tollgate.dev/platform/clock"
)

// segment is one mapped file.
type segment struct {
	path   string
	data   []byte
	index  uint32
	number uint64

	// off is where the next record goes, 0 while the segment waits for its use; what is
	// before synced is on the disk.
	off, synced int
	// amended is where the first record lies that was amended since, 0 without one.
	amended int
	// records live, and take living bytes.
	records, living int
	// cleaning tells that the keeper is about to use it again.
	cleaning bool
}

// retryAfter is when what failed on the disk is tried again.
const retryAfter = time.Second

// maxSpares is how many dead segments are kept for their next use.
const maxSpares = 8

// moveStep is how many records move to another segment under one lock.
const moveStep = 64

// next begins another segment. A spare one is there as a rule; else one is made here, in a
// few milliseconds. The lock is held.
func (l *Log) next(bounded bool) error {
	if len(l.spare) == 0 {
		if bounded && int64(l.count+1)*int64(l.opts.SegmentBytes) > l.opts.MaxBytes || l.noRoom {
			signal(l.wake)
			return ErrFull
		}
		made, err := l.makeSegment(l.nextFile(), false)
		if err != nil {
			l.noRoom = true // until the keeper has made one
			signal(l.wake)
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
		l.adopt(made)
	}
	full := l.active
	s := l.spare[len(l.spare)-1]
	l.spare = l.spare[:len(l.spare)-1]
	if err := l.begin(s); err != nil {
		return err
	}
	if full.records == 0 || len(l.spare) == 0 || l.wasteful() {
		signal(l.wake)
	}
	return nil
}

// begin makes a segment the active one. The lock is held.
func (l *Log) begin(s *segment) error {
	l.number++
	s.number = l.number
	if err := guard(func() {
		putHeader(s.data, s.number, l.seq+1, l.boot)
		putMagic(s.data, true)
	}); err != nil {
		l.broken = fmt.Errorf("%w: %w", ErrBroken, err)
		return l.broken
	}
	s.off, s.synced, s.amended, s.cleaning = headerSize, 0, 0, false
	l.active = s
	return nil
}

// adopt takes a new segment among those that wait. The lock is held.
func (l *Log) adopt(s *segment) {
	i := slices.Index(l.segments, nil)
	if i < 0 {
		i = len(l.segments)
		l.segments = append(l.segments, nil)
	}
	s.index = uint32(i) //nolint:gosec // a few thousand at most
	l.segments[i] = s
	l.count++
	l.spare = append(l.spare, s)
	l.noRoom = false
}

func (l *Log) nextFile() string {
	l.files++
	return filepath.Join(l.dir, fmt.Sprintf("%08d%s", l.files, segmentSuffix))
}

// makeSegment makes a file and maps it.
func (l *Log) makeSegment(path string, settled bool) (*segment, error) {
	data, err := mapNew(path, l.opts.SegmentBytes, settled && l.opts.SyncEvery > 0)
	if err != nil {
		return nil, errors.Join(err, removeIfThere(path))
	}
	return &segment{path: path, data: data}, nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// syncLoop writes to the disk what was appended, SyncEvery after the first of it.
func (l *Log) syncLoop(ctx context.Context) {
	if l.opts.SyncEvery < 0 {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.dirty:
		}
		if clock.Sleep(ctx, l.opts.Clock, l.opts.SyncEvery) != nil {
			return
		}
		if err := l.sync(); err != nil {
			l.opts.Logger.ErrorContext(ctx, "journal: the log could not be written to the disk; it survives the process, not the machine", "folder", l.dir, "error", err)
		}
	}
}

// span is a part of a segment.
type span struct {
	s        *segment
	from, to int
}

// unwritten lists what was appended or amended since it was last asked, and tells whether there
// are new files. The lock is held.
func (l *Log) unwritten() (spans []span, newFiles bool) {
	newFiles = l.synced != l.files
	l.synced = l.files
	l.unsynced = false
	for _, s := range l.segments {
		if s == nil || s.synced == s.off && s.amended == 0 {
			continue
		}
		from := s.synced
		if s.amended > 0 {
			from = min(from, s.amended)
		}
		s.amended = 0
		spans = append(spans, span{s, from, s.off})
	}
	return spans, newFiles
}

// sync writes what was appended so far to the disk.
func (l *Log) sync() error {
	l.mapping.Lock()
	defer l.mapping.Unlock()
	l.mu.Lock()
	spans, newFiles := l.unwritten()
	l.mu.Unlock()
	var failed []error
	if newFiles {
		// A file's name must be on the disk as well.
		failed = append(failed, syncDir(l.dir))
	}
	page := os.Getpagesize()
	for _, x := range spans {
		err := msync(x.s.data[x.from/page*page : x.to])
		l.mu.Lock()
		switch {
		case x.s.off < x.to: // it was begun anew
		case err == nil:
			x.s.synced = x.to
		default:
			x.s.synced = min(x.s.synced, x.from)
		}
		l.mu.Unlock()
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// keepLoop keeps segments ready.
func (l *Log) keepLoop(ctx context.Context) {
	signal(l.wake)
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		}
		if err := l.keep(); err != nil {
			l.opts.Logger.ErrorContext(ctx, "journal: the log has no room on the disk", "folder", l.dir, "error", err)
			if clock.Sleep(ctx, l.opts.Clock, retryAfter) != nil {
				return
			}
			signal(l.wake)
		}
	}
}

// keep brings the segments into the state in which appending waits for nothing.
func (l *Log) keep() error {
	for {
		l.moveOn()
		dead := l.dead()
		if len(dead) == 0 {
			break
		}
		for _, s := range dead {
			if err := l.clean(s); err != nil {
				return err
			}
		}
	}
	return l.provide()
}

// dead takes the segments in which nothing lives any more.
func (l *Log) dead() (dead []*segment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.segments {
		if s != nil && s != l.active && s.off > 0 && s.records == 0 && !s.cleaning {
			s.cleaning = true
			dead = append(dead, s)
		}
	}
	return dead
}

// clean makes a dead segment one that waits, or deletes it when enough of them do.
func (l *Log) clean(s *segment) error {
	l.mu.Lock()
	enough := len(l.spare) >= maxSpares || int64(l.count)*int64(l.opts.SegmentBytes) > l.opts.MaxBytes
	l.mu.Unlock()
	if enough {
		return l.drop(s)
	}
	l.mapping.Lock()
	defer l.mapping.Unlock()
	l.mu.Lock()
	closed := l.closed
	l.mu.Unlock()
	if closed {
		return nil
	}
	err := guard(func() {
		putMagic(s.data, false)
		clear(s.data[:s.off])
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.broken = fmt.Errorf("%w: %w", ErrBroken, err)
		return l.broken
	}
	s.off, s.synced, s.amended, s.cleaning = 0, 0, 0, false
	l.spare = append(l.spare, s)
	return nil
}

// drop deletes a dead segment.
func (l *Log) drop(s *segment) error {
	l.mapping.Lock()
	defer l.mapping.Unlock()
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.segments[s.index] = nil
	l.count--
	l.mu.Unlock()
	return errors.Join(unmap(s.data), os.Remove(s.path))
}

// provide makes segments ahead of their use.
func (l *Log) provide() error {
	for {
		l.mu.Lock()
		// One waits at least; more come back by themselves when segments are used up fast.
		enough := l.closed || len(l.spare) > 0 || int64(l.count+1)*int64(l.opts.SegmentBytes) > l.opts.MaxBytes
		path := ""
		if !enough {
			path = l.nextFile()
		}
		l.mu.Unlock()
		if enough {
			return nil
		}
		made, err := l.makeSegment(path, true)
		l.mu.Lock()
		switch {
		case err != nil:
			l.noRoom = true
		case l.closed:
			l.mu.Unlock()
			return errors.Join(unmap(made.data), removeIfThere(path))
		default:
			l.adopt(made)
		}
		l.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// wasteful tells that of the full segments in which something lives more than half is
// dead. The lock is held.
func (l *Log) wasteful() bool {
	used, living := 0, 0
	for _, s := range l.segments {
		if s != nil && s != l.active && s.records > 0 {
			used += s.off
			living += s.living
		}
	}
	return used > 2*l.opts.SegmentBytes && used > 2*living
}

// moveOn moves what lives in mostly dead segments into the active one.
func (l *Log) moveOn() {
	for {
		var from *segment
		l.mu.Lock()
		if !l.closed && l.broken == nil && l.wasteful() {
			for _, s := range l.segments {
				if s != nil && s != l.active && s.records > 0 && (from == nil || s.living < from.living) {
					from = s
				}
			}
		}
		l.mu.Unlock()
		if from == nil || !l.move(from) {
			return
		}
	}
}

// move moves all that lives in a segment, a few records at a time, so that calls get in
// between. It reports whether it did.
func (l *Log) move(from *segment) bool {
	for at := headerSize; at > 0; {
		l.mu.Lock()
		if l.closed || l.broken != nil {
			l.mu.Unlock()
			return false
		}
		moved := true
		l.fail(guard(func() {
			for range moveStep {
				if at >= from.off || from.records == 0 {
					at = 0
					return
				}
				record := from.data[at:]
				size := sizeOf(int(binary.LittleEndian.Uint32(record))) + int(binary.LittleEndian.Uint32(record[atRoom:]))
				if record[atEnded] == 0 && l.moveRecord(from, at) != nil {
					moved = false
					return
				}
				at += size
			}
		}))
		moved = moved && l.broken == nil
		l.mu.Unlock()
		if !moved {
			return false
		}
	}
	return true
}

// moveRecord copies a living record with its amendment to the log's end. The lock is held,
// faults are caught.
func (l *Log) moveRecord(from *segment, at int) error {
	i := binary.LittleEndian.Uint32(from.data[at+atSlot:])
	old := l.slots[i]
	bytes := from.data[at : at+int(old.size)]
	r := record{kind: Kind(bytes[atKind]), room: int(binary.LittleEndian.Uint32(bytes[atRoom:]))}
	r.body = bytes[recordSize:][:binary.LittleEndian.Uint32(bytes)]
	r.checksum = crc32.Checksum(r.body, castagnoli)
	if r.room > 0 && old.room == 0 {
		room := bytes[len(bytes)-r.room:]
		r.amendment = room[amendmentSize:][:binary.LittleEndian.Uint32(room)]
		r.room = roomFor(len(r.amendment)) // there is one amendment
	}
	if err := l.write(i, r, false); err != nil {
		return err
	}
	l.slots[i].promise = old.promise
	l.bury(from, at, int(old.size))
	return nil
}
