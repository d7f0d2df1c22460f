package veto

import "tollgate.dev/services/cache/reading"

var (
	mine = words("my mine myself our ours ourselves")
	// passing are words whose meaning is another tomorrow.
	passing = words("today tonight tomorrow yesterday now currently nowadays latest recent recently current " +
		"upcoming ongoing lately presently newest")
	passingNext = words("year month week weekend season century decade time morning evening night")
)

// Unfit reports why a prompt must not be answered with what was answered to another, however
// near: it speaks of who asks ("personal"), or of a time that passes ("time").
func Unfit(r *reading.Reading) (rule string, unfit bool) {
	for i := range r.Words {
		w := &r.Words[i]
		switch {
		case w.Quoted:
		case mine[w.Text]:
			return "personal", true
		case (w.Text == "i" || w.Text == "we") && i+1 < len(r.Words) && stated(r.Words[i+1].Text) && (i == 0 || !begins(r.Words[i-1].Text)):
			return "personal", true
		case passing[w.Text]:
			return "time", true
		case (w.Text == "this" || w.Lemma == "last" || w.Lemma == "next" || w.Text == "coming") && i+1 < len(r.Words) && passingNext[r.Words[i+1].Lemma]:
			return "time", true
		}
	}
	return "", false
}

// stated reports whether a sentence about oneself goes on with the verb: "I am", "I have".
func stated(s string) bool {
	switch s {
	case "am", "have", "had", "was", "live", "work":
		return true
	}
	return false
}
