package extractive

import (
	"strings"
	"unicode"

	"tollgate.dev/services/compressor/extract"
)

// keepAggregated keeps rows whole for a question that takes all of them: how many there are, their
// sum, the largest, which of them comes twice. A part of them would answer another question.
func keepAggregated(g *extract.Text, question string) bool {
	if !isAggregate(question) || !isRows(g.Text) {
		return false
	}
	g.Keep = append(g.Keep, extract.Span{Start: 0, End: len(g.Text)})
	return true
}

// isAggregate tells whether a question asks for what takes every row.
func isAggregate(question string) bool {
	question = strings.ToLower(question)
	words := strings.FieldsFunc(question, func(r rune) bool { return !unicode.IsLetter(r) })
	for i, w := range words {
		if aggregateWords[w] || i > 0 && aggregatePairs[words[i-1]+" "+w] {
			return true
		}
	}
	for _, s := range aggregateSigns {
		if strings.Contains(question, s) {
			return true
		}
	}
	return false
}

// aggregateWords, aggregatePairs and aggregateSigns are of questions that take every row.
var aggregateWords = setOf(strings.Fields(`count counts sum total totals average mean median maximum minimum max min highest lowest largest smallest
	biggest longest shortest oldest newest latest earliest most least fewest twice duplicate duplicates unique distinct rank sort top share percentage distribution
	anzahl summe durchschnitt mittelwert insgesamt größte größten kleinste kleinsten höchste höchsten niedrigste meisten wenigsten doppelt älteste neueste
	combien somme moyenne médiane doublons cuántos cuántas suma promedio media mediana duplicados quanti quante somma
	сколько сумма среднее максимум минимум итого`)...)

var aggregatePairs = setOf("how many", "how much", "how often", "number of", "wie viele", "wie viel", "wie oft", "which files", "what files", "which rows", "which lines", "what lines",
	"what rows", "the files", "the rows", "the entries", "the processes", "le plus", "la plus", "les plus", "el más", "la más")

var aggregateSigns = []string{"多少", "几个", "总共", "总数", "平均", "最大", "最小", "最高", "最低", "最多", "最少", "重复", "いくつ", "合計", "몇", "합계", "평균"}

func setOf(words ...string) map[string]bool {
	all := make(map[string]bool, len(words))
	for _, w := range words {
		all[w] = true
	}
	return all
}

const (
	// leastListed is how many lines a list of rows has.
	leastListed = 8
	// longestRow is how long a line may be that is a row without fields, such as a path, in bytes.
	longestRow = 200
)

// isRows tells whether a text is rows: most of its lines are set apart into as many fields by
// one sign, or are short and no sentences.
func isRows(text string) bool {
	lines, rows := 0, 0
	var fields [len(delimiters)]map[int]int
	for i := range fields {
		fields[i] = map[int]int{}
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if lines++; hasSentenceEnd(line) {
			continue
		}
		for i := range delimiters {
			if n := strings.Count(line, delimiters[i:i+1]); n > 0 {
				fields[i][n]++
			}
		}
		if len(line) <= longestRow {
			rows++
		}
	}
	if lines < leastListed {
		return false
	}
	for _, by := range fields {
		for _, n := range by {
			if 4*n >= 3*lines {
				return true
			}
		}
	}
	return 10*rows >= 9*lines
}

// delimiters set the fields of rows apart.
const delimiters = ",;\t|"

// hasSentenceEnd tells whether a line ends as a sentence does, or one ends within it.
func hasSentenceEnd(line string) bool {
	if strings.HasSuffix(line, ".") || strings.HasSuffix(line, "。") || strings.HasSuffix(line, "?") || strings.HasSuffix(line, "!") {
		return true
	}
	return strings.Contains(line, ". ") || strings.Contains(line, "。")
}
