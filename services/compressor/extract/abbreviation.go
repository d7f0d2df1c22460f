package extract

import "strings"

// abbreviations are followed by a capital or a number within a sentence: English, German,
// the Romance languages, Russian. Single letters are told otherwise.
const abbreviations = ` mr mrs ms dr prof st sr jr vs gen col lt sgt capt cmdr adm rev hon gov sen rep pres messrs mt ft fr ` +
	`no nos vol fig figs eq sec ch pp ed eds cf approx ca inc ltd corp co dept univ op art ` +
	`jan feb mar apr jun jul aug sep sept oct nov dec ` +
	`bzw vgl nr str hl bd abb hrsg geb gest ggf evtl sog zzt inkl ` +
	`mm mme mlle av env sra srta ud uds dott sig avv ing ` +
	`гг вв им ул тов проф акад см рис тыс млн млрд руб др пр ср `

// abbreviated tells whether a word is one of them.
func abbreviated(w string) bool {
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

// digits tells whether a text is a number.
func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
