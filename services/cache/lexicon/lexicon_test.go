package lexicon_test

import (
	"testing"

	"tollgate.dev/services/cache/lexicon"
)

func TestWhatIsKnownOfWords(t *testing.T) {
	for _, c := range []struct {
		word string
		is   lexicon.Part
		not  lexicon.Part
	}{
		{"turtle", lexicon.Noun, lexicon.Adjective | lexicon.Name},
		{"australia", lexicon.Name | lexicon.Place, lexicon.Verb},
		{"become", lexicon.Verb, lexicon.Noun},
		{"quickly", lexicon.Adverb, lexicon.Adjective},
	} {
		w := lexicon.Find(c.word)
		if w == 0 || w.String() != c.word || !w.Is(c.is) || w.Is(c.not) {
			t.Errorf("%s is not what it should be", c.word)
		}
	}
	if lexicon.Find("omst") != 0 || lexicon.Find("") != 0 {
		t.Error("what is no word was found")
	}
}

func TestRelations(t *testing.T) {
	for _, c := range []struct {
		name     string
		holds    func(a, b lexicon.Word) bool
		yes, not [2]string
	}{
		{"synonyms", lexicon.Synonyms, [2]string{"buy", "purchase"}, [2]string{"buy", "sell"}},
		{"synonyms in the first sense", lexicon.SameFirst, [2]string{"pupil", "student"}, [2]string{"buy", "sell"}},
		{"synonyms in every sense", lexicon.SameAlways, [2]string{"brave", "courageous"}, [2]string{"pupil", "student"}},
		{"kinds", lexicon.KindOf, [2]string{"poodle", "dog"}, [2]string{"poodle", "cat"}},
		{"opposites", lexicon.Opposites, [2]string{"hot", "cold"}, [2]string{"hot", "warm"}},
		{"kin", lexicon.Kin, [2]string{"australia", "australian"}, [2]string{"austria", "australian"}},
	} {
		find := func(p [2]string) (lexicon.Word, lexicon.Word) { return lexicon.Find(p[0]), lexicon.Find(p[1]) }
		a, b := find(c.yes)
		if !c.holds(a, b) || !c.holds(b, a) {
			t.Errorf("%s: not %v", c.name, c.yes)
		}
		a, b = find(c.not)
		if c.holds(a, b) || c.holds(b, a) {
			t.Errorf("%s: %v", c.name, c.not)
		}
	}
}

func BenchmarkFind(b *testing.B) {
	lexicon.Find("turtle")
	b.ReportAllocs()
	for b.Loop() {
		lexicon.Find("turtle")
	}
}
