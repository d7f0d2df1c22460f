package prompt

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How long the parts of a user's message are, in bytes.
const (
	// instructionBytes is the most that a paragraph at an end of the message may have to be
	// what is asked.
	instructionBytes = 1000
	// contextBytes is the least that has to be left beside it: less is not worth it.
	contextBytes = 600
)

// message takes the texts of a user's message apart into what is asked, which stays, and
// what is given to answer it. On any doubt all of it stays. The question is the part of what
// stays that asks.
//
// What stays are paragraphs that a label such as `Question:` begins, short ones that end in a
// question mark, and the first and the last paragraph if they are short and no document.
// A message that asks for every word of what it gives, such as for a translation, stays.
func message(texts []string) (segments [][]segment, question string) {
	segments = make([][]segment, len(texts))
	var asked []string
	tagged := false
	for i, text := range texts {
		if s, ok := tags(text); ok {
			segments[i], tagged = s, true
			for _, s := range s {
				if !s.free {
					asked = append(asked, s.text)
				}
			}
		} else {
			segments[i] = []segment{{text: text}}
			asked = append(asked, text)
		}
	}
	if tagged {
		return segments, strings.Join(asked, "\n")
	}
	var all []block
	for i, text := range texts {
		all = paragraphs(all, i, text)
	}
	given, question := ask(all)
	if given < contextBytes || wantsAll(all) {
		return segments, strings.Join(texts, "\n")
	}
	for i, text := range texts {
		segments[i] = runs(text, i, all)
	}
	return segments, question
}

// block is a paragraph of a message.
type block struct {
	text       string
	from       int // which of the message's texts
	start, end int // in that text
	stays      bool
}

// runs are a text's segments: a run of paragraphs that do not stay is one, with the lines
// between them.
func runs(text string, from int, all []block) (segments []segment) {
	done, start, end := 0, -1, 0
	flush := func() {
		if start < 0 {
			return
		}
		if done < start {
			segments = append(segments, segment{text: text[done:start]})
		}
		segments = append(segments, segment{text: text[start:end], free: true})
		done, start = end, -1
	}
	for i := range all {
		switch b := &all[i]; {
		case b.from != from:
		case b.stays:
			flush()
		default:
			if start < 0 {
				start = b.start
			}
			end = b.end
		}
	}
	flush()
	if done < len(text) {
		segments = append(segments, segment{text: text[done:]})
	}
	return segments
}

// paragraphs appends the paragraphs of a text: what blank lines part, but not within code
// fences. A line with a label, and a short question at either end, is one of its own.
func paragraphs(to []block, from int, text string) []block {
	begin, fenced := -1, false
	put := func(end int) {
		if begin < 0 {
			return
		}
		body := strings.TrimRight(text[begin:end], " \t\r\n")
		to = append(to, block{text: body, from: from, start: begin, end: begin + len(body)})
		begin = -1
	}
	for at := 0; at < len(text); {
		next := at + strings.IndexByte(text[at:], '\n') + 1
		if next == at {
			next = len(text)
		}
		line := strings.TrimSpace(text[at:next])
		fence := strings.HasPrefix(line, "```") || strings.HasPrefix(line, "~~~")
		switch {
		case fenced || fence:
			fenced = fenced != fence
			if begin < 0 {
				begin = at
			}
		case line == "":
			put(at)
		case labelled(line) || asks(line) && (begin < 0 || next == len(text)):
			put(at)
			begin = at
			if asks(line) {
				put(next)
			}
		case begin < 0:
			begin = at
		}
		at = next
	}
	put(len(text))
	return to
}

// ask marks the paragraphs that stay, and returns how many bytes are left and what is asked.
func ask(all []block) (given int, question string) {
	var labels, marks, ends []string
	for i := range all {
		b := &all[i]
		text := strings.TrimSpace(b.text)
		short := len(text) <= instructionBytes
		switch {
		case labelled(text) && short:
			labels = append(labels, text)
		case asks(text):
			marks = append(marks, text)
		case short && (i == 0 || i == len(all)-1 || i == len(all)-2 && prompting(all[i+1].text)) && !document(text):
			if !prompting(text) {
				ends = append(ends, text)
			}
		default:
			given += len(b.text)
			continue
		}
		b.stays = true
	}
	switch {
	case labels != nil:
		question = strings.Join(labels, "\n")
	case marks != nil:
		question = strings.Join(marks, "\n")
	case ends != nil:
		question = strings.Join(ends, "\n")
	default:
		return 0, "" // nobody knows what is asked
	}
	return given, question
}

// questionLabels begin what is asked, in lower case.
var questionLabels = []string{
	"question", "user question", "user query", "query", "q", "task", "instruction", "instructions",
	"frage", "aufgabe", "pregunta", "domanda", "pergunta", "вопрос", "问题", "問題", "質問", "질문",
}

// labelled tells whether a line begins with a label of a question and a colon.
func labelled(line string) bool {
	at := strings.IndexAny(line, ":：")
	if at < 0 || at > 40 {
		return false
	}
	label := strings.ToLower(strings.Trim(line[:at], " \t#*_<>[]"))
	return slices.Contains(questionLabels, label)
}

// questionMarkBytes is the most that a paragraph may have to be a question by its mark.
const questionMarkBytes = 400

// asks tells whether a short text ends with a question mark.
func asks(text string) bool {
	if len(text) > questionMarkBytes {
		return false
	}
	last, _ := utf8.DecodeLastRuneInString(strings.TrimRight(text, " \t\r\n\"'”“)*_"))
	return last == '?' || last == '？' || last == '؟' || last == '\u037e'
}

// prompting tells whether a text only asks the model to go on, such as `Answer:`.
func prompting(text string) bool {
	text = strings.TrimSpace(text)
	return len(text) <= 40 && (strings.HasSuffix(text, ":") || strings.HasSuffix(text, "："))
}

// document tells whether a paragraph begins as documents in a list do: with a number in
// brackets or with a dot, with a heading, a tag or the like.
func document(text string) bool {
	rest := text
	for _, word := range []string{"document", "doc", "source", "passage", "title", "dokument", "quelle"} {
		if len(rest) > len(word) && strings.EqualFold(rest[:len(word)], word) {
			rest = strings.TrimLeft(rest[len(word):], " ")
			break
		}
	}
	if rest == "" {
		return false
	}
	switch c := rest[0]; {
	case c == '[' || c == '<' || c == '(' && len(rest) < len(text) || c == ':' && len(rest) < len(text):
		return true
	case c >= '0' && c <= '9':
		rest = strings.TrimLeft(rest, "0123456789")
		return rest != "" && (rest[0] == '.' || rest[0] == ')' || rest[0] == ':')
	}
	return false
}

// wantsAll tells whether what stays asks for something that takes every word of what is
// given.
func wantsAll(all []block) bool {
	for i := range all {
		if !all[i].stays {
			continue
		}
		text := strings.ToLower(all[i].text)
		for _, phrase := range verbatimPhrases {
			if strings.Contains(text, phrase) {
				return true
			}
		}
		for sentence := range strings.FieldsFuncSeq(text, func(r rune) bool {
			return r == '\n' || r == '.' || r == ':' || r == '!' || r == '?' || r == ',' || r == ';'
		}) {
			if commands(sentence) {
				return true
			}
		}
	}
	return false
}

// verbatimPhrases ask for the words themselves wherever they stand. Chinese, Japanese and
// Korean have no spaces to find a command by.
var verbatimPhrases = []string{
	"verbatim", "word for word", "word-for-word", "wortwörtlich", "mot à mot", "дословно",
	"翻译", "翻譯", "翻訳", "校对", "改写", "逐字", "번역",
}

// allCommands ask, at the beginning of a sentence, for all of a text.
var allCommands = []string{
	"translate", "rewrite", "rephrase", "reword", "paraphrase", "proofread", "correct", "copyedit", "edit", "fix", "reformat", "format",
	"convert", "refactor", "transcribe", "continue", "complete", "transform", "anonymize", "redact", "copy", "repeat",
	"extract all", "extract every", "list all", "list every", "count", "find all", "find every",
	"übersetze", "übersetzen", "korrigiere", "formuliere", "schreibe um", "traduis", "traduisez", "corrige", "corrigez", "réécris",
	"traduce", "traduzca", "reescribe", "traduci", "traduz", "traduza", "переведи", "переведите", "исправь", "перепиши",
}

// polite words may stand before a command.
var polite = []string{"please", "kindly", "can", "could", "would", "you", "now", "then", "and", "bitte", "kannst", "du", "por", "favor", "пожалуйста"}

func commands(sentence string) bool {
	words := strings.Fields(sentence)
	for len(words) > 0 && slices.Contains(polite, words[0]) {
		words = words[1:]
	}
	if len(words) == 0 {
		return false
	}
	for _, command := range allCommands {
		first, second, two := strings.Cut(command, " ")
		if strings.TrimFunc(words[0], unicode.IsPunct) == first && (!two || len(words) > 1 && words[1] == second) {
			return true
		}
	}
	return false
}
