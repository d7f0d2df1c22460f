package trace

import (
	"fmt"
	"strings"
)

// web is a researcher who searches and reads pages, some of them nearly the same.
func web() *Trace {
	w := begin("web", 37, `You are a research assistant. Find out what is asked by searching the web and reading pages through the tools, and answer in a few paragraphs with the sources' numbers in brackets. Prefer measurements to opinions, say when sources disagree, and never state a number that is in no source. When pages are copies of each other, count them as one source.`,
		"search: Search the web, and return ten results. | q=words to search for, lang=two letters",
		"open: Open a page and return its text. | url=address")
	w.user("Do air-source heat pumps make sense in an uninsulated brick house from the 1930s in a region with winters of −15 °C? I care about the running costs and about what goes wrong in practice.")
	w.call("search", map[string]any{"q": "heat pump old brick house measured seasonal performance", "lang": "en"}, w.results("heat pump old house"))
	w.call("open", map[string]any{"url": "https://dwellings.example.org/cold"}, w.page("page1.txt", "Northern Dwellings Institute"))
	w.call("open", map[string]any{"url": "https://blog.example.net/brick-1936"}, w.page("page4.txt", "The warm brick"))
	w.call("open", map[string]any{"url": "https://forum.example.com/t/40218"}, w.forum(34))
	w.call("search", map[string]any{"q": "heat pump retrofit cost invoices radiators replaced", "lang": "en"}, w.results("retrofit cost"))
	w.call("open", map[string]any{"url": "https://consumers.example.org/23-houses"}, w.page("page2.txt", "Consumers' Review"))
	w.call("open", map[string]any{"url": "https://mirror.example.com/23-houses"}, w.page("page2.txt", "Energy Mirror, by arrangement with Consumers' Review"))
	w.say("Yes, if the flow temperature can be brought below about 45 °C. A brick house of 1936 reached 3.49 over a year [2], and 19 of 23 retrofits broke even with gas [3]; the field study warns of wrong sizing [1].")
	w.user("And what about propane units, are they safe? Also: can the grid operator switch it off when it is cold?")
	w.call("search", map[string]any{"q": "R-290 heat pump protected zone fires statistics", "lang": "en"}, w.results("propane heat pump"))
	w.call("open", map[string]any{"url": "https://bulletin.example.org/14-2026"}, w.page("page3.txt", "Technical bulletin"))
	w.call("open", map[string]any{"url": "https://grid.example.org/evening-peak"}, w.page("page5.txt", "Grid and house"))
	w.call("open", map[string]any{"url": "https://forum.example.com/t/51877"}, w.forum(26))
	w.call("open", map[string]any{"url": "https://news.example.net/study-cold"}, w.page("page1.txt", "Daily Courier, science desk"))
	w.say("Seven fires among 1.9 million units, none of them by the refrigerant [4]; a zone of 1 m has to be kept free. Operators may limit a unit to 4.2 kW, and did so for 41 minutes on average [5].")
	return w.trace
}

// page is a page's text, with what sites put around it.
func (w *writer) page(name, site string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n\nSkip to content\nHome | News | Guides | Tests | Community | Newsletter | Sign in\n\nWe value your privacy. We and our %d partners store and access information on a device, such as cookies, to measure how our pages are used and to improve them. You can change your choice at any time by \"Privacy settings\" at the foot of each page.\n[Accept all] [Reject all] [Settings]\n\n", site, w.between(40, 800))
	out.WriteString(text(name))
	fmt.Fprintf(&out, "\n\nShare this page: Mail | Copy link | Print\nLast updated: %d %s 2026. Reading time: %d minutes. %d comments\n\nRead next\n- %s\n- %s\n- %s\n\nAbout us | Imprint | Privacy settings | Terms | Accessibility | Contact\n© 2026 %s. All rights reserved.\n",
		w.between(1, 28), w.one("January", "March", "September", "October"), w.between(3, 9), w.IntN(140), w.title(), w.title(), w.title(), site)
	return out.String()
}

func (w *writer) title() string {
	return w.one("How loud may it be? Limits in", "Our test:", "Nine mistakes with", "Ask the engineer:", "The true price of", "A village bets on", "Before you sign:") + " " +
		w.one("outdoor units in rows of houses", "buffers and whether you need one", "hybrid heating", "heating curves", "solar power and heat pumps", "district heating", "ground probes")
}

func (w *writer) results(topic string) string {
	type result struct {
		Rank    int     `json:"rank"`
		Title   string  `json:"title"`
		URL     string  `json:"url"`
		Site    string  `json:"site"`
		Date    string  `json:"date"`
		Score   float64 `json:"score"`
		Snippet string  `json:"snippet"`
	}
	var found []result
	for i := range 10 {
		site := w.one("dwellings.example.org", "blog.example.net", "forum.example.com", "consumers.example.org", "mirror.example.com", "bulletin.example.org", "news.example.net")
		found = append(found, result{i + 1, w.title(), fmt.Sprintf("https://%s/%s", site, w.from("abcdefghijklmnop", 9)), site, fmt.Sprintf("2026-%02d-%02d", w.between(1, 11), w.between(1, 28)), float64(w.between(200, 990)) / 1000,
			w.post() + " " + w.post()})
	}
	return pretty(map[string]any{"query": topic, "total": w.between(20_000, 4_000_000), "results": found})
}

// forum is a thread of posts.
func (w *writer) forum(posts int) string {
	var out strings.Builder
	fmt.Fprintf(&out, "Forum > Heating > Heat pumps > %s (page 1 of %d)\n\n", w.title(), w.between(2, 40))
	for i := range posts {
		fmt.Fprintf(&out, "#%d  %s_%d  (%d posts)  %d Oct 2026, %02d:%02d\n", i+1, w.one("kelvin", "oldhouse", "mira", "pumpkin", "joule", "northwind", "brickie", "tess"), w.between(10, 99), w.between(1, 4000), w.between(1, 30), w.IntN(24), w.IntN(60))
		for range w.between(2, 5) {
			out.WriteString(w.post() + " ")
		}
		out.WriteString("\nLike | Reply | Report\n\n")
	}
	return out.String()
}

// post is a sentence of somebody with a heat pump.
func (w *writer) post() string {
	number := func(least, most int) string { return fmt.Sprint(w.between(least, most)) }
	maker := w.one("Norvik", "Thermalia", "Aerotek", "Brunhild", "Sanvo")
	room := w.one("the bathroom", "the study", "the living room", "the hall", "the nursery")
	switch w.IntN(22) {
	case 0:
		return fmt.Sprintf("Mine is a %s of %s kW, in its %s winter now, and it used %s kWh from October to March.", maker, number(5, 14), w.one("second", "third", "fourth"), number(2800, 6900))
	case 1:
		return fmt.Sprintf("At −%s °C the flow is at %s °C here, and %s stays at %s degrees with all thermostats open.", number(4, 17), number(33, 52), room, number(19, 22))
	case 2:
		return fmt.Sprintf("The installer had set the curve to %s.%s and gone, which cost me some %s euros in the first season.", number(0, 1), number(2, 9), number(120, 600))
	case 3:
		return fmt.Sprintf("I would not buy %s again: %s visits of their service for one flow sensor.", maker, number(2, 6))
	case 4:
		return fmt.Sprintf("Does anybody know why it defrosts every %s minutes although it is dry outside?", number(25, 70))
	case 5:
		return "Look at the difference between flow and return first, it tells you more than any app does."
	case 6:
		return fmt.Sprintf("We replaced %s of %s radiators, the largest for %s, and that was that.", number(1, 5), number(9, 17), room)
	case 7:
		return fmt.Sprintf("The neighbours complained, so it stands %s metres further off now, and nobody hears it.", number(2, 9))
	case 8:
		return fmt.Sprintf("A buffer of %s litres is nonsense in a house with floor heating; mine is bridged since %s.", number(50, 500), w.one("May", "August", "last year"))
	case 9:
		return fmt.Sprintf("My meter says %s.%s for the season, the maker's app says %s.%s, so do not trust the app.", number(2, 3), number(0, 9), number(4, 5), number(0, 9))
	case 10:
		return fmt.Sprintf("Grants took %s months, and the office asked three times for a form that it had.", number(5, 19))
	case 11:
		return "Short cycles are what kills compressors, and most units that are sold are simply too large."
	case 12:
		return fmt.Sprintf("With the old boiler we paid %s euros a year, now it is %s, but gas was cheaper then.", number(1500, 3900), number(900, 2400))
	case 13:
		return fmt.Sprintf("Turn off the night setback, I measured %s percent more with it over %s weeks.", number(2, 8), number(2, 6))
	case 14:
		return fmt.Sprintf("The drain froze at −%s and the fan hit the ice, which sounds like an aeroplane.", number(6, 15))
	case 15:
		return fmt.Sprintf("Strainer! Clean the strainer! Mine was full after %s weeks.", number(3, 14))
	case 16:
		return fmt.Sprintf("A friend has the same %s with R-32 and cannot get above %s °C, the propane one does 70.", maker, number(52, 60))
	case 17:
		return fmt.Sprintf("Legionella run once a week at 60 °C takes it %s minutes without the rod.", number(35, 90))
	case 18:
		return "I asked four firms for an offer, two never answered, one wanted to sell me gas, and the fourth calculated each room."
	case 19:
		return fmt.Sprintf("On a dynamic tariff I pay %s cents on average instead of %s, mostly by heating at noon.", number(19, 27), number(28, 36))
	case 20:
		return fmt.Sprintf("In %s we still use the stove on the coldest %s days, out of habit and not of need.", room, number(3, 20))
	default:
		return fmt.Sprintf("Walls of %s cm brick, no insulation, %s square metres: it works, but you have to want to understand it.", number(24, 51), number(90, 210))
	}
}
