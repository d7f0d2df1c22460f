package trace

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Random is a conversation made of whatever comes, another for each seed: with tools, with
// documents, with both or neither, in turns of a few tokens to some 30,000. In some, orders come
// in the middle, in every seventh compression is turned off and on, and in every seventh some turns
// are not sent by themselves.
func Random(seed uint64) *Trace {
	var tools []string
	kind := seed % 3
	if kind > 0 {
		tools = []string{"look: Look something up. | what=what to look for"}
	}
	w := begin(fmt.Sprint("random-", seed), seed, "Answer briefly.", tools...)
	if w.IntN(3) == 0 {
		w.trace.messages[0].Content = "Answer briefly, by these rules.\n\n" + w.passage(w.size(12_000))
	}
	var said []string // by tools
	left := 15_000    // bytes
	if w.IntN(2) == 0 {
		left *= 10
	}
	orders := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // the same each time, and no secret
	for i := range w.between(1, 9) {
		if i > 0 && orders.IntN(8) == 0 {
			w.order([]string{"From now on, translate what you find into German.", "From now on, be brief."}[orders.IntN(2)])
		}
		question := w.one("Which of them comes first?", "How much was paid in the end?", "Thanks. And who looks after it?", "What failed at 09:40, and why?")
		if kind != 1 && w.IntN(3) > 0 {
			n := w.size(left)
			left -= n
			document := w.passage(n)
			if w.IntN(10) == 0 {
				document = "<llmlingua, rate=0.4>" + document + "</llmlingua>"
			}
			question = document + "\n\n" + question
		}
		w.user(question)
		for range w.IntN(4) {
			if kind == 0 {
				break
			}
			if len(said) == 0 || w.IntN(4) > 0 {
				n := w.size(left)
				left -= n
				said = append(said, w.passage(n))
			}
			w.call("look", map[string]any{"what": w.one("orders", "pods", "heating")}, said[len(said)-1])
		}
		w.say(w.one("The first one.", "EUR 610, by the second text.", w.passage(w.between(50, 3000))))
	}
	off, since := false, 0
	sent := -1
	for i := range w.trace.turns {
		// Off or not sent for longer, nobody knows any more what went out before.
		unsent := seed%7 == 5 && orders.IntN(3) == 0 && i-sent <= 6
		if !unsent {
			sent = i
		}
		w.trace.unsent = append(w.trace.unsent, unsent)
		if seed%7 == 6 && (orders.IntN(3) == 0 || off && i-since == 6) {
			off, since = !off, i
		}
		w.trace.off = append(w.trace.off, off)
		pause := time.Minute
		if w.IntN(8) == 0 {
			pause = time.Duration(w.between(20, 200)) * time.Minute
		}
		w.trace.pauses = append(w.trace.pauses, pause)
	}
	return w.trace
}

// size is that of a text, in bytes: tiny, about what providers keep at least, or up to the most.
func (w *writer) size(most int) int {
	bound := [...]int{200, 2000, 8000, 8000, 16_000, 120_000}[w.IntN(6)]
	return min(w.between(bound/10, bound), max(most, 100))
}

// passage is a text of one kind, or of several, of about so many bytes.
func (w *writer) passage(size int) string {
	kinds := []func() string{
		func() string { return w.forum(3) }, func() string { return w.handbook(4) }, func() string { return text(w.one("minutes.txt", "lease.txt", "page1.txt", "page4.txt")) },
		func() string { return w.logs(9) }, func() string { return w.pods(2) }, func() string { return w.orders(5, "2026-11-02") }, func() string { return w.series("shop_checkout_total", 24) },
		w.plan, w.blobs, w.describe, func() string { return w.results("heating") }, func() string { return "```\n" + w.plan() + "```" },
	}
	kind := w.IntN(len(kinds))
	var out strings.Builder
	for out.Len() < size {
		part := kinds[kind]()
		if left := size - out.Len(); len(part) > left+left/4 {
			part = part[:strings.LastIndexByte(part[:left], '\n')+1]
			if part == "" {
				part = "Nothing else is known.\n"
			}
		}
		out.WriteString(part + "\n\n")
		if w.IntN(5) == 0 {
			kind = w.IntN(len(kinds))
		}
	}
	return strings.TrimSpace(out.String())
}
