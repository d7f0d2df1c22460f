package extract

import (
	"slices"
	"strings"
)

// abbreviations are followed by a capital or a number within a sentence: English, German,
// the Romance languages, Russian. Single letters are told otherwise.
const abbreviations = ` mr mrs ms dr prof st sr jr vs gen col lt sgt capt cmdr adm rev hon gov sen rep pres messrs mt ft fr ` +
	`no nos vol fig figs eq eqs sec secs ch pp ed eds cf approx ca inc ltd corp co bros dept univ op art ` +
	`jan feb mar apr jun jul aug sep sept oct nov dec ` +
	`bzw vgl nr str hl bd abb hrsg geb gest ggf evtl sog zzt inkl mio mrd ` +
	`mm mme mlle av env sra srta ud uds dott sig avv ing ` +
	`гг вв им ул тов проф акад см рис тыс млн млрд руб др пр ср `

// isAbbreviation tells whether a word is one of them.
func isAbbreviation(w string) bool {
	const longest = 12
	if len(w) == 0 || len(w) > longest {
		return false
	}
	var buf [2*longest + 2]byte
	b := append(buf[:0], ' ')
	for _, r := range w {
		if classOf(r) != letter {
			return false
		}
		b = appendLower(b, r)
	}
	return strings.Contains(abbreviations, string(append(b, ' ')))
}

// firms are what follows a name with an exclamation mark.
var firms = []string{"inc", "ltd", "llc", "corp", "co", "plc", "gmbh", "ag", "sa", "group", "holdings"}

// startsWithFirm tells whether a text begins with what only follows a firm's name.
func startsWithFirm(text string) bool {
	n := 0
	for n < len(text) && ascii[text[n]&0x7f] == letter {
		n++
	}
	return n < len(text) && slices.Contains(firms, strings.ToLower(text[:n]))
}

// isCountryPart tells whether a word with points that a country's name shortens goes on with what is of it:
// an office, a force or a people, rather than a sentence's first word.
func isCountryPart(word, next string) bool {
	if word != "U.S" && word != "U.K" && word != "U.N" && word != "E.U" {
		return false
	}
	n := 0
	for n < len(next) && (ascii[next[n]&0x7f] == letter) {
		n++
	}
	return slices.Contains(offices, next[:n])
}

var offices = strings.Fields("Army Navy Air Marine Marines Coast Congress Senate House Representative Senator President Vice Supreme Court District Department " +
	"Secretary State States Treasury Government Constitution Attorney Ambassador Embassy Open Bureau Census Capitol Federal Food Forces Foreign Geological " +
	"Green Highway Immigration Internal Military National Olympic Postal Postmaster Prime Public Route Securities Special Steel Trade Virgin Security General Parliament Commission")

// isNumber tells whether a text is a number.
func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
