package prompt

import (
	"slices"
	"strings"
	"unicode"
)

// instructs tells whether a short paragraph tells what to do: it or a line of it begins with
// a command, or it speaks of the answer or of what one must do.
func instructs(text string) bool {
	text = strings.ToLower(text)
	for _, phrase := range rulePhrases {
		if strings.Contains(text, phrase) {
			return true
		}
	}
	for line := range strings.Lines(text) {
		words := strings.Fields(strings.TrimLeft(line, "-*•#0123456789.) \t"))
		for len(words) > 0 && slices.Contains(polite, words[0]) {
			words = words[1:]
		}
		if len(words) > 1 && (slices.Contains(commandWords, strings.TrimFunc(words[0], unicode.IsPunct)) ||
			slices.Contains(commandPairs, words[0]+" "+words[1])) {
			return true
		}
	}
	return false
}

// rulePhrases are of paragraphs that tell what to do.
var rulePhrases = []string{
	"you must", "you should", "you are a ", "you are an ", "you may not", "your answer", "your response", "your reply", "the answer must",
	"the answer should", "if you don't know", "if you do not know", "answer the question", "the documents below", "the context below",
	"du musst", "du sollst", "deine antwort", "ihre antwort", "beantworte", "tu dois", "ta réponse", "votre réponse",
	"debes responder", "tu respuesta", "ты должен", "твой ответ", "ваш ответ", "отвечай", "你必须", "请用", "请以", "务必", "回答时", "답변",
}

// commandWords and commandPairs begin lines that tell what to do.
var commandWords = []string{
	"answer", "respond", "reply", "write", "return", "output", "provide", "avoid", "never", "always", "ensure", "remember", "ignore", "cite",
	"exclude", "follow", "assume", "explain", "summarize", "summarise", "antworte", "verwende", "beachte", "utilise", "responde", "ответь",
	"пиши", "don't",
}

var commandPairs = []string{
	"do not", "make sure", "be sure", "be brief", "be concise", "use only", "use the", "only use", "keep it", "keep the", "think step",
	"give the", "give a", "base your", "if the", "if you", "quote the", "include the", "include a",
}

// polite words may stand before a command.
var polite = []string{"please", "kindly", "can", "could", "would", "you", "now", "then", "and", "bitte", "kannst", "du", "por", "favor", "пожалуйста"}

// wantsAll tells whether a text asks for something that takes every word of what is given:
// a translation, a correction, a copy, a count. A question about a translation is taken for
// one too; that costs a saving and no answer.
func wantsAll(text string) bool {
	if len(text) > 2*wantedBytes {
		text = head(text, wantedBytes) + "\n" + text[len(text)-wantedBytes:]
	}
	text = strings.ToLower(text)
	return slices.ContainsFunc(allPhrases, func(p string) bool { return strings.Contains(text, p) })
}

// wantedBytes is how much of either end of a text is looked at for what it asks.
const wantedBytes = 4096

// orderedAll tells whether a system prompt asks for that: it holds for every message.
func orderedAll(text string) bool {
	text = strings.ToLower(head(text, 2*wantedBytes))
	return slices.ContainsFunc(orderPhrases, func(p string) bool { return strings.Contains(text, p) })
}

// orderPhrases are of those that ask for a translation, a correction or a copy.
var orderPhrases = []string{
	"translat", "proofread", "word for word", "word-for-word", "verbatim", "rephras", "rewrit", "paraphras", "copyedit", "copy-edit", "transcri",
	"übersetz", "wortwörtlich", "wort für wort", "korrektur", "korrigier", "umformulier", "lektor", "traduc", "traduir", "traduis", "traduz",
	"traduç", "mot à mot", "corrige", "réécri", "reescrib", "palabra por palabra", "tradurre", "traduzione", "перевод", "переве", "перевест", "дословно", "исправ",
	"перепиш", "翻译", "翻譯", "翻訳", "译成", "譯成", "訳して", "校对", "校正", "改写", "润色", "逐字", "번역", "교정", "ترجم", "अनुवाद", "çevir", "tłumacz", "vertaal", "dịch",
}

// allPhrases are those, and of who asks for other things that take all of a text.
var allPhrases = append([]string{
	"grammar", "spelling", "spell-check", "spellcheck", "spell check", "typo", "punctuation", "polish ", "improve", "correct th", "correct all", "correct any",
	"correct my", "edit th", "edit my", "fix all", "fix the", "fix th", "fix my", "reword", "reformat", "format th", "convert", "refactor", "transform th", "anonymi", "redact", "unchanged",
	"reproduce", "repeat the", "repeat th", "copy the", "continue th", "complete the text", "exactly as", "encode", "decode", "base64", "sort the", "sort th", "alphabetical",
	"how many words", "how many times", "how many sentences", "how many lines", "word count", "count the", "count all", "count how", "extract all",
	"extract every", "extract the names", "all names", "all the", "list all", "list every", "every mention", "find all", "find every", "each of the", "write it back",
	"rename", "what changed", "differences between", "grammatik", "rechtschreib", "verbessere", "auflisten", "alle ", "orthograph", "grammaire", "gramática", "ortograf", "tous les", "todos los",
	"грамматик", "орфограф", "все ", "所有", "全部", "すべて", "全て",
}, orderPhrases...)
