// Package journal is a log on the local disk that survives the death of its process.
//
// A log is a folder of segments: files of one size that are mapped into memory. To append
// a record is to copy it there, which takes no system call. The pages are the operating
// system's: they outlive the process, however it ends. They outlive the machine once they
// are written to the disk, which a goroutine sees to every [Options.SyncEvery].
//
// A record lives until it is ended, or replaced by another one. What becomes known of it later
// can be added to it in place ([Log.Amend]). A segment without living
// records is used again. What lives in a segment that is mostly dead moves on, so that one
// long-lived record does not hold on to a whole segment.
//
// Each process has a folder of its own beside those of others, and holds a lock on it for
// as long as it lives. Whoever gets the lock of a folder may be sure that its process has
// ended, and recovers it: see [Log.Dead].
package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"tollgate.dev/platform/clock"
)

// Options tune a log. The zero value of each field but Dir and Name means its default.
type Options struct {
	// Dir is the folder that the logs of several processes are in. It is made, for its
	// owner alone.
	Dir string
	// Name is the log's own, and that of its folder: letters, digits and dashes, at most
	// 64. It is never used again.
	Name string
	// MaxBytes bounds the log's size on the disk; default 128 MiB. Half of it may be living
	// records. Records that replace others may pass it.
	MaxBytes int64
	// SegmentBytes is the size of one segment; default 512 KiB. No record is larger.
	SegmentBytes int
	// SyncEvery is how long a record waits for the disk at most, as far as the disk keeps
	// up; default 100 ms, negative: until the operating system writes it.
	SyncEvery time.Duration
	// Boot names the machine's life; default: the kernel's own id of it, where there is
	// one.
	Boot string
	// Clock is the time; default: the system's.
	Clock clock.Clock
	// Logger takes what an operator should see; default: nothing is logged.
	Logger *slog.Logger
}

// Kind says what a record is, to the log's user.
type Kind uint8

// Handle names a living record. The zero Handle names none.
type Handle uint64

// What an append can fail with.
var (
	// ErrFull says that the log has its size, or that the disk has no room for it.
	ErrFull = errors.New("the log is full")
	// ErrClosed says that the log is closed.
	ErrClosed = errors.New("the log is closed")
	// ErrTooLarge says that no segment can hold the record.
	ErrTooLarge = errors.New("the record is larger than a segment")
	// ErrBroken says that the disk failed under the log.
	ErrBroken = errors.New("the log cannot be written")
	// ErrNoRoom says that a record cannot be amended.
	ErrNoRoom = errors.New("the record has no room for the amendment")

	errEmpty = errors.New("a record has a body")
)

const (
	defaultMax     = 128 << 20
	defaultSegment = 512 << 10
	defaultSync    = 100 * time.Millisecond
	minSegment     = 4 << 10
	maxName        = 64
)

// Log is an open log. Its methods are safe for concurrent use.
type Log struct {
	opts Options
	dir  string
	boot [bootSize]byte
	lock *os.File

	// wake tells the keeper that there is something to do, dirty the syncer.
	wake, dirty chan struct{}

	// mapping is held while segments are unmapped or synced.
	mapping sync.Mutex

	mu       sync.Mutex
	closed   bool
	sealed   bool // nothing new is appended
	broken   error
	noRoom   bool       // making a segment failed; the keeper tries again
	segments []*segment // by their index; nil where one was removed
	active   *segment
	spare    []*segment
	count    int    // of segments that exist
	files    int    // that were ever made, for their names
	synced   int    // of them, those whose names are on the disk
	number   uint64 // of the last segment that was begun
	seq      uint64 // of the last record
	slots    []slot
	free     []uint32 // slots that are
	living   int64    // bytes of living records
	promised int64    // bytes set aside for records that replace living ones
	unsynced bool     // the syncer was told
	fixed    fixedPart
}

// slot is where a living record is.
type slot struct {
	segment, offset, size uint32
	generation            uint32
	promise               uint32
	// room is what an amendment may take; 0 once there is one.
	room uint32
}

// Open makes a log and locks it. Its errors name the folder.
func Open(opts Options) (*Log, error) {
	if !validName(opts.Name) {
		return nil, fmt.Errorf("journal: %q cannot name a log", opts.Name)
	}
	if opts.MaxBytes <= 0 {
		opts.MaxBytes = defaultMax
	}
	if opts.SegmentBytes <= 0 {
		opts.SegmentBytes = defaultSegment
	}
	opts.SegmentBytes = max(minSegment, opts.SegmentBytes/os.Getpagesize()*os.Getpagesize())
	if opts.SyncEvery == 0 {
		opts.SyncEvery = defaultSync
	}
	if opts.Clock == nil {
		opts.Clock = clock.Real()
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Boot == "" {
		opts.Boot = kernelBoot()
	}
	l := &Log{
		opts: opts, dir: filepath.Join(opts.Dir, opts.Name), boot: bootID(opts.Boot),
		wake: make(chan struct{}, 1), dirty: make(chan struct{}, 1),
	}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("journal: %s: %w", opts.Dir, err)
	}
	return l, nil
}

func (l *Log) open() error {
	lock, err := lockNew(l.opts.Dir, l.opts.Name)
	if err != nil {
		return err
	}
	l.lock = lock
	first, err := l.makeSegment(l.nextFile(), true)
	if err != nil {
		return errors.Join(err, l.Remove())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.adopt(first)
	l.spare = nil
	return l.begin(first)
}

// Run syncs the log and keeps segments ready until ctx ends, and returns nil. Without it
// the log works, but segments are made when they are needed, and nothing is synced.
func (l *Log) Run(ctx context.Context) error {
	var loops sync.WaitGroup
	loops.Go(func() { l.syncLoop(ctx) })
	loops.Go(func() { l.keepLoop(ctx) })
	loops.Wait()
	return nil
}

// Close ends the log and leaves its living records for whoever recovers it.
func (l *Log) Close() error {
	return l.end(false)
}

// Seal refuses what is appended from then on, with ErrClosed, and returns how many records
// live. What [Log.Amend] and [Log.Replace] write is taken still: it was begun before.
func (l *Log) Seal() (living int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sealed = true
	return l.records()
}

// Remove ends the log and deletes it. One in which records live is left as by Close.
func (l *Log) Remove() error {
	return l.end(true)
}

func (l *Log) end(remove bool) error {
	l.mapping.Lock()
	defer l.mapping.Unlock()
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	remove = remove && l.records() == 0
	segments := l.segments
	l.segments, l.active, l.spare, l.count = nil, nil, nil, 0
	l.mu.Unlock()
	var errs []error
	for _, s := range segments {
		if s == nil {
			continue
		}
		if !remove && l.opts.SyncEvery > 0 && s.off > 0 {
			errs = append(errs, msync(s.data))
		}
		errs = append(errs, unmap(s.data))
	}
	if remove {
		errs = append(errs, os.RemoveAll(l.dir))
	}
	errs = append(errs, l.lock.Close()) // which unlocks it
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("journal: closing %s: %w", l.dir, err)
	}
	return nil
}

// Stats are counts of what a log holds.
type Stats struct {
	// Records live, and take Bytes.
	Records int
	Bytes   int64
	// DiskBytes is the size of all segments.
	DiskBytes int64
	// Full tells that no room is left for a record that is new.
	Full bool
}

// Stats returns the counts as they stand.
func (l *Log) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Stats{
		Records: l.records(), Bytes: l.living,
		DiskBytes: int64(l.count) * int64(l.opts.SegmentBytes),
		Full:      l.noRoom || l.broken != nil || l.living+l.promised >= l.opts.MaxBytes/2,
	}
}

// records is how many live. The lock is held.
func (l *Log) records() int { return len(l.slots) - len(l.free) }

// Crowded says that half of the room for living records is taken.
func (l *Log) Crowded() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.living+l.promised >= l.opts.MaxBytes/4
}

func validName(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	for i := range len(name) {
		c := name[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && (c != '-' || i == 0) {
			return false
		}
	}
	return name != damagedDir
}
