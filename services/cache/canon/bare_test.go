package canon_test

import (
	"strings"
	"testing"

	"tollgate.dev/services/cache/canon"
	"tollgate.dev/services/cache/reading"
)

func bare(text string) *canon.Form { return canon.Of(reading.ReadBare(text)) }

// What the model is asked about itself, and what only who runs a business does, is no way to it, whatever
// frame it is asked in.
func TestWhatTheBareModelIsAsked(t *testing.T) {
	const itself = `learn
learn languages
learn new words
learn from mistakes
learn from data
learn to reason
learn to write
learn to translate
learn to rank
learn about the world
learn about new events
learn about users
know things
know so much
know if you are wrong
know if an answer is correct
know if a fact is true
know when to stop
know what to say
know which words to use
work
work so fast
think
think about death
feel
feel about death
remember things
remember names
store data
store images
store conversations
process images
process language
process a question
handle stress
handle sarcasm
handle bias
handle refunds
handle returns
handle a complaint
understand sarcasm
understand a joke
recognize faces
detect lies
see images
see colors
hear music
read images
read PDFs
read text so fast
write text
write code
write poems
write stories
write so well
draw hands
draw pictures
generate images
generate text
create images
create answers
make decisions
make mistakes
make images
make jokes
make art
make predictions
make recommendations
make a judgement
make money
choose words
choose what to say
choose which answer to give
decide what is right
decide what to say
determine what is true
determine truth
come up with ideas
find answers
find information
find facts
find sources
search the web
browse the internet
access the internet
use data
use context
use memory
use cookies on this site
get information
get data
get your information
get your data
get updated
get better
get smarter
get trained
get trained on new data
improve
improve over time
improve your answers
improve accuracy
keep conversations private
keep track of context
keep data safe
keep up to date with news
stay updated
stay current
stay neutral
stay unbiased
avoid bias
avoid mistakes
avoid harmful content
avoid hallucinations
avoid repetition in answers
deal with ambiguity
deal with rude users
deal with abuse
deal with uncertainty
respond to insults
answer questions
answer so fast
talk to users
talk to so many people
compare to humans
compare with other models
differ from humans
differ from a search engine
perform on benchmarks
perform math
do math
do research
do at chess
do that
do it
calculate token costs
count tokens
count words
solve problems
translate text
translate languages
summarize text
summarize documents
run
run on a phone
run so fast
function
operate
exist
sleep
live
dream
spend your time
spend your day
entertain yourself
describe yourself
see yourself
define yourself
define consciousness
feel emotions
show empathy
show emotions
express feelings
become conscious
become self-aware
become smarter
become human
become an AI
protect privacy
protect user data
respect copyright
verify facts
verify information
check facts
check sources
check your answers
correct mistakes
fix errors
reason about math
balance safety and helpfulness
interpret questions
interpret a poem
predict words
predict the future
pick words
rank answers
rate movies
judge people
trust people
treat users
treat patients
charge customers
sell shoes
ship orders
price a policy
hire engineers
screen applicants
onboard customers
calculate shipping
open on Sundays
bill clients
pay employees
serve customers
test products
recycle bottles
teach math
teach children
remember what I said
help me
help people
call yourself
introduce yourself
refuse requests
forget conversations
delete conversations
delete data
save chats
share data
share information with third parties
train models
train on data
train your model
moderate comments
control bias
say no
speak French
speak so many languages
pronounce your name
react to insults
cope with criticism to your answers
imagine things
lie
hallucinate facts
tell jokes
tell the truth
tell if a user is a child
write better than humans
make music better than humans
play chess better than a human
work for Acme
prevent misuse
prevent jailbreaks
stop hallucinations
reduce hallucinations
reduce bias
measure success
measure quality
ensure accuracy
source coffee
set prices
set policy
raise money
cook here
stop responding
keep learning
avoid lying to people
get deleted
get replaced by newer models
take an hour to respond
use tools to answer
run out of memory
greet users
compare prices for me
make me laugh
obey rules
follow instructions
usually cook rice`
	frames := [...][2]string{
		{"How do you $?", "How do I $?"},
		{"How do you $?", "How to $"},
		{"How can you $?", "How can one $?"},
		{"How should you $?", "How should one $?"},
		{"How are you able to $?", "How am I able to $?"},
		{"How do you manage to $?", "How do I manage to $?"},
		{"How do we $?", "How do I $?"},
		{"What do you do to $?", "What do I do to $?"},
		{"What can you do to $?", "What can I do to $?"},
		{"Where do you $?", "Where do I $?"},
		{"Where can you $?", "Where can one $?"},
		{"When do you $?", "When do I $?"},
		{"Why do you $?", "Why do I $?"},
		{"Why can't you $?", "Why can't I $?"},
		{"Why should you $?", "Why should one $?"},
		{"Can you $?", "Can I $?"},
		{"Could you $?", "Could one $?"},
		{"Will you $?", "Will I $?"},
		{"Do you $?", "Do I $?"},
		{"Do you have to $?", "Does one have to $?"},
		{"Should you $?", "Should I $?"},
		{"Is it possible for you to $?", "Is it possible to $?"},
		{"Is there any way you can $?", "Is there any way I can $?"},
		{"What happens if you $?", "What happens if I $?"},
		{"How long do you $?", "How long do I $?"},
		{"How would you $?", "How would one $?"},
		{"How do you properly $?", "How do I properly $?"},
		{"How do you learn to $?", "How do I learn to $?"},
	}
	for _, q := range [...][2]string{
		{"What can you do?", "What can I do?"},
		{"What can you do with images?", "What can I do with images?"},
		{"What can you do with a picture?", "What can I do with a picture?"},
		{"What can you do better than humans?", "What can I do better than humans?"},
		{"What can you do for me?", "What can one do for me?"},
		{"What do you want?", "What do I want?"},
		{"What is your name?", "What is a name?"},
		{"Are you allowed to swear?", "Am I allowed to swear?"},
		{"Who made you?", "Who made one?"},
		{"How old are you?", "How old is one?"},
		{"What languages can you speak?", "What languages can one speak?"},
		{"Which tools do you use to search?", "Which tools do I use to search?"},
		{"How much energy do you need to answer?", "How much energy does one need to answer?"},
		{"How fast can you read a book?", "How fast can one read a book?"},
		{"How well do you translate?", "How well do I translate?"},
		{"Do you offer refunds?", "Does one offer refunds?"},
		{"Do you accept credit cards?", "Does one accept credit cards?"},
		{"When do you open on Sundays?", "When does one open on Sundays?"},
	} {
		if _, same := canon.Same(bare(q[0]), bare(q[1])); same {
			t.Errorf("%s: %s", q, bare(q[0]))
		}
	}
	for does := range strings.Lines(itself) {
		does = strings.TrimSpace(does)
		for _, q := range frames {
			verb, _, _ := strings.Cut(does, " ")
			if q[0] == "Do you $?" && verb == "know" || q[0] == "Where can you $?" && (verb == "find" || verb == "get") {
				continue // a polite frame; where there are any
			}
			a, b := bare(strings.Replace(q[0], "$", does, 1)), bare(strings.Replace(q[1], "$", does, 1))
			if _, same := canon.Same(a, b); same {
				t.Errorf("%s %q: %s", q[0], does, a)
			}
		}
	}
}

// Where nobody stands behind "you", what people do is asked of nobody in particular.
func TestWhatAnybodyDoesForTheBareModel(t *testing.T) {
	for _, q := range [...][2]string{
		{"How do you reset a router?", "How do I reset a router?"},
		{"How do you reset a router?", "What is the best way to reset a router?"},
		{"How can you remove a stripped screw?", "how to remove a stripped screw"},
		{"How should you lift a piano?", "How should one lift a piano?"},
		{"How do you properly install a dishwasher?", "How do I properly install a dishwasher?"},
		{"How do you unlock a Compaq laptop?", "How can I unlock a Compaq laptop?"},
		{"How do you ask a question on Quora?", "How do I ask a question on Quora?"},
		{"How do you crop images in NumPy?", "How do I crop images in NumPy?"},
		{"How do you start a company?", "How does one start a company?"},
		{"How do you become a saint?", "How do I become a saint?"},
		{"How do you get out of debt?", "How can one get out of debt?"},
		{"How do you learn to ski?", "How do I learn to ski?"},
		{"How do you know if a tire is flat?", "How do I know if a tire is flat?"},
		{"How do we deal with jealousy?", "How do you deal with jealousy?"},
		{"What can you do with a degree in history?", "What can I do with a degree in history?"},
		{"What do you do to unblock a pipe?", "How do I unblock a pipe?"},
		{"What should you engrave on a ring?", "What should I engrave on a ring?"},
		{"What happens if you touch a stingray?", "What happens if I touch a stingray?"},
		{"Where can you park in Lyon?", "Where can I park in Lyon?"},
		{"Where do you buy a kilt?", "Where do I buy a kilt?"},
		{"When should you replace brake pads?", "When should I replace brake pads?"},
		{"Why should you study Latin?", "Why should one study Latin?"},
		{"Do you need to descale a kettle?", "Does one need to descale a kettle?"},
		{"Should you wear gloves in a lab?", "Should I wear gloves in a lab?"},
	} {
		a, b := bare(q[0]), bare(q[1])
		if a.Key() != b.Key() {
			t.Errorf("%s: %s | %s", q, a, b)
		}
		if a.Addressed() {
			t.Errorf("%s addresses who is asked", a)
		}
		if _, same := canon.Same(of(q[0]), bare(q[1])); same {
			t.Errorf("%s: what somebody is asked is what nobody is", q)
		}
	}
	for _, q := range [...][2]string{
		{"How do you reset a router?", "How do I reset a router?"},
		{"How do you start a company?", "How does one start a company?"},
		{"What can you do with a degree in history?", "What can I do with a degree in history?"},
		{"Should you wear gloves in a lab?", "Should I wear gloves in a lab?"},
	} {
		if _, same := canon.Same(of(q[0]), of(q[1])); same {
			t.Errorf("%s, of somebody", q)
		}
		role := "Act as a technician. "
		if _, same := canon.Same(bare(role+q[0]), bare(role+q[1])); same {
			t.Errorf("%s, of a role", q)
		}
	}
}

// Forms of the bare model never meet others, be they spelled alike.
func TestBareFormsMeetNoOthers(t *testing.T) {
	for _, text := range []string{"What is the capital of Peru?", "How do I technologically reset it?", "print(a); b = {c}", "¿Qué hora es en Lima?", "?", ""} {
		a, b := bare(text), of(text)
		if _, same := canon.Same(a, b); same || a.String() != b.String() {
			t.Errorf("%q: %s | %s", text, a, b)
		}
		keys := map[canon.Key]bool{a.Key(): true}
		for k := range a.Near() {
			keys[k] = true
		}
		if keys[b.Key()] {
			t.Errorf("%q has a key in common", text)
		}
		for k := range b.Near() {
			if keys[k] {
				t.Errorf("%q has a key in common", text)
			}
		}
	}
}
