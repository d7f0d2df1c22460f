package canon

import (
	"strings"
	"sync"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// Here is which articles and plurals make another thing of what they stand by.

// idiomatic are verbs and prepositions, and the nouns that mean something else right behind them than
// with an article between, or than several of them would: lose face, take pains, in front of, at sea.
const idiomatic = `
take: place part care time effect note shape hold action charge control cover form heart issue leave notice office offense pain pride root shelter side stock turn aim order measure credit flight step
make: room sense love money peace progress way time war friend fun use contact face history amends mean
lose: face heart ground touch track interest time sight count patience control hope faith way
keep: house time pace track watch quiet score company faith count order silence shop
give: way birth rise notice thank credit chase evidence ground place voice
pay: attention respect tribute heed court homage interest due
have: sex fun faith access time reason room heart
catch: fire cold sight hold
set: sail fire foot
raise: capital money hell
hold: court office hand water
do: time business justice
play: house ball
change: hand side place
join: force hand
build: well
in: front charge office place time case fact order question court bed school prison church hospital sight hand control possession effect use power season line love stock store debt general print public private secret trouble turn view person danger form shape touch favor return response labor
at: sea school war work table hand home church court college market present bottom heart large risk fault time ease
on: time fire board foot hand line order point record sale stage strike target top trial display duty earth leave course call air house bench
to: sea school church bed prison jail hospital college court work market town war ground university
by: hand heart sea land name day night chance law mistake
under: way control age fire construction
behind: bar scene
for: sale fun example hire
from: hand sea time home
off: duty hand court
without: question fail
out of: question place order control sight hand office court school season town work time stock print line
beyond: question doubt
`

var idioms = sync.OnceValue(func() map[string]map[string]bool {
	m := map[string]map[string]bool{}
	for line := range strings.Lines(idiomatic) {
		if word, nouns, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			m[word] = reading.Set(nouns)
		}
	}
	return m
})

// idiom reports whether the noun words[i] is one that means something else right behind the word at
// before.
func idiom(words []reading.Word, before, i int) bool {
	if before < 0 || i >= len(words) || words[i].Kind != reading.Plain {
		return false
	}
	key := words[before].Lemma
	if words[before].Function {
		if key = words[before].Text; key == "of" && before > 0 && words[before-1].Text == "out" {
			key = "out of"
		}
		switch key {
		case "has", "had", "having":
			key = "have"
		case "does", "did":
			key = "do"
		case "to":
			if before == 0 || !leadsTo[words[before-1].Lemma] {
				return false
			}
		}
	}
	return idioms()[key][words[i].Lemma]
}

// leadsTo are verbs of what one may go to without an article.
var leadsTo = reading.Set("go come return send walk get put take drive travel lead")

// telling reports whether the article words[i] makes another thing of what stands behind it: the front
// of a house, a well that is built, the Heat and The Cars, and at the end what is meant to be known
// already: who made the bomb.
func telling(words []reading.Word, i int) bool {
	next := &words[i+1]
	last := i+2 == len(words) || words[i+2].Function || words[i+2].Sentence != next.Sentence
	switch typed := words[i].Typed(); {
	case idiom(words, i-1, i+1):
		return true
	case next.Text == "well":
		return i > 0 && last
	case typed == "The" || typed == "A" || typed == "An":
		return words[i].Capital && next.Capital
	case typed != "the" || !last:
		return false
	case next.Capital:
		return next.Case() == "^"
	}
	return i > 1 && i+2 == len(words) && next.Form == reading.Base && words[i-1].Form <= reading.Past && words[i-1].Entry.First() == lexicon.Verb &&
		!taught[words[i-1].Lemma] && words[i-1].Lemma != "play" // the flute
}

// counted reports whether it says something that words[i] is a plural: of a noun that has another
// meaning in some phrase, of minutes that are taken, and of what is called as several things are.
func counted(words []reading.Word, i int) bool {
	if words[i].Form != reading.S || i == 0 {
		return false
	}
	if idiom(words, i-1, i) {
		return true
	}
	last := i+1 == len(words) || words[i+1].Function || words[i+1].Sentence != words[i].Sentence
	before := &words[i-1]
	switch {
	case words[i].Text == "minutes" && before.Kind != reading.Number:
		return before.Lemma == "meeting" || before.Text == "the" && !last || i+1 < len(words) && words[i+1].Text == "of"
	case !last || before.Break || words[i].Capital:
		return false
	case before.Text == "is": // what is pandas
		return i > 1 && asks(words[i-2].Text)
	case installed[before.Lemma]:
		return true
	case before.Function && !preposition[before.Text] || !before.Function && !before.Entry.Is(lexicon.Verb):
		return false
	}
	for k := range words {
		if software[words[k].Text] {
			return true
		}
	}
	return false
}

// installed are verbs of what is done with a program by its name.
var installed = reading.Set("install uninstall reinstall import deploy upgrade")

// software are words of texts in which a word may be the name of a program.
var software = reading.Set("python pip npm node javascript typescript java kotlin ruby rust golang django php perl linux ubuntu debian docker conda " +
	"anaconda pypi jupyter library package module framework api script notebook")
