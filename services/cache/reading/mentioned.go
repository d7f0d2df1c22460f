package reading

import "strings"

// Here is what shows that a word is asked about as it is written, so that it isn't the same as what it is short for.

var (
	// mentioning are words before one that is asked about.
	mentioning = Set("contraction contractions word words write writing written say saying pronounce expand abbreviate between vs versus " +
		"shorten uncontract")
	// forming are words behind which "of" or "for" leads to it.
	forming = Set("contraction form forms short expansion meaning definition abbreviation use usage word spelling pronunciation shorthand")
	// meant are words behind it: what does won't mean.
	meant = Set("mean means stand stands")
	// judged are words behind it that say what kind of word it is: is don't one word.
	judged = Set("one a an two the short correct grammatically formal informal proper slang same acceptable contraction")
	// counting are words of how many words something is written as.
	counting = Set("one two single separate 1 2")
	// within are words before a number of words that is the length of an answer.
	within = Set("in with into of using by just only for there")
)

// ofWord reports whether a text asks about a contraction, or whether something is one word or two.
func ofWord(s string) bool {
	const most = 24 // words of a question that is about one
	const few = 6   // and of one that asks which of two is right
	tokens := strings.Fields(strings.ToLower(strings.ReplaceAll(s, "’", "'")))
	if len(tokens) > most {
		return false
	}
	for i := range tokens {
		tokens[i] = strings.Trim(tokens[i], "\"`?.,:;!()")
		if n := len(tokens[i]); n > 2 && tokens[i][0] == '\'' && tokens[i][n-1] == '\'' {
			tokens[i] = tokens[i][1 : n-1]
		}
	}
	at := func(i int) string {
		if i < 0 || i >= len(tokens) {
			return ""
		}
		return tokens[i]
	}
	for i, t := range tokens {
		before, after := at(i-1), at(i+1)
		switch {
		case (t == "word" || t == "words") && counting[before] && !worded(tokens[:i]):
			return true
		case strings.Contains(t, "-") && hyphenated(t) && (before == "say" || before == "pronounce" || before == "written" ||
			i > 0 && after == "written" && i+2 == len(tokens) || before == "write" && i+1 == len(tokens)):
			return true
		case !contraction(t):
			continue
		case mentioning[before], (before == "of" || before == "for") && forming[at(i-2)],
			(before == "the" || before == "a") && mentioning[at(i-2)]:
			return true
		case meant[after] && (before == "does" || before == "do" || before == "did" || before == "would"), after == "vs", after == "versus":
			return true
		case len(tokens) <= few && (after == "or" || before == "or"):
			return true
		case (before == "is" || before == "are" || before == "was") && (judged[after] || after == "written" || after == "short"):
			return true
		}
	}
	return false
}

// worded reports whether what stands before "word" and the like says how long an answer is to be: in one word.
func worded(before []string) bool {
	if len(before) < 2 || functions[before[0]]&auxiliary == 0 && before[0] != "written" {
		return true
	}
	for _, w := range before[:len(before)-1] {
		if within[w] {
			return true
		}
	}
	return false
}

// contraction reports whether a word in small letters stands for two: don't, it's, gonna.
func contraction(w string) bool {
	if len(runTogether[w]) > 1 {
		return true
	}
	i := strings.LastIndexByte(w, '\'')
	if i <= 0 {
		return false
	}
	switch w[i+1:] {
	case "m", "re", "ve", "ll", "d":
		return true
	case "t":
		return i > 1 && w[i-1] == 'n'
	case "s":
		return functions[w[:i]]&(pronoun|asking) != 0 || w[:i] == "let"
	}
	return false
}

// hyphenated reports whether a word is letters with hyphens between.
func hyphenated(w string) bool {
	return asciiLetter(w[0]) && asciiLetter(w[len(w)-1]) && strings.Trim(w, "abcdefghijklmnopqrstuvwxyz-") == ""
}
