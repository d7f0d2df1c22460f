package blob

import (
	"strings"
	"unicode"
)

// isRepeatable tells whether data may be what a later call has to say again, such as the token of
// the next page: its name says so, or it is not large for a string of JSON and nothing says that it
// is data.
func isRepeatable(text string, start, end int, inJSON bool) bool {
	const reach = 200
	lead := text[max(0, start-reach):start]
	if strings.HasSuffix(lead, "base64,") {
		return false // a data URL
	}
	if isHandle(nameBefore(lead)) {
		return true
	}
	return inJSON && end-start < leastInJSON && !strings.ContainsAny(text[start:end], "\\\n")
}

// nameBefore is the name of the member, the field or the variable whose value begins in a text;
// empty when there is none.
func nameBefore(lead string) string {
	if i := strings.LastIndexAny(lead, "\"\n"); i >= 0 && lead[i] == '"' {
		lead = lead[:i] // the value's own begin
	}
	lead = strings.TrimRight(lead, " \t\\")
	if !strings.HasSuffix(lead, ":") && !strings.HasSuffix(lead, "=") {
		return ""
	}
	lead = strings.TrimRight(lead[:len(lead)-1], " \t\\\"'")
	return lead[strings.LastIndexFunc(lead, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-.@$", r)
	})+1:]
}

// handles are words of names whose values are repeated as they are.
var handles = func() map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields(`token cursor next prev previous page pagination state signature sig sign key id uid uuid session continuation continue
		offset marker anchor nonce etag ticket handle ref reference resume after before since secret credential auth authorization cookie csrf hash digest checksum
		bookmark position checkpoint scroll pit receipt version`) {
		all[w] = true
	}
	return all
}()

// isHandle tells whether one of a name's words is of [handles], in the singular or the plural:
// next_page_token, nextPageToken, sessionIDs.
func isHandle(name string) bool {
	runes := []rune(name)
	for start := 0; start < len(runes); {
		end := start
		for end < len(runes) && unicode.IsLetter(runes[end]) {
			if end > start && unicode.IsUpper(runes[end]) && (!unicode.IsUpper(runes[end-1]) || end+1 < len(runes) && unicode.IsLower(runes[end+1]) && runes[end+1] != 's') {
				break
			}
			end++
		}
		if word := strings.ToLower(string(runes[start:end])); handles[word] || handles[strings.TrimSuffix(word, "s")] {
			return true
		}
		start = max(end, start+1)
	}
	return false
}
