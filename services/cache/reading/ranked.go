package reading

import (
	"maps"

	"tollgate.dev/services/cache/lexicon"
)

var (
	// striking are adjectives of what somebody thinks of a thing, of which "most" makes the superlative.
	striking = Set("interesting amazing fascinating awesome incredible beautiful inspiring inspirational useful helpful memorable creative " +
		"impressive surprising shocking disturbing embarrassing ridiculous romantic")
	// strange are those that have a superlative of their own.
	strange = Set("weird funny strange crazy cool cute scary creepy sad stupid dumb silly")
)

// opinions are these and others of which the superlative is what somebody thinks, so that a list of those that
// are most so answers who asks for one of them as well.
var opinions = func() map[string]bool {
	m := Set("good bad great nice fine pretty lovely ugly easy hard simple smart wise safe tasty mean crappy sexy happy " +
		"important effective efficient delicious handsome attractive " +
		"difficult challenging comfortable reliable annoying boring exciting enjoyable famous suitable appropriate reputable trusted")
	maps.Copy(m, striking)
	maps.Copy(m, strange)
	return m
}()

// Strikes reports whether an adjective says what somebody thinks of a thing, so that a list of what is so is one of
// what is most so; short is set for those that have a superlative of their own. Of what can be measured it isn't so:
// cheap hotels aren't the cheapest.
func Strikes(adjective string) (strikes, short bool) {
	return striking[adjective] || strange[adjective], strange[adjective]
}

// orders are words that say which of several in a row is meant, as ordinal numbers do.
var orders = Set("second last next final only previous")

// articled are those of them that are so behind "the" alone: only milk, in a second.
var articled = Set("only second")

// One finds where words begin to ask for what is most so in a way that can be measured, or stands
// somewhere in a row, or for who is something: from there on, one of a thing is another question than
// several. The tallest building is none of a list, the best film is. It is -1 where they don't.
func One(words []Word) int {
	in := -1
	for i := range words {
		switch {
		case !words[i].ranks(words[i+1:]), articled[words[i].Text] && (i == 0 || words[i-1].Text != "the"):
		case words[i].Form == Most || words[i].Text == "most" || words[i].Text == "least": // which towers are the tallest
			return 0
		case in < 0:
			in = i
		}
	}
	if len(words) > 3 && words[0].Text == "who" && being(words[1].Text) && words[2].Text == "the" &&
		words[3].Form != Most && words[3].Text != "most" && words[3].Kind == Plain && !words[3].Capital && !opinions[words[3].Lemma] {
		return 0
	}
	return in
}

// Several reports whether words are about several things or people: the verb says so.
func Several(words []Word) bool {
	return len(words) > 2 && functions[words[0].Text]&asking != 0 && (words[1].Text == "are" || words[1].Text == "were")
}

func being(s string) bool { return s == "is" || s == "are" || s == "was" || s == "were" }

// ranks reports whether the word, before the rest, says which of several is meant.
func (w *Word) ranks(rest []Word) bool {
	switch {
	case w.Quoted || len(rest) == 0 && w.Form != Most:
		return false
	case w.Form == Most:
		return !opinions[w.Lemma]
	case w.Text == "most" || w.Text == "least":
		return rest[0].Kind == Plain && rest[0].Entry.Is(lexicon.Adjective) && !opinions[rest[0].Lemma]
	case w.Kind == Number:
		return w.Unit == ordinal
	}
	return orders[w.Text] && !w.Capital
}
