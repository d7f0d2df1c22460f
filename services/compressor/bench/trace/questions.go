package trace

import (
	"fmt"
	"strings"
)

// Asked is many short conversations about documents: so many sets of these one after another,
// each asked about in as many conversations, with a question of its own; then as many that are
// asked about once. Each has a question, and one that follows.
func Asked(sets, questions, singles int) []*Trace {
	var all []*Trace
	for set := range sets {
		for i := range 1 + singles {
			// The documents are those of the set, whatever is asked.
			w := begin("asked", uint64(1000+100*set+i), "")
			documents := w.documents()
			times := 1
			if i == 0 {
				times = questions
			}
			for n := range times {
				all = append(all, w.ask(documents, n))
			}
		}
	}
	return all
}

// documents are what a search found, in some three thousand tokens.
func (w *writer) documents() string {
	return "Document [1] The manager's handbook\n\n" + w.handbook(14) + "\n\nDocument [2] A forum\n\n" + strings.TrimSpace(w.forum(14))
}

// ask is a conversation about documents.
func (w *writer) ask(documents string, n int) *Trace {
	topics := []string{"the lift", "the heating", "the garage door", "the roof", "a drain", "noise", "the heating curve", "costs", "keys", "invoices"}
	c := begin("asked", 0, "You answer by the documents. If they do not say it, say so.")
	c.user(documents + fmt.Sprintf("\n\nQuestion: %s %s, by number %d?",
		[]string{"What is said of", "Who looks after", "How much is paid for"}[n/len(topics)%3], topics[n%len(topics)], n+1))
	c.say("The documents name two of them.")
	c.user("Which of the two comes first?")
	c.say("The one in the handbook.")
	return c.trace
}
