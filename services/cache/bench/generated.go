package main

import "strings"

// template makes pairs of prompts that differ in one thing alone.
type template struct {
	kind string
	same bool
	a, b string // $x and $y are two values of the list, $1 and $2 two of what stands beside it
	x    string
	with string
}

// templates were written after the rules, with other words and other kinds than the sets which
// these were tried on. Of the first, 1.5 % (mean over kinds) passed the veto when it was new;
// two kinds of rules were mended by it since, so that it shows them at their best.
var templates = []template{
	{"city", false, "How do I get from the airport to the centre of $x?", "How do I get from the airport to the centre of $y?", cities, ""},
	{"city, lower case", false, "cheap vegetarian food in $x", "cheap vegetarian food in $y", lower(cities), ""},
	{"city added", false, "Where can I learn to sail?", "Where can I learn to sail in $x?", cities, ""},
	{"year", false, "Which country hosted the summer games in $x?", "Which country hosted the summer games in $y?", "1964 1972 1988 1996 2004 2012 2016 2020", ""},
	{"year added", false, "What is the average rent of a flat?", "What was the average rent of a flat in $x?", "1964 1972 1988 1996 2004", ""},
	{"amount", false, "What can I cook with $x eggs?", "What can I cook with $y eggs?", "two three 4 five 6 twelve", ""},
	{"unit", false, "How heavy is a box of 30 $x?", "How heavy is a box of 30 $y?", "kg pounds grams ounces tons", ""},
	{"unit of time", false, "Is a notice of 6 $x enough?", "Is a notice of 6 $y enough?", "days weeks months years hours", ""},
	{"role", false, "Did $x betray $y?", "Did $y betray $x?", people, ""},
	{"role, passive", false, "Was $x blamed by $y for the delay?", "Was $y blamed by $x for the delay?", people, ""},
	{"role, active and passive", false, "Did $x invite $y?", "Was $x invited by $y?", people, ""},
	{"role of trades", false, "Can a $x fire a $y?", "Can a $y fire a $x?", trades, ""},
	{"negation", false, "Is it polite to $1 during a meeting?", "Is it not polite to $1 during a meeting?", "", acts},
	{"negation, should", false, "What should one $1 at a wedding?", "What should one never $1 at a wedding?", "", acts},
	{"without", false, "Can you $1 with shoes on?", "Can you $1 without shoes on?", "", acts},
	{"before", false, "Is it healthy to $1 before lunch?", "Is it healthy to $1 after lunch?", "", acts},
	{"over", false, "Is parking free for stays over an hour in $x?", "Is parking free for stays under an hour in $x?", cities, ""},
	{"direction", false, "How long does a parcel take from $x to $y?", "How long does a parcel take from $y to $x?", cities, ""},
	{"trade", false, "How much does a $x earn in the first year?", "How much does a $y earn in the first year?", trades, ""},
	{"food", false, "How many calories does a slice of $x have?", "How many calories does a slice of $y have?", "bread cheese pizza melon ham cake", ""},
	{"adjective", false, "Is the new manager $x?", "Is the new manager $y?", "strict generous lazy shy brilliant corrupt", ""},
	{"adjective added", false, "How do I store apples?", "How do I store $x apples?", "dried frozen sliced organic green", ""},
	{"noun added", false, "How do I repair a pump?", "How do I repair a $x pump?", "water heat fuel bicycle vacuum", ""},
	{"language", false, "How do I reverse a string in $x?", "How do I reverse a string in $y?", "Python Java Kotlin Haskell Ruby C++ C# Go", ""},
	{"language added", false, "How do I reverse a string?", "How do I reverse a string in $x?", "Python Java Kotlin Haskell Ruby C++ C# Go", ""},
	{"audience", false, "Explain gravity", "Explain gravity for $x", "toddlers teenagers physicists pilots", ""},
	{"person", false, "Was he praised for the $x?", "Was she praised for the $x?", "speech design victory essay", ""},
	{"tense", false, "Does $x own a bakery?", "Did $x own a bakery?", people, ""},
	{"modality", false, "Can a $x refuse to work?", "Must a $x refuse to work?", trades, ""},
	{"quantity", false, "Do all $xs need a licence?", "Do few $xs need a licence?", trades, ""},
	{"only", false, "Does a $x need a helmet?", "Does only a $x need a helmet?", trades, ""},
	{"comparison", false, "Is $x warmer than $y?", "Is $y warmer than $x?", cities, ""},
	{"grade", false, "Which $x is younger?", "Which $x is youngest?", trades, ""},
	{"more", false, "Should a $x talk more?", "Should a $x talk less?", trades, ""},
	{"asked", false, "When does the market in $x open?", "Why does the market in $x open?", cities, ""},
	{"choice", false, "May a $x sell wine and beer?", "May a $x sell wine or beer?", trades, ""},
	{"aspect", false, "Why did $x smoke?", "Why did $x stop smoking?", people, ""},
	{"month", false, "Does it snow in $x in April?", "Does it snow in $x in October?", cities, ""},
	{"version", false, "What is new in release $x?", "What is new in release $y?", "1.4.2 1.4.3 2.0.1 2.1.0", ""},

	{"politeness", true, "Could you tell me how a $x is trained, please?", "How is a $x trained?", trades, ""},
	{"question", true, "How do I become a $x?", "How can one become a $x?", trades, ""},
	{"contraction", true, "What's the oldest bridge in $x?", "what is the oldest bridge in $x", cities, ""},
	{"passive", true, "Did $x invite $y?", "Was $y invited by $x?", people, ""},
	{"or", true, "Is $1 a $x or a $y?", "Is $1 a $y or a $x?", trades, "Nadia Oskar"},
	{"best", true, "Which bakery is best in $x?", "What is the best bakery in $x?", cities, ""},
	{"digits", true, "Name $x rivers", "Name $y rivers", "two=2 five=5 eleven=11 twenty=20", ""},
	{"adverb", true, "Did $x move to Oslo?", "Did $x actually move to Oslo?", people, ""},
	{"condition", true, "If a $x is ill, who pays?", "Who pays if a $x is ill?", trades, ""},
}

// unseen were written after those. Of them 3.6 % passed the veto when they were new.
var unseen = []template{
	{"river", false, "Which towns lie on the $x?", "Which towns lie on the $y?", rivers, ""},
	{"river, lower case", false, "where does the $x begin", "where does the $y begin", lower(rivers), ""},
	{"author", false, "Summarize the last novel of $x", "Summarize the last novel of $y", authors, ""},
	{"author added", false, "Recommend a short story about grief", "Recommend a short story by $x about grief", authors, ""},
	{"product", false, "How do I export contacts from $x?", "How do I export contacts from $y?", products, ""},
	{"product, lower case", false, "reset admin password in $x", "reset admin password in $y", lower(products), ""},
	{"percentage", false, "What is $x percent of 840?", "What is $y percent of 840?", "5 12 30 45 60", ""},
	{"age", false, "Can a child of $x travel alone by train?", "Can a child of $y travel alone by train?", "six 7 nine 11 12", ""},
	{"price", false, "Find a tent under $$x", "Find a tent under $$y", "80 120 200 350", ""},
	{"clock", false, "Is the ferry at 7 $x crowded?", "Is the ferry at 7 $y crowded?", "am pm", ""},
	{"weekday", false, "Do museums close on $x?", "Do museums close on $y?", "Mondays Tuesdays Sundays Fridays", ""},
	{"date", false, "What was decided on 12 $x 1975?", "What was decided on 12 $y 1975?", "March May October January", ""},
	{"century", false, "How did people heat houses in the $x century?", "How did people heat houses in the $y century?", "16th 17th 18th 19th", ""},
	{"negated verb", false, "Which $xs conduct electricity?", "Which $xs don't conduct electricity?", stuffs, ""},
	{"negated adjective", false, "Why is $x flammable?", "Why is $x not flammable?", stuffs, ""},
	{"nobody", false, "Who may enter the $x?", "Why may nobody enter the $x?", rooms, ""},
	{"prefix", false, "What makes a contract $x?", "What makes a contract un$x?", "fair lawful reasonable usual", ""},
	{"opposite verb", false, "How do I raise the $x?", "How do I lower the $x?", "blinds shelf temperature brightness", ""},
	{"opposite adjective", false, "Is a $x of iron heavy?", "Is a $x of iron light?", "bar ring sheet", ""},
	{"beneath", false, "What should be stored above the $x?", "What should be stored below the $x?", rooms, ""},
	{"since", false, "Prices since the reform of $x", "Prices until the reform of $x", "1985 1994 2003", ""},
	{"translation", false, "Translate this letter from $x to $y", "Translate this letter from $y to $x", tongues, ""},
	{"victim", false, "Why did $x arrest $y?", "Why did $y arrest $x?", authors, ""},
	{"animals", false, "Do $xs eat $ys?", "Do $ys eat $xs?", "frog beetle heron snail otter", ""},
	{"owner", false, "Does $x owe $y money?", "Does $y owe $x money?", authors, ""},
	{"comparison of stuff", false, "Is $x harder than $y?", "Is $y harder than $x?", stuffs, ""},
	{"passive of another", false, "Was $x replaced by $y?", "Did $x replace $y?", products, ""},
	{"tense of events", false, "Will $x support passkeys?", "Did $x support passkeys?", products, ""},
	{"duty", false, "Should a tenant paint the $x?", "Must a tenant paint the $x?", rooms, ""},
	{"always", false, "Does $x always melt in the sun?", "Does $x never melt in the sun?", stuffs, ""},
	{"all and some", false, "Are all $xs protected?", "Are only some $xs protected?", "frog beetle heron otter", ""},
	{"how many and how much", false, "How many $xs live here?", "How long do $xs live here?", "frog beetle heron otter", ""},
	{"who and where", false, "Who sells $x?", "Where is $x sold?", stuffs, ""},
	{"compound", false, "How deep is a $x?", "How deep is a $x door?", rooms, ""},
	{"kind of thing", false, "How do I clean a $x?", "How do I clean a leather $x?", "sofa jacket saddle belt", ""},
	{"other thing", false, "How do I clean a $x?", "How do I clean a $y?", "sofa jacket saddle belt", ""},
	{"other act", false, "Is it rude to $1 in a library?", "Is it rude to $2 in a library?", "", "whisper=snore eat=phone kiss=sneeze"},
	{"tool added", false, "How do I merge two branches?", "How do I merge two branches with $x?", "Git Mercurial", ""},
	{"condition added", false, "How do I water orchids?", "How do I water orchids if I travel?", "x", ""},
	{"flag", false, "What does tar -$x do?", "What does tar -$y do?", "x c v", ""},
	{"framework", false, "How do I test a component in $x?", "How do I test a component in $y?", "Vue.js Next.js .NET C# F#", ""},
	{"pronoun", false, "Did he paint the $x?", "Did she paint the $x?", rooms, ""},
	{"used to", false, "Is $x a free program?", "Did $x use to be a free program?", products, ""},
	{"becoming", false, "Is the $x damp?", "Is the $x becoming damp?", rooms, ""},

	{"passive", true, "Did $x replace $y?", "Was $y replaced by $x?", products, ""},
	{"can you", true, "Can you explain how $x is made?", "Explain how $x is made", stuffs, ""},
	{"way", true, "What's the best way to clean a $x?", "How do I clean a $x?", "sofa jacket saddle belt", ""},
	{"spelling", true, "What colour is a $x?", "What color is a $x?", "frog beetle heron otter", ""},
	{"plural", true, "Where does a $x sleep?", "Where do $xs sleep?", "frog beetle heron otter", ""},
	{"difference", true, "What is the difference between a $x and a $y?", "difference between a $y and a $x", "frog beetle heron otter", ""},
	{"indirect", true, "I'd like to know where the $x rises", "Where does the $x rise?", rivers, ""},
	{"thanks", true, "Which towns lie on the $x? Thanks in advance!", "which towns lie on the $x", rivers, ""},
	{"slip", true, "How do I export contacts from $x?", "How do I exprot contacts from $x?", products, ""},
	{"comparison turned", true, "Is $x better than $y?", "Is $y worse than $x?", products, ""},
}

// held were written to hold what a reader of the rules broke them with, in other words than
// those.
var held = []template{
	{"two nouns around in", false, "How can I mount $x in $y?", "How can I mount $y in $x?", products, ""},
	{"two nouns around on", false, "What's the best way to stream $x on $y?", "What's the best way to stream $y on $x?", products, ""},
	{"two nouns around at", false, "Where do I watch $x at $y?", "Where do I watch $y at $x?", products, ""},
	{"two things around for", false, "Which $x is good for a $y?", "Which $y is good for a $x?", rooms, ""},
	{"shares of each other", false, "What is the weight of $x in $y?", "What is the weight of $y in $x?", stuffs, ""},
	{"cost of each other", false, "What is the price of $x in $y?", "What is the price of $y in $x?", stuffs, ""},
	{"a bottle and what is in it", false, "How do I wash a $1 of $2?", "How do I wash a $2 $1?", "", "bottle=wine jar=jam cup=tea pot=coffee can=paint"},
	{"two halves turned", false, "What is a $1 $2?", "What is a $2 $1?", "", "garden=flower horse=race oil=lamp school=night table=card light=street"},
	{"two halves turned, how", false, "How do I draw a $1 $2?", "How do I draw a $2 $1?", "", "garden=flower horse=race oil=lamp school=night table=card light=street"},
	{"acronym with s", false, "Which port does $x need?", "Which port does $xS need?", "SMTP IMAP WS NNTP MQTT", ""},
	{"acronym with s, lower case", false, "is $x slower", "is $xs slower", "smtp imap nntp mqtt amqp", ""},
	{"capitals of a unit", false, "Is a link of 40 $x enough for a school?", "Is a link of 40 $y enough for a school?", "Mb MB", ""},
	{"capitals of a unit of data", false, "How long do 30 $1 take?", "How long do 30 $2 take?", "", "Gb=GB Tb=TB kb=kB gb=GB"},
	{"capitals of a prefix", false, "How wide is a gap of 8 $1?", "How wide is a gap of 8 $2?", "", "mm=Mm m=M mW=MW mg=Mg"},
	{"a name that is a word", false, "How much does $1 cost a year?", "How much does $2 cost a year?", "", "Shell=shell Target=target Slack=slack Mint=mint Square=square"},
	{"an abbreviation that is a word", false, "Who pays for the $1?", "Who pays for the $2?", "", "CAT=cat PET=pet MAP=map PIN=pin CAN=can"},
	{"a name behind a verb", false, "Can I open $1 at night?", "Can I open $2 at night?", "", "Windows=windows Teams=teams Word=word Pages=pages"},
	{"elements and compounds", false, "How heavy is $1?", "How heavy is $2?", "", "No=NO Co=CO Cs=CS Hf=HF"},
	{"letters", false, "Which foods have vitamin $1?", "Which foods have vitamin $2?", "", "A=K K=C a=b"},
	{"a letter and an article", false, "Is vitamin $1 healthy?", "Is $1 vitamin healthy?", "", "A a"},

	{"accents", false, "What is a $1?", "What is a $2?", "", "lamé=lame maté=mate attaché=attache"},
	{"accents of other languages", false, "la $1 es nueva", "la $2 es nueva", "", "peña=pena cuña=cuna"},
	{"ne pas", false, "Pourquoi $1 le soir ?", "Pourquoi ne pas $1 le soir ?", "", "manger lire"},
	{"kein", false, "Ist das ein $1?", "Ist das kein $1?", "", "Fehler Vertrag"},
	{"mit and ohne", false, "Suppe mit $1", "Suppe ohne $1", "", "Fleisch Salz"},
	{"stuff and thing", false, "What is $1?", "What is a $1?", "", "cork fur lamb straw"},
	{"on and in", false, "Which plays in $x are famous?", "Which plays on $x are famous?", tongues, ""},
	{"could", false, "Could $x sing?", "Can $x sing?", people, ""},
	{"what I and you can do", false, "What can I $1?", "What can you $1?", "", "offer recommend eat answer"},
	{"how I and you do", false, "How do I $1?", "How do you $1?", "", "relax improve work think"},
	{"where I and you are", false, "Where do I $1?", "Where do you $1?", "", "belong sleep live study"},
	{"whether I and you can", false, "Can I $1?", "Can you $1?", "", "draw swim=x park=x"},
	{"whether I and you should", false, "Should I $1?", "Should you $1?", "", "apologize vote worry"},
	{"to you", false, "What does $1 mean?", "What does $1 mean to you?", "", "freedom loyalty home"},
	{"length", false, "Describe $x", "Describe $x $1", stuffs, "briefly thoroughly concisely"},
	{"length, in words", false, "How is $x mined?", "How is $x mined, in $1?", stuffs, "detail brief short"},
	{"style", false, "Write a toast for a $x", "Write a $1 toast for a $x", trades, "formal rhyming short"},
	{"format", false, "Compare $x and $y", "Compare $x and $y in a $1", stuffs, "table list"},
	{"language of the answer", false, "Describe $x", "Describe $x in $y", tongues, ""},
	{"reader", false, "How does an engine work?", "How does an engine work, for $1?", "", "kids beginners engineers"},
	{"steps", false, "Explain how $x is made", "Explain step by step how $x is made", stuffs, ""},
	{"else", false, "What can a $x repair?", "What else can a $x repair?", trades, ""},

	{"you is anybody", true, "How do you repair a $x?", "How can I repair a $x?", "fence toaster kettle", ""},
	{"lower case", true, "Where does the $x begin?", "where does the $x begin", rivers, ""},
	{"plural of an acronym", true, "How do I buy cheap $1?", "How do I buy cheap $2?", "", "GPUs=gpus TVs=tvs DVDs=dvds"},
	{"capitals of a whole text", true, "WHY IS THE $1 DAMP?", "Why is the $2 damp?", "", "CELLAR=cellar ATTIC=attic KITCHEN=kitchen"},
}

const (
	rivers   = "Danube Rhine Volga Ganges Loire"
	authors  = "Tolstoy Borges Morrison Ishiguro Atwood"
	products = "Outlook Notion Dropbox Jira Figma"
	stuffs   = "rubber copper glass amber granite"
	rooms    = "cellar attic kitchen balcony garage"
	tongues  = "Greek Finnish Hindi Welsh Korean"

	cities = "Lyon Porto Krakow Osaka Nairobi Bogota Perth Tallinn"
	people = "Nadia Oskar Priya Tomasz Ingrid Yusuf"
	trades = "plumber baker surveyor florist welder dentist"
	acts   = "whistle yawn dance sing smoke knit"
)

func lower(s string) string { return strings.ToLower(s) }

// generated are the pairs of templates.
func generated(templates []template) []pair {
	var pairs []pair
	for _, t := range templates {
		xs, with := strings.Fields(t.x), strings.Fields(t.with)
		if len(xs) == 0 {
			xs = []string{""}
		}
		if len(with) == 0 {
			with = []string{""}
		}
		for i, x := range xs {
			y := xs[(i+1)%len(xs)]
			if a, b, ok := strings.Cut(x, "="); ok { // two spellings of one value
				x, y = a, b
			}
			for _, w := range with {
				w, v, _ := strings.Cut(w, "=")
				r := strings.NewReplacer("$x", x, "$y", y, "$1", w, "$2", v)
				pairs = append(pairs, pair{t.kind, t.same, r.Replace(t.a), r.Replace(t.b)})
			}
		}
	}
	return pairs
}
