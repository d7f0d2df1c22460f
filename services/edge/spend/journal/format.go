package journal

import (
	"encoding/binary"
	"hash/crc32"
)

// The format of a segment: a header, then records, then zeros. Numbers are little-endian.
//
//	header, 64 bytes           record, 32 bytes and the body
//	 0  magic                   0  length of the body, 4 bytes, written last
//	 8  version, 4 bytes        4  CRC-32C of the body and of bytes 8 to 24
//	12  CRC-32C of the rest     8  sequence number, 8 bytes
//	16  the segment's number   16  kind, 1 byte
//	24  its first sequence     17  zeros
//	32  the machine's boot id  20  room for an amendment, 4 bytes
//	48  its size, 4 bytes      24  where the process keeps the record, 4 bytes
//	                           28  1 when the record has ended
//
// The last two of a record change while it lives and are in no checksum. A body is padded to
// 8 bytes. After it comes the room for an amendment, a multiple of 8 bytes:
//
//	0  length of the amendment, 4 bytes, written last; 0: there is none
//	4  CRC-32C of the amendment and of bytes 4 to 24 of its record
//	8  the amendment
//
// A segment without magic waits for its use: that is written last of its header, and cleared
// first, so that a process that ends in between leaves no damage. Version 1 knew no
// amendments: its records have zeros where the room is.
const (
	magic      = "TGJOURNL"
	version    = 2
	headerSize = 64
	bootSize   = 16
	recordSize = 32
	// amendmentSize is what an amendment takes beside its bytes.
	amendmentSize = 8
	align         = 8

	atSum, atSeq, atKind, atRoom, atSlot, atEnded = 4, 8, 16, 20, 24, 28
	atAmendmentSum                                = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sizeOf is what a record takes of its segment, without the room for an amendment.
func sizeOf(body int) int { return (recordSize + body + align - 1) / align * align }

// roomFor is what an amendment takes of its segment.
func roomFor(amendment int) int {
	if amendment <= 0 {
		return 0
	}
	return (amendmentSize + amendment + align - 1) / align * align
}

// putHeader writes a segment's header, but for the magic.
func putHeader(segment []byte, number, firstSeq uint64, boot [bootSize]byte) {
	to := segment[:headerSize]
	clear(to)
	binary.LittleEndian.PutUint32(to[8:], version)
	binary.LittleEndian.PutUint64(to[16:], number)
	binary.LittleEndian.PutUint64(to[24:], firstSeq)
	copy(to[32:], boot[:])
	binary.LittleEndian.PutUint32(to[48:], uint32(len(segment))) //nolint:gosec // a few MiB
	binary.LittleEndian.PutUint32(to[12:], crc32.Checksum(to[16:headerSize], castagnoli))
}

// header is what a segment says of itself.
type header struct {
	number, firstSeq uint64
	boot             [bootSize]byte
	size             int
}

// putMagic begins a segment, or ends it, by one store: after all that was written before it,
// and before all that is written after, as in publish.
//
//go:noinline
func putMagic(segment []byte, begun bool) {
	var value uint64
	if begun {
		value = binary.LittleEndian.Uint64([]byte(magic))
	}
	binary.LittleEndian.PutUint64(segment, value)
}

// readHeader reads a segment's header. One that waits for its use has number 0.
func readHeader(data []byte) (h header, err error) {
	if len(data) < headerSize {
		return h, errDamagedHeader
	}
	if binary.LittleEndian.Uint64(data) == 0 {
		return h, nil
	}
	if string(data[:len(magic)]) != magic {
		return h, errDamagedHeader
	}
	if binary.LittleEndian.Uint32(data[8:]) > version {
		return h, ErrNewer
	}
	if crc32.Checksum(data[16:headerSize], castagnoli) != binary.LittleEndian.Uint32(data[12:]) {
		return h, errDamagedHeader
	}
	h.number, h.firstSeq = binary.LittleEndian.Uint64(data[16:]), binary.LittleEndian.Uint64(data[24:])
	copy(h.boot[:], data[32:])
	h.size = int(binary.LittleEndian.Uint32(data[48:]))
	if h.number == 0 {
		return h, errDamagedHeader
	}
	return h, nil
}

// fixedPart is what does not change of a record's header: bytes 8 to 24.
type fixedPart [atSlot - atSeq]byte

func (f *fixedPart) put(seq uint64, kind Kind, room int) {
	binary.LittleEndian.PutUint64(f[:], seq)
	binary.LittleEndian.PutUint64(f[atKind-atSeq:], uint64(kind)|uint64(room)<<(8*(atRoom-atKind))) //nolint:gosec // below a segment's size
}

// sum is a record's checksum: of the body, whose own is given, and of what does not change
// of its header.
func sum(body uint32, record []byte) uint32 {
	return crc32.Update(body, castagnoli, record[atSeq:atSlot])
}

// bootID brings an id into the header's form; zeros for none.
func bootID(text string) (id [bootSize]byte) {
	if text == "" {
		return id
	}
	// Two checksums tell boots apart; they are no secret.
	binary.LittleEndian.PutUint64(id[:], uint64(crc32.ChecksumIEEE([]byte(text)))|1<<63)
	binary.LittleEndian.PutUint64(id[8:], uint64(crc32.Checksum([]byte(text), castagnoli)))
	return id
}

// amendmentSum is the checksum of an amendment, whose bytes' own is given: it belongs to this
// record and to no other one that was in its place before.
func amendmentSum(amendment uint32, record []byte) uint32 {
	return crc32.Update(amendment, castagnoli, record[atSum:atSlot])
}
