package veto

import "tollgate.dev/services/cache/reading"

// times of the day and the year, which are words like others otherwise.
var times = reading.Set("morning noon afternoon evening night midnight spring summer autumn winter christmas easter " +
	"weekend weekday decade century daily weekly monthly yearly annual hourly")

// dates holds prompts apart that name other months, weekdays, dates, or times of the day.
func dates(p *pair) (string, string, bool) {
	return p.apart(days(&p.a), days(&p.b))
}

func days(s *side) []string {
	var v []string
	for i := range s.words {
		if w := &s.words[i]; w.Kind == reading.Date || times[w.Lemma] && w.Kind == reading.Plain {
			v = append(v, w.Lemma)
		}
	}
	return v
}
