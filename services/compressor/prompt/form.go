package prompt

import "strings"

// questionOnly are those of [questionLabels] that no order has.
var questionOnly = []string{"question", "user question", "user query", "query", "q", "frage", "pregunta", "domanda", "pergunta", "вопрос", "问题", "問題", "質問", "질문"}

// Asks tells whether some part of a text has a term of the question that the text was given to
// answer: a word of four letters and more, or two signs of a script without spaces in a row.
func (t *Text) Asks(part string) bool { return shares(t.Question, part) }

// shares tells whether a text has a term of a question: a word of four letters and more, or
// two signs of a script without spaces in a row. How a word ends does not count.
func shares(question, text string) bool {
	text = strings.ToLower(text)
	for start := 0; start < len(question); {
		word, end := wordAt(question, start)
		start = end
		if word = strings.ToLower(word); word == "" || general[word] {
			continue
		}
		runes := []rune(word)
		if dense(runes[0]) {
			for i := 0; i+1 < len(runes); i++ {
				if strings.Contains(text, string(runes[i:i+2])) {
					return true
				}
			}
			continue
		}
		if n := len(runes); n >= 4 && strings.Contains(text, string(runes[:min(n, 5)])) {
			return true
		}
	}
	return false
}

// general are terms that orders have and that say nothing of a text.
var general = func() map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields(`text texts document documents article following above below this that these those with from into please answer give make write
		texte texten textes texto textos testo tekst teksti dokument document documento diesen dieser folgenden bitte`) {
		all[w] = true
	}
	return all
}()
