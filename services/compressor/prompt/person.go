package prompt

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"tollgate.dev/services/compressor/protect"
)

// speaks tells who speaks in a text outside quotations and code, and to whom: in the first
// person, as who tells of themselves, or to a second one. Legal texts, letters and what other
// people wrote may speak so too, which costs a saving.
func speaks(text string) (first, second bool) {
	var quotes []protect.Span
	found := false
	quoted := func(start, end int) bool {
		if !found {
			found, quotes = true, protect.Of(text, protect.Quote|protect.Code|protect.Inline|protect.JSON)
		}
		return protect.Touches(quotes, start, end)
	}
	before := "" // the word before
	for start := 0; start < len(text) && !(first && second); {
		word, end := wordAt(text, start)
		if word == "" {
			if end > start && strings.IndexByte(".!?:\n", text[end-1]) >= 0 {
				before = ""
			}
			start = end
			continue
		}
		person := personOf(word, before, text[end:])
		if person != 0 && !quoted(start, end) {
			first, second = first || person == 1, second || person == 2
		}
		before, start = word, end
	}
	for _, p := range [...]struct {
		words []string
		of    *bool
	}{{firstSigns, &first}, {secondSigns, &second}} {
		for _, sign := range p.words {
			if at := strings.Index(text, sign); at >= 0 && !*p.of {
				*p.of = !quoted(at, at+len(sign))
			}
		}
	}
	return first, second
}

// wordAt returns the word that begins at a place; none, and where to go on, when there is none.
func wordAt(text string, start int) (word string, end int) {
	for end = start; end < len(text); {
		r, size := rune(text[end]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(text[end:])
		}
		if !unicode.IsLetter(r) && !unicode.IsMark(r) {
			if end == start {
				return "", end + size
			}
			break
		}
		end += size
	}
	return text[start:end], end
}

// personOf is 1 for a word of the first person, 2 for one of the second. Abbreviations, such as
// US, and the numeral of World War I are none.
func personOf(word, before, rest string) int {
	if len(word) > 32 {
		return 0
	}
	if word == "I" || word == "i" || word == "J" || word == "j" {
		apostrophe := strings.HasPrefix(rest, "'") || strings.HasPrefix(rest, "’")
		c, _ := utf8.DecodeRuneInString(before)
		named := unicode.IsUpper(c) && !opensWithI[before]
		if apostrophe || (word == "I" || word == "i") && !named && strings.HasPrefix(rest, " ") {
			return 1
		}
		return 0
	}
	lower := strings.ToLower(word)
	if word != lower && word == strings.ToUpper(word) && utf8.RuneCountInString(word) > 1 {
		return 0
	}
	return persons[lower]
}

// opensWithI are words that begin a sentence before I.
var opensWithI = map[string]bool{
	"And": true, "But": true, "So": true, "If": true, "When": true, "As": true, "Since": true, "Because": true, "Then": true, "Now": true, "Today": true,
	"Yesterday": true, "Here": true, "That": true, "What": true, "While": true, "Also": true, "Or": true, "Can": true, "Should": true, "Do": true, "Am": true,
}

// persons are the words of the first person and of the second, in lower case.
var persons = func() map[string]int {
	all := map[string]int{}
	for person, words := range []string{
		1: `my me mine myself we our ours ourselves us
			ich mir mich mein meine meinem meinen meiner meines wir uns unser unsere unserem unseren unserer unseres
			je moi mon nous notre
			yo mi mis conmigo nosotros nosotras nuestro nuestra nuestros nuestras tengo quiero necesito soy estoy tenemos queremos vamos somos estamos necesitamos
			eu meu minha meus minhas nós nosso nossa nossos nossas tenho quero preciso temos
			io mio mia miei mie noi nostro nostra nostri nostre abbiamo vogliamo siamo vorrei
			ik mij mijn wij onze
			ja mnie mój moja moje mam mamy nam nasz nasza nasze chcę chcemy
			já mně můj nás nám náš naše máme chci chceme
			я мне меня мной мой моя моё мое мои моей моего моих мы нас нам нами наш наша наше наши нашей нашего
			мені мене мій ми наша наші
			jag mig oss vår våra mitt
			jeg meg vår våre
			minä minun minua meidän meillä olen olemme haluamme
			εγώ μου εμείς μας
			benim bana bizim bize
			saya aku kami kita
			tôi
			أنا نحن عندي لدي لدينا أريد
			אני אנחנו שלי שלנו
			मैं मुझे मेरा मेरी मेरे हम हमें हमारा हमारी हमारे`,
		2: `you your yours yourself
			du dir dich dein deine deinem deinen deiner
			tu toi vous votre vos te
			tú usted ustedes você vocês
			voi tuo tua
			jij jouw jullie
			ty twój twoja
			ты тебе тебя твой твоя вы вам вас вами ваш ваша ваше ваши
			dig din`,
	} {
		for _, w := range strings.Fields(words) {
			all[w] = person
		}
	}
	return all
}()

// firstSigns and secondSigns are those of scripts without spaces between words.
var (
	firstSigns  = []string{"我的", "我们", "我們", "我想", "我要", "我有", "我是", "我在", "我喜", "我需", "我和", "我家", "咱", "私は", "私の", "私が", "私も", "私に", "私を", "私た", "私と", "僕", "俺", "저는", "제가", "저희", "나는", "내가", "우리 ", "우리는", "우리가", "ฉัน", "เรา"}
	secondSigns = []string{"你", "您", "あなた", "당신", "คุณ"}
)
