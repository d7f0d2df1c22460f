package extract

import "testing"

// Forms of a word have one stem, and other words have others.
func TestStems(t *testing.T) {
	for lang, groups := range map[language][][]string{
		english: {
			{"play", "plays", "played", "playing", "Player"}, {"city", "cities"}, {"elect", "election", "elected"},
			{"win", "won", "winner"}, {"II", "2", "two"}, {"café", "cafe", "Cafés"}, {"government", "governments"},
		},
		german:  {{"Brücke", "Brücken", "brucke"}, {"Kind", "Kinder", "Kindern", "Kindes"}, {"groß", "grosse", "großen"}},
		turkish: {{"kitap", "kitaplar", "kitaplarımız"}, {"şehir", "ŞEHİRLER"}},
		other: {
			{"ciudad", "Ciudades"}, {"libro", "libros"}, {"мост", "моста", "мостом", "мосту"}, {"ёлка", "елка"},
			{"πόλεμος", "πολέμου", "Πόλεμο"}, {"مدينة", "المدينة", "والمدينة", "مدينه"}, {"أحمد", "احمد"}, {"शहर", "शहर"},
			{"orașul", "oraşul"}, {"Ｔｏｋｙｏ", "tokyo"},
		},
	} {
		lex := newLexicon()
		seen := map[uint64]string{}
		for _, group := range groups {
			var stem uint64
			for i, w := range group {
				s := wordScanner{text: w, lang: lang, lex: lex}
				if !s.next() || s.term.end != len(w) {
					t.Fatalf("%q is no word", w)
				}
				if i == 0 {
					stem = s.term.stem
				} else if s.term.stem != stem {
					t.Errorf("%q and %q have two stems", group[0], w)
				}
			}
			if other, ok := seen[stem]; ok {
				t.Errorf("%q and %q have one stem", other, group[0])
			}
			seen[stem] = group[0]
		}
	}
}

// Vowels tell words apart in the scripts of India; points and accents that are left out as
// often as not do not elsewhere.
func TestMarks(t *testing.T) {
	stem := func(w string) uint64 {
		s := wordScanner{text: w, lang: other, lex: newLexicon()}
		s.next()
		return s.term.stem
	}
	if stem("बाल") == stem("बोल") {
		t.Error("two words of Hindi are one")
	}
	if stem("كِتَاب") != stem("كتاب") || stem("cafe\u0301s") != stem("cafes") {
		t.Error("a word with marks is another than without")
	}
}

// Runs of dense scripts are pairs of characters, and a single one is a term.
func TestPairs(t *testing.T) {
	s := wordScanner{text: "月牙湖 a 水。ประ", lang: other, lex: newLexicon()}
	var got []string
	for s.next() {
		got = append(got, s.text[s.term.start:s.term.end])
	}
	want := []string{"月牙", "牙湖", "a", "水", "ปร", "ระ"}
	if len(got) != len(want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
