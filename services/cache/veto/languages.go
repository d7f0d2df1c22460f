package veto

import (
	"embed"
	"fmt"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// lists are words by which a text in another language speaks of who asks, or of a time that
// passes. A line is a kind and phrases with commas between. Behind "within: yes" they count
// anywhere in a text, for scripts without spaces, and behind "begins: yes" where a word begins.
//
//go:embed languages/*.txt
var lists embed.FS

// deictic are the phrases of all languages. Which language a text is in isn't asked: a phrase that
// says something else in another one costs a hit and no more.
type deictic struct {
	// spaced are by their first word. Each begins and ends with a space; where its last word may
	// go on, it has none at the end.
	spaced map[string][]phrase
	begins []phrase // as spaced, where the first word may go on
	within []phrase
}

type phrase struct{ text, rule string }

var languages = sync.OnceValue(func() *deictic {
	d, err := deictics()
	if err != nil {
		panic("veto: " + err.Error()) // a mistake in a list, which the tests read
	}
	return d
})

func deictics() (*deictic, error) {
	d := &deictic{spaced: map[string][]phrase{}}
	files, err := lists.ReadDir("languages")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		b, err := lists.ReadFile("languages/" + f.Name())
		if err != nil {
			return nil, err
		}
		if err := d.read(string(b)); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
	}
	return d, nil
}

// read adds a file's phrases.
func (d *deictic) read(file string) error {
	mode := ""
	for line := range strings.Lines(file) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		kind, list, _ := strings.Cut(line, ":")
		switch kind {
		case "within", "begins":
			mode = kind
			continue
		case "personal", "time":
		default:
			return fmt.Errorf("a line of another form: %q", line)
		}
		for text := range strings.SplitSeq(list, ",") {
			p := phrase{text: plain(text), rule: kind}
			first, _, _ := strings.Cut(strings.TrimSpace(p.text), " ")
			switch {
			case first == "":
				return fmt.Errorf("an empty phrase: %q", line)
			case mode == "within":
				p.text = strings.TrimSpace(p.text)
				d.within = append(d.within, p)
			case mode == "begins":
				p.text = strings.TrimSuffix(p.text, " ")
				d.begins = append(d.begins, p)
			default:
				d.spaced[first] = append(d.spaced[first], p)
			}
		}
	}
	return nil
}

// find returns what a text speaks of.
func (d *deictic) find(text string) (rule string, found bool) {
	text = plain(text)
	wide := strings.ContainsFunc(text, func(c rune) bool { return c >= 0x3000 }) // no spaces, or particles
	for at := 0; at < len(text)-1; {
		rest := text[at:]
		word, _, _ := strings.Cut(rest[1:], " ")
		at += len(word) + 1
		for _, p := range d.spaced[word] {
			if strings.HasPrefix(rest, p.text) {
				return p.rule, true
			}
		}
	}
	if !wide {
		return "", false
	}
	for _, list := range [...][]phrase{d.begins, d.within} {
		for _, p := range list {
			if strings.Contains(text, p.text) {
				return p.rule, true
			}
		}
	}
	return "", false
}

// plain is a text's words in lower case with one space around each, Latin letters without their
// accents, which many leave out.
func plain(text string) string {
	b := make([]byte, 0, len(text)+2)
	b = append(b, ' ')
	for _, c := range norm.NFKC.String(text) {
		c = unicode.ToLower(c)
		switch {
		case c == 'ё':
			c = 'е'
		case c == 'ß':
			b = append(b, 's')
			c = 's'
		case c >= utf8.RuneSelf && unicode.Is(unicode.Latin, c):
			c, _ = utf8.DecodeRuneInString(norm.NFD.String(string(c)))
		}
		switch {
		case unicode.IsLetter(c) || unicode.IsDigit(c) || unicode.IsMark(c):
			b = utf8.AppendRune(b, c)
		case b[len(b)-1] != ' ':
			b = append(b, ' ')
		}
	}
	if b[len(b)-1] != ' ' {
		b = append(b, ' ')
	}
	return string(b)
}
