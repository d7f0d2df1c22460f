package hftokenizer

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

func newNormalizer(p *part) (normalizer, error) {
	if p == nil {
		return func(s string) string { return s }, nil
	}
	switch p.Type {
	case "Sequence":
		all := make([]normalizer, len(p.Normalizers))
		for i := range p.Normalizers {
			var err error
			if all[i], err = newNormalizer(&p.Normalizers[i]); err != nil {
				return nil, err
			}
		}
		return func(s string) string {
			for _, n := range all {
				s = n(s)
			}
			return s
		}, nil
	case "Precompiled":
		return newCharsmap(p.Charsmap)
	case "BertNormalizer":
		return newBERT(p), nil
	case "Strip":
		return func(s string) string {
			if p.StripLeft {
				s = strings.TrimLeftFunc(s, unicode.IsSpace)
			}
			if p.StripRight {
				s = strings.TrimRightFunc(s, unicode.IsSpace)
			}
			return s
		}, nil
	case "Replace":
		return newReplace(p)
	default:
		return nil, fmt.Errorf("the normalizer %q is not known here", p.Type)
	}
}

func newReplace(p *part) (normalizer, error) {
	var pattern struct{ String, Regex *string }
	if err := json.Unmarshal(p.Pattern, &pattern); err != nil {
		return nil, errMalformed
	}
	switch {
	case pattern.String != nil && *pattern.String != "":
		return func(s string) string { return strings.ReplaceAll(s, *pattern.String, p.Content) }, nil
	case pattern.Regex != nil && *pattern.Regex == " {2,}":
		// The one expression that conversions from SentencePiece have; others may mean
		// something else in the library's syntax than in Go's.
		spaces := regexp.MustCompile(" {2,}")
		return func(s string) string { return spaces.ReplaceAllLiteralString(s, p.Content) }, nil
	default:
		return nil, fmt.Errorf("a Replace of this pattern is not known here")
	}
}

// charsmap is SentencePiece's compiled normalization: a double-array trie from text to
// offsets of what it becomes.
type charsmap struct {
	units []uint32
	text  string
}

func newCharsmap(data []byte) (normalizer, error) {
	if len(data) < 4 {
		return nil, errMalformed
	}
	size := binary.LittleEndian.Uint32(data)
	data = data[4:]
	if uint64(size) > uint64(len(data)) || size%4 != 0 || size == 0 {
		return nil, errMalformed
	}
	c := charsmap{units: make([]uint32, size/4), text: string(data[size:])}
	for i := range c.units {
		c.units[i] = binary.LittleEndian.Uint32(data[i*4:])
	}
	return c.normalize, nil
}

// find returns what the shortest known beginning of a text becomes. The library asks no more
// of the trie.
func (c charsmap) find(key string) (string, bool) {
	at := uint32(0)
	offset := func(unit uint32) uint32 { return unit >> 10 << (unit & (1 << 9) >> 6) }
	at ^= offset(c.units[0])
	for i := 0; i < len(key) && key[i] != 0; i++ {
		at ^= uint32(key[i])
		if int(at) >= len(c.units) {
			return "", false
		}
		unit := c.units[at]
		if unit&(1<<31|0xff) != uint32(key[i]) {
			return "", false
		}
		at ^= offset(unit)
		if unit>>8&1 == 0 {
			continue
		}
		if int(at) >= len(c.units) {
			return "", false
		}
		from := int(c.units[at] & (1<<31 - 1))
		if from > len(c.text) {
			return "", false
		}
		to, _, _ := strings.Cut(c.text[from:], "\x00")
		return to, true
	}
	return "", false
}

// shortCluster is the length in bytes from which a cluster is normalized character by
// character.
const shortCluster = 6

func (c charsmap) normalize(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for s != "" {
		size := cluster(s)
		if size < shortCluster {
			if to, ok := c.find(s[:size]); ok {
				b.WriteString(to)
				s = s[size:]
				continue
			}
		}
		for _, r := range s[:size] {
			if to, ok := c.find(string(r)); ok {
				b.WriteString(to)
			} else {
				b.WriteRune(r)
			}
		}
		s = s[size:]
	}
	return b.String()
}

// cluster returns the length of the grapheme cluster that a text starts with: a character
// and the marks on it. What else Unicode joins (syllables of Hangul, flags, families of
// emoji) has at least shortCluster bytes, or parts that the map does not know, and comes to
// the same in parts.
func cluster(s string) int {
	first, size := utf8.DecodeRuneInString(s)
	if first == '\r' && strings.HasPrefix(s, "\r\n") {
		return 2
	}
	if breaks(first) {
		return size
	}
	for size < len(s) {
		r, n := utf8.DecodeRuneInString(s[size:])
		if !joins(r) {
			break
		}
		size += n
	}
	return size
}

// breaks tells whether nothing joins a character: Unicode's property Control.
func breaks(r rune) bool {
	switch {
	case r == 0x200C || r == 0x200D || r >= 0xE0020 && r <= 0xE007F:
		return false
	case r >= 0x0600 && r <= 0x0605 || r == 0x06DD || r == 0x070F || r == 0x0890 || r == 0x0891 || r == 0x08E2 ||
		r == 0x110BD || r == 0x110CD:
		return false // they go before a digit, and join it
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// joins tells whether a character belongs to the one before it: Unicode's properties Extend,
// ZWJ and SpacingMark.
func joins(r rune) bool {
	switch {
	case r < 0x300:
		return false
	case r == 0x200C || r == 0x200D || r == 0xFF9E || r == 0xFF9F || r == 0x0E33 || r == 0x0EB3 || r == 0x0897:
		return true
	case r >= 0x1F3FB && r <= 0x1F3FF || r >= 0xE0020 && r <= 0xE007F:
		return true
	}
	return unicode.Is(unicode.M, r) && !unicode.Is(apart, r)
}
