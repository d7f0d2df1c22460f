package reading

import "strings"

// substances are endings that tell substances apart that are called alike, and what is done with them from
// them: sulfide, sulfite and sulfate, butane and butyne, maltose and maltase.
var substances = [...]string{"ine", "ene", "ane", "yne", "one", "ide", "ite", "ate", "ase", "ose", "ol", "al", "yl", "in", "ium", "ous", "ic"}

// ending is the length of the ending that a word has of those.
func ending(s string) int {
	for _, e := range substances {
		if strings.HasSuffix(s, e) {
			return len(e)
		}
	}
	return 0
}

// Substance reports whether a word ends as names of substances do.
func Substance(s string) bool { return ending(s) > 0 }

// Substances reports whether two words are one but for another of the endings that tell substances apart.
func Substances(a, b string) bool {
	m, n := ending(a), ending(b)
	return m > 0 && n > 0 && a != b && a[:len(a)-m] == b[:len(b)-n]
}
