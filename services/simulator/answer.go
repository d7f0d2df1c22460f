package simulator

import (
	"iter"
	"strconv"
	"strings"
)

// ImageTokens is what each image of a prompt counts for, in every dialect.
const ImageTokens = 85

// pieceBytes is the size of a streamed text piece unless chunks=N is given.
const pieceBytes = 16

// tokens is the simulator's token rule: four bytes each, rounded up.
func tokens(bytes int) int { return (bytes + 3) / 4 }

// choiceMode is what the request says about calling tools.
type choiceMode uint8

const (
	choiceAuto choiceMode = iota
	choiceNone
	choiceRequired
	choiceNamed
)

// tool is a function that the request offers.
type tool struct {
	name   string
	schema val
}

// toolResult is a result in the last turn.
type toolResult struct{ name, text string }

// ask is a request in the terms that an answer is made from.
type ask struct {
	messages, images int
	promptBytes      int
	lastText         string // the last message's text, when it is a user's
	results          []toolResult
	tools            []tool
	choice           choiceMode
	choiceNames      []string // the tools to choose from, when choiceNamed
	parallel         bool
	jsonObject       bool
	schema           val // of a JSON answer
	maxTokens        int // 0 for no limit
	limited          bool
	stops            []string
	n                int
	seed             string
	think            bool
	thinkTokens      int // of reasoning that is billed but not shown
	cached           int // prompt tokens read from the cache
	logprobs         bool
	topLogprobs      int
}

func (a *ask) promptTokens() int { return tokens(a.promptBytes) + a.images*ImageTokens }

type finish uint8

const (
	finishStop finish = iota
	finishLength
	finishSequence
	finishTools
	finishFilter
)

type toolCall struct{ id, name, args string }

// answer is what a dialect writes.
type answer struct {
	thought   string
	reasoning int // tokens of the thought, or hidden ones
	text      string
	calls     []toolCall
	finish    finish
	stop      string
	output    int // tokens without reasoning
}

const filler = " The simulator repeats this sentence until the answer has the size that was asked for."

// wantsTools tells whether the answer is tool calls.
func (a *ask) wantsTools() bool {
	if len(a.tools) == 0 || a.choice == choiceNone || len(a.results) > 0 {
		return false
	}
	return a.choice != choiceAuto || containsFold(a.lastText, "call")
}

func containsFold(s, word string) bool {
	return strings.Contains(strings.ToLower(s), word)
}

// answer makes the answer of one choice, counted from 0. newID makes the ids
// of tool calls.
func (x *exchange) answer(a *ask, choice int, newID func() string) answer {
	var out answer
	if a.think {
		out.thought = x.thought(a)
		out.reasoning = tokens(len(out.thought))
	} else {
		out.reasoning = a.thinkTokens
	}
	if x.dir.Refusal {
		out.finish = finishFilter
		return out
	}
	switch {
	case a.wantsTools():
		out.calls = a.makeCalls(newID)
		out.finish = finishTools
		for _, c := range out.calls {
			out.output += tokens(len(c.name) + len(c.args))
		}
	case a.schema.kind() != kindMissing:
		out.text = string(instance(nil, a.schema))
	case a.jsonObject:
		out.text = `{"simulated":true,"messages":` + strconv.Itoa(a.messages) + `}`
	default:
		out.text = x.text(a, choice)
		out.text, out.stop = cutAtStop(out.text, a.stops)
		if out.stop != "" {
			out.finish = finishSequence
		}
	}
	if out.finish != finishTools {
		out.output = tokens(len(out.text))
	}
	a.limit(&out)
	return out
}

// limit cuts an answer to the request's largest number of tokens, of which
// reasoning takes its part first. Calls that do not fit are left out whole.
func (a *ask) limit(out *answer) {
	if !a.limited || out.reasoning+out.output <= a.maxTokens {
		return
	}
	out.finish, out.stop, out.calls = finishLength, "", nil
	out.reasoning = min(out.reasoning, a.maxTokens)
	left := a.maxTokens - out.reasoning
	out.text = out.text[:runeCut(out.text, left*4)]
	out.output = tokens(len(out.text))
}

func (x *exchange) thought(a *ask) string {
	b := append([]byte("The simulator does not think; it counted "), plural(a.messages, "message")...)
	b = append(b, '.')
	if n := x.dir.Reasoning; n > 0 {
		b = fill(b, n*4)
	}
	return string(b)
}

// text is the plain answer.
func (x *exchange) text(a *ask, choice int) string {
	b := make([]byte, 0, 256)
	b = append(b, "This is a simulated answer from "...)
	b = append(b, x.name...)
	b = append(b, ": no model was called. It counted "...)
	b = append(b, plural(a.messages, "message")...)
	b = append(b, " and "...)
	b = append(b, plural(a.images, "image")...)
	b = append(b, '.')
	if a.seed != "" {
		b = append(b, " Seed "...)
		b = append(b, a.seed...)
		b = append(b, '.')
	}
	if a.n > 1 {
		b = append(b, " Choice "...)
		b = appendInt(b, choice+1)
		b = append(b, " of "...)
		b = appendInt(b, a.n)
		b = append(b, '.')
	}
	for _, r := range a.results {
		b = append(b, " The tool "...)
		b = append(b, r.name...)
		b = append(b, " returned: "...)
		b = append(b, r.text...)
	}
	if x.dir.Echo {
		b = append(b, " You said: "...)
		b = append(b, a.lastText...)
	}
	switch {
	case x.dir.Bytes > 0:
		b = fill(b, x.dir.Bytes)
	case x.dir.Tokens > 0:
		b = fill(b, x.dir.Tokens*4)
	case x.dir.Chunks > 0 && len(b) < x.dir.Chunks*4:
		b = fill(b, x.dir.Chunks*4)
	}
	return string(b)
}

// fill brings b to n bytes.
func fill(b []byte, n int) []byte {
	for len(b) < n {
		b = append(b, filler[:min(len(filler), n-len(b))]...)
	}
	if len(b) > n {
		cut := runeCut(string(b), n)
		b = b[:cut]
		for len(b) < n {
			b = append(b, '.')
		}
	}
	return b
}

func plural(n int, what string) string {
	s := strconv.Itoa(n) + " " + what
	if n != 1 {
		s += "s"
	}
	return s
}

// cutAtStop cuts text at the first of the stop sequences.
func cutAtStop(text string, stops []string) (kept, stop string) {
	at := len(text)
	for _, s := range stops {
		if i := strings.Index(text, s); s != "" && i >= 0 && i < at {
			at, stop = i, s
		}
	}
	return text[:at], stop
}

// makeCalls answers with the named tool, or the first one; with two calls when
// the user asks for parallel ones and they are permitted.
func (a *ask) makeCalls(newID func() string) []toolCall {
	offered := a.tools
	if a.choice == choiceNamed {
		offered = offered[:0:0]
		for _, t := range a.tools {
			for _, name := range a.choiceNames {
				if t.name == name {
					offered = append(offered, t)
				}
			}
		}
	}
	if len(offered) == 0 {
		return nil
	}
	n := 1
	if a.parallel && containsFold(a.lastText, "parallel") {
		n = 2
	}
	calls := make([]toolCall, 0, n)
	for i := range n {
		t := offered[i%len(offered)]
		calls = append(calls, toolCall{id: newID(), name: t.name, args: string(instance(nil, t.schema))})
	}
	return calls
}

// pieces cuts a text for streaming: into chunks equal pieces, or, when chunks
// is 0, into pieces of pieceBytes. No rune is split and no piece is empty.
func pieces(text string, chunks int) iter.Seq[string] {
	return func(yield func(string) bool) {
		from := 0
		for i := 1; from < len(text); i++ {
			to := from + pieceBytes
			if chunks > 0 {
				to = len(text) * i / chunks
			}
			if to = runeCut(text, to); to <= from {
				continue // a rune is longer than the piece
			}
			if !yield(text[from:to]) {
				return
			}
			from = to
		}
	}
}
