package prompt

import (
	"slices"
	"strings"
	"unicode"

	"tollgate.dev/services/compressor/wordset"
)

// isOfWording tells whether a text, in lower case, asks about a text as a text: which sentence is the
// last, what the third word of a paragraph is, what is in the passive voice. A part of the text has
// other sentences and words at these places.
func isOfWording(text string) bool {
	words := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '\'' })
	for i, w := range words {
		if grammarWords[w] {
			return true
		}
		if !isUnit(w) {
			continue
		}
		if i > 0 && askedUnits[words[i-1]] && strings.HasSuffix(w, "s") {
			return true
		}
		for j := max(0, i-3); j < i; j++ {
			if isPosition(words[j]) {
				return true
			}
		}
		if i+1 < len(words) && numberedUnits[w] && (words[i+1] == "number" || isNumber(words[i+1])) {
			return true
		}
		if i+1 < len(words) && strings.HasPrefix(w, "letter") && len(words[i+1]) == 1 && words[i+1] != "a" {
			return true
		}
		if i+1 < len(words) && romanceUnits[w] && isPosition(words[i+1]) {
			return true // the place behind the name, as in French
		}
		if i+2 < len(words) && unitsAndWhere[words[i+1]] && isUnit(words[i+2]) {
			return true // words per line, letters in a word
		}
	}
	return slices.ContainsFunc(wordingPhrases, func(p string) bool { return strings.Contains(text, p) })
}

func isUnit(word string) bool {
	return textUnits[word] || textUnits[strings.TrimSuffix(word, "s")] || slices.ContainsFunc(textStems, func(s string) bool { return strings.HasPrefix(word, s) })
}

func isPosition(word string) bool {
	if positions[word] || slices.ContainsFunc(positionStems, func(s string) bool { return strings.HasPrefix(word, s) }) {
		return true
	}
	digits := strings.TrimRight(word, "stndrhe")
	return len(digits) < len(word) && isNumber(digits)
}

func isNumber(word string) bool {
	return word != "" && strings.Trim(word, "0123456789") == ""
}

// textUnits are what a text is made of; numberedUnits those that are counted by numbers behind them,
// and romanceUnits may have their place behind them; textStems begin such words.
var (
	textUnits = wordset.Fields(`sentence word paragraph letter line character title section heading headline syllable stanza verse clause
		satz sätze sätzen satzes wort wörter absatz absätze zeile zeilen buchstabe buchstaben überschrift abschnitt
		phrase mot mots paragraphe ligne lettre titre frase oración palabra párrafo línea letra título parola parole paragrafo riga titolo palavra parágrafo linha`)
	numberedUnits = wordset.Fields("sentence word paragraph line character stanza verse satz absatz zeile paragraphe ligne párrafo línea paragrafo riga parágrafo linha")
	romanceUnits  = wordset.Fields("phrase mot paragraphe ligne lettre frase oración palabra párrafo línea letra parola paragrafo riga palavra parágrafo linha")
	textStems     = []string{"предложени", "слово", "слова", "абзац", "строк", "букв", "заголов", "zdani", "słow", "akapit", "wiersz"}
)

// positions tell a place among these, or which of them by their size; positionStems begin such words.
var (
	positions = wordset.Fields(`first second third fourth fifth sixth seventh eighth ninth tenth last final opening closing penultimate next previous middle initial
		second-to-last second-last next-to-last longest shortest
		premier première premiers premières deuxième seconde troisième dernier dernière derniers dernières avant-dernier avant-dernière
		primer primera primero segundo segunda tercer tercera último última penúltimo penúltima primo prima terzo terza ultimo ultima penultimo penultima primeiro primeira terceiro terceira`)
	positionStems = []string{"erste", "zweite", "dritte", "vierte", "letzte", "vorletzte", "längste", "kürzeste", "перв", "втор", "трет", "последн", "предпоследн", "pierwsz", "drug", "trzeci", "ostatni"}
)

// askedUnits stand before units, in the plural, that are asked for; unitsAndWhere between two.
var (
	askedUnits    = wordset.Fields("which what many")
	unitsAndWhere = wordset.Fields("per of in")
)

// grammarWords are of how a text is worded, and of little else.
var grammarWords = wordset.Fields(`adjective adjectives adverb adverbs pronoun pronouns preposition prepositions conjunctions interjections palindrome palindromes
	anagram alliteration rhymes rhyme syllables vowels consonants adjektive adjektiv adverbien pronomen substantive adjectifs adverbes adjetivos adverbios прилагательн`)

// wordingPhrases are of questions about the wording.
var wordingPhrases = []string{
	"passive voice", "active voice", "past tense", "present tense", "future tense", "direct speech", "indirect speech",
	"part of speech", "parts of speech", "begins with the", "begin with the", "start with the", "starts with the", "ends with the", "end with the", "in the passive",
	"does the text begin", "does the text start", "does the text end", "does the article begin", "does the article start", "does the article end", "does the passage begin",
	"does the passage start", "does the passage end", "does the document begin", "does the document end", "how is the text structured", "im passiv", "voix passive", "voz pasiva", "страдательн",
	"最后一句", "最後一句", "第一句", "第二句", "第三句", "最后一段", "最後一段", "第一段", "第二段", "第三段", "第一行", "最后一行", "最后一个字", "第一个字", "哪一句", "哪句", "被动",
	"最後の文", "最初の文", "最後の段落", "最初の段落", "番目の文", "番目の段落", "番目の単語", "受動態", "마지막 문장", "첫 문장", "첫 번째 문장", "마지막 문단", "번째 문장", "번째 문단", "번째 단어", "수동태",
}
