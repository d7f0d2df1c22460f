package threshold

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// decisionVersion is the first byte of a decision's binary form. A change of what follows takes
// another one.
const decisionVersion = 2

// decisionBytes is how long the binary form is at most.
const decisionBytes = 1 + 3*8 + 1 + binary.MaxVarintLen64

// AppendBinary appends the form in which a decision to compare travels until it is known what
// came of it: the version, score, threshold and rate as big-endian float64, whether it is its entry's
// first (1 or 0), and the window of evidence as uvarint; 27 to 32 bytes. Other decisions than [Compare], and what no learner
// decides, are an error. It is an [encoding.BinaryAppender].
func (d Decision) AppendBinary(b []byte) ([]byte, error) {
	if err := d.check(); err != nil {
		return b, err
	}
	b = append(b, decisionVersion)
	for _, v := range [...]float64{d.Score, d.Threshold, d.Rate} {
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(v))
	}
	first := byte(0)
	if d.First {
		first = 1
	}
	return binary.AppendUvarint(append(b, first), d.window), nil
}

// ParseDecision reads what [Decision.AppendBinary] wrote, and nothing else.
func ParseDecision(b []byte) (Decision, error) {
	r := reader{rest: b}
	if v := r.take(1); len(v) == 1 && v[0] != decisionVersion {
		return Decision{}, fmt.Errorf("threshold: decision: version %d is not %d", v[0], decisionVersion)
	}
	d := Decision{Verdict: Compare}
	for _, to := range [...]*float64{&d.Score, &d.Threshold, &d.Rate} {
		if v := r.take(8); v != nil {
			*to = math.Float64frombits(binary.BigEndian.Uint64(v))
		}
	}
	d.First = r.number("first", 0, 1) == 1
	d.window = r.number("window", 1, maxWindow)
	if r.err == nil && len(r.rest) > 0 {
		r.fail("%d bytes stand after its end", len(r.rest))
	}
	if r.err == nil {
		r.err = d.check()
	}
	// Of several spellings of a number only the shortest is one.
	if again, err := d.AppendBinary(make([]byte, 0, decisionBytes)); r.err == nil && (err != nil || len(again) != len(b)) {
		r.fail("it is not in its shortest form")
	}
	if r.err != nil {
		return Decision{}, fmt.Errorf("threshold: decision: %w", r.err)
	}
	return d, nil
}

// check that a learner can have decided so.
func (d Decision) check() error {
	switch {
	case d.Verdict != Compare:
		return errors.New("it is none to compare")
	case !(d.Score >= -1 && d.Score <= 1):
		return fmt.Errorf("the score %v is not from -1 to 1", d.Score)
	case !(d.Threshold >= 0 && d.Threshold <= 1) && d.Threshold != Nothing:
		return fmt.Errorf("the threshold %v is not from 0 to 1", d.Threshold)
	case !(d.Rate >= leastSample && d.Rate <= 1):
		return fmt.Errorf("the rate %v is not from %v to 1", d.Rate, leastSample)
	case d.window < 1 || d.window > maxWindow:
		return fmt.Errorf("there is no window %d", d.window)
	}
	return nil
}
