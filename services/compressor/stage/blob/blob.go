// Package blob leaves out data that is text in form only: base64 and hexadecimal of 256
// characters and more, in one run or in lines, as in data URLs, PEM files and mail, and one
// character 512 times and more. In JSON, one run that is no data URL is left out from 2,048 on.
//
// A mark stands in its place, with the form, the size and the name to fetch it by:
//
//	[base64, 12,345 bytes, omitted 0123456789abcdef]
//
// It stands as well within a string of JSON. What a model may have to repeat stays: what a name
// says to be a token, a cursor, a key, an id or the like, whatever its size; other keys,
// hashes and signatures are shorter, tokens with dots (JWT) and parts of URLs are told by what
// is around them, and text of words by its letters. Code stays as it is, with a fence or without, and in
// users' messages JSON, inline code and what is in quotation marks as well. All of it stays where the user
// needs the text to the letter, such as to have it decoded; and below 4,096 characters, in strings of
// JSON, where a tool may be called with it next.
package blob

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/protect"
)

const (
	// least is the size of data that is left out, in characters.
	least = 256
	// leastInJSON is that of one run in a string of JSON that is no data URL: it may be a name.
	leastInJSON = 2048
	// leastHandedOn is that of any data in a string of JSON that another call may have to have: what is
	// larger hardly a model writes again.
	leastHandedOn = 4096
	// leastRun is how often one character stands in a row that is left out.
	leastRun = 512
	// leastLine is the length of the lines that data is parted into.
	leastLine = 60
)

// Stage is the stage blob.
type Stage struct{}

// Name is blob.
func (Stage) Name() string { return "blob" }

// Loses tells that the data is gone.
func (Stage) Loses() bool { return true }

// Apply is compressor.Stage's.
func (Stage) Apply(ctx context.Context, draft *prompt.Draft) error {
	for _, t := range draft.Texts {
		if err := ctx.Err(); err != nil {
			return err
		}
		if t.Locked || t.Verbatim || len(t.Current()) < least {
			continue
		}
		text, err := elide(ctx, t)
		if err != nil {
			return err
		}
		t.Replace(text)
	}
	return nil
}

// fixed are the spans that stay in a text.
func fixed(kind prompt.Kind) protect.Kind {
	if kind == prompt.ToolResult {
		return protect.Code
	}
	return protect.Block | protect.Inline | protect.Quote
}

// elide puts marks in place of data.
func elide(ctx context.Context, t *prompt.Text) (string, error) {
	text, of := t.Current(), t.Kind
	var out []byte
	var stay, sources, json []protect.Span
	var names *protect.Names
	done := 0
	for at := 0; at < len(text); {
		start, end, kind := find(text, at)
		if kind == "" {
			break
		}
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if names == nil {
			stay, names = protect.Of(text, fixed(of)), protect.NewNames(text)
			sources, json = protect.Sources(text), protect.Of(text, protect.JSON)
		}
		inJSON := protect.Touches(json, start, end)
		if at = end; protect.Touches(stay, start, end) || protect.Touches(sources, start, end) && !inJSON || of != prompt.ToolResult && quoted(text, start, end) {
			continue
		}
		if kind != same && (inJSON && t.HandedOn && end-start < leastHandedOn || isRepeatable(names, text, start, end, inJSON)) {
			continue
		}
		data := text[start:end]
		out = append(out, text[done:start]...)
		out = fmt.Appendf(out, "[%s%s%s]", describe(kind, data), protect.Omitted, t.Omit(data))
		done = end
	}
	if out == nil {
		return text, nil
	}
	return string(append(out, text[done:]...)), nil
}

// quotations are the marks that may be around data.
var quotations = [...]struct{ open, close string }{
	{`"`, `"`}, {"'", "'"}, {"`", "`"}, {"“", "”"}, {"„", "“"}, {"„", "”"}, {"«", "»"}, {"»", "«"}, {"‘", "’"}, {"「", "」"}, {"『", "』"}, {"‹", "›"},
}

// quoted tells whether the word that ends in text[start:end], such as a data URL, stands in
// quotation marks. Package protect finds short quotations only.
func quoted(text string, start, end int) bool {
	const reach = 200
	k := start
	for k > 0 && start-k < reach && text[k-1] > ' ' && text[k-1] < 0x80 && strings.IndexByte("\"'`", text[k-1]) < 0 {
		k--
	}
	for _, q := range quotations {
		if strings.HasSuffix(text[:k], q.open) && strings.HasPrefix(text[end:], q.close) {
			return true
		}
	}
	return false
}

// The kinds of data.
const (
	base64 = "base64"
	hex    = "hex"
	same   = "same"
)

// describe tells kind and size.
func describe(kind, data string) string {
	switch kind {
	case same:
		return fmt.Sprintf("%s times the character %s", grouped(len(data)), name(data[0]))
	case hex:
		return "hex, " + grouped(digits(data)/2) + " bytes"
	default:
		n := digits(data)
		return "base64, " + grouped(n*3/4) + " bytes"
	}
}

// name is how a character of a run is called. Marks stand in strings of JSON too.
func name(b byte) string {
	switch b {
	case ' ':
		return "space"
	case '"':
		return "quote"
	default:
		return string(rune(b))
	}
}

// digits is how many characters of data there are, without line ends and padding.
func digits(data string) (n int) {
	for i := 0; i < len(data); i++ {
		if data[i] == '\\' {
			i++ // an escaped line end
			continue
		}
		if alphabet[data[i]] {
			n++
		}
	}
	return n
}

// grouped writes a number with commas.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// alphabet are the characters of base64 and base64url, without those that fill it up.
var alphabet = func() (t [256]bool) {
	for _, b := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_") {
		t[b] = true
	}
	return t
}()

// find returns the first data from a place on; no kind when there is none.
func find(text string, at int) (start, end int, kind string) {
	for at+leastLine <= len(text) {
		// A stretch without a character that is not of the alphabet is looked for from its
		// last character back, so that most of prose is passed over.
		i := at + leastLine - 1
		for i >= at && alphabet[text[i]] {
			i--
		}
		if i >= at {
			n := repeated(text, i)
			if n >= leastRun && strings.IndexByte("[]{}()", text[i]) >= 0 {
				at = i + n // JSON that nests deep, or the like
				continue
			}
			if n >= leastRun {
				for start = i; start > at && text[start-1] == text[i]; start-- {
				}
				return start, i + n, same
			}
			at = i + 1
			continue
		}
		start, end, kind := data(text, at)
		if kind != "" {
			return start, end, kind
		}
		at = end
	}
	return 0, 0, ""
}

// repeated returns how often the character at i stands around it in a row, from i on. Only
// ASCII is looked at, and nothing that JSON escapes.
func repeated(text string, i int) int {
	b := text[i]
	if b < ' ' || b >= 0x7f || b == '\\' || b == '"' {
		return 0
	}
	n := i
	for n < len(text) && text[n] == b {
		n++
	}
	return n - i
}

// stretch is the run of characters of one alphabet, base64's or base64url's, that begins at i, and
// what fills it up. Where a shorter run of the other one stands before it, as a name does, it
// begins behind that.
func stretch(text string, i int) (start, end int) {
	start = i
	plain, url := -1, -1 // where a character of one alphabet alone was last
	for ; i < len(text) && alphabet[text[i]]; i++ {
		mine, other := &plain, &url
		switch text[i] {
		case '-', '_':
			mine, other = &url, &plain
		case '+', '/':
		default:
			continue
		}
		if *other >= start {
			if i-start >= least {
				return start, i
			}
			start = *other + 1
		}
		*mine = i
	}
	for end = i; end < len(text) && end < i+2 && text[end] == '='; {
		end++
	}
	return start, end
}

// named returns where data begins behind the words of a path: at its end where all of it is words.
func named(text string, start, end int) int {
	for {
		from := start
		if from < end && text[from] == '/' {
			from++
		}
		n := strings.IndexByte(text[from:min(from+leastLine, end)], '/')
		if n < 1 || !word(text[from:from+n]) {
			return start
		}
		start = from + n + 1
	}
}

// word tells whether a short text may be words, joined or one by one, or a number: letters of one
// case, with a capital in front or without, and then digits.
func word(s string) bool {
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '-' || r == '_' || r == '/' }) {
		letters := strings.TrimRight(part, "0123456789")
		if len(part)-len(letters) > 4 && letters != "" {
			return false
		}
		for letters != "" && strings.ToUpper(letters) != letters {
			n := 1
			for n < len(letters) && letters[n] >= 'a' && letters[n] <= 'z' {
				n++
			}
			if n < 3 && n < len(letters) || strings.ContainsAny(letters[:n], "+0123456789") {
				return false
			}
			letters = letters[n:]
		}
		if strings.ContainsAny(letters, "+0123456789") {
			return false
		}
	}
	return true
}

// ends are what parts lines of data; in strings of JSON they are escaped.
var ends = [...]string{"\n", "\r\n", `\n`, `\r\n`}

// lineEnd is the line end at i, nothing where there is none.
func lineEnd(text string, i int) string {
	for _, s := range ends {
		if strings.HasPrefix(text[i:], s) {
			return s
		}
	}
	return ""
}

// data tells whether what begins at start, in one run or in lines of the same length, is data.
// It returns where to go on if not. The last of three lines and more may be shorter, if base64 can
// end with it and it is no word.
func data(text string, at int) (start, end int, kind string) {
	start, end = stretch(text, at)
	width := end - start
	if n := repeated(text, start); n >= leastRun && n == width {
		return start, end, same
	}
	lines, length, ended := 1, width, false
	for {
		sep := lineEnd(text, end)
		if sep == "" {
			break
		}
		from, next := stretch(text, end+len(sep))
		n := next - from
		if n == 0 || n > width || from != end+len(sep) || next < len(text) && strings.IndexByte("\n\r\"\\'", text[next]) < 0 {
			break
		}
		if n < width && (lines < 2 || !last(text[from:next], text[start:end], length)) {
			break
		}
		end = next
		length += n
		lines++
		if n < width {
			ended = true
			break
		}
	}
	if lines > 1 && !ended && text[end-1] != '=' {
		return start, end, "" // a list of hashes or tokens
	}
	if end-start < least || address(text, start) || part(text, start, end) {
		return start, end, ""
	}
	if lines == 1 {
		if start = named(text, start, end); start == end {
			return start, end, ""
		}
	}
	return start, end, classify(text[start:end])
}

// last tells whether a line can be the end of data of some length in lines before it: it is filled
// up, or makes up the length, and is no word.
func last(line, before string, length int) bool {
	if line[len(line)-1] == '=' {
		return (length+len(line))%4 == 0
	}
	if strings.Contains(line, "--") || word(line) { // the last line of PEM
		return false
	}
	if classify(before) == hex {
		return strings.Trim(line, "0123456789abcdefABCDEF") == "" && len(line)%2 == 0
	}
	return (length+len(line))%4 == 0
}

// address tells whether what begins at i is a part of a URL: there is a :// in the word.
func address(text string, i int) bool {
	const reach = 2000
	k := i
	for k > 0 && i-k < reach && text[k-1] > ' ' && strings.IndexByte("\"'<>()`", text[k-1]) < 0 {
		k--
	}
	return strings.Contains(text[k:i], "://")
}

// part tells whether a dot joins it with more of its kind, as in a JWT.
func part(text string, start, end int) bool {
	return start > 1 && text[start-1] == '.' && alphabet[text[start-2]] ||
		end+1 < len(text) && text[end] == '.' && alphabet[text[end+1]]
}

// classify says what data is by its characters; nothing when it may be words.
func classify(data string) string {
	var seen [256]bool
	var lower, upper, digit, beyond, distinct, n int
	for i := 0; i < len(data); i++ {
		b := data[i]
		switch {
		case b == '\\':
			i++
			continue
		case b == '\n' || b == '\r':
			continue
		case b >= '0' && b <= '9':
			digit++
		case b >= 'a' && b <= 'z':
			lower++
		case b >= 'A' && b <= 'Z':
			upper++
		}
		n++
		if (b|0x20) > 'f' && (b|0x20) <= 'z' || b == '+' || b == '/' || b == '-' || b == '_' || b == '=' {
			beyond++
		}
		if !seen[b] {
			seen[b] = true
			distinct++
		}
	}
	switch {
	case beyond == 0 && digit*4 > n && (lower+upper)*8 > n && (lower == 0 || upper == 0) && distinct >= 10:
		return hex
	case distinct >= 32 && lower*6 > n && upper*6 > n && digit*20 > n && digit*3 < n:
		return base64
	default:
		return ""
	}
}
