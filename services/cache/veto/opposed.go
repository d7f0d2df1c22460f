package veto

import (
	"slices"
	"strings"

	"tollgate.dev/services/cache/reading"
)

// Here is what the lexicon doesn't have as antonyms: ends of a direction, sides of a deal, parts of a process, and
// terms that stand beside each other in one field.

// sets are words of which each is another thing than every other one of its line, and none is its antonym.
const sets = `
left right
inner outer full cross left
min max
minimum maximum
row column
horizontal vertical diagonal
portrait landscape
latitude longitude
sunrise sunset
dawn dusk
odd even
prime composite
acid base
acidic basic alkaline
proton electron neutron
cation anion
cathode anode
artery vein capillary
systolic diastolic
tenant landlord
buyer seller
supplier customer
teacher student
doctor patient
lawyer client
sender receiver
sender recipient
donor recipient
client server
frontend backend
front-end back-end
host guest
publisher subscriber
producer consumer
author reader
speaker listener
predator prey
attacker defender
plaintiff defendant
insurer insured
predecessor successor
groom bride
hero villain
protagonist antagonist
agonist antagonist
immigrant emigrant
immigration emigration
lender debtor
giver taker
profit loss
income expense
revenue expense
deposit withdrawal
call put
ask bid
bullish bearish
bull bear
long short
read write
reader writer
input output
import export
encode decode
encrypt decrypt
enqueue dequeue
push pull pop
insert delete
send receive
clone push
commit rollback
commit roll
freeze thaw
melt freeze
evaporate condense
evaporation condensation
train test validation
training testing
cause cure
cause treat
cause treatment
cause prevent
cause prevention
prevent cure
prevent treat
prevention cure
prevention treatment
tighten loosen
mount eject
zip unzip
arrive depart
arrival departure
enter leave
enter exit
entrance exit
marry divorce
allow forbid
approve reject
accept decline
confirm deny
praise blame
introduce abolish
premiere finale
incoming outgoing
inbound outbound
uphill downhill
leading lagging
fixed variable
static dynamic
analog digital
serial parallel
summer winter
multiplication division
numerator denominator
dividend divisor
antecedent consequent
noun verb adjective adverb
herbivore carnivore omnivore
stalactite stalagmite
monopoly monopsony
mitosis meiosis
oxidation reduction
mono stereo
treble bass
soprano alto tenor
solo duet
innate acquired
theist atheist
singular plural
uppercase lowercase
source destination
lhs rhs
domestic international
novice expert
gas liquid solid
stem root leaf
hypotenuse cathetus
uncle aunt
nephew niece
maternal paternal
asset liability
debit credit
gross net
host hostess
waiter waitress
prince princess
duke duchess
heir heiress
steward stewardess
stack heap queue
bit lot
`

// opposing maps each word of the sets to the numbers of its lines.
var opposing = func() map[string][]int {
	m := map[string][]int{}
	n := 0
	for line := range strings.Lines(sets) {
		for _, w := range strings.Fields(line) {
			m[w] = append(m[w], n)
		}
		n++
	}
	return m
}()

// prefixes turn a word into the two sides of something, where the same follows both.
var prefixes = [...][2]string{
	{"hyper", "hypo"}, {"inter", "intra"}, {"extra", "intra"}, {"pre", "post"}, {"ante", "post"}, {"over", "under"}, {"macro", "micro"},
	{"endo", "exo"}, {"endo", "ecto"}, {"up", "down"}, {"in", "out"}, {"in", "ex"}, {"im", "ex"}, {"im", "em"}, {"en", "de"}, {"homo", "hetero"},
	{"mono", "poly"}, {"uni", "bi"}, {"uni", "multi"}, {"sub", "super"}, {"ab", "ad"}, {"ana", "cata"}, {"con", "di"}, {"fore", "hind"},
	{"front", "back"}, {"pro", "anti"}, {"sym", "asym"}, {"syn", "asyn"},
}

// undoing are prefixes of what is turned around by them, or is none of it.
var undoing = [...]string{"un", "de", "dis", "non", "para", "sub", "anti"}

// stem is the least that two words have in common behind their prefixes.
const stem = 3

// opposed reports whether two words are the two sides of something, by a table or by what they begin with.
func opposed(x, y *reading.Word) bool {
	if x.Function || y.Function || x.Kind != reading.Plain || y.Kind != reading.Plain || x.Lemma == y.Lemma {
		return false
	}
	return paired(x, y) || prefixed(x.Lemma, y.Lemma) || prefixed(y.Lemma, x.Lemma)
}

// paired reports whether two words stand in one line of the table. What is left is a form of leave.
func paired(x, y *reading.Word) bool {
	for _, s := range [...]string{x.Lemma, x.Text} {
		for _, t := range [...]string{y.Lemma, y.Text} {
			for _, n := range opposing[s] {
				if s != t && slices.Contains(opposing[t], n) {
					return true
				}
			}
		}
	}
	return false
}

// prefixed reports whether two words differ in prefixes that are opposites, or in one that a has more.
func prefixed(a, b string) bool {
	for _, p := range prefixes {
		if x, ok := strings.CutPrefix(a, p[0]); ok && len(x) >= stem && b[0] == p[1][0] && len(b) == len(x)+len(p[1]) && b[:len(p[1])] == p[1] && b[len(p[1]):] == x {
			return true
		}
	}
	if n := len(a) - len(b); n > 0 && len(b) >= stem && a[n:] == b {
		return slices.Contains(undoing[:], strings.TrimSuffix(a[:n], "-"))
	}
	return false
}
