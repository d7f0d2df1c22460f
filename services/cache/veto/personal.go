package veto

import "tollgate.dev/services/cache/reading"

// personal reports whether the word at i speaks of who asks. The "I" of "how do I bake bread" and
// "what do I need for a visa" is anybody, as is the "me" of "tell me": what can, must or should be
// done, and how. It is the one who asks where something is said or asked that holds of a person:
// what they did or what happened to them, what they have, owe and are like, and what somebody does
// to them.
func personal(words []reading.Word, i int) bool {
	switch words[i].Text {
	case "i", "we":
		if i+1 < len(words) && stated(words[i+1].Text, text(words, i+2)) && (i == 0 || !begins(words[i-1].Text)) {
			return true
		}
		return words[i].Text == "i" && i > 0 && ofMe(words, i)
	case "me":
		return i > 0 && words[i-1].Text == "about" || done(words, i) || felt(words, i)
	case "us":
		return words[i].Function && done(words, i)
	}
	return false
}

// stated reports whether a sentence about oneself goes on with a verb and what follows it: "I am",
// "I have"; but not "I have to".
func stated(verb, next string) bool {
	switch verb {
	case "am", "had", "was", "live", "work":
		return true
	case "have":
		return next != "to"
	}
	return false
}

// text is that of words[i], or empty behind the last.
func text(words []reading.Word, i int) string {
	if i >= len(words) {
		return ""
	}
	return words[i].Text
}

// holding are verbs of what holds of a person, not of what one does.
var holding = reading.Set("live work owe own weigh earn deserve belong possess resemble qualify " +
	"think feel believe prefer like love hate want mean know remember")

// ofMe reports whether the question at whose "I" i is asks about who asks: "am I", "did I", "have
// I", and "do I" before what holds of a person or where yes or no answers it and it isn't what is
// needed for something.
func ofMe(words []reading.Word, i int) bool {
	aux, rest := &words[i-1], words[i+1:]
	switch aux.Text {
	case "am", "did", "was", "have", "had":
		return true
	case "will":
		return aux.First
	case "do":
		if len(rest) == 0 {
			return aux.First
		}
		if i > 1 && words[i-2].Text == "how" { // a way to it
			return false
		}
		switch rest[0].Text {
		case "need":
			return aux.First && !purpose(rest)
		case "have":
			return text(rest, 1) != "to"
		case "look", "sound":
			return aux.First || text(rest, 1) == "like"
		}
		return aux.First || holding[rest[0].Lemma]
	}
	return false
}

// purpose reports whether words say what something is needed for.
func purpose(words []reading.Word) bool {
	for i := range words {
		switch words[i].Text {
		case "to", "for", "if", "when", "before", "after":
			return true
		}
	}
	return false
}

// done reports whether the object at i is that of something which was done, or which somebody does:
// "did they fire me", "who hired us", "is he ignoring me", "does she love me".
func done(words []reading.Word, i int) bool {
	who := words[i].Text == "me"
	if i > 0 && words[i-1].Form == reading.Past && words[i-1].Text != words[i-1].Lemma && (who || i > 1 && somebody(words[i-2].Text)) {
		return true
	}
	for j := i - 1; j >= 0 && words[j].Sentence == words[i].Sentence; j-- {
		w := &words[j]
		if !w.Function {
			continue
		}
		they := j+1 < i && somebody(words[j+1].Text) || j > 0 && words[j-1].Text == "who"
		switch w.Text {
		case "to", "that", "can", "could", "will", "would", "should", "may", "might", "must", "if", "when", "you", "and", "or":
			return false
		case "did", "has", "have", "had", "was", "were":
			return who || they
		case "do", "does":
			return they
		case "is", "are":
			return they && words[i-1].Form == reading.Ing
		}
	}
	return false
}

// feelings are verbs of what somebody feels for a person.
var feelings = reading.Set("like love hate trust respect miss fancy dislike adore despise")

// felt reports whether a question ends in what somebody feels for who asks: "does the boss like me",
// but not "what do people like me eat".
func felt(words []reading.Word, i int) bool {
	if i == 0 || !feelings[words[i-1].Lemma] || i+1 < len(words) && words[i+1].Sentence == words[i].Sentence {
		return false
	}
	for j := i - 1; j >= 0 && words[j].Sentence == words[i].Sentence; j-- {
		switch words[j].Text {
		case "do", "does":
			return true
		}
	}
	return false
}

// somebody reports whether a pronoun stands for persons.
func somebody(s string) bool {
	switch s {
	case "he", "she", "they", "who":
		return true
	}
	return false
}
