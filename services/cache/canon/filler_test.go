package canon_test

import "testing"

// Fillers and courtesies make no difference in their usual place, and count where they are what is spoken
// of, or nothing else is left.
func TestFillers(t *testing.T) {
	pairs{
		{"Hello", "Hi", false}, {"Thanks!", "Please", false}, {"Really?", "Actually", false}, {"pls", "please", false},
		{"Hey there", "Hi all", false}, {"Hello! Thanks", "Hi", false}, {"Thank you so much", "Many thanks", false},
		{"Kindly", "Indeed", false}, {"Hello", "hello ", true},
		{"Is truly an adverb?", "Is literally an adverb?", false},
		{"Is exactly in the dictionary?", "Is indeed in the dictionary?", false},
		{"What does actually mean?", "What does truly mean?", false},
		{"what actually means", "what literally means", false},
		{"Give me an antonym of basically", "Give me an antonym of truly", false},
		{"What rhymes with really?", "What rhymes with?", false},
		{"Define kindly", "Define", false},
		{"Define thanks", "Define please", false},
		{"What is Portuguese for thank you?", "What is Portuguese for?", false},
		{"What is a good answer to thanks?", "What is a good answer to please?", false},
		{"Who sings Kindly?", "Who sings Thanks?", false},
		{"who sings please", "who sings thanks", false},
		{"Who directed Really?", "Who directed?", false},
		{"Is Truly Madly Deeply a good film?", "Is Madly Deeply a good film?", false},
		{"Who wrote Exactly What You Need?", "Who wrote What You Need?", false},
		{"hey jude chords", "jude chords", false},
		{"Hello Kitty age", "Kitty age", false},
		{"please is a verb", "is a verb", false},
		{"Is any a pronoun?", "Is a pronoun?", false},
		{"What does ever mean?", "What does various mean?", false},
		{"Does it cost exactly 5 euros?", "Does it cost 5 euros?", false},
		{"how do I use properly", "how do I use correctly", false},

		{"Does a cactus really need water?", "Does a cactus need water?", true},
		{"What exactly is a quark?", "What is a quark?", true},
		{"How exactly do magnets work?", "How do magnets work?", true},
		{"Is tin actually toxic?", "Is tin toxic?", true},
		{"Is a tomato actually a fruit?", "Is a tomato a fruit?", true},
		{"Who is really responsible for the war?", "Who is responsible for the war?", true},
		{"Actually, how do I boil rice?", "How do I boil rice?", true},
		{"Is tea heavier than water really?", "Is tea heavier than water?", true},
		{"Hi, how do I boil rice?", "How do I boil rice?", true},
		{"hey how do I boil rice", "How do I boil rice?", true},
		{"Hello everyone, why do cats purr?", "Why do cats purr?", true},
		{"Good. Hello! Why do cats purr? Thanks.", "Good. Hello! Why do cats purr?", true},
		{"Hello! Why do cats purr?", "Why do cats purr? Thank you!", true},
		{"Please explain recursion", "Explain recursion", true},
		{"Kindly list two rivers", "List two rivers", true},
		{"please, what is a quark", "What is a quark, thank you very much", true},
		{"how do I boil rice pls", "How do I boil rice? Thanks in advance", true},
		{"Can you please explain recursion?", "Explain recursion, please", true},
		{"What are the various types of rice?", "What are the types of rice?", true},
		{"Are there any good films about owls?", "Are there good films about owls?", true},
	}.test(t)
}
