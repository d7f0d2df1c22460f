package trace

import (
	"fmt"
	"strings"
)

// chat is a person who pastes documents and asks about them. No tools.
func chat() *Trace {
	w := begin("chat", 71, "You are a helpful assistant. Answer briefly and to the point. If something is not in what you were given, say so.")
	w.user("Hi! I have to read a lot before tomorrow, can you help me with that?")
	w.say("Gladly. Paste what you have, and ask away.")
	w.user("These are the minutes of our association.\n\n" + text("minutes.txt") + "\n\nWhat was decided about the facade, and until when?")
	w.say("The entrance is secured at once for at most EUR 3,500, two more offers with insulation are due by the end of February, and a meeting in March decides.")
	w.user("How did the vote go?")
	w.say("19 to 12.")
	w.user("And this is the lease that I'm to sign for the workshop:\n\n" + text("lease.txt") + "\n\nUntil when can I extend it, and how?")
	w.say("Twice by three years, by a letter that arrives nine months before the end: for the first time by 30 April 2031.")
	w.user("ok. what about repairs?")
	w.say("Small ones are yours up to EUR 250 each and 6 percent of the yearly rent in all, and you have the extraction checked every year.")
	w.user("A friend sent me two articles about heating, as we need a new one.\n\n" + text("page2.txt") + "\n\n" + text("page4.txt") + "\n\nWhat did the radiators cost in the second one?")
	w.say("One larger radiator in the bathroom, EUR 610.")
	w.user("Thanks! Is that tax deductible?")
	w.say("The texts do not say so.")
	w.user("Here is what people say about it:\n\n" + w.forum(30) + "\n\nWhich trouble do they name most often?")
	w.say("Settings: heating curves that were never adjusted. After that blocked strainers and frozen drains.")
	w.user("More from another thread, this time about noise and money:\n\n" + w.forum(70) + "\n\nHow many of them would not buy the same again?")
	w.say("Three say so outright.")
	w.user("And our manager's handbook, which nobody has read so far:\n\n" + w.handbook(26) + "\n\nWho has to be told before the heating is turned off for repairs?")
	w.say("All residents, three working days ahead, by a notice in each staircase.")
	w.user("And the last ones:\n\n" + text("page1.txt") + "\n\n" + text("page3.txt") + "\n\n" + text("page5.txt") + "\n\nHow large is the protected zone?")
	w.say("1 m to the sides, without windows, light wells, drains or sockets, and nothing below the unit.")
	w.user("Which of our association's decisions fits that?")
	w.say("Item 3: the study on heat pumps in the yard, for at most EUR 6,000, with a forecast of noise, by April.")
	return w.trace
}

// handbook is a manager's: sections with rules, deadlines and names.
func (w *writer) handbook(sections int) string {
	var out strings.Builder
	for i := range sections {
		thing := w.one("lift", "heating", "garage door", "intercom", "roof", "drain", "playground", "lighting", "bicycle cellar", "waste room")
		fmt.Fprintf(&out, "%d.%d Care of the %s\n\nThe %s is inspected %s by %s, who %s. ", i/4+1, i%4+1, thing, thing, w.one("every month", "twice a year", "each spring", "before the winter", "every fourth year"),
			w.one("the caretaker", "the manager", "a firm with a contract of maintenance", "two members of the board"), w.one("signs the book in the cellar", "sends a report to the board", "tells the manager by telephone", "puts a note on the board"))
		fmt.Fprintf(&out, "Faults that endanger people are mended at once, for at most EUR %d without a decision; all others wait for the meeting. ", w.between(2, 30)*100)
		if w.IntN(2) == 0 {
			fmt.Fprintf(&out, "If it has to be out of use, all residents are told %d working days ahead, by a notice in each staircase. ", w.between(1, 5))
		}
		fmt.Fprintf(&out, "In %d it cost EUR %d, of which EUR %d were for parts; the offer of %s was cheaper by %d percent but left out the %s. ", w.between(2017, 2025), w.between(400, 9000), w.between(90, 390), w.one("Haller & Sons", "Brix", "the municipal works", "Demir"), w.between(3, 30), w.one("disposal", "scaffolding", "travel", "acceptance by the surveyor"))
		out.WriteString(w.one("Keys hang in the office and are signed for.", "Invoices name hours and persons.", "Photographs are taken before and after.", "Tenants call the number on the door, not the board.", "The guarantee ends two years after acceptance.") + "\n\n")
	}
	return strings.TrimSpace(out.String())
}

// edge is an agent whose results are short, around what providers' caches keep at least.
func edge() *Trace {
	w := begin("edge", 83, "You look after a warehouse. Use the tools, and answer in one sentence.",
		"stock: How much of an article there is, by places. | article=number of the article",
		"route: The way to a place. | place=name of the place")
	w.user("Where is the most of article 4-1107, and of the two that follow?")
	for range 11 {
		var places []any
		for range w.between(3, 5) {
			places = append(places, map[string]any{"place": w.one("A", "B", "C") + fmt.Sprint(w.between(1, 60)), "pieces": w.between(0, 900), "counted": w.clock()})
		}
		w.call("stock", map[string]any{"article": fmt.Sprint("4-", w.between(1107, 1190))}, pretty(map[string]any{"places": places, "unit": "piece"}))
	}
	w.say("In B17.")
	return w.trace
}

// edgeChat is a talk that begins with a document just above what is kept.
func edgeChat() *Trace {
	w := begin("edge-chat", 89, "You are a helpful assistant.")
	w.user("Please help me with these notes.\n\n" + text("page1.txt") + "\n\n" + text("page2.txt") + "\n\n" + text("page3.txt") + "\n\nHow many houses were visited?")
	w.say("23.")
	for _, turn := range [][2]string{
		{"What did they pay?", "EUR 27,400 in the median, before grants."}, {"How much was the machine?", "EUR 12,900."}, {"And how many radiators were replaced?", "31 of 214."},
		{"Who did the field study?", "The Northern Dwellings Institute, in 41 houses."}, {"What was the seasonal figure there?", "2.9, and 2.6 in the coldest decile."}, {"Is that good?", "It is above the 2.6 that the second text names to break even."},
	} {
		w.user(turn[0])
		w.say(turn[1])
	}
	w.user("Thanks, that was all.")
	w.say("You are welcome.")
	return w.trace
}

// slow is a talk that grows from 300 tokens on, by a passage each time.
func slow() *Trace {
	w := begin("slow", 97, "You are a helpful assistant who keeps track of notes.")
	for range 16 {
		var notes []string
		for range w.between(7, 10) {
			notes = append(notes, w.post())
		}
		w.user("A few more notes from the forum.\n\n" + strings.Join(notes, " ") + "\n\nWhat is the main point of these?")
		w.say(w.one("Settings matter more than the machine.", "Measure before you change anything.", "Noise is a matter of the place.", "Costs depend on the flow temperature."))
	}
	return w.trace
}
