package extract

import "strings"

// kind is what a question asks for, and what a sentence has that may answer it.
type kind uint8

const (
	who kind = 1 << iota
	when
	where
	amount
	value // a path, an address on the web, a hash, a name for machines
)

// entry is what is known of a word.
type entry struct {
	hash uint64
	head uint64 // the stem that stands for the word's; 0 for its own
	gist
}

// gist is what a word tells of the text that it is in.
type gist struct {
	asks  kind     // a question with it asks for that
	gives kind     // a sentence with it has that
	votes language // the language whose function word it is
	stop  bool     // it says little
	refer bool     // at a sentence's beginning, it speaks of the sentence before
	limit bool     // it negates, or restricts what was said
}

// lexicon is what is known of words: small lists of general knowledge. It does not change
// once built.
type lexicon struct {
	filter [1 << 8]uint64 // a bit for each hash: most words are in no list
	slots  [1 << 12]entry
}

// find returns what is known of a word, or of a stem, by its hash; nil if nothing is.
func (l *lexicon) find(h uint64) *entry {
	at := mix(h)
	if l.filter[at>>6&(1<<8-1)]>>(at&63)&1 == 0 {
		return nil
	}
	for ; ; at++ {
		switch e := &l.slots[at%uint64(len(l.slots))]; e.hash {
		case h:
			return e
		case 0:
			return nil
		}
	}
}

// gist is find for what a word tells.
func (l *lexicon) gist(h uint64) gist {
	if e := l.find(h); e != nil {
		return e.gist
	}
	return gist{}
}

// note changes what is known of a word.
func (l *lexicon) note(h uint64, change func(*entry)) {
	at := mix(h)
	l.filter[at>>6&(1<<8-1)] |= 1 << (at & 63)
	for ; ; at++ {
		if e := &l.slots[at%uint64(len(l.slots))]; e.hash == h || e.hash == 0 {
			e.hash = h
			change(e)
			return
		}
	}
}

func (l *lexicon) all(words string, change func(*entry)) {
	for w := range strings.FieldsSeq(words) {
		var buf []byte
		for _, r := range w {
			if classOf(r) != joiner {
				buf = appendFolded(buf, r)
			}
		}
		l.note(hash(buf), change)
	}
}

// newLexicon builds the lists' table.
func newLexicon() *lexicon {
	l := &lexicon{}
	for _, f := range functionWords {
		l.all(f.words, func(e *entry) {
			e.stop = true
			if e.votes == unknown {
				e.votes = f.lang
			}
		})
	}
	for _, a := range askers {
		l.all(a.words, func(e *entry) { e.asks |= a.kind })
	}
	for _, g := range givers {
		l.all(g.words, func(e *entry) { e.gives |= g.kind })
	}
	l.all(referring, func(e *entry) { e.refer = true })
	l.all(limiting, func(e *entry) { e.limit = true })
	for forms := range strings.SplitSeq(sameInEnglish, ";") {
		var head uint64
		for w := range strings.FieldsSeq(forms) {
			b := []byte(w)
			h := hash(b[:stemEnglish(b)])
			if head == 0 {
				head = h
			}
			if h != head {
				l.note(h, func(e *entry) { e.head = head })
			}
		}
	}
	for _, pairs := range denseStops {
		for w := range strings.FieldsSeq(pairs) {
			l.note(hash([]byte(w)), func(e *entry) { e.stop = true })
		}
	}
	return l
}

// askers are the words that say what is asked for.
var askers = []struct {
	kind  kind
	words string
}{
	{who, `who whom whose wer wen wem wessen qui quien quienes chi quem кто кого кому чей чья kto kogo kim מי من
		कौन किसने किसके किसको ποιος ποια ποιον ποιοι cine ai`},
	{when, `when date year day month wann datum jahr tag quand annee date cuando ano fecha quando anno data wanneer jaar
		когда году год дата kiedy roku rok متى عام سنة تاريخ कब वर्ष साल तारीख πότε έτος χρονιά când anul an zaman yıl yılda năm ngày`},
	{where, `where country city place state located location wo wohin woher ort stadt land ou pays ville lieu donde pais ciudad
		lugar dove paese citta onde cidade waar где куда откуда стране городе gdzie nerede nereye أين مدينة دولة कहाँ कहां देश शहर πού χώρα πόλη unde țară oraș đâu nước`},
	{amount, `many much long old far number percent percentage population tall high big age wieviel wieviele viele viel alt lang
		hoch prozent anzahl combien nombre cuantos cuantas cuanto cuanta quanti quante quanto quanta quantos quantas hoeveel
		сколько ile kaç كم عدد कितने कितनी कितना πόσο πόσα πόσους πόσοι πόσες cât câți câte nhiêu mấy`},
	{value, `path paths pathname hash hashes checksum digest fingerprint md5 sha sha1 sha256 sha512 url urls uri link links id ids uuid guid
		identifier pfad pfade prüfsumme kennung chemin empreinte lien ruta enlace percorso caminho путь хеш ссылка`},
}

// denseAskers do the same where words are not spaced; they are looked for anywhere.
var denseAskers = []struct {
	kind kind
	text string
}{
	{who, "谁"}, {who, "誰"}, {who, "何人"}, {who, "누가"}, {who, "누구"}, {who, "ใคร"},
	{when, "何时"}, {when, "什么时候"}, {when, "哪年"}, {when, "哪一年"}, {when, "哪天"}, {when, "年份"}, {when, "日期"}, {when, "时间"},
	{when, "いつ"}, {when, "何年"}, {when, "언제"}, {when, "몇 년"}, {when, "เมื่อ"},
	{where, "哪里"}, {where, "哪儿"}, {where, "何处"}, {where, "在哪"}, {where, "地方"}, {where, "哪个国家"}, {where, "哪个城市"},
	{where, "どこ"}, {where, "어디"}, {where, "ที่ไหน"},
	{amount, "多少"}, {amount, "几"}, {amount, "多大"}, {amount, "多长"}, {amount, "多久"}, {amount, "百分"},
	{amount, "いくつ"}, {amount, "何個"}, {amount, "どのくらい"}, {amount, "몇"}, {amount, "얼마"}, {amount, "กี่"},
	{value, "路径"}, {value, "哈希"}, {value, "链接"}, {value, "网址"}, {value, "パス"}, {value, "ハッシュ"}, {value, "경로"}, {value, "해시"},
}

// functionWords stand in most sentences of their language and say little; by their number
// in a text its language is told.
var functionWords = []struct {
	lang  language
	words string
}{
	{english, `the of and in to a is was for on as with by that it from at an be are this which or were his her he she they we you i
		has have had not but also its their been one more who what when where how why which whom whose did does do done can could
		would should will may might must shall there these those than then so such if into about over after before between during
		while most some any all other only out up no nor our your my me him them us am being very just because through both each
		few own same too s t d ll re ve m don isn aren wasn didn doesn tell name called give following please answer question`},
	{german, `der die das und in zu den dem des ein eine einer eines einem einen ist war sind waren wird wurde wurden werden mit von
		fur auf als auch an es im am aus bei nach sich nicht dass hat haben hatte hatten oder wie aber er sie ihr ihre ihren
		seine seiner seinen sein durch uber um bis vom zum zur noch nur wenn welche welcher welches welchen welchem wer wen wem
		was wann wo warum wieviel viele man kann konnen konnte diese dieser dieses diesen diesem`},
	{other, `le la les un une des du de et en est etait sont dans pour par sur avec que qui ce cette ces il elle ils elles au aux
		ne pas plus ou son sa ses leur quel quelle quels quelles comment pourquoi combien quand`},
	{other, `el la lo los las un una unos y de del en es fue son para por con que se su sus al como mas pero no este esta estos
		cual cuales quien quienes cuando donde cuanto cuantos o era ha han`},
	{other, `il lo la i gli le un uno una di del della dei delle e in nel nella che per con su da dal si al come piu non era sono
		quale quali chi quando dove quanto o a os as um uma do da dos das em na nos nas para com foi sao mais quem qual
		quais onde`},
	{other, `de het een en van in is op te dat die voor met zijn was aan niet ook als om bij door naar wie wat waar wanneer welke hoe`},
	{other, `и в во не что он на я с со как а то все она так его но да ты к у же вы за бы по только ее мне было от меня еще о из
		ему для это был была были или быть ли кто когда где какой какая какие каком какого который которая которые сколько
		чем при`},
	{other, `i w na z do sie nie jest to ze o jak co po od za przez dla byl byla kto kiedy gdzie jaki jaka jakie ktory ktora ile`},
	{turkish, `ve bir bu ile için ne kim nerede hangi kaç olarak olan daha çok gibi kadar sonra ya mı mi nedir nasıl neden tarafından
		en her iki o ki ise veya ancak değil`},
	{other, `și în de la cu pe nu este un o ce care a al ale din pentru sau mai fost sunt era au ca că prin după cine când unde
		cum cât câți câte ai lor lui său sa`},
	{other, `của là và các có được trong một những cho với không người này đã khi từ đến ở như nào gì ai bao nhiêu đâu vào về
		trên bởi để cũng thì mà ra sau tại theo hay hoặc năm việc`},
	{other, `το η ο τα οι του της των τον την στο στη στην στον στα στις και είναι ήταν με για από που σε ένα μια ένας δεν να
		θα ως κατά τι ποιος ποια ποιο ποιοι πότε πού πόσο πόσα πώς γιατί τους τις αυτό αυτή έχει`},
	{other, `في من على إلى عن أن إن كان كانت هو هي هذا هذه ذلك التي الذي ما ماذا متى أين كم كيف لماذا هل أو و قد لم لا مع بعد قبل
		بين كل أي عند حيث تم`},
	{other, `है हैं था थी थे का की के को में से पर और एक यह वह ने कि जो भी नहीं हो कर गया गई किया क्या कौन कब कहाँ कैसे कितने किस
		किसने लिए इस उस साथ तक द्वारा या तो ही अपने`},
}

// denseStops are pairs of characters that ask or join and name nothing: Chinese, Japanese,
// Korean.
var denseStops = []string{
	`什么 么时 时候 哪个 哪些 哪里 哪一 多少 是什 是谁 如何 为什 怎么 的是 是哪 了什 一个 何时 是多 有多 几个`,
	`です ます でし した した まし です すか とは どの どこ いつ のは では には から れた され てい なに なん`,
	`은무 무엇 엇입 입니 니까 언제 누구 어디 습니`,
}

// givers are words that a date or an amount is written with.
var givers = []struct {
	kind  kind
	words string
}{
	{when, `january february march april may june july august september october november december century
		januar februar marz mai juni juli oktober dezember jahrhundert
		janvier fevrier mars avril juin juillet aout septembre octobre novembre siecle
		enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre siglo
		gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre secolo
		января февраля марта апреля мая июня июля августа сентября октября ноября декабря года году век века`},
	{amount, `two three four five six seven eight nine ten eleven twelve twenty thirty hundred thousand million billion percent dozen
		zwei drei vier funf sechs sieben acht neun zehn hundert tausend millionen milliarden prozent
		deux trois quatre cinq sept huit neuf dix cent mille dos tres cuatro cinco siete ocho nueve diez cien
		два две три четыре пять шесть семь восемь девять десять сто тысяч миллионов процентов`},
}

// referring are pronouns that speak of the sentence before.
const referring = `he she it they his her its their this these that those er sie es ihr seine ihre diese dieser dieses
	il elle ils elles el ella ellos ellas он она оно они его ее их это этот эта hij zij`

// limiting are words that negate, or restrict what was said before.
const limiting = `however but not except exception exceptions unless only never no cannot without nevertheless nonetheless though although yet
	don isn aren wasn weren doesn didn won mustn shouldn couldn wouldn
	aber jedoch nicht kein keine keinen außer sofern nur nie niemals ohne allerdings dennoch ausnahme
	mais cependant toutefois pas sauf jamais seulement sans pourtant néanmoins pero excepto salvo nunca solo solamente sin
	ma però tuttavia non tranne eccetto mai soltanto senza mas porém contudo não exceto apenas sem
	maar echter niet geen behalve tenzij alleen nooit zonder но однако не кроме только никогда нельзя без
	ale jednak nie oprócz tylko nigdy bez ama ancak fakat değil hariç dışında
	لكن غير ليس إلا لا αλλά όμως δεν εκτός μόνο लेकिन परन्तु नहीं केवल सिवाय dar însă nu doar nhưng không trừ chỉ`

// denseLimits are what such sentences begin with where words are not spaced.
var denseLimits = strings.Fields(`但 不过 然而 可是 除非 除了 只有 仅 不 例外 しかし ただし ただ だが でも 例外 하지만 그러나 단 다만 แต่ ยกเว้น ห้าม`)

// sameInEnglish are the forms of a word whose stems differ, and numbers that are written in
// several ways.
const sameInEnglish = `win won winner winning;sing sang sung song;write wrote written writer author;run ran;begin began begun;
	lead led leader;make made maker;build built builder;hold held;bring brought;buy bought;fight fought;teach taught;
	think thought;find found;give gave given;take took taken;come came;become became;go went gone;speak spoke spoken;
	break broke broken;choose chose chosen;drive drove driven driver;fall fell fallen;fly flew flown flight;
	grow grew grown;know knew known;lose lost loss;meet met;sell sold sale;send sent;spend spent;stand stood;
	swim swam swum;tell told;wear wore worn;die died dead death;bear born birth;pay paid;say said;see saw seen;get got;
	leave left;keep kept;feel felt;draw drew drawn;eat ate eaten;shoot shot;steal stole stolen;strike struck;
	throw threw thrown;catch caught;rise rose risen;ride rode ridden;man men;woman women;child children;foot feet;
	tooth teeth;person people;wife wives;life lives live;play played player plays;movie film;tv television;us usa;
	big large;marry married marriage wedding;invent inventor invented invention;discover discovery discovered;
	2 ii two;3 iii three;4 iv four;5 five;6 vi six;7 vii seven;8 viii eight;9 ix nine;10 ten;11 xi eleven;12 xii twelve;
	13 xiii;14 xiv;15 xv;16 xvi;20 twenty;30 thirty;40 forty;50 fifty;60 sixty;70 seventy;80 eighty;90 ninety;100 hundred;
	first 1st;2nd second;3rd third`
