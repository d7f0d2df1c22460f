package canon

// phrases are the same wherever they stand.
const phrases = `
think of -> think about
learn about -> learn
{wh} do you think is -> $1 is
{wh} do you think will -> $1 will
{wh} do you think was -> $1 was
{wh} you think will -> $1 will
other people -> others
somebody -> someone
anybody -> anyone
everybody -> everyone
nobody -> no one
in america -> in usa
amongst -> among
whilst -> while
maths -> math
mathematics -> math
free of cost -> for free
free of charge -> for free
same thing -> same
as to {wh} -> about $3
regarding -> about
concerning -> about
with regard to -> about
with respect to -> about
in regard to -> about
in spite of -> despite
prior to -> before
owing to -> because of
on account of -> because of
by means of -> with
with help of -> with
along with -> with
together with -> with
even though -> although
ought to -> should
compare+d to -> compare+d with
in comparison with -> compare+d with
in comparison to -> compare+d with
per {period} -> $2
each {period} -> $2
various ->
whole -> entire
disclose -> reveal
legit -> legitimate
yummy -> delicious
overcome -> get over
alot of -> many
during night -> at night
in night -> at night
movie to watch -> film
movie to see -> film
earn from -> make money from
earn through -> make money through
earn in -> make money in
earn on -> make money on
shall i -> should i
take place -> happen
occur -> happen
occur to -> occur to
for under -> under
for below -> under
by use+ing -> with
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
unite+d state of america -> usa
unite+d state -> usa
us^ -> usa
unite+d kingdom -> uk
unite+d arab emirate -> uae
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
