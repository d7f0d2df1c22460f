package prompt

import (
	"iter"
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

// orders counts what tells what to do: lines, and sentences within lines, that begin with a
// command which few texts do.
func orders(text string) (lines, sentences int) {
	for line := range strings.Lines(text) {
		first := true
		for clause := range clauses(line) {
			if ordered(clause) {
				if first {
					lines++
				} else {
					sentences++
				}
			}
			first = false
		}
	}
	return lines, sentences
}

// clauses are the sentences of a line, and what follows its colons, without the marks of lists.
func clauses(line string) iter.Seq[string] {
	return func(yield func(string) bool) {
		line = strings.TrimLeft(line, "-*•#>0123456789.)( \t")
		for line != "" {
			end := len(line)
			for i := 0; i+1 < len(line); i++ {
				if strings.IndexByte(".!?:;", line[i]) >= 0 && (line[i+1] == ' ' || line[i+1] == '*') {
					end = i + 1
					break
				}
			}
			if !yield(line[:end]) {
				return
			}
			line = strings.TrimLeft(line[end:], " *\t")
		}
	}
}

// ordered tells whether a sentence begins with a command of [orderWords] or [orderPairs].
func ordered(clause string) bool {
	words := strings.Fields(strings.ToLower(head(clause, 80)))
	for len(words) > 0 && slices.Contains(polite, strings.Trim(words[0], ",*_")) {
		words = words[1:]
	}
	if len(words) == 0 {
		return false
	}
	bare := func(word string) string {
		return strings.TrimFunc(word, func(r rune) bool { return unicode.IsPunct(r) && r != '\'' && r != '’' })
	}
	first := strings.ReplaceAll(bare(words[0]), "’", "'")
	return slices.Contains(orderWords, first) || len(words) > 1 && slices.Contains(orderPairs, first+" "+bare(words[1]))
}

// orderWords and orderPairs begin sentences that tell what to do, and few others.
var orderWords = []string{
	"never", "always", "don't", "answer", "respond", "reply", "ensure", "refrain", "cite", "ignore", "avoid",
	"niemals", "antworte", "antworten", "vermeide", "verwende", "beachte", "beende", "réponds", "répondez", "évite", "évitez", "termine", "terminez",
	"responde", "responda", "evita", "evite", "termina", "rispondi", "rispondere", "antwoord", "vermijd", "отвечай", "отвечайте", "никогда", "избегай", "odpowiadaj", "nigdy", "unikaj",
}

var orderPairs = []string{
	"do not", "make sure", "be sure", "be brief", "be concise", "be polite", "use only", "only use", "only answer", "keep it", "keep your", "keep the",
	"end every", "end each", "end your", "end all", "begin every", "begin each", "begin your", "start every", "start each", "start your", "finish every", "finish each", "sign every", "sign each",
	"you must", "you should", "you may", "you shall", "you will", "you are", "your answer", "your answers", "your reply", "your replies", "your response", "your responses",
	"every answer", "each answer", "all answers", "every reply", "each reply", "under no", "quote the", "base your", "think step", "say that", "say so",
	"du musst", "du sollst", "du darfst", "verwende nur", "jede antwort", "ne pas", "tu dois", "vous devez", "no uses", "no menciones", "debes responder", "non usare", "gebruik alleen", "не используй", "не упоминай",
}

// binds tells whether a text says what must, should or may not be: a rule, or a text with one
// in it.
func binds(text string) bool {
	for start := 0; start < len(text); {
		word, end := wordAt(text, start)
		start = end
		if word != "" && len(word) <= 32 && bindingWords[strings.ToLower(word)] {
			return true
		}
	}
	return slices.ContainsFunc(bindingSigns, func(s string) bool { return strings.Contains(text, s) })
}

var bindingWords = func() map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields(`must should shall never always mustn shouldn
		muss musst müssen soll sollst sollen darf darfst dürfen nie niemals immer stets
		doit doivent dois devez jamais toujours debe deben debes nunca siempre deve devono devi devem mai sempre
		moet moeten nooit altijd musi musisz nigdy zawsze należy
		должен должна должно должны никогда всегда нельзя надо нужно`) {
		all[w] = true
	}
	return all
}()

var bindingSigns = []string{
	"必须", "必須", "不要", "请勿", "禁止", "务必", "始终", "永远", "一律", "てください", "必ず", "しないこと", "ないで", "하세요", "마세요", "마십시오", "반드시", "십시오",
	"do not ", "don't ", "don’t ", "may not ", "have to ", "need to ",
}

// polite words may stand before a command.
var polite = []string{"please", "kindly", "can", "could", "would", "you", "now", "then", "and", "bitte", "kannst", "du", "por", "favor", "пожалуйста"}

// wantsAll tells whether a text asks for something that takes every word of what is given:
// a translation, a correction, a copy, a count. A question about a translation is taken for
// one too; that costs a saving and no answer.
func wantsAll(text string) bool {
	if len(text) > 2*wantedBytes {
		text = head(text, wantedBytes) + "\n" + strings.ToValidUTF8(text[len(text)-wantedBytes:], "")
	}
	return taking[true].has(wordsOf(text), text) || isOfWording(strings.ToLower(text))
}

// wantedBytes is how much of either end of a text is looked at for what it asks.
const wantedBytes = 4096

// orderedAll tells whether a system prompt asks for that: it holds for every message. What it
// only names, or says not to do, is no order.
func orderedAll(text string) bool {
	text = head(text, 2*wantedBytes)
	return taking[false].has(wordsOf(text), text)
}

// formats tells whether a paragraph says how an answer is to look, by two phrases that say so.
func formats(text string) bool {
	text, n := strings.ToLower(text), 0
	for _, phrase := range formatPhrases {
		if strings.Contains(text, phrase) {
			if n++; n > 1 {
				return true
			}
		}
	}
	return false
}

// formatPhrases are of paragraphs that say how an answer is to look, and of few others.
var formatPhrases = []string{
	"no introduction", "no preamble", "no closing", "no heading", "no bullet", "no code fence", "no markdown", "no emoji", "bullet point", "bullet list", "code fence", "in markdown", "in bold", "in italics",
	"british english", "american english", "plain english", "in english", "in german", "in french", "in spanish", "past tense", "present tense", "first person", "third person",
	"words long", "words at most", "words or fewer", "words or less", "hundred words", "fifty words", "sentences at most", "in one sentence", "in two sentences", "in three sentences", "in one line", "one row per", "one line per", "one sentence per", "a table with", "columns:", "sorted by", "newest first", "oldest first",
	"decimal", "rounded to", "sections:", "the summary is", "the answer is", "the reply is", "the report is", "the table has", "deliverable", "word limit", "keine einleitung", "stichpunkt", "auf deutsch", "in ganzen sätzen", "sans introduction", "en français", "sin introducción", "en español",
}
