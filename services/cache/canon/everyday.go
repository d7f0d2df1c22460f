package canon

import (
	"maps"
	"strings"
	"sync"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// Here is whose doing a question is about. "How do you handle refunds?" asks whoever runs the
// assistant, or the model, for what they do, and "how do I handle refunds?" for a way to it; "how do
// you peel a mango?" asks nobody in particular. Which of both it is shows by what is done alone, and what
// companies and models do is without end. So "you", "we" and "people" are held to be anybody only
// where a line below knows what is done as something everyday and private: what one does to one's own
// body, in one's kitchen, house and garden, what one learns, and what one feels for others.

// everyday are the doings that are private: a verb with what belongs to it, and the objects or
// adverbs of which one must stand behind it, or * where any may; a verb may have several lines. What the phrases replace stands here
// as they leave it: quit is stop, repair is fix, overcome is get over.
const everyday = `
cook: *
bake: *
boil: *
fry: *
saute: *
poach: *
braise: *
marinate: *
knead: *
simmer: *
parboil: *
blanch: *
caramelize: *
defrost: *
thaw: chicken turkey meat fish shrimp beef steak bread salmon breastmilk dough
reheat: *
microwave: *
barbecue: *
debone: *
devein: *
shuck: *
julienne: *
deglaze: *
deseed: *
peel: *
chop: *
whisk: *
knit: *
sew: *
crochet: *
embroider: *
hem: *
darn: *
braid: *
unclog: *
descale: *
mop: *
repot: *
prune: rose tree bush shrub hydrangea tomato grape grapevine basil lavender bonsai hedge rosemary azalea lilac raspberry blueberry
prune: blackberry wisteria
germinate: *
pronounce: *
spell: *
chew: *
swallow: *
eat: *
whistle: *
yodel: *
juggle: ball pin club torch knife orange apple
swim: *
dance: *
meditate: *
breathe: *
snore: *
yawn: *
sneeze: *
burp: *
squat: *
deadlift: *
skateboard: *
snowboard: *
moonwalk: *
kiss: *
cuddle: *
flirt: *
floss: *
gargle: *
tip: *
exfoliate: *
moisturize: *
sunbathe: *
shave: leg beard head face armpit hair mustache chest back pube
roast: chicken turkey potato vegetable chestnut garlic pepper beef pork duck lamb almond peanut pumpkin marshmallow carrot
roast: cauliflower brisket
grill: steak chicken salmon burger corn fish shrimp vegetable asparagus zucchini sausage cheese rib kebab pineapple
steam: rice vegetable broccoli fish dumpling milk egg carrot artichoke asparagus clam mussel crab lobster bun tamale
smoke: brisket turkey rib salmon cheese fish ham bacon jerky
toast: bread nut almond walnut coconut bagel marshmallow
stir: batter sauce soup risotto
dice: onion tomato potato carrot mango avocado pepper
mince: garlic onion ginger meat
grate: cheese ginger carrot coconut nutmeg zucchini
slice: onion tomato avocado mango cucumber pineapple bread cheese brisket steak
carve: turkey chicken pumpkin ham roast duck
fillet: fish salmon trout bass
crack: egg knuckle back neck toe coconut walnut crab nut
scramble: egg
melt: chocolate butter cheese sugar wax marshmallow
whip: cream egg
ripen: avocado banana tomato mango pear peach fruit
pickle: cucumber onion egg beet jalapeno cabbage pepper carrot
thicken: sauce soup gravy stew curry
season: skillet wok pan steak chicken salad turkey
brew: tea coffee kombucha
soak: bean lentil chickpea almond rice oat
rinse: rice quinoa lentil bean mouth
drain: pasta bath bathtub rice
freeze: bread banana tomato soup milk cheese egg berry strawberry spinach herb basil peach pesto cake meat corn
store: onion potato garlic basil lettuce bread cheese tomato banana ginger mushroom avocado strawberry herb carrot celery cucumber
store: asparagus apple breastmilk
cut: onion mango pineapple watermelon avocado tomato pepper hair bang fringe nail cantaloupe melon papaya pomegranate cake
open: coconut wine bottle jar pomegranate oyster pistachio champagne
pick: watermelon avocado pineapple cantaloupe mango nose
pit: cherry olive avocado peach
make: bread cake pancake pizza pasta soup tea coffee rice salad sandwich omelette omelet omelet cookie cookies brownie pie dough
make: sauce gravy curry stew jam cheese butter yogurt yoghurt ghee paneer tofu sushi taco burrito guacamole hummus salsa dumpling
make: noodle waffle smoothie lemonade popcorn biscuit muffin cupcake icing frosting custard pudding lasagna meatball risotto
make: biryani dosa idli roti chapati naan samosa kimchi ramen slime playdough snowman snowflake bed friend origami bracelet candle
make: soap compost bun scone bagel croissant donut doughnut fudge caramel toffee marshmallow meringue mayonnaise ketchup pesto
make: falafel tortilla quesadilla nacho chili broth stock porridge oatmeal granola milkshake cocktail mojito margarita sangria
make: eggnog latte cappuccino espresso kombucha pickle sauerkraut meatloaf casserole quiche crepe souffle cheesecake tiramisu
make: fondue
tie: tie knot shoelace shoe bow scarf bowtie sari turban bandana noose ribbon necktie sarong belt
wear: scarf sari saree hat sarong kimono kilt beanie bandana beret necktie sash blazer
dye: hair beard eyebrow shirt jean fabric egg
bleach: hair eyebrow shirt jean
curl: hair eyelash
straighten: hair tooth beard
style: hair beard bang fringe
brush: tooth hair tongue
trim: beard nail hair bang mustache fringe eyebrow
pluck: eyebrow hair
wax: leg eyebrow armpit
comb: hair beard
wash: hair face hand foot jean pillow rice quinoa mushroom lettuce spinach strawberry dish bra sneaker hat grape kale berry cat
wash: dog brush
clean: oven microwave dishwasher stove toilet bathtub shower sink kettle mirror keyboard ear nose tongue navel shoe sneaker brush
clean: skillet pan room kitchen bathroom fridge refrigerator fish squid mushroom leek fan blender toaster grill retainer earring
clean: piercing wound blind shrimp crab grater laptop screen monitor
remove: stain rust wallpaper splinter tick gum makeup mascara scratch limescale mildew mold mole wart blackhead earwax tattoo hair
remove: dandruff scar tartar plaque callus glue paint sticker odor smell tan ink wrinkle freckle nit lice
polish: shoe silver nail boot brass
iron: shirt pant dress clothes skirt suit tie
fold: shirt napkin sheet towel sock blanket crane airplane sweater
sharpen: knife pencil scissors axe chisel
hang: picture curtain hammock mirror shelf wallpaper painting
paint: wall room ceiling nail fence cabinet door portrait landscape tree sky cloud flower face
fix: faucet toilet zipper tap drain fence toaster kettle door hinge window chair squeak posture hair breakup heart
mow: lawn
water: succulent orchid cactus plant lawn bonsai tomato fern
grow: tomato potato basil mint rose garlic onion carrot strawberry mushroom lettuce cucumber pepper avocado herb sunflower grass
grow: bonsai orchid cactus spinach ginger bean pea corn pumpkin watermelon mango lemon beard hair mustache nail eyebrow tall
grow: rosemary lavender cilantro parsley tulip
plant: tomato potato garlic rose tulip onion tree strawberry hydrangea grass bulb sunflower lavender avocado orchid basil mint
plant: carrot pepper pumpkin
harvest: basil garlic mint lettuce kale rosemary lavender potato tomato parsley cilantro thyme zucchini
propagate: succulent rose pothos monstera hydrangea basil cactus begonia jade lavender fig mint
lose: weight fat belly pound kilo kg inch
gain: weight muscle mass kilo kg pound height
burn: fat calorie
build: muscle biceps chest glute birdhouse treehouse igloo campfire snowman stamina
improve: handwriting posture stamina eyesight flexibility digestion
increase: height stamina appetite bust flexibility
whiten: tooth
stretch: hamstring back neck hip calf shoe
hide: hickey pimple freckle scar erection
hold: breath chopstick pen pencil baby newborn
use: chopstick tampon eyeliner bidet
take: nap bath shower
do: pushup yoga handstand cartwheel backflip split plank pilates laundry dish squat somersault situp burpee pullup makeup
throw: football frisbee baseball punch curveball dart knife boomerang javelin shotput
kick: football
shoot: basketball bow arrow
jump: rope higher
ride: bike bicycle horse motorcycle unicycle scooter camel pony skateboard
drive: stick manual
play: guitar piano violin flute ukulele drum cello harmonica saxophone trumpet banjo chess poker checkers solitaire tennis
play: badminton cricket hopscotch mahjong bridge rummy backgammon dominoes
learn: english french german spanish italian chinese mandarin japanese korean russian arabic hindi portuguese dutch swedish greek
learn: latin sanskrit tamil guitar piano violin flute ukulele drum chess karate judo yoga calculus algebra math trigonometry
learn: calligraphy alphabet
study: exam test finals midterm math calculus anatomy chemistry physics biology
study for: exam test finals midterm sat gre gmat quiz final
memorize: alphabet poem speech anatomy verse
read: map clock palm compass tarot ruler
solve: sudoku cube crossword
write: poem letter resume cv essay haiku novel diary sonnet song limerick biography autobiography speech eulogy cursive
draw: cat dog horse face eye nose hand tree flower rose dragon person bird fish house car wolf lion anime manga cartoon portrait
draw: butterfly heart star mouth lip hair tiger unicorn mermaid
sleep: good well deep
sleep with: cold cough headache backache sunburn
fall: asleep
fall in: love
fall out of: love
wake up: early
wake: early
stay: awake
stop: smoke drink snore overthink procrastinate cry worry bite sweat blush eat masturbate stutter drool hiccup nosebleed
start: jog run meditate exercise knit
get rid of: acne pimple ant dandruff blackhead whitehead wart mole scar wrinkle cellulite cockroach roach bedbug louse lice nit
get rid of: flea mouse mice rat fly gnat spider mosquito wasp moth silverfish termite slug snail weed moss hiccup headache cold
get rid of: hangover cough mark circle fat chin breath odor smell stain mold mildew cramp throat heartburn nausea constipation
get rid of: splinter tan sunburn bump rash bruise hickey freckle callus corn dandelion lizard squirrel raccoon sore stye sty eye
get rid of: hair phlegm mucus bloating laziness fear stress anxiety fruitfly jetlag migraine fever
get over: breakup heartbreak crush ex jetlag shyness fear laziness loneliness insomnia jealousy grief depression anxiety
get over: procrastination girl guy boy hangover cold divorce
get out of: bed
get: pregnant tall fit abs drunk dress marry divorce
put on: makeup eyeliner mascara lipstick condom duvet sari tie weight muscle kilt
apply: makeup eyeliner eyeshadow mascara foundation lipstick concealer blush henna sunscreen
forget: someone ex girl boy guy girlfriend boyfriend crush
ask out: girl boy guy crush someone
relieve: headache bloating constipation cramp itch backache heartburn stress migraine toothache sunburn nausea
soothe: sunburn throat baby toothache
prevent: hangover acne dandruff blister wrinkle pregnancy cavity razor sunburn jetlag snoring
cure: hiccup hangover acne dandruff headache insomnia sunburn
treat: sunburn blister bruise
pop: pimple ear blister popcorn
wrap: present gift burrito
change: diaper tire tyre lightbulb nappy
become: actor actress nurse doctor surgeon dentist lawyer judge pilot teacher professor chef plumber electrician carpenter
become: firefighter policeman astronaut singer musician dancer painter poet novelist writer author journalist architect engineer
become: scientist mathematician physicist programmer therapist psychologist vegetarian vegan monk nun priest mother father parent
become: millionaire billionaire rich assertive fit slim tall outgoing extrovert introvert pregnant paramedic veterinarian
become: pharmacist librarian sailor farmer butcher baker tailor
convert: gram ounce cup liter litre milliliter ml kilogram kilo kg pound mile kilometer km celsius fahrenheit inch centimeter cm
convert: meter metre foot tablespoon teaspoon fraction decimal
multiply: fraction decimal polynomial matrix
divide: fraction decimal polynomial
simplify: fraction radical
factor: polynomial trinomial quadratic
apologize to: girlfriend boyfriend wife husband
`

// doings is everyday by the words that it begins with; * stands for any object.
var doings = sync.OnceValue(func() map[string]map[string]bool {
	m := map[string]map[string]bool{}
	for line := range strings.Lines(everyday) {
		verb, objects, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		if m[verb] == nil {
			m[verb] = map[string]bool{}
		}
		maps.Copy(m[verb], reading.Set(objects))
	}
	return m
})

// trade are words of what companies and models deal in: with one of them behind it, no doing is
// private.
var trade = reading.Set("data dataset user customer client consumer buyer seller merchant vendor supplier partner investor " +
	"shareholder employee staff team company business firm startup brand product service order payment refund invoice subscription " +
	"account password token code model training algorithm server database system network app website site platform request " +
	"response query prompt answer conversation chat content info privacy revenue profit sale market marketing price cost fee fund " +
	"budget traffic policy complaint ticket bug feature release risk fraud compliance production factory warehouse store shop " +
	"restaurant bakery menu guest patient visitor member tenant passenger commercially industrially professionally scale bulk log " +
	"file disk image video text document word money job hire living machine robot ai human delivery catering banquet wholesale")

// owns are nouns of what is a person's own where it is called "your", and so anybody's: your hair, your
// room; but not your servers.
var owns = reading.Set("hair face hand foot tooth nail skin body eye ear nose tongue mouth lip back neck leg arm knee hip " +
	"head chest belly stomach finger toe knuckle beard mustache eyebrow eyelash armpit navel mind life home house room bed " +
	"bathroom kitchen garden lawn dog cat baby parent friend kid girlfriend boyfriend wife husband ex crush opinion breath voice weight " +
	"height posture metabolism mood esteem career english spanish french " +
	"period shoe tie handwriting sleep breast butt bra bang fringe shoelace sock jean wound piercing pulse throat shoulder muscle " +
	"glute calf")

// doer tells the "you" that is anybody, as in "how do you cook rice", from the one who is asked, as
// in "how do you feel", and so "we" and "people": only the first is held to be the same as "I" and "one".
func doer(a []atom, bare bool) {
	for i := 1; i < len(a); i++ {
		frame := ""
		switch a[i].text {
		case "you":
			frame = "YOU"
		case "we":
			frame = "WE"
		case "people":
			if i != 2 || a[0].text != "how" { // the frames know no other
				continue
			}
			frame = "PEOPLE"
		}
		if frame == "" || a[i].word == nil || !does(a, i) || anybody(a, i) || bare && nobody(a, i) {
			continue
		}
		a[i] = atom{text: frame, frame: true}
	}
}

// does reports whether the pronoun at i is who does something that anyone might do for the tables.
func does(a []atom, i int) bool {
	if doing[a[i-1].text] || isBe(a[i-1].text) && i == 2 && asks(a[0].text) {
		return true
	}
	switch a[i-1].text {
	case "if", "when", "whether", "unless", "while", "before", "after", "because", "for":
		return i+1 < len(a)
	}
	return i+1 < len(a) && doing[a[i+1].text]
}

// doing are auxiliaries behind a pronoun: the clause asks what somebody does.
var doing = reading.Set("do can could should would will might may must")

// anybody reports whether the pronoun at i is.
func anybody(a []atom, i int) bool {
	aux, ask := a[i-1].text, a[0].text
	v, ended := leadIn(a, i+1)
	if v >= len(a) {
		return false
	}
	if aux == "do" {
		switch {
		case ask == "how" && (i == 2 || i == 3 && (a[1].text == "much" || a[1].text == "long")):
		case ask == "what" && v == i+1 && (a[v].text == "mean" || a[v].text == "think" || a[v].text == "feel"): // the tables know these
			return true
		case ask == "what" && ended:
		case ask == "do" && v > i+1:
		default:
			return false
		}
	}
	switch ask {
	case "can", "could", "would", "will", "may", "might":
		if a[i].text == "you" && i == 1 { // a request
			return false
		}
	case "where":
		if (aux == "can" || aux == "could") && v+1 < len(a) && got[a[v].text] && !dealt(a, v+1) {
			return true
		}
	}
	if a[v].text == "know" && v+2 < len(a) && (a[v+1].text == "if" || a[v+1].text == "when" || a[v+1].text == "whether") {
		return told(a[v+2:]) && !dealt(a, v+2)
	}
	return private(a, v, a[i].text)
}

// leadIn skips what may stand between who does something and what they do: "do to" of "what can you
// do to sleep", "have to", "be able to". It reports whether the question is what to do to an end.
func leadIn(a []atom, v int) (verb int, ended bool) {
	for ; v+1 < len(a); v++ {
		next := a[v+1].text
		switch a[v].text {
		case "can", "could", "should", "would", "will", "might", "may", "must", "not", "to", "be", "best":
		case "do":
			if next != "to" && next != "not" {
				return v, ended
			}
			ended = ended || next == "to"
		case "need", "have", "want", "suppose", "able", "manage", "try":
			if next != "to" {
				return v, ended
			}
		case "go":
			if next != "about" {
				return v, ended
			}
			v++
		default:
			return v, ended
		}
	}
	return v, ended
}

// got are verbs of what one can do at some place, whoever one is.
var got = reading.Set("get find buy watch")

// signs are words of what one knows of oneself, of whom one loves and of what one eats.
var signs = reading.Set("pregnant love ripe cooked undercooked rotten stale spoiled dehydrated sprained overweight ovulate drunk")

// told reports whether a clause is about what one knows of oneself or one's kitchen: if a mango is ripe,
// if somebody likes one.
func told(a []atom) bool {
	for i := range a {
		if in(signs, &a[i]) || a[i].text == "like" && i > 0 && (is(a, i+1, "you") || is(a, i+1, "we") || is(a, i+1, "ANYONE")) {
			return true
		}
	}
	return false
}

// private reports whether the verb at v, which is done by who, and what stands behind it are among
// the everyday doings.
func private(a []atom, v int, who string) bool {
	table := doings()
	key := a[v].text
	if key == "learn" && v+2 < len(a) && (a[v+1].text == "to" || is(a, v+1, "how", "to")) { // learn to swim
		for v++; v+1 < len(a) && (a[v].text == "how" || a[v].text == "to"); v++ {
		}
		return v+1 == len(a) && skills[a[v].text] || private(a, v, who)
	}
	if key == "ask" { // ask somebody out
		if a[len(a)-1].text == "out" {
			return in(table["ask out"], object(a[v+1:len(a)-1]))
		}
		return false
	}
	var objects map[string]bool
	end := v
	for n := range 3 {
		if n > 0 {
			if v+n >= len(a) {
				break
			}
			key += " " + a[v+n].text
		}
		if o, ok := table[key]; ok {
			objects, end = o, v+n
		}
	}
	if objects == nil || end+1 >= len(a) && !strings.Contains(key, " ") {
		return false
	}
	if objects["*"] && end+1 < len(a) && apart[a[end+1].text] { // boil down
		return false
	}
	o := object(a[end+1:])
	if !objects["*"] && !in(objects, o) {
		return false
	}
	if (a[v].text == "write" || a[v].text == "draw") && o != nil && o.form == reading.S { // what a model does by habit
		return false
	}
	return !dealt(a, end+1) && own(a, end+1, who)
}

// apart are what make another verb of one that takes any object.
var apart = reading.Set("up down off out over away")

// skills are verbs of what one learns to do.
var skills = reading.Set("cook bake swim dance sew knit crochet draw sing ski surf skate drive juggle whistle meditate love " +
	"skateboard snowboard yodel")

// object is the last noun of what stands right behind a verb, or nil.
func object(a []atom) *atom {
	for len(a) > 0 && a[0].word != nil && (a[0].word.Function || a[0].word.Kind == reading.Number && a[0].word.Unit == "") {
		switch {
		case a[0].text == "someone":
			return &a[0]
		case a[0].word.Function && !determiners[a[0].text]:
			return nil
		}
		a = a[1:]
	}
	n := 0
	for n < len(a) && noun(&a[n]) {
		n++
	}
	for n > 1 && (a[n-1].word.Entry.Is(lexicon.Adverb) || a[n-1].text == "online") {
		n--
	}
	switch {
	case n > 0:
		return &a[n-1]
	case len(a) > 0 && a[0].word != nil && a[0].word.Kind == reading.Number:
		return &a[0]
	}
	return nil
}

// determiners are words before a noun that leave it the same object.
var determiners = reading.Set("your my our a the some more every this these one")

// in reports whether a set has an object, by its lemma, as it was written or by its unit.
func in(set map[string]bool, a *atom) bool {
	return a != nil && (set[a.text] || a.word != nil && (set[a.word.Text] || a.word.Unit != "" && set[a.word.Unit]))
}

// dealt reports whether words from i on are of trade, or tell of something else that is done.
func dealt(a []atom, i int) bool {
	table := doings()
	for from := i; i < len(a); i++ {
		w := a[i].word
		if w == nil || w.Function {
			continue
		}
		if trade[a[i].text] || trade[w.Text] {
			return true
		}
		acts := i > from && grammar(&a[i-1]) && isFirst(&a[i], lexicon.Verb) && a[i].form != reading.Past
		if acts && table[a[i].text] == nil && !helping[a[i].text] {
			return true
		}
	}
	return false
}

// helping are verbs that tell no other doing.
var helping = reading.Set("get have use try want need begin start stop like rise stick cry smell taste burn hurt")

// own reports whether nothing from i on is the asked one's or the asker's that may be anything but a
// person's, and nothing tells how one who is asked does it: so well, always, here.
func own(a []atom, i int, who string) bool {
	for ; i < len(a); i++ {
		switch a[i].text {
		case "me", "my", "i",
			"so", "such", "here", "usually", "normally", "always", "personally": // how somebody does it
			return false
		case "us", "our":
			if who == "you" {
				return false
			}
		case "your":
			if !in(owns, object(a[i:])) {
				return false
			}
		}
	}
	return true
}
