package obs

import "tollgate.dev/platform/secret"

// Scrub replaces by [secret.Redacted] what looks like a credential: OpenAI's,
// Anthropic's and Tollgate's sk-…, Groq's gsk_…, Google's AIza…, the value after
// "Bearer" or "Basic", and the password in a URL. It is the net below the types of
// package secret, not their replacement: a prompt can't be recognised by its looks.
// Text without a finding comes back as it is, without an allocation.
func Scrub(s string) string {
	var out []byte
	kept := 0
	for i := 0; i < len(s); {
		from, to := credential(s, i)
		if to == 0 {
			i++
			continue
		}
		out = append(append(out, s[kept:from]...), secret.Redacted...)
		i, kept = to, to
	}
	if out == nil {
		return s
	}
	return string(append(out, s[kept:]...))
}

// credential finds a credential whose mark begins at i, and returns the range to
// replace; to is 0 when there is none.
func credential(s string, i int) (from, to int) {
	const least = 8 // fewer characters are a word that happens to follow the mark
	switch s[i] {
	case 's':
		return prefixed(s, i, "sk-", least)
	case 'g':
		return prefixed(s, i, "gsk_", least)
	case 'A':
		return prefixed(s, i, "AIza", least)
	case 'B', 'b':
		for _, scheme := range [...]string{"bearer", "basic"} {
			if !hasFold(s[i:], scheme) {
				continue
			}
			from = i + len(scheme)
			start := from
			for from < len(s) && (s[from] == ' ' || s[from] == '\t') {
				from++
			}
			to = from
			for to < len(s) && (isWord(s[to]) || s[to] == '.' || s[to] == '~' || s[to] == '+' || s[to] == '/' || s[to] == '=') {
				to++
			}
			if from > start && to-from >= least {
				return from, to
			}
		}
	case ':':
		return userinfo(s, i)
	}
	return 0, 0
}

// prefixed finds mark and at least so many key characters. Inside a longer word, as in
// "task-force", it takes only what is too long and too random to be one.
func prefixed(s string, i int, mark string, least int) (from, to int) {
	if len(s)-i < len(mark)+least || s[i:i+len(mark)] != mark {
		return 0, 0
	}
	digits := 0
	to = i + len(mark)
	for to < len(s) && isWord(s[to]) {
		if '0' <= s[to] && s[to] <= '9' {
			digits++
		}
		to++
	}
	n := to - i - len(mark)
	if n < least || insideWord(s, i) && (n < 20 || digits == 0) {
		return 0, 0
	}
	return i, to
}

// insideWord reports whether a letter or digit stands before i that is not the end of
// an escape such as \n, which encoded text has.
func insideWord(s string, i int) bool {
	if i == 0 || s[i-1] == '-' || s[i-1] == '_' || !isWord(s[i-1]) {
		return false
	}
	return i < 2 || s[i-2] != '\\'
}

// userinfo finds the password of "://user:password@".
func userinfo(s string, i int) (from, to int) {
	const mark = "://"
	if len(s)-i < len(mark) || s[i:i+len(mark)] != mark {
		return 0, 0
	}
	for j := i + len(mark); j < len(s); j++ {
		switch c := s[j]; {
		case c == '@':
			if from > 0 && j > from {
				return from, j
			}
			return 0, 0
		case c == ':' && from == 0:
			from = j + 1
		case c == '/' || c == '?' || c == '#' || c == '"' || c == '\\' || c <= ' ':
			return 0, 0
		}
	}
	return 0, 0
}

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// hasFold reports whether s begins with lower, whatever the case of its ASCII letters.
func hasFold(s, lower string) bool {
	if len(s) < len(lower) {
		return false
	}
	for i := range len(lower) {
		if s[i]|0x20 != lower[i] {
			return false
		}
	}
	return true
}
