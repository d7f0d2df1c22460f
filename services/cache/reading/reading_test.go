package reading

import (
	"fmt"
	"strings"
	"testing"
)

func show(r *Reading) string {
	var b strings.Builder
	for i := range r.Words {
		w := &r.Words[i]
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.Lemma)
		if w.Unit != "" {
			b.WriteString("|" + w.Unit)
		}
		if w.Form != Base {
			fmt.Fprintf(&b, "/%s", [...]string{"", "s", "past", "ing", "more", "most"}[w.Form])
		}
		if w.Name() {
			b.WriteByte('^')
		}
		if w.Kind != Plain {
			fmt.Fprintf(&b, "<%s>", [...]string{"", "n", "d", "sym"}[w.Kind])
		}
	}
	return b.String()
}

func TestRead(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"What's the capital of France?", "what is the capital of france^"},
		{"I CAN'T  Believe it’s not butter!!", "i can not believe it is not butter"},
		{"Anna's dogs were running", "anna^ dog/s were run/ing"},
		{"Convert 5 kilometres to miles", "convert 5|km<n> to mile/s"},
		{"5km, 5 km and five kilometers", "5|km<n> 5|km<n> and 5|km<n>"},
		{"$1,000 or 1000 dollars or 1k", "1000|usd<n> or 1000|usd<n> or 1000<n>"},
		{"1 lakh rupees or 100,000 rupees", "100000|inr<n> or 100000|inr<n>"},
		{"twenty-one 21 1.50 3rd third", "21<n> 21<n> 1.50<n> 3|th<n> 3|th<n>"},
		{"C vs C++ vs C# vs Node.js", "c vs c++<sym> vs c#<sym> vs node.js<sym>"},
		{"on March 3, 2024 at 8am", "on march<d> 3<n> 2024<n> at 8|am<n>"},
		{"2024-01-02 10:30 2015-2016", "2024-01-02<d> 10:30<n> 2015<n> 2016<n>"},
		{"Is the U.S. bigger than the US?", "is the us^ big/more than the us^"},
		{"the studies stopped hoping, planned and travelled", "the study/s stop/past hope/ing plan/past and travel/past"},
		{"7-2, 7 / 2, x - y and he/she", "7<n> minus<sym> 2<n> 7<n> /<sym> 2<n> x minus<sym> y and he she"},
		{"from .NET to Java. Then rest", "from .net<sym> to java^ then rest"},
		{"favourite colour organise theatre", "favorite color organize theater"},
		{"Hwat shuold I do", "what should i do"},
		{"how to use kubernetes", "how to use kubernetes^"},
	} {
		if got := show(Read(c.text)); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.text, got, c.want)
		}
	}
}

func TestManners(t *testing.T) {
	for _, c := range []struct {
		text string
		want Manner
	}{
		{"How do I cook rice?", Prose},
		{"Wie koche ich den Reis und wie lange?", Foreign},
		{"Comment faire cuire le riz?", Foreign},
		{"¿Cómo se cocina el arroz?", Foreign},
		{"東京の人口は？", Foreign},
		{"for i := range 10 { fmt.Println(i) } == x;", Literal},
		{"What does `len` do?", Prose},
		{"What does load_dataset() do?", Prose},
		{"Where does the firm(s) of U.S. (2016) stand, 50% of $5 on node.js and C++?", Prose},
		{"What does git branch -D do?", Literal},
		{"What does SELECT name FROM t return?", Literal},
		{"The guides have three parts: usage, audio and vision.", Prose},
		{"You can choose one of two formats: CSV or JSON.", Prose},
		{"The class implements two of its methods: info and fetch.", Prose},
		{"The following sentence is rude: Thanks!", Literal},
		{"You are a poet who writes in rhyme: Thanks!", Literal},
		{"Classify the tone of it: Thanks!", Literal},
		{"Geography: What's the longest river?", Prose},
		{"What's better: butter or jam?", Prose},
		{"Rewrite: What's the longest river?", Literal},
		{"Is a diet (not a fast) healthy?", Prose},
		{"How do dogs (and cats) hear?", Prose},
		{"Who passed (maths or physics) and chemistry?", Literal},
		{"What is not (true or false)?", Literal},
		{"Does INSERT INTO t lock?", Literal},
		{"Is SELECT faster than an index?", Prose},
		{"Can I select a name from a list?", Prose},
		{"What does [ab] match?", Literal},
		{"Which regex has (ab) in it?", Literal},
		{"Who plays the match (today)?", Prose},
		{"Is a [red] pen better?", Prose},
		{"What is rm --force?", Literal},
		{"What is (2+3)*4?", Literal},
		{"What is 5!?", Literal},
		{"Is (A or B) and C true?", Literal},
		{"Is [0,1) closed?", Literal},
		{"What is f(x, y)?", Literal},
		{"What is f''?", Literal},
		{"What does the regex \\s match?", Literal},
		{"What is @home?", Literal},
		{"What is %m?", Literal},
		{"Translate to German: the dog", Literal},
		{"How many letters are in banana?", Literal},
		{"Is he go home correct?", Literal},
		{"Count the capital letters:\nAbC\nDe", Literal},
		{"```\nx\n```", Literal},
		{"one\ntwo", Long},
		{strings.Repeat("rice ", 500), Long},
		{"\xff", Long},
		{"", Prose},
	} {
		if got := Read(c.text).Manner; got != c.want {
			t.Errorf("%.40q: got %d, want %d", c.text, got, c.want)
		}
	}
}

func TestNamesAreKnownByCapitalsAndByTheLexicon(t *testing.T) {
	for _, c := range []struct{ text, names string }{
		{"Is Anna Reyes taller than Tom?", "anna reyes tom"},
		{"what is the capital of australia", "australia"},
		{"WHAT IS THE CAPITAL OF FRANCE", "france"},
		{"The Best Way To Cook Rice", ""},
		{"how to install numpy", "numpy"},
	} {
		var names []string
		r := Read(c.text)
		for i := range r.Words {
			if r.Words[i].Name() {
				names = append(names, r.Words[i].Text)
			}
		}
		if got := strings.Join(names, " "); got != c.names {
			t.Errorf("%s: got %q, want %q", c.text, got, c.names)
		}
	}
}

func TestSlip(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"most", "omst", true}, {"accommodation", "accommodaton", true}, {"letter", "lettter", true},
		{"cat", "cut", false}, {"same", "same", false}, {"rice", "icer", false}, {"", "a", false},
	} {
		if Slip(c.a, c.b) != c.want || Slip(c.b, c.a) != c.want {
			t.Errorf("%s, %s: want %t", c.a, c.b, c.want)
		}
	}
}

// Fuzzing holds a reading to be the same each time, and within its bounds.
func FuzzRead(f *testing.F) {
	f.Add("What's the U.S. population, 1,00,000 or -2.5e3 km/h?")
	f.Add("“Node.js” vs C++: :) 10:30–11:45 $5k 1/2/2024 Ünïcode İ")
	f.Add("a'b'' can't 'twas .5 1.2.3 rs.500 --x - -3")
	f.Fuzz(func(t *testing.T, s string) {
		a, b := Read(s), Read(s)
		if show(a) != show(b) || a.Manner != b.Manner {
			t.Errorf("%q is read in two ways", s)
		}
		if len(a.Words) > MaxWords*2 {
			t.Errorf("%d words of %d bytes", len(a.Words), len(s))
		}
		for i := range a.Words {
			if a.Words[i].Text == "" || a.Words[i].Lemma == "" {
				t.Errorf("%q has an empty word: %s", s, show(a))
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	Read("warm")
	b.ReportAllocs()
	for b.Loop() {
		Read("Could you please tell me what the best way to learn French online in 2024 is?")
	}
}
