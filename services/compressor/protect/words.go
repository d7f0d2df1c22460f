package protect

import "strings"

// run returns the end of the word that begins at i: letters, digits and underscores, and
// between them what joins parts of identifiers, names and numbers.
func (s *scanner) run(i int) int {
	end, _ := s.scan(i)
	return end
}

// scan is run, and tells what the bytes after the first are.
func (s *scanner) scan(i int) (end int, seen trait) {
	text := s.text
	j := i + 1
	for j < len(text) {
		t := traits[text[j]]
		if t&core == 0 {
			if t == 0 || !s.joins(j, t) {
				break
			}
			if t == colon && text[j+1] == ':' {
				j++
			}
		}
		seen |= t
		j++
	}
	return j, seen
}

// joins tells whether the mark at j stands between two parts of one word.
func (s *scanner) joins(j int, t trait) bool {
	switch {
	case t == comma:
		return s.is(j-1, digit) && s.is(j+1, digit)
	case t == colon && s.byteAt(j+1) == ':':
		return s.is(j+2, core)
	case t == dash && s.byteAt(j+1) == '-':
		return false
	default:
		return s.is(j+1, core)
	}
}

// word goes over a word, most often one of prose with nothing to protect.
func (s *scanner) word(i int) int {
	text := s.text
	first := traits[text[i]]
	j, seen := s.scan(i)
	if s.byteAt(j) == ':' {
		if strings.HasPrefix(text[j:], "://") {
			return s.url(i, j+3)
		}
		if j == i+1 && s.byteAt(j+1) == '\\' && first&(lower|upper) != 0 {
			return s.add(i, s.pathEnd(j+2), Path)
		}
	}
	if first&digit != 0 {
		return s.numeral(i, j, seen)
	}
	if seen&^(lower|other) == 0 && first != under {
		switch {
		case s.byteAt(j) == '(' && s.byteAt(j+1) == ')':
			return s.add(i, j+2, ID)
		case first == upper && s.byteAt(j) == ' ' && s.is(j+1, digit) && months[strings.ToLower(text[i:j])]:
			return s.number(i, j+1) // March 12, 2020
		}
		return j
	}
	if kind := s.classify(i, j, first, seen); kind != 0 {
		switch {
		case kind == Address:
			return s.url(i, j)
		case kind == Path && s.byteAt(j) == '/':
			j++
		case s.byteAt(j) == '(' && s.byteAt(j+1) == ')':
			j += 2
		}
		return s.add(i, j, kind)
	}
	return j
}

// classify says what a word is that does not begin with a digit; 0 when it is just a word.
func (s *scanner) classify(i, j int, first, seen trait) Kind {
	word := s.text[i:j]
	switch {
	case seen&at != 0 && seen&dot != 0:
		return Address
	case seen&slash != 0 && (strings.HasPrefix(word, "www.") || s.byteAt(j) == '?'):
		return Address
	case seen&slash != 0 && (seen&(dot|digit|under) != 0 || strings.Count(word, "/") > 1 || s.byteAt(j) == '/'):
		return Path
	case seen&digit != 0:
		return ID
	case seen&dot != 0 && strings.HasPrefix(word, "www."):
		return Address
	case seen&dot != 0 && isFileName(word):
		return Path
	case seen&colon != 0 && strings.Contains(word, "::"):
		return ID
	case (seen|first)&under != 0 && strings.Contains(strings.Trim(word, "_"), "_"):
		return ID
	case seen&upper != 0 && (seen|first)&lower != 0 && isCamelCase(word):
		return ID
	default:
		return 0
	}
}

// isFileName tells whether a word with dots looks like a host's or a file's name: main.go and
// example.com do; e.g, U.S and a full stop without its space do not.
func isFileName(word string) bool {
	first := strings.IndexByte(word, '.')
	last := word[strings.LastIndexByte(word, '.')+1:]
	if first < 2 || len(last) < 2 || len(last) > 6 {
		return false
	}
	for _, b := range []byte(last) {
		if traits[b]&(lower|digit) == 0 {
			return false
		}
	}
	return true
}

// isCamelCase tells whether a capital letter follows a small one.
func isCamelCase(word string) bool {
	for k := 1; k < len(word); k++ {
		if traits[word[k]] == upper && traits[word[k-1]] == lower {
			return true
		}
	}
	return false
}

// path goes on from a dot, slash or tilde, which may begin a path, and a dot a number.
func (s *scanner) path(i int, b byte) int {
	if i > 0 && (s.is(i-1, core) || s.byteAt(i-1) == b) {
		return i + 1
	}
	k := i + 1
	switch b {
	case '.':
		if s.is(k, digit) {
			return s.number(i, k)
		}
		if s.byteAt(k) == '.' {
			k++
		}
		if s.byteAt(k) != '/' && (k != i+1 || !s.is(k, lower)) {
			return k
		}
	case '~':
		if s.byteAt(k) != '/' {
			return k
		}
	default:
		if !s.is(k, core) {
			return k
		}
	}
	if end := s.pathEnd(k); end > k {
		return s.add(i, end, Path)
	}
	return k
}

// pathEnd returns where a path ends that has begun before i.
func (s *scanner) pathEnd(i int) int {
	j := i
	for j < len(s.text) {
		switch b := s.text[j]; {
		case traits[b] != 0 && b != ',' && b != '\'', b == '+', b == '%', b == '=', b == '~', b == '*', b == '\\':
			j++
			continue
		}
		break
	}
	return s.trim(i, j)
}

// url adds an address that begins at i and of which what lies before j is certain.
func (s *scanner) url(i, j int) int {
	end := j
	for end < len(s.text) {
		b := s.text[end]
		// Scripts that are written without spaces end it, and so does what encloses one.
		if b <= ' ' || b >= 0xE0 || b == '<' || b == '>' || b == '"' || b == '`' || b == '|' || b == '\\' || b == 0x7F {
			break
		}
		end++
	}
	end = s.trim(j, end)
	if strings.HasSuffix(s.text[i:end], "://") {
		return end
	}
	return s.add(i, end, Address)
}

// trim takes off the punctuation that ends a sentence and not what stands before it.
func (s *scanner) trim(start, end int) int {
	for end > start {
		switch s.text[end-1] {
		case '.', ',', ';', ':', '!', '?', '\'', '*', '_':
		case ')':
			if part := s.text[start:end]; len(part) > maxQuote || strings.Count(part, "(") >= strings.Count(part, ")") {
				return end
			}
		case ']', '}':
			if part := s.text[start:end]; len(part) > maxQuote || strings.ContainsAny(part, "[{") {
				return end
			}
		case 0xC2: // half of a sign
		default:
			return end
		}
		end--
	}
	return end
}
