package journal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

var (
	// ErrNewer says that a newer release wrote the log: this one cannot read it.
	ErrNewer = errors.New("the log is in the format of a newer release")

	errDamagedHeader = errors.New("the segment has no valid header")
)

// scanned is what reading a segment came upon.
type scanned struct {
	records, torn int
	// damaged are the offsets at which bytes are no record and records follow.
	damaged []int
}

// scan visits a segment's records. Records from before firstSeq are left over from an
// earlier use of the segment and are none of its own.
func scan(data []byte, firstSeq uint64, visit func(Record) error) (s scanned, err error) {
	last := firstSeq - 1
	for at := headerSize; at+recordSize <= len(data); {
		r, size, seq, ok := recordAt(data[at:], last)
		if !ok {
			next := nextRecord(data, at+align, last)
			if next < 0 {
				s.torn = tail(data[at:])
				return s, nil
			}
			s.damaged = append(s.damaged, at)
			at = next
			continue
		}
		if err := visit(r.Record); err != nil {
			return s, err
		}
		s.records++
		last = seq
		if r.spoilt {
			s.damaged = append(s.damaged, at)
		}
		at += size
	}
	return s, nil
}

// readable is a record as it was read.
type readable struct {
	Record
	// spoilt tells that there are bytes which were an amendment.
	spoilt bool
}

// recordAt reads the record that data begins with, if that is one with a sequence number
// above last.
func recordAt(data []byte, last uint64) (r readable, size int, seq uint64, ok bool) {
	if len(data) < recordSize {
		return r, 0, 0, false
	}
	length, room := int(binary.LittleEndian.Uint32(data)), int(binary.LittleEndian.Uint32(data[atRoom:]))
	seq = binary.LittleEndian.Uint64(data[atSeq:])
	// No segment holds that many records: a cheap look before the checksum.
	if length == 0 || length > len(data)-recordSize || seq <= last || seq-last > uint64(len(data)) {
		return r, 0, 0, false
	}
	body := data[recordSize : recordSize+length]
	if sum(crc32.Checksum(body, castagnoli), data) != binary.LittleEndian.Uint32(data[atSum:]) {
		return r, 0, 0, false
	}
	r.Record = Record{Kind: Kind(data[atKind]), Body: body, Ended: data[atEnded] != 0}
	size = sizeOf(length)
	if room > 0 {
		r.Amendment, r.spoilt = amendmentIn(data[min(size, len(data)):], room, data)
	}
	return r, size + room, seq, true
}

// amendmentIn reads what is in a record's room.
func amendmentIn(data []byte, room int, record []byte) (amendment []byte, spoilt bool) {
	if room < amendmentSize || room > len(data) {
		return nil, true // the file was cut
	}
	length := int(binary.LittleEndian.Uint32(data))
	switch {
	case length == 0:
		return nil, false
	case length > room-amendmentSize:
		return nil, true
	}
	amendment = data[amendmentSize : amendmentSize+length]
	if amendmentSum(crc32.Checksum(amendment, castagnoli), record) != binary.LittleEndian.Uint32(data[atAmendmentSum:]) {
		return nil, true
	}
	return amendment, false
}

// nextRecord looks for a record from an offset on; below 0 there is none.
func nextRecord(data []byte, from int, last uint64) int {
	for at := from; at+recordSize <= len(data); at += align {
		if _, _, _, ok := recordAt(data[at:], last); ok {
			return at
		}
	}
	return -1
}

// tail is how many bytes are not zero, or stand before one that is not.
func tail(data []byte) int {
	for n := len(data); n > 0; n-- {
		if data[n-1] != 0 {
			return n
		}
	}
	return 0
}
