package tokens

// The expressions that the encodings split text by, before they merge what is between the
// cuts. They look ahead and never behind: what follows a cut is split as if nothing had been
// before it. Source: openai/tiktoken, tiktoken_ext/openai_public.py, as the tokenizer library
// writes them.
//
// cl100k_base:
//
//	(?i:'s|'t|'re|'ve|'m|'ll|'d)
//	[^\r\n\p{L}\p{N}]?\p{L}+
//	\p{N}{1,3}
//	 ?[^\s\p{L}\p{N}]+[\r\n]*
//	\s*[\r\n]+
//	\s+(?!\S)
//	\s+
//
// o200k_base has in place of the first two, with U for [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}], L for
// [\p{Ll}\p{Lm}\p{Lo}\p{M}], and C for the first of the above,
//
//	[^\r\n\p{L}\p{N}]?U*L+C?
//	[^\r\n\p{L}\p{N}]?U+L*C?
//
// and [\r\n/]* after punctuation.

// nextCL100k returns where the piece ends that begins at text[i], in cl100k_base.
func (t *classes) nextCL100k(text string, i int) int {
	if text[i] == '\'' {
		if end := contraction(text, i); end > i {
			return end
		}
	}
	first, size := t.at(text, i)
	after := i + size
	switch {
	case first&letter != 0:
		return t.run(text, after, letter)
	case first&lead != 0 && after < len(text):
		second, size := t.at(text, after)
		if second&letter != 0 {
			return t.run(text, after+size, letter)
		}
	}
	if end := t.punctuation(text, i); end > i {
		return t.run(text, end, newline)
	}
	return t.rest(text, i)
}

// nextO200k returns where the piece ends that begins at text[i], in o200k_base.
func (t *classes) nextO200k(text string, i int) int {
	first, size := t.at(text, i)
	if first&(letter|lead) != 0 {
		if end := t.word(text, i, first, size); end > i {
			return contraction(text, end)
		}
	}
	if end := t.punctuation(text, i); end > i {
		for end < len(text) && (text[end] == '\n' || text[end] == '\r' || text[end] == '/') {
			end++
		}
		return end
	}
	return t.rest(text, i)
}

// word returns where a word of o200k_base ends, without its contraction, or i where none
// begins. A word ends in L, so U* gives back what it took after the last character that is in
// both; one that has no such character is U+ alone.
func (t *classes) word(text string, i int, first class, size int) int {
	start := i
	if first&lead != 0 {
		start += size
	}
	end, shared := start, 0
	for end < len(text) {
		c, size := t.at(text, end)
		if c&capital == 0 {
			if c == lower {
				return t.run(text, end+size, small)
			}
			break
		}
		end += size
		if c != upper {
			shared = end
		}
	}
	switch {
	case shared > 0:
		return shared
	case first == mark: // not in front of a word, but one
		return start
	case end > start:
		return end
	default:
		return i
	}
}

// punctuation returns where a run of punctuation ends, with a space in front or without, or
// i where none begins.
func (t *classes) punctuation(text string, i int) int {
	start := i
	if text[i] == ' ' {
		start++
	}
	if end := t.run(text, start, punct); end > start {
		return end
	}
	return i
}

// rest returns where up to three digits end, or blanks: after the last newline among them,
// or before the last of them where something follows.
func (t *classes) rest(text string, i int) int {
	if end := i; t.is(text, end, number) {
		for digits := 0; digits < 3 && t.is(text, end, number); digits++ {
			_, size := t.at(text, end)
			end += size
		}
		return end
	}
	end, last, line := i, i, i
	for end < len(text) {
		c, size := t.at(text, end)
		if c&blank == 0 {
			break
		}
		last = end
		end += size
		if c == newline {
			line = end
		}
	}
	switch {
	case line > i:
		return line
	case end == len(text) || last == i:
		return end
	default:
		return last
	}
}

// is tells whether a character of a kind is at text[i].
func (t *classes) is(text string, i int, of class) bool {
	if i >= len(text) {
		return false
	}
	c, _ := t.at(text, i)
	return c&of != 0
}

// contraction returns where 's, 't, 're, 've, 'm, 'll or 'd ends, in small or capital letters,
// or i where there is none. The long s is an s.
func contraction(text string, i int) int {
	if i+1 >= len(text) || text[i] != '\'' {
		return i
	}
	const toLower = 0x20
	second := byte(0)
	if i+2 < len(text) {
		second = text[i+2]
	}
	switch text[i+1] | toLower {
	case 's', 't', 'm', 'd':
		return i + 2
	case 'r', 'v':
		if second|toLower == 'e' {
			return i + 3
		}
	case 'l':
		if second|toLower == 'l' {
			return i + 3
		}
	case "ſ"[0] | toLower:
		if text[i+1] == "ſ"[0] && second == "ſ"[1] {
			return i + 3
		}
	}
	return i
}
