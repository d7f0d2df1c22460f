package reading

// casting are verbs that ask who answers to be somebody; what they are follows.
var casting = Set("act pretend roleplay impersonate simulate emulate behave respond reply answer speak talk write serve function work operate " +
	"imagine suppose assume consider picture say")

// trade are nouns of what one has who is somebody: your company, your experience, your role.
var trade = Set("name role job task persona character company firm business boss client customer patient team colleague store shop restaurant " +
	"clinic hospital office school department organization institution industry profession practice field career work experience opinion view " +
	"perspective expertise background country city hometown village culture family religion gender age")

// owner words stand before what somebody is: a lawyer, my coach.
var owner = Set("a an the my our")

// casts reports whether the text itself says who stands behind its "you": you are a lawyer, act as a
// pirate, as my coach, doctor. It errs on that side.
func (r *Reading) casts() bool {
	words := r.Words
	for i := range words {
		w := &words[i]
		begins := w.First || w.Break
		switch {
		case w.Text == "you" && (begins || i > 0 && (words[i-1].Text == "that" || casting[words[i-1].Text])),
			w.Text == "your" && w.First:
			return true
		case w.Text == "you" && (text(words, i+1) == "are" || text(words, i+1) == "were") && owner[text(words, i+2)]:
			return true
		case w.Text == "your" && trade[text(words, i+1)], w.Text == "yourself" && i > 0 && casting[words[i-1].Text]:
			return true
		case w.Text == "as" && (begins || i > 0 && casting[words[i-1].Lemma]) && i+1 < len(words),
			w.Text == "like" && i > 0 && casting[words[i-1].Lemma] && !w.First:
			return true
		case w.Text == "role", w.Text == "roleplay", w.Text == "persona", w.Text == "impersonate", w.Text == "pretend":
			return true
		case w.First && (w.Text == "be" || w.Text == "dear" || casting[w.Text]):
			return true
		case w.Text == "as" && (text(words, i+1) == "my" || text(words, i+1) == "our"):
			return true
		case (w.Text == "hi" || w.Text == "hello" || w.Text == "hey") && i+1 < len(words) && words[i+1].Sentence == w.Sentence && words[i+1].Name():
			return true
		}
	}
	return r.vocative()
}

// vocative reports whether a sentence begins or ends with who is called: doctor, how do you sleep.
func (r *Reading) vocative() bool {
	for from := 0; from < len(r.Words); {
		to := from + 1
		for to < len(r.Words) && r.Words[to].Sentence == r.Words[from].Sentence {
			to++
		}
		words := r.Words[from:to]
		from = to
		for i := 1; i < len(words); i++ {
			if !words[i].Pause {
				continue
			}
			if i <= 3 && called(words[:i]) || i+3 >= len(words) && called(words[i:]) {
				return true
			}
		}
	}
	return false
}

// called reports whether words may be who is called: nouns alone.
func called(words []Word) bool {
	for i := range words {
		w := &words[i]
		if w.Kind != Plain || w.Function && w.Text != "my" && w.Text != "the" || w.Courtesy() {
			return false
		}
	}
	return true
}

func text(words []Word, i int) string {
	if i >= len(words) {
		return ""
	}
	return words[i].Text
}
