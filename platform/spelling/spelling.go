// Package spelling finds what somebody meant to write.
package spelling

import "strings"

// Nearest returns the candidate nearest to word, or "" when none is near enough to be a slip. Case, hyphens and
// underscores do not count.
func Nearest(word string, candidates []string) string {
	best, least := "", 1+max(2, len(word)/3)
	w := fold(word)
	for _, c := range candidates {
		if d := distance(w, fold(c), least); d < least {
			best, least = c, d
		}
	}
	return best
}

// fold makes maxSpend, max-spend and max_spend the same word.
func fold(s string) string {
	if len(s) > 64 {
		s = s[:64]
	}
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(s))
}

// distance is the optimal-string-alignment distance (insert, delete, substitute, swap of neighbours), cut off at
// limit. Source: E. Ukkonen, "Algorithms for approximate string matching", 1985, with Damerau's swap.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit {
		return limit
	}
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return min(prev[len(b)], limit)
}
