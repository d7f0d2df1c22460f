package journal

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tollgate.dev/platform/filelock"
)

const (
	// lockName is the file in each log's folder that its process holds the lock of. The
	// one beside the folders is held while they are looked through, or made.
	lockName = "lock"
	// damagedDir is where damaged logs are kept.
	damagedDir    = "damaged"
	segmentSuffix = ".seg"
)

// lockNew makes a log's folder and takes its lock.
func lockNew(dir, name string) (lock *os.File, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	all, err := filelock.Take(filepath.Join(dir, lockName), true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, all.Close()) }()
	if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
		return nil, err
	}
	return filelock.Take(filepath.Join(dir, name, lockName), false)
}

// Dead is the log of a process that has ended. Whoever has it holds its lock, until it is
// removed, kept or left.
type Dead struct {
	// Name is the log's.
	Name string

	parent, dir string
	boot        [bootSize]byte
	lock        *os.File
}

// Dead takes the logs beside this one whose processes have ended.
func (l *Log) Dead() ([]*Dead, error) {
	dead, err := findDead(l.opts.Dir, l.opts.Name, l.boot)
	if err != nil {
		return dead, fmt.Errorf("journal: looking for logs in %s: %w", l.opts.Dir, err)
	}
	return dead, nil
}

func findDead(dir, own string, boot [bootSize]byte) (dead []*Dead, err error) {
	all, err := filelock.Take(filepath.Join(dir, lockName), true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, all.Close()) }()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var failed []error
	for _, e := range entries {
		if !e.IsDir() || e.Name() == own || !validName(e.Name()) {
			continue
		}
		folder := filepath.Join(dir, e.Name())
		lock, err := filelock.Take(filepath.Join(folder, lockName), false)
		switch {
		case errors.Is(err, filelock.ErrHeld), errors.Is(err, os.ErrNotExist): // it lives, or is gone by now
		case err != nil:
			failed = append(failed, err)
		case !stillThere(lock):
			failed = append(failed, lock.Close())
		default:
			dead = append(dead, &Dead{Name: e.Name(), parent: dir, dir: folder, boot: boot, lock: lock})
		}
	}
	return dead, errors.Join(failed...)
}

// stillThere tells that a locked file was not removed by the one who held it before.
func stillThere(lock *os.File) bool {
	have, err := lock.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(lock.Name())
	return err == nil && os.SameFile(have, there)
}

// Found is what reading a dead log came upon.
type Found struct {
	// Records were read, those that had ended included.
	Records int
	// Torn bytes are at a segment's end and no whole record: its process ended while it
	// wrote them, and what they were to record had not happened yet.
	Torn int
	// Damaged names each place at which bytes are no record and records follow, each
	// segment whose header is none, and each whose file is cut. Such places are no damage
	// in the log of a machine that has died: not every page of it reached the disk.
	Damaged []string
	// SameBoot tells that the machine has run since the log was written: nothing of it can
	// be missing.
	SameBoot bool
}

// Whole tells that nothing of the log is missing.
func (f Found) Whole() bool { return f.SameBoot && len(f.Damaged) == 0 }

// Record is one record of a dead log.
type Record struct {
	// Kind and Body are what was appended. Body is only to be used during the visit.
	Kind Kind
	Body []byte
	// Amendment is what was added to the record, empty when nothing was. Like Body, it is
	// only to be used during the visit.
	Amendment []byte
	// Ended records were over when their process ended.
	Ended bool
}

// Read visits the log's records in their order. Damage ends nothing: what is valid is
// read. Errors: ErrNewer, before anything is visited; what the operating system says;
// visit's own, at once.
func (d *Dead) Read(visit func(Record) error) (Found, error) {
	found, err := d.read(visit)
	if err != nil {
		return found, fmt.Errorf("journal: reading %s: %w", d.dir, err)
	}
	return found, nil
}

// part is one segment that is to be read.
type part struct {
	name string
	header
}

func (d *Dead) read(visit func(Record) error) (found Found, err error) {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return found, err
	}
	// Without an id of the machine's life nobody knows.
	found.SameBoot = d.boot != [bootSize]byte{}
	var parts []part
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), segmentSuffix) {
			continue
		}
		h, err := peek(filepath.Join(d.dir, e.Name()))
		switch {
		case errors.Is(err, errDamagedHeader):
			found.Damaged = append(found.Damaged, e.Name()+": no header")
		case err != nil:
			return found, err
		case h.number != 0:
			parts = append(parts, part{e.Name(), h})
			found.SameBoot = found.SameBoot && h.boot == d.boot
		}
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.number, b.number) })
	for _, p := range parts {
		data, err := os.ReadFile(filepath.Join(d.dir, p.name))
		if err != nil {
			return found, err
		}
		s, err := scan(data, p.firstSeq, visit)
		if err != nil {
			return found, err
		}
		found.Records += s.records
		found.Torn += s.torn
		if len(data) < p.size {
			found.Damaged = append(found.Damaged, fmt.Sprintf("%s: cut at %d", p.name, len(data)))
		}
		for _, at := range s.damaged {
			if p.boot == d.boot {
				found.Damaged = append(found.Damaged, fmt.Sprintf("%s: at %d", p.name, at))
			}
		}
	}
	return found, nil
}

func peek(path string) (h header, err error) {
	f, err := os.Open(path)
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var b [headerSize]byte
	n, err := f.ReadAt(b[:], 0)
	if n < headerSize {
		// A file without a byte is one that its process was about to make.
		if info, err := f.Stat(); err == nil && info.Size() == 0 {
			return h, nil
		}
		return h, errDamagedHeader
	}
	return readHeader(b[:])
}

// Remove deletes the log.
func (d *Dead) Remove() error {
	return d.done(os.RemoveAll(d.dir))
}

// Keep moves the log to the folder of damaged ones, and returns where it is.
func (d *Dead) Keep() (string, error) {
	aside := filepath.Join(d.parent, damagedDir)
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return d.dir, d.done(err)
	}
	to := filepath.Join(aside, d.Name)
	if err := os.Rename(d.dir, to); err != nil {
		return d.dir, d.done(err)
	}
	return to, d.done(nil)
}

// Leave gives the log's lock back and leaves the log as it is.
func (d *Dead) Leave() error { return d.done(nil) }

func (d *Dead) done(err error) error {
	if err = errors.Join(err, d.lock.Close()); err != nil {
		return fmt.Errorf("journal: %s: %w", d.dir, err)
	}
	return nil
}
