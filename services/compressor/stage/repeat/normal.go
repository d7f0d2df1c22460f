package repeat

// class is what a byte is to the comparison of passages.
type class uint8

const (
	kept   class = iota // it has to be the same: letters, digits, signs
	blank               // white space
	silent              // punctuation that may be there or not
)

var classes = func() (t [256]class) {
	for _, b := range []byte(" \t\r\n") {
		t[b] = blank
	}
	for _, b := range []byte(".,;:!\"'()*_`#") {
		t[b] = silent
	}
	return t
}()

func isDigit(b byte) bool  { return b >= '0' && b <= '9' }
func isUpper(b byte) bool  { return b >= 'A' && b <= 'Z' }
func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

// folded goes over what counts of a passage: words with one blank between them, without
// punctuation but that between digits, and with the first letter of a word small if its second
// one is.
type folded struct {
	text string
	at   int
	// pending tells that a blank comes before the next byte.
	pending, begun bool
}

// next returns the next byte that counts; not ok at the end.
func (f *folded) next() (b byte, ok bool) {
	for f.at < len(f.text) {
		i := f.at
		b = f.text[i]
		switch c := classes[b]; {
		case c == blank:
			f.at++
			f.pending = f.begun
			continue
		case c == silent && !f.joins(i):
			f.at++
			continue
		case b == '-' && i > 0 && isLetter(f.text[i-1]) && i+1 < len(f.text) && isLetter(f.text[i+1]):
			f.at++
			f.pending = true
			continue
		}
		if f.pending {
			f.pending = false
			return ' ', true
		}
		f.at++
		f.begun = true
		if isUpper(b) && (i == 0 || !isLetter(f.text[i-1])) && i+1 < len(f.text) && !isUpper(f.text[i+1]) && isLetter(f.text[i+1]) {
			b |= 0x20
		}
		return b, true
	}
	return 0, false
}

// joins tells whether punctuation stands within a number or a word, where it means something:
// 1.5, 10:30, a.b, don't; and f(x), x_1, C#.
func (f *folded) joins(i int) bool {
	return f.text[i] == '#' && i > 0 && classes[f.text[i-1]] == kept ||
		i > 0 && i+1 < len(f.text) && classes[f.text[i-1]] == kept && classes[f.text[i+1]] == kept ||
		i+1 < len(f.text) && f.text[i] == '.' && isDigit(f.text[i+1])
}

// normal is what counts of a passage.
func normal(text string) string {
	f := folded{text: text}
	out := make([]byte, 0, len(text))
	for {
		b, ok := f.next()
		if !ok {
			return string(out)
		}
		out = append(out, b)
	}
}

// sketched are the bytes that are in a sketch, as they are there.
var sketched = func() (t [256]byte) {
	for b := range 256 {
		switch b := byte(b); {
		case isUpper(b):
			t[b] = b | 0x20
		case isLetter(b), isDigit(b), b >= 0x80:
			t[b] = b
		}
	}
	return t
}()

// sketch is a hash of a passage's letters and digits (FNV-1a). Passages that are normally the
// same have the same one, and it takes a small part of the time.
func sketch(text string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(text) {
		if b := sketched[text[i]]; b != 0 {
			h = (h ^ uint64(b)) * 1099511628211
		}
	}
	return h
}
