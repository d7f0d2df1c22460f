package repeat

func isBlank(b byte) bool { return b == ' ' || b == '\t' || b == '\r' || b == '\n' }

// normal is what counts of a passage: everything but how wide its spaces are, and where its
// lines end that are not indented. Punctuation and capital letters count: "No. Man is …" and
// "No man is …" say the opposite, and (1,234) is below zero.
func normal(text string) string {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		if !isBlank(text[i]) {
			out = append(out, text[i])
			i++
			continue
		}
		indent := -1 // where it begins
		for ; i < len(text) && isBlank(text[i]); i++ {
			if text[i] == '\n' {
				indent = i + 1
			}
		}
		switch {
		case len(out) == 0 || i == len(text):
		case indent >= 0 && indent < i:
			out = append(out, '\n')
			out = append(out, text[indent:i]...)
		default:
			out = append(out, ' ')
		}
	}
	return string(out)
}

// sketch is a hash of a passage without its white space (FNV-1a). Passages that are normally
// the same have the same one, and it takes a small part of the time.
func sketch(text string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(text) {
		if b := text[i]; !isBlank(b) {
			h = (h ^ uint64(b)) * 1099511628211
		}
	}
	return h
}
