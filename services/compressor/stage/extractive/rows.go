package extractive

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tollgate.dev/services/compressor/extract"
	"tollgate.dev/services/compressor/protect"
	"tollgate.dev/services/compressor/wordset"
)

// keepRows keeps rows whole, and tells whether it did: those of a list for a question that takes
// all of them (how many there are, their sum, the largest, which of them comes twice), and those
// of a table for every question but one that names a row of it. Then that row stays, and the
// header, and nothing else has to.
func keepRows(g *extract.Text, question string) bool {
	all := isAggregate(question) || isComparative(question)
	if all && isRows(g.Text) || isTable(g.Text) && (all || !keepNamed(g, question)) {
		g.Keep = append(g.Keep, extract.Span{Start: 0, End: len(g.Text)})
		return true
	}
	return false
}

// isTable tells whether a text is a table or a list of names, and no log: most of its lines are set
// apart into as many fields by one sign, or stand in columns, or have few words each.
func isTable(text string) bool {
	lines, logged, short := 0, 0, 0
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		lines++
		if protect.LookOf(line) == protect.Log {
			logged++
		}
		if len(line) <= longestRow && wordsOf(line) <= maxListed && !hasSentenceEnd(line) {
			short++
		}
	}
	if lines < leastListed || 2*logged > lines {
		return false
	}
	if 10*short >= 9*lines || isDelimited(text) {
		return true
	}
	split, rows := strings.SplitAfter(text, "\n"), 0
	for _, t := range findTables(split) {
		for _, line := range split[t.first:t.end] {
			if !hasSentenceEnd(strings.TrimSpace(line)) {
				rows++
			}
		}
	}
	return 2*rows > lines
}

func wordsOf(line string) int { return strings.Count(line, " ") + 1 }

// maxListed is how many words a line of a list of names has.
const maxListed = 3

// keepNamed keeps the rows that a question names, by a value that stands in few of them, those that
// these lead to, and the first line. It reports false where it names none, or a value of many rows too.
func keepNamed(g *extract.Text, question string) bool {
	lines, lowered := strings.SplitAfter(g.Text, "\n"), strings.SplitAfter(strings.ToLower(g.Text), "\n")
	few := max(2, len(lines)/20)
	named := make([]bool, len(lines))
	found := false
	for i, value := range valuesOf(question) {
		if i == maxValues {
			return false
		}
		var rows []int
		isCell := false
		for j, line := range lowered[1:] {
			at, ok := findWord(line, value.text)
			if !ok {
				continue
			}
			rows = append(rows, j+1)
			isCell = isCell || isWholeCell(line, at, at+len(value.text))
		}
		switch {
		case len(rows) == 0 || !isCell && !value.telling:
		case len(rows) > few && isCell:
			return false
		case len(rows) > few:
		default:
			if _, ok := findWord(lowered[0], value.text); ok {
				continue // a column's name
			}
			found = true
			for _, j := range rows {
				named[j] = true
			}
		}
	}
	if !found || !newRelation(lines).close(named, len(lines)/leastDropped) {
		return false
	}
	named[0] = true
	start := 0
	for j, line := range lines {
		if named[j] {
			g.Keep = append(g.Keep, extract.Span{Start: start, End: start + len(strings.TrimRight(line, "\r\n"))})
		}
		start += len(line)
	}
	return true
}

// leastDropped tells which share of a table's rows may be named by others: one of so many. Where there are
// more, hardly a row is sure to be needless.
const leastDropped = 4

// maxValues is how many words of a question are looked for in rows; a longer one names none.
const maxValues = 200

// value is a word of a question that may be a value of a table.
type value struct {
	text string
	// telling words are names by how they are written: with a digit among letters, a capital, or
	// what joins the parts of names. Others have to be a cell.
	telling bool
}

// valuesOf are the words of a question that may name a row: none of a letter or two digits alone,
// and none that any sentence has.
func valuesOf(question string) (values []value) {
	first := true
	seen := map[string]bool{}
	for _, word := range strings.FieldsFunc(question, func(r rune) bool {
		return unicode.IsSpace(r) || r >= 0x2E80 || strings.ContainsRune("\"'`“”„«»()[]{}<>,;?!=", r)
	}) {
		begins := first
		first = strings.HasSuffix(word, ".")
		word = strings.Trim(strings.TrimSuffix(word, "’s"), ".:-*_/")
		lower := strings.ToLower(word)
		if len(word) < 2 || seen[lower] || commonWords[lower] {
			continue
		}
		seen[lower] = true
		digits, letters := strings.ContainsAny(word, "0123456789"), strings.IndexFunc(word, unicode.IsLetter) >= 0
		if digits && !letters && len(word) < 3 {
			continue
		}
		r, _ := utf8.DecodeRuneInString(word)
		values = append(values, value{lower, digits && letters || !begins && unicode.IsUpper(r) || strings.ContainsAny(word, "_./@-") && letters})
	}
	return values
}

// commonWords are of any question.
var commonWords = wordset.Fields(`a an and any are as at be by can could did do does each for from get give had has have he her his how i if in is it its list
	may me my no not of on or our please say see she should show so tell that the their them then there these they this to up us was we were what when where which who whose why will with would yes you your
	der die das den dem ein eine ist sind und oder wer was wie wo wann welche welcher welches hat haben von mit zu im in auf für
	le la les un une des de du et ou est sont qui que quel quelle où el los las una y o es son quién qué cuál dónde true false null none ok`)

// findWord finds a word in a line, with no letter or digit beside it.
func findWord(line, word string) (at int, ok bool) {
	for at = 0; ; at++ {
		n := strings.Index(line[at:], word)
		if n < 0 {
			return 0, false
		}
		at += n
		before, _ := utf8.DecodeLastRuneInString(line[:at])
		after, _ := utf8.DecodeRuneInString(line[at+len(word):])
		if !joins(before) && !joins(after) {
			return at, true
		}
	}
}

func joins(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_')
}

// isWholeCell tells whether line[start:end] is all that stands between two signs of a table, which
// in a line without any are spaces.
func isWholeCell(line string, start, end int) bool {
	signs := delimiters + "\"'\r\n"
	if !strings.ContainsAny(line, delimiters) {
		signs += " "
	}
	before, after := strings.TrimRight(line[:start], " "), strings.TrimLeft(line[end:], " ")
	bounded := func(text string, at, gap int) bool {
		return text == "" || gap > 1 || gap > 0 && strings.Contains(signs, " ") || strings.IndexByte(signs, text[at]) >= 0
	}
	return bounded(before, len(before)-1, start-len(before)) && bounded(after, 0, len(line)-end-len(after))
}

// isComparative tells whether a question compares rows, or speaks of a range of values, of all or
// of none: then no value in it names the row that it asks for.
func isComparative(question string) bool {
	question = strings.ToLower(question)
	for _, w := range strings.FieldsFunc(question, func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' }) {
		if comparativeWords[w] || len(w) > 5 && strings.HasSuffix(w, "est") && !positiveWords[w] {
			return true
		}
	}
	return slices.ContainsFunc(comparativeSigns, func(s string) bool { return strings.Contains(question, s) })
}

var comparativeWords = wordset.Fields(`than more less fewer most least best worst first last second third next previous better worse higher lower larger smaller bigger greater older younger newer longer
	shorter faster slower cheaper richer poorer earlier later between above below over under before after since until till beyond within exceeds exceed exceeding about around approximately roughly near nearest
	close closest any anybody anyone anything all every everybody everyone everything each none nobody nothing no not other others another else rest except without both compare comparison compared similar
	differ differs difference different range outlier outliers trend histogram plot chart group grouped half quarter quartile percentile percent ahead behind beside besides neighbour neighbor
	mehr weniger als zwischen über unter mindestens höchstens alle allen jeder jede jedes keiner keine niemand ohne besser schlechter höher niedriger vor nach seit bis ab außer andere anderen
	plus moins entre tous toutes chaque aucun aucune autres avant après depuis más menos mayor menor mejor peor todos todas cada ningún ninguno otros antes después desde
	più meno tra tutti ogni nessuno altri prima dopo mais todos cada nenhum outros antes depois больше меньше чем между все всех каждый никто другие до после`)

// positiveWords end as superlatives do.
var positiveWords = wordset.Fields("request pytest manifest digest forest interest contest harvest invest suggest protest honest arrest ingest")

var comparativeSigns = []string{">", "<", "比", "最", "所有", "全部", "都", "以上", "以下", "之间", "之間", "超过", "高于", "低于", "より", "すべて", "全て", "以内", "보다", "모든", "이상", "이하"}

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
var aggregateWords = wordset.Fields(`count counts sum total totals average mean median maximum minimum max min highest lowest largest smallest
	biggest longest shortest oldest newest latest earliest most least fewest twice duplicate duplicates unique distinct rank sort top share percentage distribution
	anzahl summe durchschnitt mittelwert insgesamt größte größten kleinste kleinsten höchste höchsten niedrigste meisten wenigsten doppelt älteste neueste
	combien somme moyenne médiane doublons cuántos cuántas suma promedio media mediana duplicados quanti quante somma
	сколько сумма среднее максимум минимум итого`)

var aggregatePairs = wordset.Of("how many", "how much", "how often", "number of", "wie viele", "wie viel", "wie oft", "which files", "what files", "which rows", "which lines", "what lines",
	"what rows", "the files", "the rows", "the entries", "the processes", "le plus", "la plus", "les plus", "el más", "la más")

var aggregateSigns = []string{"多少", "几个", "总共", "总数", "平均", "最大", "最小", "最高", "最低", "最多", "最少", "重复", "いくつ", "合計", "몇", "합계", "평균"}

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
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if lines++; len(line) <= longestRow && !hasSentenceEnd(line) {
			rows++
		}
	}
	return lines >= leastListed && (10*rows >= 9*lines || isDelimited(text))
}

// isDelimited tells whether three of four lines are set apart into as many fields by one sign.
func isDelimited(text string) bool {
	lines := 0
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
	}
	for _, by := range fields {
		for _, n := range by {
			if 4*n >= 3*lines {
				return true
			}
		}
	}
	return false
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
