package threshold

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

// Bounds of a state, so that a broken one costs little.
const (
	maxRows   = 1024
	maxName   = 128 // bytes
	maxCount  = 1 << 40
	maxWindow = 1 << 40
	version   = 2
)

// ofEach is the version of states that counted each comparison, not only the first of each entry. Of one its windows and
// its account hold, and its counts don't: they are no evidence.
const ofEach = 1

// OwnState is what this learner has counted itself, to be stored or sent to other replicas, without
// what was merged into it: some hundred bytes, no scores and no text.
func (l *Learner) OwnState() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begin()
	own := l.evidence.at(l.replica)
	own.spare = l.account.spare
	return appendState(nil, map[string]*row{l.replica: own})
}

// Merge states of this or other replicas of the same namespace. Merging one twice, or states in
// another order, makes no difference. A learner that has not decided yet goes on with the account
// of its own row: of the latest one, if several states have it. A state that isn't one, or has
// more replicas than are kept (1024), is an error and changes nothing; the others count.
func (l *Learner) Merge(states ...[]byte) error {
	var wrong []error
	var own *row
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, state := range states {
		rows, err := parseState(state)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("threshold: state: %w", err))
			continue
		}
		if err := l.evidence.merge(rows); err != nil {
			wrong = append(wrong, fmt.Errorf("threshold: merge: %w", err))
			continue
		}
		if r, ok := rows[l.replica]; ok && (own == nil || r.later(own)) {
			own = r
		}
	}
	if own != nil && !l.begun && l.hits.Load() == 0 {
		l.account.resume(own.spare)
		l.begun = true
	}
	l.refresh()
	return errors.Join(wrong...)
}

// appendState: a version, the number of rows, and each row, by name: the length of the name, the
// name, the window, the spare, and for the row's window and the one before it the number of
// bands with counts, and each of these: number, right, wrong. Numbers are uvarints, the spare is
// a big-endian float64.
func appendState(b []byte, rows map[string]*row) []byte {
	b = append(b, version)
	b = binary.AppendUvarint(b, uint64(len(rows)))
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		r := rows[name]
		b = binary.AppendUvarint(b, uint64(len(name)))
		b = append(b, name...)
		b = binary.AppendUvarint(b, r.window)
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(r.spare))
		for _, w := range [2]uint64{r.window, r.window - 1} {
			b = appendBands(b, r.of(w))
		}
	}
	return b
}

func appendBands(b []byte, counts *bands) []byte {
	some := 0
	for _, t := range counts {
		if t != (tally{}) {
			some++
		}
	}
	b = binary.AppendUvarint(b, uint64(some))
	for k, t := range counts {
		if t != (tally{}) {
			b = binary.AppendUvarint(b, uint64(k))
			b = binary.AppendUvarint(b, t.right)
			b = binary.AppendUvarint(b, t.wrong)
		}
	}
	return b
}

// reader of a state; the first fault is kept, and all that is read after it is 0.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
	r.rest = nil
}

// take n bytes, none if there are fewer.
func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.fail("it ends too early")
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// number from least to most.
func (r *reader) number(what string, least, most uint64) uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail("it ends too early")
		return 0
	}
	r.rest = r.rest[n:]
	if v < least || v > most {
		r.fail("%s is %d, not from %d to %d", what, v, least, most)
		return 0
	}
	return v
}

func parseState(state []byte) (map[string]*row, error) {
	r := reader{rest: state}
	v := r.take(1)
	if len(v) == 1 && v[0] != version && v[0] != ofEach {
		return nil, fmt.Errorf("version %d is not %d", v[0], version)
	}
	n := r.number("replicas", 0, maxRows)
	rows := map[string]*row{}
	last := ""
	for i := uint64(0); i < n && r.err == nil; i++ {
		name := string(r.take(r.number("a name's length", 1, maxName)))
		if r.err == nil && name <= last {
			r.fail("replicas are not in order")
		}
		last = name
		rows[name] = r.row()
		if v[0] == ofEach {
			rows[name].counts = [2]bands{}
		}
	}
	if r.err == nil && len(r.rest) > 0 {
		r.fail("%d bytes stand after its end", len(r.rest))
	}
	if r.err != nil {
		return nil, r.err
	}
	return rows, nil
}

func (r *reader) row() *row {
	out := &row{window: r.number("window", 1, maxWindow)}
	if b := r.take(8); b != nil {
		out.spare = math.Float64frombits(binary.BigEndian.Uint64(b))
		if math.IsNaN(out.spare) || math.IsInf(out.spare, 0) {
			r.fail("the spare is no number")
		}
	}
	for _, w := range [2]uint64{out.window, out.window - 1} {
		r.bands(out.of(w))
	}
	return out
}

func (r *reader) bands(into *bands) {
	some := r.number("bands", 0, levels)
	next := uint64(0)
	for i := uint64(0); i < some && r.err == nil; i++ {
		k := r.number("a band", next, levels-1)
		t := tally{right: r.number("right answers", 0, maxCount), wrong: r.number("wrong answers", 0, maxCount)}
		if r.err == nil && t == (tally{}) {
			r.fail("a band without counts")
		}
		if r.err == nil {
			into[k] = t
		}
		next = k + 1
	}
}
