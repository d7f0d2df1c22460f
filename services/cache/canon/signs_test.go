package canon_test

import (
	"testing"

	"tollgate.dev/services/cache/canon"
)

// pairs are prompts and whether they are the same.
type pairs []struct {
	a, b string
	want bool
}

func (ps pairs) test(t *testing.T) {
	t.Helper()
	for _, c := range ps {
		if how, ok := canon.Same(of(c.a), of(c.b)); ok != c.want {
			t.Errorf("%s, %s: %v by %v, want %t: %s | %s", c.a, c.b, ok, how, c.want, of(c.a), of(c.b))
		}
	}
}

// A raised or lowered sign is another than the plain one, but where both are written.
func TestRaisedSigns(t *testing.T) {
	pairs{
		{"How much is 7²?", "How much is 72?", false},
		{"How much is 7²?", "how much is 7²", true},
		{"How big is 10⁹?", "How big is 109?", false},
		{"What is the derivative of y³?", "What is the derivative of y3?", false},
		{"How small is 10⁻⁹ m?", "How small is 10-9 m?", false},
		{"What is ³√27?", "What is 3√27?", false},
		{"Is 1½ cups of rice a lot?", "Is 11/2 cups of rice a lot?", false},
		{"Is 5½ a big shoe size?", "Is 51⁄2 a big shoe size?", false},
		{"What does ③ stand for?", "What does 3 stand for?", false},
		{"What is log₂8?", "What is log28?", false},
		{"What is 101₂?", "What is 1012?", false},
		{"How fast does 2ⁿ grow?", "How fast does 2n grow?", false},
		{"What is aₙ?", "What is an?", false},
		{"What is 5ⅷ?", "What is 5viii?", false},
		{"How heavy is H₂O?", "How heavy is H2O?", true},
		{"How big is 40 km²?", "How big is 40 km2?", true},
		{"How many wives had Henry Ⅷ?", "How many wives had Henry VIII?", true},
		{"How tall is the tower?", "How tall is the ｔower?", true},
	}.test(t)
}

// Signs count that say what belongs together, where a path leads, or what a command does.
func TestSignsThatCarryTheMeaning(t *testing.T) {
	pairs{
		{"What is (6 + 1) × 9?", "What is 6 + 1 × 9?", false},
		{"What is 8 × (6 + 1)?", "What is 8 × 6 + 1?", false},
		{"three times (two plus five)", "three times two plus five", false},
		{"What is 9 - (4 - 1)?", "What is 9 - 4 - 1?", false},
		{"How much is 6 (7)?", "How much is 6 7?", false},
		{"What is -(8)?", "What is 8?", false},
		{"What is 9--4?", "What is 9 - 4?", false},
		{"What is 9 - -4?", "What is 9 - 4?", false},
		{"What is g'?", "What is g?", false},
		{"What is 8 (x)", "What is 8 x", false},
		{"ls ..", "ls .", false}, {"ls /", "ls ~", false}, {"ls -", "ls", false},
		{"What does cd - do?", "What does cd do?", false},
		{"rm /*", "rm *", false}, {"find .", "find /", false}, {"du ..", "du .", false},
		{":w", ":w!", false}, {"how do I exit with :x!", "how do I exit with :x", false},
		{"What is in /opt?", "What is in opt?", false},
		{"./configure", "../configure", false}, {"./configure", "configure", false},
		{"What is in lib/?", "What is in lib?", false},
		{"What does b^ match?", "What does ^b match?", false},
		{"What is /t?", "What is t?", false},
		{"What is *p?", "What is p?", false},
		{"join x,y", "join x y", false},
		{"tar xzf", "tar xzF", false},
		{"What does tar cf do?", "What does tar cF do?", false},
		{"cat notes.txt", "cat Notes.txt", false},
		{"What is in Makefile.md?", "What is in makefile.md?", false},
		{"grep end.", "grep end", false},
		{"git diff .", "git diff", false},
		{"git diff ..", "git diff .", false},
		{"explain ls ..", "explain ls .", false},
		{"b?", "b", false}, {"b.", "b", false}, {`"b"`, "b", false},
		{"cat File", "cat file", false}, {"git switch Main", "git switch main", false},

		{"How do I run docker build .", "How do I run docker build", false},
		{"how do i use git add .", "how do i use git add", false},
		{"What does npm install . do?", "What does npm install do?", false},
		{"how to run pip install .?", "how to run pip install?", false},
		{"What does git diff * show?", "What does git diff show?", false},
		{"How do I open code .", "How do I open code", false},
		{"how do i run pytest ..", "how do i run pytest .", false},
		{"what is x.y in python", "what is xy in python", false},
		{"what is a.b in c", "what is ab in c", false},
		{"What is p.q", "What is pq", false},

		{"Who is J.K Rowling?", "Who is JK Rowling?", true},
		{"What did you run .", "What did you run?", true},
		{"Is a cat - or a dog - clever?", "Is a cat, or a dog, clever?", true},
		{"How do I install git ...", "How do I install git", true},
		{"Where do I buy bread .", "Where do I buy bread?", true},
		{"Is (wild) rice brown?", "Is wild rice brown?", true},
		{"Who ruled Rome (1450-1500)?", "who ruled Rome 1450-1500", true},
		{"Is rice (white) – and oats – healthy?", "Is rice (white) - and oats - healthy?", true},
		{"Do birds and /or bats sleep?", "do birds and /or bats sleep", true},
		{"How do I find a good book?", "how do I find a good book", true},
		{"How do I use node.js?", "how do I use Node.js", true},
		{"What did you find .", "What did you find?", true},
		{"What does a cat do?", "what does a cat do", true},
		{"Is *raw* fish safe?", "is *raw* fish safe", true},
	}.test(t)
}

// What is quoted, or given to do something with, is compared letter by letter.
func TestTextsThatAreGiven(t *testing.T) {
	pairs{
		{`Split "x y"`, `Split "x,y"`, false},
		{"Split `x y`", "Split `x,y`", false},
		{`Is "Dr." an abbreviation?`, `Is "Dr" an abbreviation?`, false},
		{`What follows "wait..."?`, `What follows "wait"?`, false},
		{"How do I cut 'x;y'?", "How do I cut 'x y'?", false},
		{"Regex for St", "Regex for St.", false},
		{"Hash of bonjour", "Hash of bonjour!", false},
		{"Yell bonjour", "Yell bonjour!", false},
		{"Reverse bonjour", "Reverse bonjour!", false},
		{"Is this a statement: It rains?", "Is this a statement: It rains", false},
		{"Name the mood: thanks", "Name the mood: Thanks", false},
		{"Rate the politeness: please", "Rate the politeness: kindly", false},
		{"Repeat: really", "Repeat: actually", false},
		{"antonym: Hot", "antonym: hot", false},
		{"What language is this: die", "What language is this: Die", false},

		{"Quick question: why do cats purr?", "quick question: Why do cats purr", true},
		{"Which is better: tea or coffee?", "which is better: tea or coffee", true},
		{"Please tell me: how do I boil rice?", "please tell me: how do I boil rice", true},
		{"Who plays in Star Trek: Discovery?", "Who plays in star trek: discovery?", false},
		{"Who plays in Star Trek: Discovery?", "who plays in Star Trek: Discovery", true},
		{`What does "affect" mean?`, `what does "affect" mean`, true},
		{"What is the 'green' party?", "what is the green party", true},
	}.test(t)
}
