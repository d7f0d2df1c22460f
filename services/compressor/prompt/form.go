package prompt

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// questioning tells whether a text is a question by its form: by a mark, a label or a word
// that asks.
func questioning(text string) bool {
	if strings.ContainsAny(text, "?？؟\u037e") {
		return true
	}
	for line := range strings.Lines(text) {
		if labelled(strings.TrimSpace(line), questionOnly) {
			return true
		}
	}
	for start := 0; start < len(text); {
		word, end := wordAt(text, start)
		if start = end; word != "" && len(word) <= 32 && interrogatives[strings.ToLower(word)] {
			return true
		}
	}
	return slices.ContainsFunc(interrogativeSigns, func(s string) bool { return strings.Contains(text, s) })
}

// isOrder tells whether a text asks that something be done: it is no question, or one that speaks to
// who reads it, such as "Can you …?".
func isOrder(text string) bool {
	if !questioning(text) {
		return true
	}
	_, second := speaks(text)
	return second
}

// questionOnly are those of [questionLabels] that no order has.
var questionOnly = []string{"question", "user question", "user query", "query", "q", "frage", "pregunta", "domanda", "pergunta", "вопрос", "问题", "問題", "質問", "질문"}

var interrogatives = func() map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields(`what when where who whom whose which why how
		wann wo wer wen wem wie warum weshalb welche welcher welches welchen wieviel wieviele
		quand où qui comment pourquoi quel quelle quels quelles combien qué cuándo dónde quién cómo cuál
		quando dove chi perché quale quali quanto quanti qual quem onde wanneer waar waarom hoe hoeveel welke
		когда где кто почему какой какая какие сколько kiedy gdzie kto dlaczego jaki jaka ile`) {
		all[w] = true
	}
	return all
}()

var interrogativeSigns = []string{"什么", "哪", "谁", "何时", "为什么", "怎么", "多少", "如何", "何", "いつ", "どこ", "誰", "なぜ", "どう", "いくつ", "무엇", "언제", "어디", "누가", "왜", "어떻게"}

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

func dense(r rune) bool {
	return r >= utf8.RuneSelf && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
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
