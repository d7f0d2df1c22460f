// Package wordset makes sets of the lists of words that are written in source.
package wordset

import "strings"

// Of is a set of words, or of phrases.
func Of(words ...string) map[string]bool {
	all := make(map[string]bool, len(words))
	for _, w := range words {
		all[w] = true
	}
	return all
}

// Fields is the set of the words of a text that white space sets apart.
func Fields(text string) map[string]bool { return Of(strings.Fields(text)...) }
