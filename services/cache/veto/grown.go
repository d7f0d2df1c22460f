package veto

import (
	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// grown holds prompts apart in which one does something to a thing, and the thing does it by itself:
// how do I grow tomatoes, and how do tomatoes grow.
func grown(p *pair) (string, string, bool) {
	if !p.near() {
		return "", "", false
	}
	return p.either(func(p *pair) (string, string, bool) {
		for i := 1; i < len(p.a.words); i++ {
			j := int(p.a.to[i])
			if j < 2 || !p.a.words[i].Entry.Is(lexicon.Verb) || p.a.words[i].Lemma != p.b.words[j].Lemma || !last(&p.b, j) {
				continue
			}
			x := p.a.object(i)
			if x < 0 || p.a.to[x] < 0 || !agent(p.a.words[i-1].Text) {
				continue
			}
			// There it is the subject, behind the auxiliary.
			y := int(p.a.to[x])
			if p.b.words[j].Form > reading.S || suffers(p.b.words[j-1].Text) {
				continue
			}
			for k := y - 1; k >= 0 && y < j && p.b.words[k].Sentence == p.b.words[j].Sentence; k-- {
				switch p.b.words[k].Text {
				case "do", "does", "did", "will", "can", "why", "when":
					return p.a.text(i-1, x+1), p.b.text(k, j+1), true
				}
				if p.b.words[k].Function && !article(p.b.words[k].Text) {
					break
				}
			}
		}
		return "", "", false
	})
}

// object is the word of content right behind the verb at i and an article, or -1.
func (s *side) object(i int) int {
	x := i + 1
	if x+1 < len(s.words) && article(s.words[x].Text) {
		x++
	}
	if x >= len(s.words) || !content(&s.words[x]) || s.words[x].Break || s.words[x].Sentence != s.words[i].Sentence {
		return -1
	}
	return x
}

// last reports whether no word of content stands behind word i in its sentence.
func last(s *side, i int) bool { return s.next(i) < 0 }

// agent reports whether the verb behind the word is done by a person, or by whoever asks.
func agent(s string) bool {
	switch s {
	case "i", "you", "we", "one", "he", "she", "they", "to", "why", "people":
		return true
	}
	return false
}

// suffers reports whether what is behind the word is done to the subject: some participles look like
// the verb's plain form (reset, cut, put).
func suffers(s string) bool {
	switch s {
	case "be", "been", "being", "is", "are", "was", "were", "get", "gets", "got":
		return true
	}
	return false
}

func article(s string) bool { return s == "a" || s == "an" || s == "the" }
