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
	"greeting": "hi hello hey greetings",
	"way":      "way method",
	"dear":     "there all everyone everybody guys folks team friend",
	"help":     "help assist",
	"think":    "think feel",
	"opinion":  "opinion view thought take",
	"about":    "about of on regarding",
	"kind":     "type kind sort way factor form stage method",
	"of":       "of for",
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
any idea {wh} -> ASKED $3
{can} i {known} {wh} -> ASKED $4
may i {known} {wh} -> ASKED $4
`

// closing is taken off a sentence's end.
const closing = `
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
do {anyone} need to -> NEED
do {anyone} have to -> NEED
is it necessary to -> NEED
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
how come -> WHY
what is it like {ing} -> LIKE
what is it like to -> LIKE
what do it feel like to -> LIKE
what do it feel like {ing} -> LIKE
how do it feel to -> LIKE
how do it feel like to -> LIKE
how is it to -> LIKE
what do it like to -> LIKE
what is some of best -> WHICH best
what is some best -> WHICH best
what is best -> WHICH best
which is best -> WHICH best
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
what is main difference between -> DIFFERENCE
what is major difference between -> DIFFERENCE
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

// phrases are the same wherever they stand.
const phrases = `
think of -> think about
learn about -> learn
{wh} do you think is -> $1 is
{wh} do you think will -> $1 will
{wh} do you think was -> $1 was
{wh} you think will -> $1 will
hack into -> hack
spread into -> spread in
future {of} -> future of
salary {of} -> salary of
alternative to -> alternative of
alternative for -> alternative of
answer to -> answer of
key to -> key of
loose weight -> lose weight
quickly -> fast
rapidly -> fast
have get+d to -> have to
of all time ->
of all times ->
ever ->
get rid off -> get rid of
world war three -> ww3
world war iii -> ww3
world war ii -> ww2
world war #3 -> ww3
wwiii -> ww3
ww iii -> ww3
pro and con -> advantage and disadvantage
merit and demerit -> advantage and disadvantage
united states of america -> usa
united states -> usa
us^ -> usa
united kingdom -> uk
united arab emirates -> uae
mobile phone -> phone
cell phone -> phone
cellphone -> phone
smart phone -> smartphone
mobile number -> phone number
in order to -> to
so as to -> to
e mail -> email
web site -> website
movie -> film
ok -> okay
all right -> alright
purchase -> buy
pic -> picture
photo -> picture
photograph -> picture
begin -> start
commence -> start
quit -> stop
repair -> fix
a lot of -> many
lots of -> many
wanna -> want to
is able to -> can
each other -> one another
as well as -> and
such as -> like
due to -> because of
instead of -> rather than
such that -> so that
approximately -> about
nearly -> almost
you have ever -> you have
you ever -> you have
that you have -> you have
that you have ever -> you have
reduce weight -> lose weight
tummy -> belly
earn money -> make money
day to day -> everyday
world war two -> ww2
ww ii -> ww2
wwii -> ww2
artificial intelligence -> ai
advice -> tip
kind of -> type of
sort of -> type of
impact -> effect
examination -> exam
advertisement -> ad
television -> tv
information -> info
application software -> app
customer care -> customer service
delete -> remove
difficult -> hard
large -> big
obtain -> get
technique -> method
image -> picture
have you ever -> have you
to buy under -> under
to buy below -> under
to listen to ->
film to watch -> film
series to watch -> series
show to watch -> show
book to read -> book
game to play -> game
vs -> and
versus -> and
different {kind} -> $2
various {kind} -> $2
any ->
so much -> much
so many -> many
human being -> human
world wide -> worldwide
your own -> your
my own -> my
their own -> their
greatest of all time -> best
scope {of} -> scope of
requirement {of} -> requirement of
cure {of} -> cure of
remedy {of} -> cure of
cure {of} -> cure of
treatment {of} -> treatment of
solution {of} -> solution of
solution to -> solution of
reason {of} -> reason for
syllabus {of} -> syllabus of
eligibility {of} -> eligibility of
fee {of} -> fee of
formula {of} -> formula of
use {of} -> use of
spoken -> speak+d
indeed ->
in fact ->
actually ->
truly ->
really ->
exactly ->
basically ->
literally ->
`
