package main

import "strings"

// template makes pairs of prompts that differ in one thing alone. It was written after the
// rules, with other words and other kinds than the sets which these were tried on, and no rule
// was changed for it: what it finds says how they do on what they haven't seen.
type template struct {
	kind string
	same bool
	a, b string // $x and $y are two values of the list, $1 and $2 two of what stands beside it
	x    string
	with string
}

var templates = []template{
	{"city", false, "How do I get from the airport to the centre of $x?", "How do I get from the airport to the centre of $y?", cities, ""},
	{"city, lower case", false, "cheap vegetarian food in $x", "cheap vegetarian food in $y", lower(cities), ""},
	{"city added", false, "Where can I learn to sail?", "Where can I learn to sail in $x?", cities, ""},
	{"year", false, "Which country hosted the summer games in $x?", "Which country hosted the summer games in $y?", "1964 1972 1988 1996 2004 2012 2016 2020", ""},
	{"year added", false, "What is the average rent of a flat?", "What was the average rent of a flat in $x?", "1964 1972 1988 1996 2004", ""},
	{"amount", false, "What can I cook with $x eggs?", "What can I cook with $y eggs?", "two three 4 five 6 twelve", ""},
	{"unit", false, "How heavy is a box of 30 $x?", "How heavy is a box of 30 $y?", "kg pounds grams ounces tons", ""},
	{"unit of time", false, "Is a notice of 6 $x enough?", "Is a notice of 6 $y enough?", "days weeks months years hours", ""},
	{"role", false, "Did $x betray $y?", "Did $y betray $x?", people, ""},
	{"role, passive", false, "Was $x blamed by $y for the delay?", "Was $y blamed by $x for the delay?", people, ""},
	{"role, active and passive", false, "Did $x invite $y?", "Was $x invited by $y?", people, ""},
	{"role of trades", false, "Can a $x fire a $y?", "Can a $y fire a $x?", trades, ""},
	{"negation", false, "Is it polite to $1 during a meeting?", "Is it not polite to $1 during a meeting?", "", acts},
	{"negation, should", false, "What should one $1 at a wedding?", "What should one never $1 at a wedding?", "", acts},
	{"without", false, "Can you $1 with shoes on?", "Can you $1 without shoes on?", "", acts},
	{"before", false, "Is it healthy to $1 before lunch?", "Is it healthy to $1 after lunch?", "", acts},
	{"over", false, "Is parking free for stays over an hour in $x?", "Is parking free for stays under an hour in $x?", cities, ""},
	{"direction", false, "How long does a parcel take from $x to $y?", "How long does a parcel take from $y to $x?", cities, ""},
	{"trade", false, "How much does a $x earn in the first year?", "How much does a $y earn in the first year?", trades, ""},
	{"food", false, "How many calories does a slice of $x have?", "How many calories does a slice of $y have?", "bread cheese pizza melon ham cake", ""},
	{"adjective", false, "Is the new manager $x?", "Is the new manager $y?", "strict generous lazy shy brilliant corrupt", ""},
	{"adjective added", false, "How do I store apples?", "How do I store $x apples?", "dried frozen sliced organic green", ""},
	{"noun added", false, "How do I repair a pump?", "How do I repair a $x pump?", "water heat fuel bicycle vacuum", ""},
	{"language", false, "How do I reverse a string in $x?", "How do I reverse a string in $y?", "Python Java Kotlin Haskell Ruby C++ C# Go", ""},
	{"language added", false, "How do I reverse a string?", "How do I reverse a string in $x?", "Python Java Kotlin Haskell Ruby C++ C# Go", ""},
	{"audience", false, "Explain gravity", "Explain gravity for $x", "toddlers teenagers physicists pilots", ""},
	{"person", false, "Was he praised for the $x?", "Was she praised for the $x?", "speech design victory essay", ""},
	{"tense", false, "Does $x own a bakery?", "Did $x own a bakery?", people, ""},
	{"modality", false, "Can a $x refuse to work?", "Must a $x refuse to work?", trades, ""},
	{"quantity", false, "Do all $xs need a licence?", "Do few $xs need a licence?", trades, ""},
	{"only", false, "Does a $x need a helmet?", "Does only a $x need a helmet?", trades, ""},
	{"comparison", false, "Is $x warmer than $y?", "Is $y warmer than $x?", cities, ""},
	{"grade", false, "Which $x is younger?", "Which $x is youngest?", trades, ""},
	{"more", false, "Should a $x talk more?", "Should a $x talk less?", trades, ""},
	{"asked", false, "When does the market in $x open?", "Why does the market in $x open?", cities, ""},
	{"choice", false, "May a $x sell wine and beer?", "May a $x sell wine or beer?", trades, ""},
	{"aspect", false, "Why did $x smoke?", "Why did $x stop smoking?", people, ""},
	{"month", false, "Does it snow in $x in April?", "Does it snow in $x in October?", cities, ""},
	{"version", false, "What is new in release $x?", "What is new in release $y?", "1.4.2 1.4.3 2.0.1 2.1.0", ""},

	{"politeness", true, "Could you tell me how a $x is trained, please?", "How is a $x trained?", trades, ""},
	{"question", true, "How do I become a $x?", "How can one become a $x?", trades, ""},
	{"contraction", true, "What's the oldest bridge in $x?", "what is the oldest bridge in $x", cities, ""},
	{"passive", true, "Did $x invite $y?", "Was $y invited by $x?", people, ""},
	{"or", true, "Is $1 a $x or a $y?", "Is $1 a $y or a $x?", trades, "Nadia Oskar"},
	{"best", true, "Which bakery is best in $x?", "What is the best bakery in $x?", cities, ""},
	{"digits", true, "Name $x rivers", "Name $y rivers", "two=2 five=5 eleven=11 twenty=20", ""},
	{"adverb", true, "Did $x move to Oslo?", "Did $x actually move to Oslo?", people, ""},
	{"condition", true, "If a $x is ill, who pays?", "Who pays if a $x is ill?", trades, ""},
}

const (
	cities = "Lyon Porto Krakow Osaka Nairobi Bogota Perth Tallinn"
	people = "Nadia Oskar Priya Tomasz Ingrid Yusuf"
	trades = "plumber baker surveyor florist welder dentist"
	acts   = "whistle yawn dance sing smoke knit"
)

func lower(s string) string { return strings.ToLower(s) }

// generated are the pairs of all templates.
func generated() []pair {
	var pairs []pair
	for _, t := range templates {
		xs, with := strings.Fields(t.x), strings.Fields(t.with)
		if len(xs) == 0 {
			xs = []string{""}
		}
		if len(with) == 0 {
			with = []string{""}
		}
		for i, x := range xs {
			y := xs[(i+1)%len(xs)]
			if a, b, ok := strings.Cut(x, "="); ok { // two spellings of one value
				x, y = a, b
			}
			for _, w := range with {
				r := strings.NewReplacer("$x", x, "$y", y, "$1", w)
				pairs = append(pairs, pair{t.kind, t.same, r.Replace(t.a), r.Replace(t.b)})
			}
		}
	}
	return pairs
}
