package canon

import (
	"strings"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// Here is whose doing a question to the bare model is about. Nobody stands behind its "you" who would
// have refunds or an office, so "how do you install a printer?" asks for a way to it. What is left to tell is
// whether the model itself is asked, for what it does, is, thinks or can, or what only who runs a business
// does: a model may have been trained to speak for one. In doubt, the one who is asked is.

// minds are verbs whose doer makes a difference whatever is done: who is asked answers for themselves.
var minds = reading.Set("be feel think know understand work live sleep look sound see say tell speak remember believe want like " +
	"love hate prefer have exist come help answer assist support respond reply process store train hear dream mean enjoy react " +
	"reason decide recall forget perceive interpret imagine hallucinate predict guess infer recognize recognise identify detect " +
	"sense suffer care trust doubt agree disagree judge consider regard differ perform function operate evolve update upgrade handle " +
	"generate summarize summarise translate compute parse classify categorize filter moderate censor refuse decline lie deceive joke " +
	"communicate converse chat talk interact behave act pretend describe explain define recommend suggest advise intend expect hope " +
	"wish fear appreciate exhibit respect reject ignore admit guy folk rank rate adapt reflect introspect comprehend conclude deduce")

// trades are verbs of what one does who runs a business, or works for one.
var trades = reading.Set("hire fire recruit onboard ship deliver dispatch distribute charge bill invoice refund reimburse " +
	"compensate sell price market advertise manufacture produce supply source stock restock lease license insure underwrite sponsor " +
	"audit serve warrant guarantee verify authenticate vet screen fund reward notify triage staff collect protect secure enforce " +
	"comply dispose recycle accept offer provide approve select allocate escalate monetize certify accredit cater franchise ensure " +
	"maintain assess evaluate validate prioritize schedule monitor retain anonymize aggregate disclose export import integrate " +
	"deploy host scale test curate inspect represent treat diagnose consult employ")

// made are verbs of what a model does as well as people: with an article behind it a single thing is what
// anybody may make, and things of a kind are what who is asked makes by habit.
var made = reading.Set("write draw compose create code program edit choose pick sing read compare analyze design develop build " +
	"find paraphrase rewrite debug teach review research rhyme learn do")

// fares are verbs of how one gets on, where no object stands behind them.
var fares = reading.Set("open close improve run change grow do go fare stack hold get perform learn scale")

// searches are verbs of what a model does for who asks, but for where anybody does it.
var searches = reading.Set("search browse access")

// matter is what a business deals with, and what a model does, works on or is made of; with one of them
// behind it, a doing is that of who is asked.
var matter = reading.Set("user customer client consumer buyer seller merchant vendor supplier partner investor shareholder " +
	"employee staff applicant candidate patient guest visitor tenant passenger subscriber stakeholder audience refund invoice " +
	"subscription payment shipment shipping delivery warranty complaint chargeback feedback revenue profit sale pricing price cost " +
	"fee budget policy compliance privacy fraud risk supply inventory warehouse production release feature roadmap traffic " +
	"commercially professionally industrially living service quality performance success eligibility money colleague data dataset " +
	"info information knowledge fact source token audio voice speech input output query context dialogue content memory algorithm " +
	"parameter inference prediction opinion recommendation suggestion hallucination misinformation disinformation falsehood lie " +
	"truth accuracy ambiguity uncertainty sarcasm irony humor humour emotion feeling empathy consciousness intelligence creativity " +
	"personality identity thought sense reasoning logic ethics morality morals values belief consent harm abuse misuse jailbreak " +
	"censorship conscious sentient aware self-aware human ai llm gpt chatgpt openai claude anthropic gemini siri alexa copilot llama " +
	"neutral unbiased objective impartial accurate factual updated consistent smart trained better criticism insult rudeness " +
	"profanity copyright plagiarism secret confidential sensitive offensive inappropriate harmful decision choice judgment judgement " +
	"conclusion assumption mistake joke safety helpfulness honesty fairness transparency repetition capacity limit limitation " +
	"ability capability meaning intent sentiment entity training bias news world")

// works are matter as well, but for a single one with an article: to make, open or send it is anybody's.
var works = reading.Set("word sentence image picture photo video file document question answer request response prompt " +
	"instruction conversation chat message topic model error idea language text pdf spreadsheet robot machine bot chatbot assistant " +
	"system server task role rule guideline team company business firm startup brand store shop restaurant bakery website app site " +
	"order return ticket dispute account password card problem result letter character poem poetry story song music art essay recipe " +
	"game concept pattern code api event database network attack injection plan report comment")

// claims are words by which who is asked is asked how they know.
var claims = reading.Set("right wrong correct incorrect true false accurate sure certain lying lie mistaken reliable real fake " +
	"relevant important ready done finished helpful appropriate allowed able")

// habits are words that tell how one who is asked does it, or against whom they are held.
var habits = reading.Set("so such here usually normally always never typically generally often personally currently internally " +
	"already still than me my mine myself i yourself yours themselves guys folks")

// place are verbs of what one does somewhere, whoever one is.
var place = reading.Set("get find buy go put download obtain purchase apply register check park stay watch rent eat")

// had are nouns of what people have and a model has not, beside [owns].
var had = reading.Set("phone iphone ipad laptop computer macbook mac pc tablet car bike apartment house passport visa resume cv " +
	"dress boss dad mum mom mother father brother sister child son daughter husband wife landlord neighbor jacket coat luggage belt " +
	"blood pressure bone throat")

// nobody reports whether the pronoun at i, in what the bare model is asked, is anybody.
func nobody(a []atom, i int) bool {
	if a[i].text == "people" {
		return false
	}
	aux, ask := a[i-1].text, a[0].text
	v, ended := leadIn(a, i+1)
	for v < len(a) && manners(&a[v]) {
		v, _ = leadIn(a, v+1)
	}
	if v+1 >= len(a) || a[v].frame || !lexicon.Find(a[v].text).Is(lexicon.Verb) {
		return false
	}
	fronted := false // what is done something to stands before the verb
	can := aux == "can" || aux == "could" || aux == "may" || aux == "might"
	should := aux == "should" || aux == "must" || aux == "do" && must(a[i+1:v])
	switch {
	case conditional[aux]: // what happens if you eat soap
		if ask != "how" && ask != "what" {
			return false
		}
	case !doing[aux] && i+1 < len(a) && doing[a[i+1].text]: // what is a way you can
		if ask != "what" || a[i+1].text == "will" || a[i+1].text == "would" || a[i+1].text == "do" { // "is there a way" is a request
			return false
		}
	case ask == "how":
		if aux != "do" && !can && !should || i != 2 && (i != 3 || !extent[a[1].text]) {
			return false
		}
		if (a[v].text == "know" || a[v].text == "tell") && v+2 < len(a) && ifs[a[v+1].text] {
			return a[v+2].text != "to" && !claimed(a[v+2:]) && !deals(a, v+2)
		}
	case ask == "what":
		fronted = i > 2
		switch {
		case i != 2 && !should && (!can || !plain(a[1:i-1])): // what lessons can you learn from
			return false
		case aux == "do" && a[v].text == "call" && v == i+1:
		case can && a[v].text == "do" && !ended:
			return with[a[v+1].text] && plain(a[v+1:]) && !deals(a, v+1)
		case !can && !should && !ended:
			return false
		}
	case ask == "where":
		if !can && !should && (aux != "do" || !place[a[v].text]) {
			return false
		}
	case ask == "when" || ask == "why" || ask == "which" || ask == "who":
		if !should && (ask != "which" || !can) {
			return false
		}
	case ask == "do" || ask == "should" || ask == "must":
		if i != 1 || !should {
			return false
		}
	default:
		return false
	}
	if fronted {
		return !minds[a[v].text] && !trades[a[v].text] && !deals(a, v+1)
	}
	return !itself(a, v)
}

// plain reports whether what is asked for is neither what a business deals with nor a model.
func plain(a []atom) bool {
	for i := range a {
		if in(matter, &a[i]) || in(works, &a[i]) {
			return false
		}
	}
	return true
}

// ifs stand between what one knows and "know".
var ifs = reading.Set("if when whether")

// conditional words stand before what one does, of which something is asked.
var conditional = reading.Set("if when unless while before after")

// extent are what follows "how" where it asks how much of something is done.
var extent = reading.Set("much long often soon early late far")

// with are words behind "what can you do" that tell what for or where.
var with = reading.Set("with to about in on at if when before after during")

// manners reports whether an adverb says how anybody does it, before the verb: properly, exactly.
func manners(a *atom) bool {
	return noun(a) && !habits[a.text] && a.word.Entry.Is(lexicon.Adverb) && strings.HasSuffix(a.text, "ly")
}

// must reports whether what stands before a verb says that it is to be done: "have to", "need to".
func must(a []atom) bool {
	return len(a) > 1 && a[len(a)-1].text == "to" && (a[0].text == "have" || a[0].text == "need")
}

// claimed reports whether a clause tells what is right, or what who is asked does.
func claimed(a []atom) bool {
	for i := range a {
		if in(claims, &a[i]) || in(minds, &a[i]) && a[i].text != "be" && a[i].text != "love" && a[i].text != "like" {
			return true
		}
	}
	return false
}

// itself reports whether what the verb at v tells, with what stands behind it, is what a model does
// itself, or a business.
func itself(a []atom, v int) bool {
	does, next := a[v].text, &a[v+1]
	switch {
	case minds[does] || trades[does]:
		return true
	case does == "get" && next.form == reading.Past && !happens[next.text]: // get trained, but get married
		return true
	case phases[does] && next.form == reading.Ing && (minds[next.text] || made[next.text] || fares[next.text]): // stop responding
		return true
	case searches[does]:
		return !somewhere(a[v+1:])
	case does == "learn" && about(next) && !plain(a[v+2:]):
		return true
	case does == "learn" && (next.text == "to" || next.text == "how"):
		for v+1 < len(a) && (a[v+1].text == "to" || a[v+1].text == "how") {
			v++
		}
		v++
		switch does = a[min(v, len(a)-1)].text; {
		case v >= len(a) || does == "rank" || deals(a, v):
			return true
		case v+1 == len(a):
			return made[does] || minds[does] || fares[does]
		}
		return itself(a, v)
	case fares[does] && next.word != nil && next.word.Function && !leads(does, next.text) && !about(next) && !one(next):
		return true
	case (made[does] || does == "determine" || does == "know") && wh[next.text]: // choose what to say
		return true
	case made[does] && !one(next) && !about(next) && !somewhere(a[v+1:]):
		return true
	case (does == "stay" || does == "keep" || does == "remain") && (next.text == "current" || is(a, v+1, "up", "to")):
		return true
	}
	return deals(a, v+1)
}

// deals reports whether what stands from i on, behind a verb, is what a business or a model deals with, or tells how who
// is asked does it.
func deals(a []atom, i int) bool {
	for j := i; j < len(a); j++ {
		w := a[j].word
		switch {
		case habits[a[j].text] || w != nil && habits[w.Text], a[j].text == "us", a[j].text == "our":
			return true
		case a[j].text == "your":
			if o := object(a[j:]); !in(owns, o) && !in(had, o) {
				return true
			}
		case w == nil || w.Function || somewhere(a[j:]):
		case matter[a[j].text], matter[w.Text], strings.HasPrefix(w.Text, "gpt"):
			return true
		case a[j-1].text == "to" && serves[a[j].text]:
			return true
		case works[a[j].text] && !w.Capital && (a[j].form != reading.Base || !sole(a, j)) && !(a[j].text == "order" && a[j-1].text == "in"):
			return true
		}
	}
	return false
}

// happens to people, of what one gets done.
var happens = reading.Set("marry divorce hire fire arrest promote start accept admit publish pay dress catch dump tire scare stick")

// phases are verbs of when something else is done.
var phases = reading.Set("stop start keep begin continue quit resume avoid prevent")

// serves are verbs of what a model does for who asks.
var serves = reading.Set("answer respond reply generate process translate summarize understand compute train")

func about(a *atom) bool { return a.text == "about" || a.text == "ABOUT" }

// leads reports whether a word behind a verb of how one gets on tells of a way: get out of bed, go to Mars.
func leads(does, next string) bool {
	switch does {
	case "get":
		return ways[next] || next == "in" || next == "on" || next == "over"
	case "go", "run", "hold", "stack":
		return ways[next]
	}
	return false
}

// ways are words behind a verb of movement with which it says what somebody does, not what he has.
var ways = reading.Set("to out into rid up off through away back past around down")

// wh begins a clause.
var wh = reading.Set("what which who when where why how whether if")

// one reports whether an object begins so that it is a single thing, or is called by a name.
func one(a *atom) bool {
	switch {
	case a.article:
		return true
	case a.word == nil:
		return false
	}
	return singles[a.text] || a.word.Kind == reading.Number || a.word.Name() && a.form != reading.S
}

// singles are words before one thing, which is then what is spoken of and no kind of things.
var singles = reading.Set("a the your one someone")

// sole reports whether the noun at j stands behind an article, perhaps with words between.
func sole(a []atom, j int) bool {
	for ; j > 0 && noun(&a[j]); j-- {
		if one(&a[j]) {
			return true
		}
	}
	return one(&a[j])
}

// somewhere reports whether something is told to be done on or in what has a name and is no place on
// earth, nor a language that one speaks: in Python, on Instagram.
func somewhere(a []atom) bool {
	for k := range len(a) - 1 {
		if a[k].text != "on" && a[k].text != "in" && a[k].text != "from" {
			continue
		}
		if n := &a[k+1]; noun(n) && n.word.Name() && !n.word.Entry.Is(lexicon.Place) && !n.word.Entry.OfPlace() && !matter[n.text] &&
			!doings()["learn"][n.text] {
			return true
		}
	}
	return false
}
