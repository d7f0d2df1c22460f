package canon

import (
	"maps"
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
		!taught[words[i-1].Lemma] && words[i-1].Lemma != "play" && // the flute
		!unique[next.Lemma]
}

// counted reports whether it says something that words[i] is a plural: of a noun that has another
// meaning in some phrase, of minutes that are taken, and of what is called as several things are.
func counted(words []reading.Word, i int) bool {
	if words[i].Form != reading.S {
		return false
	}
	last := i+1 == len(words) || words[i+1].Function || words[i+1].Sentence != words[i].Sentence
	if i == 0 {
		return last && words[i].Entry.Is(lexicon.Noun) && distinct(words[i].Lemma, true)
	}
	if idiom(words, i-1, i) {
		return true
	}
	verb := words[i].Entry.Is(lexicon.Verb) && !words[i-1].Function && words[i-1].Entry.Is(lexicon.Noun) // a stove works
	if !verb && !words[i].Capital && distinct(words[i].Lemma, last || words[i+1].Form == reading.Past) {
		return true
	}
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

// oneOf reports whether words[i] is one of what its name, without an article, is no number of: an iron, a
// right, a good security. Several are such ones too.
func oneOf(words []reading.Word, i int) bool {
	w := &words[i]
	if w.Form != reading.Base || w.Kind != reading.Plain || !distinct(w.Lemma, true) {
		return false
	}
	k := i - 1
	for k > 0 && !words[k].Function && words[k].Entry.Is(lexicon.Adjective) {
		k--
	}
	if k < 0 || words[k].Text != "a" && words[k].Text != "an" {
		return false
	}
	if i+1 == len(words) || words[i+1].Function || words[i+1].Sentence != w.Sentence || words[i+1].Form == reading.Past {
		return true
	}
	// Not a security guard, but does a security pay.
	return k > 0 && auxiliary[words[k-1].Text] && words[i+1].Entry.Is(lexicon.Verb) &&
		(i+2 == len(words) || words[i+2].Function || words[i+2].Sentence != w.Sentence || !words[i+2].Entry.Is(lexicon.Verb))
}

// auxiliary are verbs behind which a question has who does something, and then what that is.
var auxiliary = reading.Set("do does did can could will would shall should must may might")

// distinct reports whether a noun is one of which several are, or one is, another thing than what is meant by the
// noun alone. Where no other noun stands behind it, so it is with most nouns for qualities and doings: ability and
// abilities, payment and payments.
func distinct(noun string, last bool) bool {
	if diverse()[noun] {
		return true
	}
	if !last || countable[noun] {
		return false
	}
	for _, end := range abstract {
		if len(noun) >= len(end)+3 && strings.HasSuffix(noun, end) {
			return true
		}
	}
	return false
}

// abstract are the endings of such nouns.
var abstract = [...]string{"ity", "ness", "ance", "ence", "ism", "hood", "ship", "ment", "tion", "sion", "ency", "ancy", "age", "ure", "dom"}

// countable are nouns with such an ending of each of which there is one or more, and nothing besides.
var countable = reading.Set("city university question station nation opportunity difference advantage disadvantage language image message page package picture " +
	"document element department government apartment relationship friendship scholarship internship celebrity community option section " +
	"vacation invitation organization corporation institution language village garage sandwich audience sentence conference " +
	"application version solution position location destination equation function instruction transaction subscription " +
	"identity cookie creature procedure feature lecture temperature structure adventure requirement experiment instrument " +
	"agreement argument comment statement appointment assignment advertisement supplement ailment garment monument tournament " +
	"moment segment fragment cabbage sausage cottage bandage mirage marriage villager party entity charity mortgage appliance apprenticeship mechanism organism residence")

// diverse are nouns of which several are, or one of several is, another thing than what is meant by the noun alone:
// security and securities, the future and futures, iron and an iron.
var diverse = sync.OnceValue(func() map[string]bool {
	nouns := reading.Set(stuff + " " + senses + " " + titles)
	maps.Copy(nouns, unique)
	return nouns
})

// stuff is what things are made of, and what there are pieces and sorts of.
const stuff = "iron paper tin glass brass chicken fish lamb stone rubber cork copper nickel wood cloth coffee beer light " +
	"chocolate hair ice cake egg turkey duck marble steel silver gold lead salt oil wine tea cheese bread pepper onion " +
	"straw brick cotton linen silk wool fur leather plastic toast roast fine water air sand metal fabric meat"

// senses have a plural, or a countable sense, that is another one: grammars call such plurals lexical ones.
const senses = "security equity liability property treasury future right power condition consideration effect return use " +
	"attraction authority quality practice ground direction justice utility facility commodity finance fund term work relation " +
	"regard honor passage present standard share stock derivative sanction letter color classic art science " +
	"particular specific ruin brain gut nerve pain height depth time age check dart bowl operation credit debit interest " +
	"expense charge holding offering setting metric static dynamic mechanic logistic graphic law order spirit good custom arm moral " +
	"damage premise sale force communication humanity content saving odd look mean minute scale spectacle stair talk " +
	"thank trunk short tight sweat holiday heaven leaf leave margin medium point politic potential principal receipt " +
	"resource rich rapid sight ethic physic surrounding valuable vital wage wit writing yield reserve mass " +
	"balance trust control service bond option warrant exchange experience philosophy " +
	"history theory faith virtue vice evil value measure environment society state nature character " +
	"capital currency labor industry trade price cost pressure strength weakness weight temperature speed"

// titles are nouns that, alone, are the name of a program, a language or a company: what is python, and what is a
// python, what are pythons.
const titles = "python ruby rust swift dart shell bash scratch scheme racket crystal elm spring flask rail ember meteor " +
	"gatsby express nest spark storm hive beam flutter bootstrap tailwind maven ant grape gem cargo puppet chef vault consul nomad packer " +
	"helm cypress mocha jasmine karma jest word excel outlook edge explorer apple amazon oracle alphabet discover gap stripe slack zoom " +
	"discord signal telegram messenger tinder bumble hinge notion sketch canvas blender unity steam twitch mint fedora safari opera " +
	"thunderbird impala presto arrow parquet panda torch whisper gemini llama falcon cursor fork snowflake tableau splunk " +
	"sentry sublime atom eclipse brave chrome oak beanstalk lambda bard copilot buffer mercury saturn"

// unique are nouns of which everybody knows the one that is meant by the noun with the definite article: the sun, and
// a sun or suns.
var unique = reading.Set("sun moon earth sky world universe internet web net cloud market economy pill bar date army navy press media " +
	"pope president queen king church constitution senate congress parliament bible flu past present")

// installed are verbs of what is done with a program by its name.
var installed = reading.Set("install uninstall reinstall import deploy upgrade")

// software are words of texts in which a word may be the name of a program.
var software = reading.Set("python pip npm node javascript typescript java kotlin ruby rust golang django php perl linux ubuntu debian docker conda " +
	"anaconda pypi jupyter library package module framework api script notebook")
