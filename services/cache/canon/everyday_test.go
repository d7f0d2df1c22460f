package canon_test

import (
	"strings"
	"testing"

	"tollgate.dev/services/cache/canon"
	"tollgate.dev/services/cache/reading"
)

// Who is asked what they do is not told what anybody does, whatever that is: the table of what is private
// knows none of these, nor need it.
func TestWhatOperatorsDo(t *testing.T) {
	objects := strings.Fields("refunds data passwords orders complaints accounts vendors invoices")
	for i, verb := range strings.Fields("accept acquire adjust advertise aggregate allocate analyze anonymize approve archive assess audit " +
		"authenticate authorize backup bill block calculate cancel categorize certify charge check choose classify collect compress compute " +
		"configure control cover create curate debug decide deduplicate define deliver deploy design detect determine develop disclose " +
		"discount dispatch dispose distribute document encrypt enforce escalate estimate evaluate exchange expire export fetch file filter " +
		"find finance flag forecast format generate govern guarantee handle hash hire host identify implement import index inspect " +
		"install insure integrate invest investigate issue label launch lease license limit list log maintain manage manufacture " +
		"market match measure merge migrate moderate monetize monitor negotiate notify onboard open operate organize pack package " +
		"pay patch plan price prioritize process procure produce promote protect provide publish purge rank rate receive recommend " +
		"reconcile record recruit recycle redact refund reimburse reject release renew replace report request resolve restock retain " +
		"retrieve return review reward route sanitize save scale scan schedule score screen secure select sell send serve settle share " +
		"ship sign sort source split sponsor stock store subsidize supply support sync tag target tax test track trade train transfer " +
		"translate transmit triage update upload use validate value verify wrap write") {
		does := verb + " " + objects[i%len(objects)]
		for _, q := range [...][2]string{
			{"How do you $?", "How do I $?"},
			{"How do you $?", "How to $"},
			{"How can you $?", "How can one $?"},
			{"How do we $?", "How do I $?"},
			{"How do people $?", "How do I $?"},
			{"What do you do to $?", "What do I do to $?"},
			{"How are you able to $?", "How am I able to $?"},
			{"Is there any way you can $?", "Is there any way I can $?"},
			{"Is it possible for you to $?", "Is it possible to $?"},
			{"Should you $?", "Should I $?"},
			{"Do you have to $?", "Do I have to $?"},
			{"Where can you $?", "Where can I $?"},
			{"When should you $?", "When should I $?"},
			{"Why should you $?", "Why should I $?"},
			{"What happens if you $?", "What happens if I $?"},
			{"If a user leaves, how do you $?", "If a user leaves, how do I $?"},
			{"How do you know if you $?", "How do I know if I $?"},
			{"How do you learn to $?", "How do I learn to $?"},
			{"How do you bake bread and $?", "How do I bake bread and $?"},
		} {
			if strings.HasPrefix(q[0], "Where can you") && verb == "find" { // where there are any
				continue
			}
			a, b := of(strings.Replace(q[0], "$", does, 1)), of(strings.Replace(q[1], "$", does, 1))
			if _, same := canon.Same(a, b); same {
				t.Errorf("%s %q: %s", q[0], does, a)
			}
		}
	}
}

func TestWhoseDoing(t *testing.T) {
	for _, does := range []string{
		"bake bread", "make cookies at home", "tie a tie", "get rid of ants", "lose belly fat fast", "quit smoking", "fall asleep",
		"wake up early", "ask a girl out", "get over a breakup", "learn Spanish online", "learn to swim", "write a letter of recommendation",
		"wash your hair without shampoo", "remove a wine stain from a carpet", "grow tomatoes indoors", "solve a Rubik's cube", "hold chopsticks",
		"pronounce Nguyen", "fix a leaky faucet", "become a nurse", "know if a mango is ripe", "draw a horse",
	} {
		for _, who := range [...]string{"you", "we", "people"} {
			happens := strings.HasPrefix(does, "get") || strings.HasPrefix(does, "lose") || strings.HasPrefix(does, "fall") // to people
			if who == "people" && happens || who != "you" && strings.Contains(does, "your") {
				continue
			}
			a, b := of("How do "+who+" "+does+"?"), of("How do I "+does+"?")
			if a.Key() != b.Key() {
				t.Errorf("%s %s: %s | %s", who, does, a, b)
			}
			if a.Addressed() {
				t.Errorf("%s addresses who is asked", a)
			}
		}
	}
	for _, does := range []string{
		"make money", "write off a debt", "write a letter to customers", "bake your bread", "make tea and sell it", "boil down feedback",
		"learn from users", "learn to rank", "draw conclusions", "clean data", "get rid of fraud", "become carbon neutral", "train a model",
		"use cookies on this site", "cook", "make us a cake", "know if a user is a bot", "know if you are right", "feel", "get over a leak",
		"wash money", "peel off users", "forget a conversation", "stop spam", "lose customers", "build muscle models", "ask a customer out of it",
		"write poems so fast", "make such good bread", "cook rice here", "play chess against humans", "cook rice for delivery",
	} {
		a, b := of("How do you "+does+"?"), of("How do I "+does+"?")
		if _, same := canon.Same(a, b); same {
			t.Errorf("%s: %s", does, a)
		}
	}
}

// What is yours is anybody's where it is a person's, and else of who is asked.
func TestYours(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"How do I wash your hair?", "How do I wash hair?", true},
		{"Is it healthy to brush your teeth?", "Is it healthy to brush teeth?", true},
		{"How often do your servers crash?", "How often do servers crash?", false},
		{"How many people does your company employ?", "How many people does a company employ?", false},
		{"How do I apply to your company?", "How do I apply to a company?", false},
		{"How can I join your team?", "How can I join a team?", false},
	} {
		if _, same := canon.Same(of(c.a), of(c.b)); same != c.same {
			t.Errorf("%s | %s: %v, %s | %s", c.a, c.b, same, of(c.a), of(c.b))
		}
	}
}

func TestOneAndSeveral(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"What is the biggest country?", "What are the biggest countries?", false},
		{"Which tower is the tallest?", "Which towers are the tallest?", false},
		{"Who was the first queen of Norway?", "Who were the first queens of Norway?", false},
		{"What is the fastest fish?", "What are the fastest fish?", false},
		{"What is the longest movie?", "What are the longest films?", false},
		{"What is the most populous city?", "What are the most populous cities?", false},
		{"What is the least expensive car?", "What are the least expensive cars?", false},
		{"Who is the founder of Acme?", "Who are the founders of Acme?", false},
		{"What was the last question?", "What were the last questions?", false},
		{"Who is the second heir?", "Who are the second heirs?", false},
		{"How many miles are in a second?", "How many miles is in a second?", true},
		{"Who is the only heir?", "Who are the only heirs?", false},
		{"What are the longest movies?", "what are the longest films", true},
		{"What is the best movie?", "What are the best movies?", true},
		{"What is the worst excuse?", "What are the worst excuses?", true},
		{"What is the most interesting fact about bees?", "What are the most interesting facts about bees?", true},
		{"What is your favourite book?", "What are your favourite books?", true},
		{"What is Newton's first law?", "what is newtons first law", true},
		{"Is only milk good for babies?", "Is only milk good for a baby?", true},
	} {
		if _, same := canon.Same(of(c.a), of(c.b)); same != c.same {
			t.Errorf("%s | %s: %v, %s | %s", c.a, c.b, same, of(c.a), of(c.b))
		}
	}
}

func TestCapitalsOfWordsOfGrammar(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"How is ALL treated?", "how is all treated", false},
		{"What does WHO recommend?", "What does who recommend?", false},
		{"WHO recommends this?", "Who recommends this?", false},
		{"What is a NOT gate?", "What is a not gate?", false},
		{"What is an OR gate?", "what is an or gate", false},
		{"What Does WHO Recommend For Children?", "What Does Who Recommend For Children?", false},
		{"What is a NOT gate?", "what is a NOT gate", true},
		{"WHAT IS THE CAPITAL OF PERU?", "what is the capital of Peru", true},
		{"I can't see", "I can't see!", true},
	} {
		if _, same := canon.Same(of(c.a), of(c.b)); same != c.same {
			t.Errorf("%s | %s: %v, %s | %s", c.a, c.b, same, of(c.a), of(c.b))
		}
	}
	if r := reading.Read("HOW IS ALL TREATED?"); r.Words[2].Raised() {
		t.Error("capitals say something in a text that has nothing else")
	}
}
