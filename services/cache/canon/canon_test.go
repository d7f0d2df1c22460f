package canon_test

import (
	"strings"
	"testing"

	"tollgate.dev/services/cache/canon"
	"tollgate.dev/services/cache/reading"
)

func of(s string) *canon.Form { return canon.Of(reading.Read(s)) }

func TestTheSame(t *testing.T) {
	for _, c := range [][2]string{
		{"What's the capital of France?", "what is the capital of france"},
		{"How do I cook rice?", "How to cook rice?"},
		{"How do I cook rice?", "What is the best way to cook rice?"},
		{"Could you please tell me how to cook rice? Thanks!", "how can you cook rice"},
		{"I would like to know what the capital of France is.", "What is the capital of France?"},
		{"What's the favourite colour of bees?", "What is the favorite color of bees?"},
		{"Which book is best for learning Go?", "What are the best books for learning Go?"},
		{"What is the difference between tea and coffee?", "difference between coffee and tea"},
		{"If it rains, what should I wear?", "What should I wear if it rains?"},
		{"List two rivers", "List 2 rivers"},
		{"What is the capital of France?", "What is the France capital?"},
		{"Is it 5 km long?", "Is it five kilometers long?"},
		{"Is the film good?", "Is the movie good?"},
		{"Is Tom a nurse or a baker?", "Is Tom a baker or a nurse?"},
		{"How do you find accommodation?", "How do you find accommodatoin?"},
		{"How do I play the guitar?", "How do I play the guitarr?"},
		{"What is photosynthesis?", "Hwat is photosynthesis"},
		{"How do I delete an answer in Quora?", "how do i delete an answer in qoura"},
		{"東京の人口は？", "東京の人口は？ "},
		{"Wie koche ich den Reis?", "wie koche  ich den Reis?"},
		{"What are some great songs?", "What are the best songs?"},
		{"What are the top universities in Peru?", "What are the best universities in Peru?"},
		{"What is the top university in Peru?", "What is the best university in Peru?"},
		{"What is the best story you ever heard?", "What is the best story you have ever heard?"},
		{"Does waxing in fact help?", "Does waxing help?"},
		{"How do people bake bread?", "How do I bake bread?"},
		{"Where do I find owls?", "Where can I find owls?"},
		{"Is a CO2 laser strong?", "Is a co2 laser strong?"},
		{"What does a lynx eat, thanks", "What does a lynx eat, please?"},
		{"How do I update macOS?", "how do I update macos"},
	} {
		if _, ok := canon.Same(of(c[0]), of(c[1])); !ok {
			t.Errorf("not the same:\n\t%s\n\t%s\n\t%s | %s", c[0], c[1], of(c[0]), of(c[1]))
		}
		if a, b := of(c[0]), of(c[1]); a.String() == b.String() != (a.Key() == b.Key()) {
			t.Errorf("keys and forms disagree: %s | %s", a, b)
		}
	}
}

func TestNotTheSame(t *testing.T) {
	for _, c := range [][2]string{
		{"Did Google sue Oracle?", "Did Oracle sue Google?"},
		{"Can I cook rice?", "How do I cook rice?"},
		{"Why do cats purr?", "How do cats purr?"},
		{"What is the meaning of life?", "What is life?"},
		{"Is it not legal?", "Is it legal?"},
		{"Is milk good?", "Is only milk good?"},
		{"Fly from Rome to Paris", "Fly from Paris to Rome"},
		{"What is 7 - 2?", "What is 2 - 7?"},
		{"What is 7 - 2?", "What is 7 / 2?"},
		{"What is 7 minus 2?", "What is 2 minus 7?"},
		{"What is x / y?", "What is y / x?"},
		{"What are good 3 room 2 bath flats?", "What are good 2 room 3 bath flats?"},
		{"Was it cold?", "Is it cold?"},
		{"When can I retire?", "When should I retire?"},
		{"Where can I park a truck?", "Where should I park a truck?"},
		{"What is a good credit score?", "What is the best credit score?"},
		{"What is the top floor?", "What is the best floor?"},
		{"What are some great apes?", "What are the best apes?"},
		{"What is the greatest common divisor?", "What is the best common divisor?"},
		{"Is Messi one of the best players?", "Is Messi the best player?"},
		{"Is Hitler famous?", "Is Hitler popular?"},
		{"What is an error in fact?", "What is an error?"},
		{"What is a construction site?", "What is a construction website?"},
		{"What is film made of?", "What is a movie made of?"},
		{"Can any doctor prescribe opioids?", "Can a doctor prescribe opioids?"},
		{"How do I learn about swimming?", "How do I learn swimming?"},
		{"Do you ever smoke?", "Do you have smoke?"},
		{"How do people die of cold?", "How do I die of cold?"},
		{"What is nice to have?", "What is nice?"},
		{"What is on line 5?", "What is online 5?"},
		{"how do I use tumblr", "how do I use tumbler"},
		{"how do I use digg", "how do I use dig"},
		{"how do I use fiverr", "how do I use fiver"},
		{"What is march like?", "What is March like?"},
		{"When is may used?", "When is May used?"},
		{"Who is Will?", "Who is will?"},
		{"What is china made of?", "What is China made of?"},
		{"How long is Lent?", "How long is lent?"},
		{"Is Bxd3 better?", "Is bxd3 better?"},
		{"Is a man eating shark big?", "Is a man-eating shark big?"},
		{"What are people of Asia like?", "What are peoples of Asia like?"},
		{"What are damages in law?", "What is damage in law?"},
		{"Wie geht es Ihnen und wo wohnen Sie?", "Wie geht es ihnen und wo wohnen sie?"},
		{"How do I nest tables in lists?", "How do I nest lists in tables?"},
		{"Which port does IMAP need?", "Which port does IMAPS need?"},
		{"Is 100 Mb enough?", "Is 100 MB enough?"},
		{"is 100 mb enough", "Is 100 MB enough?"},
		{"How long are 8 mm?", "How long are 8 Mm?"},
		{"Is Shell big?", "is shell big"},
		{"Is it used?", "Is IT used?"},
		{"Is Co toxic?", "Is CO toxic?"},
		{"Is vitamin A healthy?", "Is a vitamin healthy?"},
		{"is vitamin a healthy", "is a vitamin healthy"},
		{"What can I do?", "What can you do?"},
		{"Where do I live?", "Where do you live?"},
		{"Can I sing?", "Can you sing?"},
		{"Describe recursion", "Describe recursion in detail"},
		{"What is cane sugar?", "What is sugar cane?"},
		{"Where is the University of Miami?", "Where is Miami University?"},
		{"Is Tom tall?", "Is Tom taller?"},
		{"List 2 rivers", "List 3 rivers"},
		{"how do I book a lyft", "how do I book a lift"},
		{"how to use numpy", "how to use numba"},
		{"Is Sara ill?", "Is Sarah ill?"},
		{"How old is Zoltar?", "How old is Zotlan?"},
		{"Is DMSO better than DSMO?", "Is DSMO better than DMSO?"},
		{"How do I use C?", "How do I use C++?"},
		{"```x = 1```", "```X = 1```"},
		{"What are some logical fallacies?", "What is a logical fallacy?"},
		{"What does \"abash\" mean?", "What does \"abashed\" mean?"},
		{"What does `X` mean?", "What does `x` mean?"},
		{"What does git branch -D do?", "What does git branch -d do?"},
		{"What is (2+3)*4?", "What is 2+3*4?"},
		{"Translate to German: the dog", "Translate to German: the dogs"},
		{"What changed in Go 1.20?", "What changed in Go 1.2?"},
		{"When do I say please?", "When do I say thanks?"},
		{"What does setName return?", "What does setname return?"},
	} {
		if how, ok := canon.Same(of(c[0]), of(c[1])); ok {
			t.Errorf("the same by %v:\n\t%s\n\t%s\n\t%s", how, c[0], c[1], of(c[0]))
		}
	}
}

// What is a slip stands next to what is another word: of a rare one an unknown neighbour is another
// term.
func TestSlips(t *testing.T) {
	for _, c := range []struct {
		right, typed string
		want         bool
	}{
		{"capital", "capiatl", true}, {"restaurant", "restaurnt", true}, {"necessary", "necesssary", true},
		{"technology", "tecnology", true},
		{"accommodation", "accommodatoin", true}, {"accommodation", "accommodattion", true},
		{"hematology", "hepatology", false}, {"hematology", "hematolgoy", true},
		{"hexane", "hexene", false}, {"heptane", "heptene", false}, {"butanol", "butanal", false}, {"ketone", "ketene", false},
		{"colostomy", "colotomy", false}, {"samara", "samarra", false}, {"homomorphism", "homeomorphism", false},
		{"subjective", "surjective", false}, {"subjective", "sibjective", true},
		{"muted", "mutex", false},
	} {
		how, ok := canon.Same(of("Where is a "+c.right+" thing?"), of("Where is a "+c.typed+" thing?"))
		if ok != c.want || ok && !how.Slip {
			t.Errorf("%s, %s: %v, want %t", c.right, c.typed, ok, c.want)
		}
	}
}

// Signs that are asked about count; those that are the sentence's own make no difference.
func TestSigns(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"What is the ASCII code of !", "What is the ASCII code of ?", false},
		{"What is the ASCII code of ??", "What is the ASCII code of ?", true},
		{"What is the ASCII code of '!'?", "What is the ASCII code of !?", true},
		{"What is the ?. operator", "What is the ?: operator", false},
		{"What does !! do in JS?", "What does ! do in JS?", false},
		{"What does .. mean in a path?", "What does ... mean in a path?", false},
		{"What does ' do in Lisp?", "What does ` do in Lisp?", false},
		{"What does the regex .? match?", "What does the regex .! match?", false},
		{"What does ( mean in math?", "What does [ mean in math?", false},
		{"What does :-) mean?", "What does :-( mean?", false},
		{"When do I use ; in English?", "When do I use : in English?", false},
		{"What does — mean?", "What does – mean?", false},
		{"How do I cook rice – without a pot?", "How do I cook rice — without a pot?", true},
		{"How do I cook rice—without a pot?", "How do I cook rice - without a pot?", true},
		{"What is the capital of Peru ??", "What is the capital of Peru?", true},
		{"What is the capital of Peru...", "What is the capital of Peru?!", true},
		{"Hello , how do I cook rice ?", "Hello, how do I cook rice?", true},
		{"Where is Paris ? Tell me .", "Where is Paris? Tell me.", true},
		{"Is (green) tea good?", "Is green tea good?", true},
		{"What is this ?", "What is this?", true},
	} {
		if _, ok := canon.Same(of(c.a), of(c.b)); ok != c.want {
			t.Errorf("%s, %s: %v, want %t: %s | %s", c.a, c.b, ok, c.want, of(c.a), of(c.b))
		}
	}
}

func TestOneSlipIsFoundByTheKeysNearby(t *testing.T) {
	a, b := of("How do you find accommodation?"), of("How do you find accommodatoin?")
	how, ok := canon.Same(a, b)
	if !ok || !how.Slip || how.A != "accommodation" || how.B != "accommodatoin" {
		t.Fatalf("got %v, %v", how, ok)
	}
	keys := map[canon.Key]bool{}
	for k := range a.Near() {
		keys[k] = true
	}
	for k := range b.Near() {
		if keys[k] {
			return
		}
	}
	t.Error("no key is common to both")
}

// Fuzzing holds a form to be the same whatever case and spaces the prompt is written in.
func FuzzOf(f *testing.F) {
	f.Add("Could you please tell me what the capital of France is? Thanks")
	f.Add("If it rains, which is better: \"tea\" or 2 coffees?")
	f.Add("and and or what")
	f.Fuzz(func(t *testing.T, s string) {
		r := reading.Read(s)
		form := canon.Of(r)
		if again := canon.Of(reading.Read(s)); again.Key() != form.Key() {
			t.Fatalf("%q has two forms: %q, %q", s, form, again)
		}
		if _, ok := canon.Same(form, form); !ok {
			t.Errorf("%q is not the same as itself", s)
		}
		for range form.Near() {
		}
		if r.Manner == reading.Prose {
			if wide := canon.Of(reading.Read(" " + strings.ReplaceAll(s, " ", "  ") + "\t")); len(s)*2 < reading.MaxBytes && wide.Key() != form.Key() {
				t.Errorf("spaces change %q to %q", form, wide)
			}
		}
	})
}

func BenchmarkOf(b *testing.B) {
	r := reading.Read("Could you please tell me what the best way to learn French online is?")
	b.ReportAllocs()
	for b.Loop() {
		canon.Of(r).Key()
	}
}
