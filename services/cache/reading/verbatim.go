package reading

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tollgate.dev/services/cache/lexicon"
)

// Here is what shows that each sign of a text counts although it is no program: brackets of arithmetic,
// paths, commands, and texts that something is to be done with.

// verbatim reports whether a text has any of these.
func verbatim(s string) bool {
	tokens := strings.Fields(s)
	const short = len("a'?")
	if len(tokens) == 1 && len(s) <= short && strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }) {
		return true // a? as an expression
	}
	return grouped(s) || given(s) || command(tokens) || handed(tokens) || edged(tokens) || repeated(tokens)
}

// operators stand between numbers; so do words.
const operators = "+*/×÷^√-"

// operating are words of arithmetic beside brackets, which then say what is computed first.
var operating = Set("plus minus times over by multiplied divided mod modulo squared cubed")

// grouped reports whether brackets say in which order something is computed.
func grouped(s string) bool {
	for i := range len(s) {
		if s[i] != '(' && s[i] != '[' {
			continue
		}
		const longest = 80 // what is longer is no sum, nor a part of one
		n := strings.IndexAny(s[i+1:min(len(s), i+2+longest)], ")]")
		if n < 0 {
			continue
		}
		const deep = 4 // brackets in brackets: of more, those further in are looked at
		inside := s[i+1 : i+1+n]
		if strings.Count(inside, "(")+strings.Count(inside, "[") > deep || !computed(inside) {
			continue
		}
		end := i + n + 2
		before, after := strings.TrimRight(s[max(0, i-longest):i], " "), strings.TrimLeft(s[end:min(len(s), end+longest)], " ")
		prev, _ := utf8.DecodeLastRuneInString(before)
		next, _ := utf8.DecodeRuneInString(after)
		last := before[strings.LastIndexByte(before, ' ')+1:]
		if operated(inside) || before != "" && strings.ContainsRune(operators, prev) ||
			operand(last) && operand(inside) && len(inside) != len("2016") || operating[strings.ToLower(last)] ||
			after != "" && (strings.ContainsRune(operators+"!", next) || valued(next)) {
			return true
		}
		if word, _, _ := strings.Cut(after, " "); operating[strings.ToLower(word)] {
			return true
		}
	}
	return false
}

// computed reports whether a number or the letter of one stands in brackets.
func computed(inside string) bool {
	for f := range strings.FieldsFuncSeq(inside, func(c rune) bool { return unicode.IsSpace(c) || strings.ContainsRune(operators, c) }) {
		if operand(f) {
			return true
		}
	}
	return false
}

// operand reports whether a word is a number, or a letter that may stand for one.
func operand(w string) bool {
	w = strings.ToLower(w)
	if _, ok := amounts[w]; ok || w == "one" {
		return true
	}
	if w != "" && asciiDigit(w[0]) {
		return strings.Trim(w, "0123456789.,") == ""
	}
	return len(w) == 1 && asciiLetter(w[0]) && w != "a" && w != "i"
}

// operated reports whether what stands in brackets is to be computed: numbers with an operator or its word
// between or before them, and nothing else. A span of years isn't.
func operated(inside string) bool {
	if len(inside) == len("1990-1999") && inside[4] == '-' && strings.Trim(inside, "0123456789") == "-" {
		return false
	}
	found := strings.ContainsAny(inside, operators)
	for f := range strings.FieldsFuncSeq(strings.ToLower(inside), func(c rune) bool { return unicode.IsSpace(c) || strings.ContainsRune(operators, c) }) {
		switch {
		case operating[f]:
			found = true
		case !operand(f):
			return false
		}
	}
	return found
}

// edged reports whether a sign stands at a word's edge as in paths, expressions and the commands of editors.
func edged(tokens []string) bool {
	for i, t := range tokens {
		if t[0] == '`' { // a name
			continue
		}
		w := strings.TrimRight(strings.Trim(t, `"`), "?.,;")
		n := len(w)
		if n < 2 {
			continue
		}
		switch {
		case strings.ContainsRune(w, '^'), strings.HasPrefix(w, "./"), strings.HasPrefix(w, "../"), strings.HasPrefix(w, "~/"):
			return true
		case w[0] == '/' && (asciiWord(w[1]) || strings.IndexByte("*._", w[1]) >= 0):
			if !joining[strings.ToLower(w[1:])] { // and /or
				return true
			}
		case w[n-1] == '/' && asciiWord(w[n-2]):
			if i+1 == len(tokens) && !joining[strings.ToLower(w[:n-1])] || strings.ContainsAny(w[:n-1], "/._~") {
				return true
			}
		case w[0] == ':' && asciiLetter(w[1]) && (i == 0 || len(strings.TrimRight(w, "!")) <= 3): // :wq
			return true
		case w[0] == '*' && (asciiWord(w[1]) || w[1] == '*' || w[1] == '.'), w[n-1] == '*' && asciiWord(w[n-2]):
			if w[0] != w[n-1] { // *really*
				return true
			}
		case n <= 3 && asciiLetter(w[0]) && strings.Trim(w[1:], "'") == "": // f'
			return true
		case negated(tokens, i), listing(w):
			return true
		}
	}
	return false
}

// joining are words that a stroke stands beside in prose.
var joining = Set("and or w he she his her him")

// negated reports whether two signs of subtraction and the like stand behind each other between numbers:
// 5--3, 5 - -3.
func negated(tokens []string, i int) bool {
	w := tokens[i]
	if n := strings.Index(w, "--"); n > 0 && n+2 < len(w) && asciiDigit(w[n-1]) && asciiDigit(w[n+2]) {
		return true
	}
	if w == "--" {
		return i > 0 && i+1 < len(tokens) && operand(tokens[i-1]) && operand(tokens[i+1])
	}
	return i > 0 && (w[0] == '-' || w[0] == '+') && asciiDigit(w[1]) && len(tokens[i-1]) == 1 && strings.Contains(operators, tokens[i-1])
}

// listing reports whether a word is single letters or digits with commas between them.
func listing(w string) bool {
	if len(w)%2 == 0 || w[1] != ',' {
		return false
	}
	for i := range len(w) {
		if i%2 == 0 && !asciiWord(w[i]) || i%2 == 1 && w[i] != ',' {
			return false
		}
	}
	return true
}

var (
	// shell are commands that are hardly words of English, so that a text that begins with one is a command.
	shell = Set("cd ls rm cp mv tar grep egrep chmod chown mkdir rmdir sudo scp rsync curl wget kubectl awk sed xargs systemctl")
	// wordy are commands that are words as well, or names.
	wordy = Set("cat find echo touch kill man less head tail sort ln zip unzip gzip diff ping export source ssh git docker npm pip apt brew " +
		"vi vim nano du df ps dd mount umount tee wc uniq cut tr make open start run code cargo yarn go helm")
	// naming are words before the name of a command.
	naming = Set("does do run running type typing command sudo execute executing explain describe use using is between and")
	// opening are verbs before the name of a program that a folder is opened with.
	opening = Set("open opening with")
	// tools are commands that are hardly anything else, wherever they stand.
	tools = Set("git docker npm npx pip ssh vim kubectl cd ls grep chmod chown mkdir rsync curl wget sudo gcc clang cmake pytest eslint")
	// calling are wordy commands whose objects have names in which case counts.
	calling = Set("cat touch source ln git docker npm pip ssh vi vim nano diff unzip zip")
)

// command reports whether a text is a command of a shell, or names one with what it is called with.
func command(tokens []string) bool {
	for i, t := range tokens {
		strong := shell[t]
		if !strong && !wordy[t] || i > 0 && !naming[strings.ToLower(tokens[i-1])] {
			continue
		}
		if i+1 == len(tokens) {
			return false
		}
		arg := tokens[i+1]
		switch {
		case argument(arg), i == 0 && calling[t] && !prose(tokens[1:]) && slices.ContainsFunc(tokens[1:], upper):
			return true
		case i == 0 && (strong || slices.ContainsFunc(tokens[1:], bareSigns)): // git add .
			return !prose(tokens[1:])
		case strong && unknown(arg):
			return true
		}
	}
	return false
}

// handed reports whether signs that stand by themselves are what a tool is called with, wherever that stands: how
// do I run docker build . A dash and a stroke are so at the end alone, and between words are the sentence's.
func handed(tokens []string) bool {
	for i := 1; i < len(tokens); i++ {
		t := strings.TrimRight(tokens[i], "?!,;")
		switch last := i+1 == len(tokens); {
		case t == "" || !bareSigns(t) || strings.Trim(t, ".") == "" && len(t) > len("..") || strings.Trim(t, "-:") == "" && !last:
			continue
		case t == "/" && !last:
			continue
		}
		const most = 3 // words from the tool on: git remote add .
		for k := i - 1; k >= max(0, i-most) && functions[strings.ToLower(tokens[k])] == 0; k-- {
			w := tokens[k]
			named := k == 0 || naming[strings.ToLower(tokens[k-1])] || opening[strings.ToLower(tokens[k-1])]
			if tools[w] || wordy[w] && named || k == i-1 && coined(w) {
				return true
			}
		}
	}
	return false
}

// coined reports whether a word is in small letters and none of English, as the names of tools are.
func coined(w string) bool {
	return len(w) > 1 && strings.Trim(w, "abcdefghijklmnopqrstuvwxyz0123456789") == "" && !asciiDigit(w[0]) && unknown(w)
}

// upper reports whether a word begins with a capital.
func upper(w string) bool { return w[0] >= 'A' && w[0] <= 'Z' }

// bareSigns reports whether a word is signs that a path, a pattern or an option is made of.
func bareSigns(w string) bool { return strings.Trim(w, `/.~-*$:\`) == "" }

// argument reports whether a word is spelled as what a command is called with: signs alone, a path, a flag,
// the name of a file, or letters of which a later one is a capital.
func argument(w string) bool {
	if bareSigns(w) || strings.IndexByte("/.~*$-", w[0]) >= 0 {
		return true
	}
	for i := 1; i < len(w)-1; i++ {
		if w[i] == '.' || w[i] == '/' || w[i] == ':' {
			return true
		}
	}
	return len(w) < 5 && asciiLetter(w[0]) && w[0] >= 'a' && strings.ToLower(w) != w
}

// unknown reports whether a word is none of English, as the letters behind tar are.
func unknown(w string) bool {
	w = strings.ToLower(strings.TrimRight(w, "?!.,"))
	return functions[w] == 0 && lexicon.Find(w) == 0
}

// prose reports whether a word of grammar stands in a text.
func prose(tokens []string) bool {
	for _, t := range tokens {
		if functions[strings.ToLower(strings.TrimRight(t, "?!.,"))] != 0 && len(t) > 1 {
			return true
		}
	}
	return false
}

var (
	// repeating are verbs at a text's beginning of which the rest is what they are done with.
	repeating = Set("reverse repeat echo print output say type reply respond shout yell whisper")
	// coding are names of what texts are turned into, or matched by.
	coding = Set("regex regexp morse braille hash")
)

// repeated reports whether a short text is to be given back, or to be written in a code.
func repeated(tokens []string) bool {
	if n := len(tokens); n > 1 && n < 7 && repeating[strings.ToLower(tokens[0])] {
		return true
	}
	for i, t := range tokens {
		if !coding[strings.ToLower(t)] {
			continue
		}
		for _, next := range tokens[i+1 : min(i+3, len(tokens))] {
			if strings.ToLower(next) == "for" || strings.ToLower(next) == "of" || strings.HasPrefix(strings.ToLower(next), "match") {
				return true
			}
		}
	}
	return false
}

// given reports whether a text behind a colon is what something is asked about, or to be done with; the
// question itself, a choice, and the second part of a title are not.
func given(s string) bool {
	i := strings.Index(s, ": ")
	if i <= 0 {
		return false
	}
	head, data := strings.Fields(s[:i]), strings.Fields(s[i+1:])
	if len(head) == 0 || len(data) == 0 {
		return false
	}
	first, last := uncontracted(head[0]), head[len(head)-1]
	if len(head) > 1 && upper(last) && upper(data[0]) && !speaks(head) { // a title
		return false
	}
	f := functions[uncontracted(data[0])]
	asks := f&(asking|auxiliary) != 0 || len(data) > 1 && functions[strings.ToLower(data[1])]&asking != 0
	switch {
	case len(head) == 1 && functions[first] != 0, asks && (introducing[first] || introducing[strings.ToLower(last)]): // please tell me: how do I …
		return false
	case functions[first]&(asking|auxiliary) != 0:
		return speaks(head) || !strings.Contains(" "+strings.Join(data, " ")+" ", " or ")
	case states(head):
		return false
	case len(head) <= 3 && asks && lexicon.Find(first).First() != lexicon.Verb: // a topic
		return false
	case len(head) <= 3 && !lexicon.Find(first).Is(lexicon.Verb) || first == "question":
		return !asks
	}
	return true
}

// uncontracted is the first of the words that one stands for, in small letters: what of "what's".
func uncontracted(w string) string {
	w, _, _ = strings.Cut(strings.ReplaceAll(strings.ToLower(w), "’", "'"), "'")
	return w
}

// states reports whether the words before a colon are a sentence of their own, which the rest only explains: the
// guides have three parts: …. It is none that tells what the text is to which something is to be done, or who is
// to do it.
func states(head []string) bool {
	const few = 4
	if len(head) <= few || speaks(head[:few]) {
		return false
	}
	switch first := strings.ToLower(head[0]); first {
	case "i", "we", "my", "our", "your", "please":
		return false
	case "you":
		if strings.ToLower(head[1]) != "can" {
			return false
		}
	default:
		if functions[first]&(article|pronoun|preposition|other) == 0 {
			return false
		}
	}
	for _, w := range head[1:] {
		if functions[strings.ToLower(w)]&auxiliary != 0 || asserting(strings.ToLower(w)) {
			return true
		}
	}
	return false
}

// asserting reports whether a word is a verb in the third person: implements.
func asserting(w string) bool {
	stem, ok := strings.CutSuffix(w, "s")
	return ok && (lexicon.Find(stem).First() == lexicon.Verb || strings.HasSuffix(stem, "e") && lexicon.Find(stem[:len(stem)-1]).First() == lexicon.Verb)
}

// introducing are words before a question.
var introducing = Set("please tell answer explain hi hello hey help wondering question wonder me")

// pointing are words that point to the text behind a colon.
var pointing = Set("this these that following text sentence sentences phrase paragraph statement passage word words")

// speaks reports whether the words before a colon speak of the text behind it.
func speaks(head []string) bool {
	for _, w := range head {
		if pointing[strings.ToLower(w)] {
			return true
		}
	}
	return false
}
