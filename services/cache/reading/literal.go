package reading

import (
	"slices"
	"strings"
	"unicode"
)

// literal reports whether every sign of a text counts: it looks like program text, markup, a command or
// a formula, or asks something about a text as it stands. A name between backticks doesn't make it so.
func literal(s string) bool {
	return program(s) || strings.Contains(s, "\n ") || notation(s) || ofText(s) || ofWord(s) || verbatim(s) || queried(s) || matched(s)
}

// program reports whether a text looks like program text or markup.
func program(s string) bool {
	if strings.Contains(s, "```") || strings.Contains(s, "\n\t") || strings.Contains(s, "\n  ") ||
		strings.Contains(s, "</") || strings.Contains(s, "/>") {
		return true
	}
	signs := 0
	for i := range len(s) {
		switch s[i] {
		case '{', '}', ';', '=', '<', '>', '\\', '|':
			signs++
		}
	}
	return signs >= 3
}

// notation reports whether signs stand in a text as in program text and formulas: braces and
// operators, brackets that call or index, that group or list, flags, primes, escapes and sigils.
// What is between backticks is a name, however it is spelled, and so is a function with nothing in
// its brackets.
func notation(s string) bool {
	name := false
	inside := bracket{text: s}
	for i := range len(s) {
		if s[i] == '`' {
			name = !name
		}
		if name {
			continue
		}
		var before, after byte = ' ', ' '
		if i > 0 {
			before = s[i-1]
		}
		if i+1 < len(s) {
			after = s[i+1]
		}
		switch s[i] {
		case '{', '}', '=', '<', '>', '\\', '|':
			return true
		case '(', '[':
			if asciiWord(before) || before == '\'' || before == ')' || before == ']' {
				if rest := s[i:]; declared(s[:i], rest) ||
					!strings.HasPrefix(rest, "()") && !strings.HasPrefix(rest, "(s)") && !strings.HasPrefix(rest, "(es)") {
					return true
				}
			}
			if inside.groups(i + 1) {
				return true
			}
		case ')', ']':
			if strings.IndexByte("*/^%+", after) >= 0 || after == '-' && i+2 < len(s) && asciiWord(s[i+2]) {
				return true
			}
		case '*', '^', '+':
			if asciiWord(before) && asciiWord(after) {
				return true
			}
		case '!', '"':
			if asciiDigit(before) {
				return true
			}
		case '\'':
			if asciiDigit(before) && after != 's' || before == '\'' {
				return true
			}
		case '-': // a flag
			if before == ' ' && (asciiLetter(after) || after == '-' && i+2 < len(s) && asciiLetter(s[i+2])) {
				return true
			}
		case '@', '#', '$', '%':
			if !asciiWord(before) && asciiLetter(after) {
				return true
			}
		case '&', ':':
			if after == s[i] || s[i] == ':' && after == '=' {
				return true
			}
		}
	}
	return false
}

// declaring are words before the name of a function that is declared, and are none before one that is spoken of.
var declaring = Set("func def fn void")

// declared reports whether brackets with nothing in them belong to a declaration: func f() (int, error).
func declared(before, rest string) bool {
	if !strings.HasPrefix(rest, "()") {
		return false
	}
	next := strings.TrimLeft(rest[len("()"):], " ")
	const longest = 80 // a name
	words := strings.Fields(before[max(0, len(before)-longest):])
	return next != "" && strings.IndexByte("([*:{", next[0]) >= 0 && rest[len("()")] != ':' ||
		len(words) > 1 && declaring[words[len(words)-2]]
}

// clauses are words in capitals that statements of SQL begin with, and those of which one stands behind each.
var clauses = map[string]string{"SELECT": "FROM", "DELETE": "FROM", "INSERT": "INTO", "UPDATE": "SET", "CREATE": "TABLE", "ALTER": "TABLE", "DROP": "TABLE"}

// databases are words of a text that speaks of SQL.
var databases = Set("sql mysql postgresql postgres sqlite mariadb tsql plsql")

// conditions are operators of SQL that are words of prose as well.
var conditions = [...]string{" is null ", " is not null ", " not null ", " not in ", " not exists ", " not like ", " not between "}

// conditioned reports whether an operator of SQL stands in a text that speaks of it: is not null in sql. What null
// is, is prose.
func conditioned(s string) bool {
	words := strings.FieldsFunc(strings.ToLower(s), func(c rune) bool { return !unicode.IsLetter(c) })
	if !slices.ContainsFunc(words, func(w string) bool { return databases[w] }) {
		return false
	}
	text := " " + strings.Join(words, " ") + " "
	for _, c := range conditions {
		if strings.Contains(text, c) && !strings.Contains(text, " what"+c) {
			return true
		}
	}
	return false
}

// queried reports whether a statement of SQL stands in a text, of whose names case may count.
func queried(s string) bool {
	if conditioned(s) {
		return true
	}
	want := ""
	for w := range strings.FieldsFuncSeq(s, func(c rune) bool { return !unicode.IsLetter(c) && c != '_' }) {
		if next := clauses[w]; next != "" {
			want = next
		} else if w == want {
			return true
		}
	}
	return false
}

// expressions are words of a text about patterns; what matches may be a game as well.
var (
	expressions = Set("regex regexp regexes glob pattern wildcard")
	// matching are verbs of what patterns do: what does [ab] match.
	matching = Set("match matches matched matching")
)

// matched reports whether a pattern in brackets stands in a text that speaks of patterns, or asks what it
// matches.
func matched(s string) bool {
	var about, asks, set, group bool
	for w := range strings.FieldsSeq(s) {
		plain := strings.ToLower(strings.TrimRight(w, "?.,!"))
		about, asks = about || expressions[plain], asks || matching[plain]
		n := len(w)
		set = set || n > 2 && w[0] == '[' && strings.IndexByte(w, ']') > 0
		group = group || n > 2 && w[0] == '(' && strings.IndexByte(w, ')') > 0
	}
	return about && (set || group) || asks && set
}

// logic are words that join what brackets hold, or stand beside it: (A or B) and C.
var logic = Set("and or not xor nand nor")

// bracket tells what stands in brackets. It goes over a text once, however many of them open.
type bracket struct {
	text    string
	end     int  // where the next one closes
	comma   int  // where the last comma before that is
	joint   int  // where the last word of logic before it begins
	letter  int  // where the last single letter is that may be joined
	another bool // a word of logic stands behind it
}

// groups reports whether what stands from i on, behind an opening bracket, is a list of numbers, or joined by
// a word of logic between letters or beside another one, so that the bracket says what belongs together:
// (A or B) and C. What only adds something is prose: a diet (not a fast). It is asked from the beginning of
// the text to its end.
func (b *bracket) groups(i int) bool {
	if b.end == 0 || i > b.end {
		b.look(i)
	}
	switch {
	case b.end == len(b.text): // none closes
		return false
	case i < b.end && asciiDigit(b.text[i]) && b.comma >= i:
		return true
	case b.joint < i:
		return false
	case b.letter >= i || b.another:
		return true
	}
	before := strings.TrimRight(b.text[:i-1], " ")
	before = before[max(0, len(before)-len(" nand")):]
	return logic[strings.ToLower(before[strings.LastIndexByte(before, ' ')+1:])]
}

// look reads from i on up to the next bracket that closes.
func (b *bracket) look(i int) {
	b.comma, b.joint, b.letter = -1, -1, -1
	n := strings.IndexAny(b.text[i:], ")]")
	if n < 0 {
		b.end = len(b.text)
		return
	}
	b.end = i + n
	for from, at := i, i; at <= b.end; at++ {
		switch c := b.text[at]; {
		case c == ',':
			b.comma = at
		case c <= ' ' || c == '(' || c == '[' || at == b.end:
			w := b.text[from:at]
			if logic[strings.ToLower(w)] {
				b.joint = from
			}
			if len(w) == 1 && w != "a" && w != "I" && asciiWord(w[0]) {
				b.letter = from
			}
			from = at + 1
		}
	}
	next, _, _ := strings.Cut(strings.TrimLeft(b.text[b.end+1:min(len(b.text), b.end+1+80)], " "), " ")
	b.another = logic[strings.ToLower(next)]
}

// tasks are words of what is asked about a text itself.
var tasks = Set("translate translates translation translated spell spells spelling spelled spelt misspell misspelled misspelling " +
	"proofread grammar grammatical grammatically punctuate punctuation capitalize capitalise capitalized uppercase lowercase " +
	"syllable syllables anagram anagrams palindrome palindromes conjugate plural pluralize singular md5 sha1 sha256 sha512 crc32 base64 rot13 " +
	"hexadecimal checksum encode decode letters characters vowels consonants typo typos " +
	"apostrophe apostrophes hyphen hyphens hyphenate hyphenated")

// ofText reports whether something is asked about a text as it stands: to translate or correct it,
// how it is spelled, how many letters it has, its hash.
func ofText(s string) bool {
	last := ""
	for w := range strings.FieldsFuncSeq(strings.ToLower(s), func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }) {
		if tasks[w] {
			return true
		}
		last = w
	}
	return last == "correct" || strings.Contains(strings.ToLower(s), "correct:")
}

func asciiLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

func asciiDigit(b byte) bool { return b >= '0' && b <= '9' }

func asciiWord(b byte) bool { return asciiLetter(b) || asciiDigit(b) }
