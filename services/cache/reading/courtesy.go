package reading

// polite are words that say nothing unless they are what is spoken of.
var polite = Set("please thanks")

// Courtesy reports whether the word is a polite one.
func (w *Word) Courtesy() bool { return polite[w.Text] }

// uttering are verbs whose object can be a word.
var uttering = Set("say says said saying mean means use using hear hears write writing")

// terms are nouns of what a word has, or is.
var terms = Set("word words meaning definition translation synonym synonyms origin etymology use")

// courtesies marks polite words as quoted that are spoken of: when do I say please, what does thanks
// mean.
func (s *splitter) courtesies() {
	words := s.r.Words
	for i := range words {
		w := &words[i]
		if !polite[w.Text] || i == 0 || w.Break || w.Quoted {
			continue
		}
		before := &words[i-1]
		last := i+1 == len(words) || words[i+1].Sentence != w.Sentence
		switch {
		case terms[before.Text],
			(before.Text == "does" || before.Text == "do") && !last && words[i+1].Lemma == "mean",
			(before.Text == "of" || before.Text == "for") && i > 1 && terms[words[i-2].Text]:
		case uttering[before.Text] && !(last && words[0].Text == "what"): // what do I say, please
		case before.Text == "a" || before.Text == "the":
		default:
			continue
		}
		w.Quoted, w.Function, w.Lemma = true, false, w.Text
	}
}
