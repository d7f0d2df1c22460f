// Package file keeps how prompts began in the process, and in a folder besides, so that a
// process that starts again knows it.
//
// Notes are read from memory alone. What changes is written behind the calls to the end of
// new.log; where that has its size it becomes old.log, and what that was is gone. Both are
// records one after another, all numbers little-endian:
//
//	length  uint32  of what follows the check, in bytes
//	check   uint32  CRC-32C of that
//	until   int64   Unix milliseconds
//	tenant, name    each a uvarint of its length, and its bytes
//	text            the rest
//
// The last record of a name is the one that holds. Nothing is synced: a killed process has
// written all but the last moment's, a machine that loses power may forget more. A file is
// read up to where it is cut or damaged.
package file

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/filelock"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/loglimit"
	"tollgate.dev/services/compressor/store/memory"
)

// The names in the folder.
const (
	lockName = "lock"
	newName  = "new.log"
	oldName  = "old.log"
)

// Options bound [Notes].
type Options struct {
	// MaxBytes is the most memory that they take, as [memory.Options] have it, and about the
	// most that the files do, in bytes; [memory.DefaultMaxBytes] when not positive.
	MaxBytes int64
	// Clock is the system's when nil.
	Clock clock.Clock
	// Logger takes failures to write; nobody when nil.
	Logger *slog.Logger
}

// Notes implement [compressor.Notes] and never fail. Run writes them to the folder.
type Notes struct {
	memory *memory.Notes
	clock  clock.Clock
	logger *slog.Logger
	dir    string
	most   int64 // of a file, in bytes
	lock   *os.File

	file  *os.File // new.log; Run's, and then Close's
	size  int64    // of what is whole in it
	lines *loglimit.Limit

	wake chan struct{}
	mu   sync.Mutex
	next []byte // records to write
}

var _ compressor.Notes = (*Notes)(nil)

// maxWaiting is how many bytes wait to be written at most; what finds no room is in memory
// alone.
const maxWaiting = 1 << 20

// sayAgain is how long nothing is logged after a line was: a disk may be full for long.
const sayAgain = time.Minute

// Open reads the notes that are in a folder, which it makes where there is none, and takes
// the folder for this process until Close. It fails with [filelock.ErrHeld] where another one
// has it, and with what the operating system says.
func Open(dir string, opts Options) (_ *Notes, err error) {
	if opts.MaxBytes <= 0 {
		opts.MaxBytes = memory.DefaultMaxBytes
	}
	if opts.Clock == nil {
		opts.Clock = clock.Real()
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	n := &Notes{
		memory: memory.NewNotes(memory.Options{MaxBytes: opts.MaxBytes, Clock: opts.Clock}), clock: opts.Clock, logger: opts.Logger,
		dir: dir, most: opts.MaxBytes / 2, lines: loglimit.New(opts.Clock, sayAgain), wake: make(chan struct{}, 1),
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	// Where there are no locks, whoever has the folder is the one that runs.
	if n.lock, err = filelock.Take(filepath.Join(dir, lockName), false); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.unlock())
		}
	}()
	old, err := os.Open(filepath.Join(dir, oldName))
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		_, err = n.replay(old)
		if err = errors.Join(err, old.Close()); err != nil {
			return nil, err
		}
	}
	if n.file, err = n.create(0); err != nil {
		return nil, err
	}
	if n.size, err = n.replay(n.file); err == nil {
		err = n.file.Truncate(n.size) // nothing of what is damaged comes back behind what is written over it
	}
	if err != nil {
		return nil, errors.Join(err, n.file.Close())
	}
	return n, nil
}

// create opens new.log.
func (n *Notes) create(flag int) (*os.File, error) {
	return os.OpenFile(filepath.Join(n.dir, newName), os.O_RDWR|os.O_CREATE|flag, 0o600)
}

func (n *Notes) unlock() error {
	if n.lock == nil {
		return nil
	}
	return n.lock.Close()
}

// Read is [compressor.Notes]'.
func (n *Notes) Read(ctx context.Context, tenant string, notes []compressor.Note) ([]string, error) {
	texts, err := n.memory.Read(ctx, tenant, notes)
	now := n.clock.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, note := range notes {
		if note.Text = texts[i]; note.Text != "" {
			n.note(tenant, &note, now)
		}
	}
	return texts, err
}

// Write is [compressor.Notes]'.
func (n *Notes) Write(ctx context.Context, tenant string, notes []compressor.Note) error {
	now := n.clock.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	// Under the lock, so that memory and file have the same one of two that are written at once.
	err := n.memory.Write(ctx, tenant, notes)
	for i := range notes {
		n.note(tenant, &notes[i], now)
	}
	return err
}

// note has a record written. The lock is held.
func (n *Notes) note(tenant string, note *compressor.Note, now time.Time) {
	if len(n.next) < maxWaiting {
		n.next = appendRecord(n.next, tenant, note, now.Add(note.Life))
	}
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Run writes what is noted until ctx ends.
func (n *Notes) Run(ctx context.Context) error {
	var spare []byte
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.wake:
			spare = n.flush(ctx, spare)
		}
	}
}

// Close writes what still waits, once Run has ended, and gives the folder back.
func (n *Notes) Close() error {
	n.flush(context.Background(), nil)
	return errors.Join(n.file.Close(), n.unlock())
}

// flush writes what waits, and returns its memory for the next time. What could not be
// written is in memory alone.
func (n *Notes) flush(ctx context.Context, spare []byte) []byte {
	n.mu.Lock()
	records := n.next
	n.next = spare[:0]
	n.mu.Unlock()
	if _, err := n.file.WriteAt(records, n.size); err != nil {
		n.say(ctx, errors.Join(err, n.file.Truncate(n.size)))
		return records
	}
	if n.size += int64(len(records)); n.size >= n.most {
		if err := n.rotate(); err != nil {
			n.say(ctx, err)
		}
	}
	return records
}

// rotate makes new.log old. Where it cannot, what is in it is overwritten.
func (n *Notes) rotate() error {
	n.size = 0
	err := os.Rename(filepath.Join(n.dir, newName), filepath.Join(n.dir, oldName))
	if err != nil {
		return errors.Join(err, n.file.Truncate(0))
	}
	file, err := n.create(os.O_TRUNC)
	if err != nil {
		return errors.Join(err, n.file.Truncate(0))
	}
	err = n.file.Close()
	n.file = file
	return err
}

// say logs a failure, once in a while.
func (n *Notes) say(ctx context.Context, err error) {
	if n.lines.Allow() {
		n.logger.WarnContext(ctx, "how prompts began cannot be written: a restart will not know all of it", "error", err)
	}
}

// headBytes are what stands before a record, untilBytes what it begins with.
const (
	headBytes  = 8
	untilBytes = 8
)

// maxRecord is the length of the longest record that is read.
const maxRecord = compressor.MaxNoteBytes + 8<<10

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendRecord(out []byte, tenant string, note *compressor.Note, until time.Time) []byte {
	head := len(out)
	out = append(out, make([]byte, headBytes)...)
	out = binary.LittleEndian.AppendUint64(out, uint64(until.UnixMilli()))
	for _, s := range []string{tenant, note.Name} {
		out = binary.AppendUvarint(out, uint64(len(s)))
		out = append(out, s...)
	}
	out = append(out, note.Text...)
	body := out[head+headBytes:]
	if len(body) > maxRecord {
		return out[:head]
	}
	binary.LittleEndian.PutUint32(out[head:], uint32(len(body))) //nolint:gosec // at most maxRecord
	binary.LittleEndian.PutUint32(out[head+4:], crc32.Checksum(body, castagnoli))
	return out
}

// errRecord is for what is no record.
var errRecord = errors.New("no record")

func parseRecord(body []byte) (tenant string, note compressor.Note, until time.Time, err error) {
	if len(body) < untilBytes {
		return "", note, until, errRecord
	}
	until = time.UnixMilli(int64(binary.LittleEndian.Uint64(body))) //nolint:gosec // as it was written
	body = body[untilBytes:]
	for _, s := range []*string{&tenant, &note.Name} {
		size, n := binary.Uvarint(body)
		if n <= 0 || size > maxRecord || int(size) > len(body)-n {
			return "", note, until, errRecord
		}
		*s, body = string(body[n:n+int(size)]), body[n+int(size):]
	}
	note.Text = string(body)
	return tenant, note, until, nil
}

// replay takes a file's records in, and returns how many bytes of it are whole.
func (n *Notes) replay(file io.Reader) (whole int64, err error) {
	now := n.clock.Now()
	in := bufio.NewReaderSize(file, 64<<10)
	var head [headBytes]byte
	body := make([]byte, 0, maxRecord)
	for {
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return whole, cutOff(err)
		}
		size := binary.LittleEndian.Uint32(head[:])
		if size > maxRecord {
			return whole, nil
		}
		body = body[:size]
		if _, err := io.ReadFull(in, body); err != nil {
			return whole, cutOff(err)
		}
		if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
			return whole, nil
		}
		tenant, note, until, err := parseRecord(body)
		if err != nil {
			return whole, nil //nolint:nilerr // it is damaged, or of another release's form
		}
		// One whose life is over takes the place of an earlier one of its name, too.
		note.Life = until.Sub(now)
		if err := n.memory.Write(context.Background(), tenant, []compressor.Note{note}); err != nil {
			return whole, err
		}
		whole += headBytes + int64(size)
	}
}

// cutOff is what is wrong where a file ends before its record does: nothing, but for what the
// operating system says.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return fmt.Errorf("reading notes: %w", err)
}
