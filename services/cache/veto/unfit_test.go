package veto_test

import (
	"testing"

	"tollgate.dev/services/cache/reading"
	"tollgate.dev/services/cache/veto"
)

func TestUnfit(t *testing.T) {
	for _, c := range []struct{ text, rule string }{
		{"What is my name?", "personal"},
		{"", "blank"},
		{" \t\n\u00a0", "blank"},
		{"\u200b\u2060\ufe0f\u00ad\u2800\u3164", "blank"},
		{"?", ""},
		{"\u20ac", ""},
		{"\u200bWho won in 2022?", ""},
		{"What do you know about me?", "personal"},
		{"I am ill, what helps?", "personal"},
		{"What is the weather today?", "time"},
		{"What is the latest version of Go?", "time"},
		{"Who won this week?", "time"},
		{"What do people wear these days?", "time"},
		{"Who is winning at the moment?", "time"},
		{"Who has won so far?", "time"},
		{"Who won in the last 5 years?", "time"},
		{"What opened in the past week?", "time"},
		{"What opens in the next few days?", "time"},
		{"What are the last two letters of Latin?", ""},
		{"What is so far away as the sun?", ""},
		{"Am I eligible?", "personal"},
		{"Did I pass the exam?", "personal"},
		{"Do I owe taxes?", "personal"},
		{"Where do I work?", "personal"},
		{"What time is it?", "time"},
		{"What year is it?", "time"},
		{"What is the weather in Oslo?", "time"},
		{"How is the weather?", "time"},
		{"What is the weather?", "time"},
		{"What is the weather and the time in Oslo?", "time"},
		{"What weather map shows rain in Oslo now?", "time"},
		{"What is the difference between weather and climate?", ""},
		{"What is the difference between climate and weather?", ""},
		{"How do weather balloons work?", ""},
		{"How does weather affect crops?", ""},
		{"What causes weather?", ""},
		{"What does under the weather mean?", ""},
		{"Is Pele still alive?", "time"},
		{"Who won 2 days ago?", "time"},
		{"When is the next full moon?", "time"},
		{"When is the next election?", "time"},
		{"How long since the war ended?", "time"},
		{"How long has it been since Pearl Harbor?", "time"},
		{"How many days until Christmas?", "time"},
		{"How long until rice is done?", ""},
		{"How many days until an egg hatches?", ""},
		{"What is the next prime after 7?", ""},
		{"How do I cook rice?", ""},
		{"Where do I find mushrooms?", ""},
		{"What time is it called when owls hunt?", ""},
		{"Why do still waters run deep?", ""},
		{"What does \"my\" mean?", ""},
		{"Who won in 2022?", ""},
	} {
		if rule, unfit := veto.Unfit(reading.Read(c.text)); rule != c.rule || unfit != (c.rule != "") {
			t.Errorf("%s: got %q, want %q", c.text, rule, c.rule)
		}
	}
}

// Of a text that is not read as English prose, words alone tell.
func TestUnfitUnread(t *testing.T) {
	for _, c := range []struct{ text, rule string }{
		{"print(my_name, my name)", "personal"},
		{"x = {a: 1}; i am {ill}; y = [2]", "personal"},
		{"if (weather) { return today; }", "time"},
		{"SELECT * FROM t WHERE day = 'last week';", "time"},
		{"SELECT * FROM t WHERE day = 'last row';", ""},
		{"for (int i = 0; i < 10; i++) { print(i); }", ""},
		{"Wie wird das Wetter heute?", "time"},
		{"Wie ist mein Name?", "personal"},
		{"Quel temps fait-il aujourd'hui ?", "time"},
		{"Wie groß ist ein Elefant?", ""},
		{"Wetter heute", "time"}, // without a word that shows the language
	} {
		if rule, unfit := veto.Unfit(reading.Read(c.text)); rule != c.rule || unfit != (c.rule != "") {
			t.Errorf("%s: got %q, want %q", c.text, rule, c.rule)
		}
	}
}
