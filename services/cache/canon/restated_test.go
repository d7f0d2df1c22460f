package canon_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"tollgate.dev/services/cache/canon"
)

// Each way to say the same comes with what it would wrongly take for the same if it went a step
// further.
func TestRestated(t *testing.T) {
	for _, c := range []struct {
		name      string
		same, not [][2]string
	}{
		{
			name: "frames of how",
			same: [][2]string{
				{"What is the proper way to tie a knot?", "How do I tie a knot?"},
				{"What are the most effective ways to learn to swim?", "How can I learn to swim?"},
				{"Any tips on folding shirts?", "How do I fold shirts?"},
				{"What should be done to save bees?", "How can one save bees?"},
				{"How can I find out who owns a house?", "How do I know who owns a house?"},
				{"How can I tell if an egg is rotten?", "How do I know whether an egg is rotten?"},
				{"How can a person become a pilot?", "How does one become a pilot?"},
				{"How best can I polish a table?", "How do I polish a table?"},
			},
			not: [][2]string{
				{"What is the cheapest way to tie a knot?", "How do I tie a knot?"},
				{"What is the wrong way to tie a knot?", "How do I tie a knot?"},
				{"How can a dog become a pilot?", "How does one become a pilot?"},
				{"How can I tell a friend?", "How do I know a friend?"},
				{"What should be done by Monday?", "How can we Monday?"},
			},
		},
		{
			name: "what is made for who asks",
			same: [][2]string{
				{"Write me a letter to a landlord", "Write a letter to a landlord"},
				{"Make a list of Roman emperors", "List Roman emperors"},
				{"Give me a list of Roman emperors", "List the Roman emperors"},
			},
			not: [][2]string{
				{"Write me out of the will", "Write out of the will"},
				{"Write to me about ferns", "Write about ferns"},
				{"Make a shopping list", "List shopping"},
				{"Make a list of lists of emperors", "List emperors"},
			},
		},
		{
			name: "what is called, had and said",
			same: [][2]string{
				{"What is a young swan called?", "What is the name of a young swan?"},
				{"What do you call a young swan?", "What is a young swan called?"},
				{"What is the oldest bridge in Prague called?", "What is the name of the oldest bridge in Prague?"},
				{"What benefits does garlic have?", "What are the benefits of garlic?"},
				{"What symptoms does scurvy have?", "What are the symptoms of scurvy?"},
				{"How is quinoa pronounced?", "How do you pronounce quinoa?"},
				{"Who was the inventor of the zipper?", "Who invented the zipper?"},
				{"what SMTP stands for", "What does SMTP stand for?"},
				{"How is it like to live on a boat?", "What is it like to live on a boat?"},
				{"How does it feel living on a boat?", "What does it feel like to live on a boat?"},
				{"Between tea and coffee, which is healthier?", "Which is healthier, tea or coffee?"},
			},
			not: [][2]string{
				{"What is a young swan called in French?", "What is the name of a young swan?"},
				{"What is this called?", "What is the name of it?"},
				{"What do you call yourself?", "What is the name of yourself?"},
				{"What was Oslo called?", "What is the name of Oslo?"},
				{"What symptoms did scurvy have?", "What are the symptoms of scurvy?"},
				{"What benefits does garlic have for the skin?", "What are the benefits of garlic?"},
				{"How was quinoa pronounced?", "How do you pronounce quinoa?"},
				{"How is quinoa cooked?", "How do you pronounce quinoa?"},
				{"Who was the founder of the club?", "Who invented the club?"},
				{"Who was the owner of the zipper?", "Who is the owner of the zipper?"},
				{"what SMTP stands", "What does SMTP stand for?"},
				{"How is it to live on a boat?", "How is it to leave a boat?"},
				{"Between tea and coffee, which is healthier?", "Which is healthier, tea or milk?"},
			},
		},
		{
			name: "the order of a learner",
			same: [][2]string{
				{"How I can bake bread?", "How can I bake bread?"},
				{"how i bake bread?", "How do I bake bread?"},
				{"Why I can whistle?", "Why can I whistle?"},
				{"How coal is stored?", "How is coal stored?"},
				{"How come olive oil is green?", "Why is olive oil green?"},
				{"What I should do if the oven smokes?", "What should I do if the oven smokes?"},
			},
			not: [][2]string{
				{"How old trees are felled?", "How are old trees felled?"},
				{"How I baked bread", "How do I bake bread"},
				{"What I can bake", "What can I bake?"},
				{"How he can bake bread?", "How can I bake bread?"},
			},
		},
		{
			name: "a phrase in front",
			same: [][2]string{
				{"In Norway, how do I rent a boat?", "How do I rent a boat in Norway?"},
				{"For a beginner, what is the best guitar?", "What is the best guitar for a beginner?"},
				{"in peru what is the legal age to drive?", "What is the legal age to drive in Peru?"},
			},
			not: [][2]string{
				{"In Norway, how do I rent a boat?", "How do I rent a boat in Sweden?"},
				{"In what way is a boat rented?", "In a way, what is a rented boat?"},
			},
		},
		{
			name: "opinions that are asked for anyway",
			same: [][2]string{
				{"In your opinion, what is the best poem?", "What is the best poem?"},
				{"Who do you think is the fastest swimmer?", "Who is the fastest swimmer?"},
			},
			not: [][2]string{
				{"What is fashion in your opinion?", "What is fashion?"},
				{"According to Kant, what is duty?", "What is duty?"},
				{"What is in your opinion poll?", "What is in a poll?"},
			},
		},
		{
			name: "tails of superlatives",
			same: [][2]string{
				{"What is the deepest lake on earth?", "What is the deepest lake in the world?"},
				{"What is the worst war in the history of the world?", "What is the worst war?"},
				{"What are the best free fonts available?", "What are the best free fonts?"},
				{"What is the best tent on the market?", "What is the best tent?"},
				{"What is the best kettle to buy?", "What is the best kettle?"},
				{"What is the best advice you have ever received in your life?", "What's the best advice you received?"},
				{"What are the best songs of 1985?", "What are the best songs in 1985?"},
			},
			not: [][2]string{
				{"What is the best stall in the market?", "What is the best stall?"},
				{"Who is the smartest person you know?", "Who is the smartest person?"},
				{"What is the most expensive car to own?", "What is the most expensive car?"},
				{"What is the best time to buy?", "What is the best time?"},
				{"What is the best shop to buy?", "What is the best shop?"},
				{"What is the most important thing in life?", "What is the most important thing?"},
				{"What is the deepest lake in Asia?", "What is the deepest lake?"},
				{"What is the best degree in history?", "What is the best degree?"},
				{"What is the best book of 1984?", "What is the best book about 1984?"},
			},
		},
		{
			name: "lists of what is interesting",
			same: [][2]string{
				{"What are some interesting facts about owls?", "What are the most interesting facts about owls?"},
				{"What are some weird laws in Spain?", "What are the weirdest laws in Spain?"},
				{"What are some mind-blowing facts about owls?", "What are the most mind blowing facts about owls?"},
				{"What is a better alternative to Jira?", "What are good alternatives to Jira?"},
				{"What are some alternatives to Jira?", "What is the best alternative to Jira?"},
			},
			not: [][2]string{
				{"What are some cheap hotels in Spain?", "What are the cheapest hotels in Spain?"},
				{"What are some mind-blowing facts?", "What are some mind-numbing facts?"},
				{"What is an interesting number?", "What is the most interesting number?"},
				{"What are some powerful countries?", "What are the most powerful countries?"},
				{"What are some large animals?", "What are the largest animals?"},
				{"What are some interesting facts about owls?", "What are some useful facts about owls?"},
				{"What are some safe alternatives to bleach?", "What are some alternatives to bleach?"},
			},
		},
		{
			name: "what something is for",
			same: [][2]string{
				{"What is the best app for editing photos?", "What is the best app to edit photos?"},
				{"What is the best book for learning chess?", "What is the best book to learn chess?"},
				{"What are the best books in biology?", "What are the best books for biology?"},
			},
			not: [][2]string{
				{"What is the best excuse for being late?", "What is the best excuse to be late?"},
				{"What are the best books for children?", "What are the best books about children?"},
				{"What are the best books in French?", "What are the best books on French?"},
				{"What is the best video about swimming?", "What is the best video to learn swimming?"},
				{"What is the best app for photos?", "What is the best app to edit photos?"},
			},
		},
		{
			name: "adverbs of how something is done",
			same: [][2]string{
				{"How do I quickly peel garlic?", "How do I peel garlic quickly?"},
				{"How do I properly sharpen a knife?", "How do I sharpen a knife?"},
				{"What is the best way to safely remove a tick?", "How can I remove a tick safely?"},
			},
			not: [][2]string{
				{"How do I safely remove a tick?", "How do I remove a tick?"},
				{"How do I make perfectly round balls?", "How do I make round balls perfectly?"},
				{"How do I only peel garlic?", "How do I peel only garlic?"},
				{"How do I quickly learn to run?", "How do I learn to run quickly?"},
				{"How do I quietly tell him to leave?", "How do I tell him to leave quietly?"},
				{"How do I finally decide what I really want?", "How do I decide what I really want finally?"},
			},
		},
		{
			name: "getting and becoming",
			same: [][2]string{
				{"How do I get rich?", "How can I become rich?"},
				{"How can I be a more patient person?", "How do I become more patient?"},
				{"How do I get better at chess?", "How can I become better at chess?"},
			},
			not: [][2]string{
				{"How do I get fresh milk?", "How do I become fresh milk?"},
				{"How do I get better?", "How do I become better?"},
				{"How do I get a good person?", "How do I get good?"},
				{"What is a patient person?", "What is patient?"},
			},
		},
		{
			name: "learning to do what one learns",
			same: [][2]string{
				{"How do I learn to play the flute?", "How do I learn the flute?"},
				{"How do I learn how to speak Welsh?", "How do I learn Welsh?"},
				{"How does one learn how to swim?", "How does one learn to swim?"},
			},
			not: [][2]string{
				{"How do I learn to play?", "How do I learn?"},
				{"How do I learn to build a flute?", "How do I learn the flute?"},
				{"How do I learn to play with kids?", "How do I learn with kids?"},
			},
		},
		{
			name: "two to choose from",
			same: [][2]string{
				{"What is better, tea or coffee?", "Which is better: coffee or tea?"},
				{"Who is taller, Anna or Bert?", "Who is taller, Bert or Anna?"},
				{"Tea or coffee, which is better?", "Which one is better, tea or coffee?"},
				{"Which is better between tea and coffee?", "Which is better, tea or coffee?"},
				{"Tea vs coffee: which is better?", "Which is better, tea or coffee?"},
			},
			not: [][2]string{
				{"Which is better, tea or coffee?", "Which is worse, tea or coffee?"},
				{"Which is better than tea or coffee?", "Which is better, tea or coffee?"},
				{"Tea with coffee: which is better?", "Which is better, tea or coffee?"},
				{"Is it better with milk or sugar, which is sweeter?", "Which is better, milk or sugar?"},
			},
		},
		{
			name: "nouns that are written as one",
			same: [][2]string{
				{"How does a worm hole form?", "How does a wormhole form?"},
				{"How do I run a book store?", "How do I run a bookstore?"},
				{"What is e-commerce?", "What is ecommerce?"},
				{"How does a multi-national firm pay tax?", "How does a multinational firm pay tax?"},
			},
			not: [][2]string{
				{"What is water color?", "What is watercolor?"},
				{"What is a good paper weight?", "What is a good paperweight?"},
				{"How does multi-ply paper fold?", "How does multiply paper fold?"},
				{"Is steel un-ionized?", "Is steel unionized?"},
				{"How do I pre-position tools?", "How do I preposition tools?"},
				{"How big is a black bird?", "How big is a blackbird?"},
				{"How do I re-cover a sofa?", "How do I recover a sofa?"},
				{"What is a co-op?", "What is a coop?"},
				{"What is a green house?", "What is a greenhouse?"},
				{"What is a hot house?", "What is a hothouse?"},
				{"How do I find a boy friend?", "How do I find a boyfriend?"},
				{"How bright is a light house?", "How bright is a lighthouse?"},
			},
		},
		{
			name: "what some people think",
			same: [][2]string{
				{"Why do some people hate cats?", "Why do people hate cats?"},
				{"Why do so many people believe in ghosts?", "Why do people believe in ghosts?"},
			},
			not: [][2]string{
				{"Why do some people need less sleep?", "Why do people need less sleep?"},
				{"Why do some people live to be 100?", "Why do people live to be 100?"},
				{"Why do some people not like cats?", "Why do people like cats?"},
				{"Why do few people hate cats?", "Why do people hate cats?"},
				{"Why do some dogs hate cats?", "Why do dogs hate cats?"},
			},
		},
		{
			name: "counts and sizes",
			same: [][2]string{
				{"How many islands are there in Greece?", "How many islands are in Greece?"},
				{"How old is the moon?", "What is the age of the moon?"},
				{"How tall is Mount Etna?", "What is the height of Mount Etna?"},
				{"What's the distance between Rome and Oslo?", "How far is Oslo from Rome?"},
			},
			not: [][2]string{
				{"How many embassies does India have?", "How many embassies are in India?"},
				{"How high is Snoop Dogg?", "What is the height of Snoop Dogg?"},
				{"How many islands does Greece want?", "How many islands are in Greece?"},
				{"How old is too old?", "What is the age of too old?"},
				{"How many fish do you have?", "How many fish are in you?"},
				{"How many dogs have I?", "How many dogs are in me?"},
				{"How tall is tall?", "What is the height of tall?"},
			},
		},
		{
			name: "what something does and undergoes",
			same: [][2]string{
				{"How will the strike affect the price of bread?", "What will be the effect of the strike on the price of bread?"},
				{"How does sleep affect memory?", "What effect does sleep have on memory?"},
				{"How does sleep affect memory?", "What is the impact of sleep on memory?"},
				{"Is it possible for dogs to swim?", "Can dogs swim?"},
				{"How many eggs can one eat per day?", "How many eggs can one eat a day?"},
				{"Who invented the telephone?", "Who is the inventor of the telephone?"},
				{"Who wrote Dracula?", "Who is the author of Dracula?"},
				{"What is life like in Peru?", "How is life in Peru?"},
				{"What is it like to live in Peru?", "How is life in Peru?"},
				{"Why does the US grow corn?", "Why does the USA grow corn?"},
				{"Who leads the senate of the United States?", "Who leads the senate of the US?"},
				{"What makes glass so brittle?", "Why is glass so brittle?"},
				{"What does LAN stand for?", "What is the full form of LAN?"},
				{"Where is Chad located?", "Where is Chad?"},
				{"How do stoats and weasels differ?", "What is the difference between weasels and stoats?"},
				{"What is the difference between a wide and a narrow gauge?", "What is the difference between narrow gauge and wide gauge?"},
				{"Who is going to win the cup?", "Who will win the cup?"},
				{"Is Oslo going to grow?", "Will Oslo grow?"},
				{"Is it true that owls are blind?", "Are owls blind?"},
			},
			not: [][2]string{
				{"How does sleep affect memory?", "How does memory affect sleep?"},
				{"How did the strike affect bread?", "How does the strike affect bread?"},
				{"How can floods be prevented?", "How are floods prevented?"},
				{"How can Anna be invited by Bert?", "How can I invite Anna?"},
				{"Can tenants be evicted?", "Can I evict tenants?"},
				{"How can people be arrested for theft?", "How can I arrest people for theft?"},
				{"What is Anna like?", "How is Anna?"},
				{"What is Anna like at work?", "How is Anna at work?"},
				{"Can rabies be cured?", "Can rabies cure?"},
				{"Should vapes be banned?", "Should I ban vapes?"},
				{"What is life in Peru?", "How is life in Peru?"},
				{"Why do cows like us?", "Why do cows like US?"},
				{"Who invented the zip?", "Who used the inventor of the zip?"},
				{"What makes glass brittle?", "Why is glass brittle?"},
				{"What does LAN do?", "What is the full form of LAN?"},
				{"Where is gold found?", "Where is gold?"},
				{"What is the difference between apple and orange juice?", "What is the difference between orange and apple juice?"},
				{"Who is going to school?", "Who will school?"},
				{"Do you think owls are blind?", "Are owls blind?"},
			},
		},
		{
			name: "words that come in several",
			same: [][2]string{
				{"What did Rome do prior to the war?", "What did Rome do before the war?"},
				{"Is owing to a strike the same thing as because of a strike?", "Is because of a strike the same as due to a strike?"},
				{"Is Oslo cheap in comparison to Rome?", "Is Oslo cheap compared with Rome?"},
				{"Can I paint a wall with the help of a sponge?", "Can I paint a wall with a sponge?"},
				{"Does milk help to gain weight?", "Does milk help in gaining weight?"},
				{"From where can I get a visa?", "Where can I get a visa?"},
				{"In which year did the war end?", "In what year did the war end?"},
				{"Just curious, why is the sky blue?", "Why is the sky blue?"},
				{"What is the best time for visiting Rome?", "What is the best time to visit Rome?"},
			},
			not: [][2]string{
				{"What did Rome do prior to the war?", "What did Rome do after the war?"},
				{"Is Oslo cheap in comparison to Rome?", "Is Rome cheap compared with Oslo?"},
				{"Am I allowed to fish in Oslo?", "Am I supposed to fish in Oslo?"},
				{"Can I cook anything apart from rice?", "Can I cook anything except rice?"},
				{"Should I take a coat in case it rains?", "Should I take a coat if it rains?"},
				{"Is anybody allowed to live on Mars?", "Can anybody live on Mars?"},
				{"Did they find out who did it?", "Did they know who did it?"},
				{"Is it open at all hours?", "Is it open hours?"},
				{"Can it help to in Rome?", "Can it help in Rome?"},
				{"When did the war end?", "In what year did the war begin?"},
			},
		},
		{
			name: "pronouns that agree",
			same: [][2]string{
				{"How do I know if a cat likes me?", "How do you know if a cat likes you?"},
				{"How can I teach myself chess?", "What is the best way to teach yourself chess?"},
			},
			not: [][2]string{
				{"How do I pay you?", "How do you pay me?"},
				{"How can I help you?", "How can you help me?"},
				{"How do I know if a cat likes him?", "How do I know if a cat likes me?"},
			},
		},
		{
			name: "which one to take",
			same: [][2]string{
				{"Which tent should I buy under 90 euros?", "What is the best tent to buy under 90 euros?"},
				{"What would be the best tent for Norway?", "What is the best tent for Norway?"},
				{"Should I learn Go or not?", "Should I learn Go?"},
			},
			not: [][2]string{
				{"Which tent should he buy?", "What is the best tent?"},
				{"Which tent can I buy?", "What is the best tent?"},
				{"Which tent should I burn?", "What is the best tent to buy?"},
			},
		},
		{
			name: "relative clauses and light words",
			same: [][2]string{
				{"What are cheap phones that are made in Korea?", "What are cheap phones made in Korea?"},
				{"How do I lose weight without doing exercise?", "How do I lose weight without exercise?"},
				{"How do I cut glass by using a string?", "How do I cut glass with a string?"},
				{"Is it safe eating raw eggs?", "Is it safe to eat raw eggs?"},
				{"Why does the sea tend to freeze slowly?", "Why does the sea freeze slowly?"},
				{"What is the best phone for under 9000 rupees?", "What is the best phone below 9000 rupees?"},
				{"Is it mandatory to carry a passport?", "Do I have to carry a passport?"},
			},
			not: [][2]string{
				{"What are phones that were made in Korea?", "What are phones made in Korea?"},
				{"How do I lose weight without exercise?", "How do I lose weight with exercise?"},
				{"Is it safe to stop eating?", "Is it safe to stop to eat?"},
				{"Who is King Kong?", "Who is Kong?"},
				{"Who is Mrs Obama?", "Who is Obama?"},
				{"How do I win without doing anything?", "How do I win without anything?"},
				{"Is it legal to carry a passport?", "Do I have to carry a passport?"},
				{"Who is the president of Ghana?", "Who is Ghana?"},
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, p := range c.same {
				if a, b := of(p[0]), of(p[1]); a.Key() != b.Key() {
					t.Errorf("not the same:\n\t%s\n\t%s\n\t%s | %s", p[0], p[1], a, b)
				}
			}
			for _, p := range c.not {
				if how, ok := canon.Same(of(p[0]), of(p[1])); ok {
					t.Errorf("the same by %v:\n\t%s\n\t%s\n\t%s", how, p[0], p[1], of(p[0]))
				}
			}
		})
	}
}

// Whatever order the words come in that the constructions are told by, a form is made, and is the
// same each time.
func TestOfWordsInAnyOrder(t *testing.T) {
	vocabulary := strings.Fields("what which who how why where when is are do does did can could will should have i you we one me yourself " +
		"properly quickly learn to play get become be patient person help in gaining without doing best most better weirdest interesting " +
		"mind blowing facts alternative of phone mobile to buy available on the market earth life your that possible for learning about biology " +
		"going rain it true possible affect effect on impact worm hole e commerce stand far from distance between and or old like located " +
		"some people hate happen tend think invented Dracula Oslo 1985 , ? or not at all any tips way than")
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same words each time
	for range 10_000 {
		words := make([]string, 1+r.IntN(9))
		for i := range words {
			words[i] = vocabulary[r.IntN(len(vocabulary))]
		}
		s := strings.Join(words, " ")
		a, b := of(s), of(s)
		if _, same := canon.Same(a, b); !same || a.Key() != b.Key() {
			t.Fatalf("%q: %s | %s", s, a, b)
		}
	}
}
