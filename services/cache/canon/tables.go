package canon

// The tables of what is held to be one thing said in different words. Each line is a pattern
// and, after an arrow, what it becomes; what it becomes in capitals is a frame, which no text
// can hold. Patterns are matched when articles are gone, "are" and "am" are "is", "were" is
// "was", "does" is "do", "has" is "have", and stands every other word by its lemma; a pattern's
// word in -ing, or of another form, asks for that form, but plurals and the third person are as
// the base. {name} is one word of that set, and a ? behind a word or set lets it be missing.
// {ing} is any word in -ing, and becomes its base at the end of what replaces it.

// sets are the alternatives that patterns name.
var sets = map[string]string{
	"anyone": "i you we one someone somebody anyone anybody",
	"doer":   "i we one someone somebody anyone anybody",
	"aux":    "do can could should might may",
	"able":   "do can could may", // where
	"ought":  "should might",
	"due":    "do should", // when
	"free":   "can could may might",
	"can":    "can could will would",
	"polite": "please kindly",
	"ask":    "tell inform",
	"wh":     "what which who whom whose when where why how if whether",
	"known":  "know understand ask learn hear",
	"imperative": "explain describe give list show write suggest recommend summarize translate compare name " +
		"provide define help share create generate",
	"make":     "make give write create provide show generate",
	"greeting": "hi hello hey greetings",
	"way":      "way method",
	"dear":     "there all everyone everybody guys folks team friend",
	"help":     "help assist",
	"think":    "think feel",
	"opinion":  "opinion view thought take",
	"about":    "about of on regarding",
	"kind":     "type kind sort way factor form stage method",
	"of":       "of for",
	"well":     "good proper correct right effective efficient",
	"required": "necessary mandatory compulsory",
	"suggest":  "suggest recommend",
	"main":     "main major key basic exact actual fundamental primary",
	"would":    "would will should",
	"what":     "what which",
	"period":   "hour day night week month year",
}

// opening is taken off a sentence's beginning, as often as a line fits.
const opening = `
{greeting} {dear}? ->
{polite} ->
so what -> what
so how -> how
so why -> why
{can} you {polite}? {imperative} me? -> $4
{can} {anyone} {polite}? {ask} me {wh} -> ASKED $6
{can} {anyone} {polite}? {imperative} me? {wh} -> ASKED $6
{polite}? {ask} me {wh} -> ASKED $4
{polite}? let me know {wh} -> ASKED $5
{polite}? explain to? me? {wh} -> ASKED $5
i {can}? want to {known} {wh} -> ASKED $6
i {can} like to {known} {wh} -> ASKED $6
i need to {known} {wh} -> ASKED $5
i is wonder+ing {wh} -> ASKED $4
i was wonder+ing {wh} -> ASKED $4
i wonder {wh} -> ASKED $3
i is curious {wh} -> ASKED $4
do {anyone} know {wh} -> ASKED $4
do {anyone} have any? idea {wh} -> ASKED $6
{make} me? list of -> list
just curious ->
out of curiosity ->
quick question ->
i have question ->
just wonder+ing {wh} -> ASKED $3
i is just wonder+ing {wh} -> ASKED $5
i was just wonder+ing {wh} -> ASKED $5
i is just curious {wh} -> ASKED $5
any idea {wh} -> ASKED $3
{can} i {known} {wh} -> ASKED $4
may i {known} {wh} -> ASKED $4
`

// closing is taken off a sentence's end.
const closing = `
or not ->
at all ->
{polite} ->
thanks in advance ->
thank you in advance ->
thank you so? very? much? ->
thanks ->
many thanks ->
`

// frames are the beginnings of questions that ask the same.
const frames = `
how {aux} {anyone} go about {ing} -> HOW
how {aux} {anyone} -> HOW
how to -> HOW
how {can} {anyone} go about {ing} -> HOW
what is {way} to -> HOW
what is {way} of {ing} -> HOW
what is {way} for {ing} -> HOW
what is some {way} to -> HOW
what is some {way} of {ing} -> HOW
what is some {way} {anyone} can -> HOW
what is {way} in which {anyone} can -> HOW
in what {way} can {anyone} -> HOW
what {aux} {anyone} do to -> HOW
what {aux} {anyone} do in order to -> HOW
what do {anyone} need to do to -> HOW
what do {anyone} have to do to -> HOW
what must {anyone} do to -> HOW
what step {aux} {anyone} take to -> HOW
what is step to -> HOW
what to do to -> HOW
what to do -> what should ANYONE do
where to -> WHERE
when to -> when should ANYONE
which to -> which should ANYONE
what {aux} {anyone} do if {anyone} want to -> HOW
how {aux} {anyone} do if {anyone} want to -> HOW
who is best -> WHICH best
who is some of best -> WHICH best
what is process of {ing} -> HOW
what is process to -> HOW
what is procedure to -> HOW
what is procedure of {ing} -> HOW
what is procedure for {ing} -> HOW
what is best {way} to -> HOW
what is best {way} of {ing} -> HOW
what is best {way} for {ing} -> HOW
what is good {way} to -> HOW
what is some good {way} to -> HOW
what is some of best {way} to -> HOW
what is some best {way} to -> HOW
which is best {way} to -> HOW
how {aux} {anyone} best -> HOW
best {way} to -> HOW
is it possible to -> CAN
is it possible for {anyone} to -> CAN
is it possible that {anyone} can -> CAN
is there any? {way} to -> HOW
is there any? {way} of {ing} -> HOW
is there any? {way} {anyone} can -> HOW
how do people -> HOW
what is fast+t {way} to -> FAST
which is fast+t {way} to -> FAST
what is fast+t possible {way} to -> FAST
what is quick+t {way} to -> FAST
what is quick+t possible {way} to -> FAST
which is quick+t {way} to -> FAST
what is easy+t {way} to -> EASY
which is easy+t {way} to -> EASY
what is easy {way} to -> EASY
what is some easy {way} to -> EASY
which one is best -> WHICH best
which one is -> WHICH is
what is some of your -> what is your
what is some of -> what is some
can {doer} -> CAN
could {doer} -> CAN
should i -> SHOULD
should you -> SHOULD
should one -> SHOULD
what is {well} {way} to -> HOW
what is {well} {way} of {ing} -> HOW
what is some {well} {way} to -> HOW
what is some {well} {way} of {ing} -> HOW
what is most {well} {way} to -> HOW
what is most {well} {way} of {ing} -> HOW
what is some of most {well} {way} to -> HOW
what is best possible {way} to -> HOW
which is most {well} {way} to -> HOW
what is {well} procedure to -> HOW
what is {well} procedure for {ing} -> HOW
what {way} can {anyone} -> HOW
what is {way} {anyone} can -> HOW
what is some good {way} {anyone} can -> HOW
what is best {way} {anyone} can -> HOW
what should be do+d to -> HOW
what can be do+d to -> HOW
how best to -> HOW
how best can {anyone} -> HOW
how {aux} person -> HOW
how shall {anyone} -> HOW
how would {doer} -> HOW
how {aux} {anyone} manage to -> HOW
how {aux} {anyone} is able to -> HOW
how {aux} {anyone} tell if -> HOW know if
how {aux} {anyone} tell whether -> HOW know if
how {aux} {anyone} know whether -> HOW know if
how {aux} {anyone} find out {wh} -> HOW know $6
how to tell if -> HOW know if
how to tell whether -> HOW know if
how to know whether -> HOW know if
tip for {ing} -> HOW
tip on {ing} -> HOW
tip to -> HOW
{way} to -> HOW
what is some tip on {ing} -> HOW
what is some tip on how to -> HOW
what is tip on {ing} -> HOW
is there anyway to -> HOW
is there anyway {anyone} can -> HOW
{suggest} me? some? good -> WHICH best
{suggest} me? some? best -> WHICH best
i is look+ing for good -> WHICH best
do {anyone} need to -> NEED
do {anyone} have to -> NEED
is it {required} to -> NEED
is it {required} for {anyone} to -> NEED
is it require+d to -> NEED
is it advisable to -> SHOULD
is it good idea to -> SHOULD
where {able} {anyone} -> WHERE
where {ought} {anyone} -> WHERE should
when {due} {anyone} -> WHEN
when {free} {anyone} -> WHEN can
why do -> WHY
why is it that -> WHY
what is reason that -> WHY
what is reason why -> WHY
what is some reason why -> WHY
what is reason for -> REASON
what is reason behind -> REASON
what is cause of -> REASON
what cause -> REASON
what {free} cause -> REASON
where is best -> WHICH best
from where {able} {anyone} -> WHERE
for how long -> how long
how frequently -> how often
how is {anyone} suppose+d to -> HOW
what is {doer} suppose+d to -> what should ANYONE
in {what} year -> WHICH year
where is some of best -> WHICH best
what do {doer} do if -> what should ANYONE do if
what do {doer} do when -> what should ANYONE do when
what is best tip to -> HOW
what is best tip for {ing} -> HOW
what is some best tip to -> HOW
what is some best tip for {ing} -> HOW
how come -> WHY
what is it like {ing} -> LIKE
what is it like to -> LIKE
what do it feel like to -> LIKE
what do it feel like {ing} -> LIKE
how do it feel to -> LIKE
how do it feel like to -> LIKE
how is it to -> LIKE
how is it like to -> LIKE
how is it like {ing} -> LIKE
how do it feel {ing} -> LIKE
how do it feel like {ing} -> LIKE
how is life in -> LIKE live in
what do it like to -> LIKE
what is some of best -> WHICH best
what is some best -> WHICH best
what is best -> WHICH best
which is best -> WHICH best
what {would} be best {way} to -> HOW
what {would} be best {way} of {ing} -> HOW
what {would} be best {way} for {ing} -> HOW
what {would} be best -> WHICH best
which {would} be best -> WHICH best
which is some of best -> WHICH best
which is one of best -> WHICH best
what is some good -> WHICH best
what is some great -> WHICH best
what is good -> WHICH best
what is some of most -> WHICH most
what is most -> WHICH most
which is most -> WHICH most
what is some of {most} -> WHICH $5
what is {most} -> WHICH $3
which is {most} -> WHICH $3
best -> WHICH best
top -> WHICH best
what is top -> WHICH best
which is top -> WHICH best
who is great+t -> WHICH best
which is great+t -> WHICH best
what is great+t -> WHICH best
what is some of great+t -> WHICH best
which -> WHICH
why -> WHY
what is difference of -> DIFFERENCE
what is difference between -> DIFFERENCE
what is {main} difference between -> DIFFERENCE
what is {main} difference in -> DIFFERENCE
what is different between -> DIFFERENCE
what is some difference between -> DIFFERENCE
what is difference in -> DIFFERENCE
what difference between -> DIFFERENCE
difference between -> DIFFERENCE
is there any? difference between -> DIFFERENCE
what is similarity between -> SIMILARITY
similarity between -> SIMILARITY
what is definition of -> DEFINE
define -> DEFINE
what is meaning of -> MEAN
what is exact meaning of -> MEAN
what is actual meaning of -> MEAN
what is mean+d by -> what is
what do you mean by -> what is
what do we mean by -> what is
what happen if -> WHATIF
what will happen if -> WHATIF
what would happen if -> WHATIF
what can happen if -> WHATIF
what happen when -> WHATIF
what will happen when -> WHATIF
what do you {think} {about} -> OPINION
what is your {opinion} {about} -> OPINION
how much time do it take to -> HOWLONG to
how long do it take to -> HOWLONG to
how long will it take to -> HOWLONG to
how much time will it take to -> HOWLONG to
how much time is require+d to -> HOWLONG to
how much do it cost to -> COST to
how much will it cost to -> COST to
what is cost of -> COST
what is price of -> COST
is it worth {ing} -> WORTH
is it worth it? to -> WORTH
what is example of -> EXAMPLES
what is some example of -> EXAMPLES
what is some good example of -> EXAMPLES
give me? some? example of -> EXAMPLES
which is example of -> EXAMPLES
what is chance of -> CHANCES
what is probability of -> CHANCES
what is likelihood of -> CHANCES
what is purpose of -> PURPOSE
what is advantage of -> ADVANTAGES
what is benefit of -> ADVANTAGES
what is pro of -> ADVANTAGES
what is some advantage of -> ADVANTAGES
what is some benefit of -> ADVANTAGES
what is disadvantage of -> DISADVANTAGES
what is drawback of -> DISADVANTAGES
what is con of -> DISADVANTAGES
what is tip for {ing} -> HOW
what is some tip for {ing} -> HOW
what is some tip to -> HOW
what is tip to -> HOW
which is your -> what is your
who is some of your -> WHOIS your
who is -> WHOIS
`
