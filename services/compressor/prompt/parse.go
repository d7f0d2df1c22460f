package prompt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"tollgate.dev/platform/jsonscan"
)

// Parse reads a request in OpenAI's dialect. Its errors are [ErrShape]. The body is kept,
// and must not change. It ends with the context.
func Parse(ctx context.Context, body []byte) (*Prompt, error) {
	p := &Prompt{body: body, Turns: make([]Turn, 1)}
	var request jsonscan.Fields
	if err := request.Scan(body); err != nil {
		return nil, shape(err)
	}
	messages, ok := request.Get("messages")
	if !ok || messages.Kind != jsonscan.KindArray {
		return nil, fmt.Errorf("%w: there is no list of messages", ErrShape)
	}
	for _, name := range [...]string{"tools", "functions", "response_format"} {
		if m, ok := request.Get(name); ok && m.Kind != jsonscan.KindNull {
			p.Turns[0].Fixed = append(p.Turns[0].Fixed, withoutBreakpoints(m.Raw(body)))
			p.Tools = p.Tools || name != "response_format"
		}
	}
	p.start, p.outside = messages.ValueStart, len(p.Turns[0].Fixed)
	r := reader{ctx: ctx, prompt: p, breakpoint: -1, userTurn: -1, ordered: -1, calls: map[string]call{}}
	err := jsonscan.ScanArray(messages.Raw(body), func(_ int, v jsonscan.Value) error {
		v.Start += messages.ValueStart
		v.End += messages.ValueStart
		return r.message(v)
	})
	if err != nil {
		return nil, shape(err)
	}
	for _, name := range [...]string{"cache_control", "cache_control_injection_points"} {
		if m, ok := request.Get(name); ok && m.Kind != jsonscan.KindNull {
			r.breakpoint = r.count // where, the provider or the router decides
		}
	}
	p.Breakpoints = r.breakpoint >= 0
	r.finish()
	return p, nil
}

func shape(err error) error {
	if errors.Is(err, ErrShape) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrShape, err)
}

// reader goes through the messages.
type reader struct {
	ctx        context.Context //nolint:containedctx // a reader lives as long as one call
	prompt     *Prompt
	count      int
	breakpoint int             // the last message with a cache breakpoint
	question   string          // the user's, as it stands
	calls      map[string]call // tool calls, by their ids
	asked      bool            // the turn has a message that is not the assistant's
	found      []found         // the texts of the message that is read
	marks      []int           // the message of each content, in order
	userTurn   int             // the turn of the last user's message; -1 before it
	all        bool            // what is asked, as it stands, takes every word
	whole      bool            // the users' words of the turn take all that they give, by their form
	every      bool            // a question of theirs takes all there is to answer it
	orders     bool            // they order something
	told       bool            // they ask to be told something, and order nothing
	ordered    int             // the turn from which on a system or developer message takes every word; -1 before it
	wanted     []wants         // by turn
	handsOn    bool            // what is asked, as it stands, may take a tool
	results    int             // the tool messages so far
	parts      int             // of the content of the message that is read
}

// found is a string of a message that is text.
type found struct {
	at   jsonscan.Value
	text string
}

func (r *reader) turn() *Turn { return &r.prompt.Turns[len(r.prompt.Turns)-1] }

// message reads the message that the span of the body holds.
func (r *reader) message(v jsonscan.Value) error {
	if v.Kind != jsonscan.KindObject {
		return fmt.Errorf("%w: a message is no object", ErrShape)
	}
	if err := r.ctx.Err(); err != nil {
		return err
	}
	index := r.count
	r.count++
	var m jsonscan.Fields
	if err := m.Scan(v.Raw(r.prompt.body)); err != nil {
		return err
	}
	// Wherever in the message it is; within text its quotes would be escaped.
	marked := hasBreakpoint(m.Doc())
	if marked {
		r.breakpoint = index
	}
	own, _ := breakpointOf(&m)
	role, err := jsonscan.String(m.Raw("role"))
	if err != nil {
		return fmt.Errorf("%w: a message has no role", ErrShape)
	}
	switch role {
	case "tool", "function", "user", "system", "developer", "assistant":
	default:
		return fmt.Errorf("%w: a message has an unknown role", ErrShape)
	}
	if role == "assistant" && r.asked {
		r.prompt.Turns = append(r.prompt.Turns, Turn{})
	}
	r.asked = role != "assistant"
	r.turn().Messages++
	r.turn().end = v.End
	r.found = r.found[:0]
	for field := range m.All() {
		value := field.Value()
		value.Start += v.Start
		value.End += v.Start
		switch string(field.Key) {
		case breakpointName:
			r.prompt.cut(own.from(v.Start))
		case "content":
			err = r.content(value)
		default:
			err = r.fixed(string(field.Key), value, marked)
		}
		if err != nil {
			return err
		}
	}
	switch role {
	case "tool", "function":
		r.result(&m, index)
	case "user":
		if err := r.user(index); err != nil {
			return err
		}
	case "assistant":
		r.note(m.Raw("tool_calls"))
		if made, ok := callOf(m.Raw("function_call")); ok {
			r.calls[""] = made // its result has no id
		}
		fallthrough
	default:
		for _, f := range r.found {
			if r.ordered < 0 && role != "assistant" && orderedAll(f.text) {
				r.ordered = len(r.prompt.Turns) - 1
			}
			r.turn().Fixed = append(r.turn().Fixed, f.text)
		}
	}
	return nil
}

// fixed notes a member of a message that stays as it is, and in which breakpoints may be.
func (r *reader) fixed(key string, v jsonscan.Value, marked bool) error {
	raw, turn := v.Raw(r.prompt.body), r.turn()
	if key == "name" {
		turn.Names++
	}
	if v.Kind != jsonscan.KindString {
		if v.Kind == jsonscan.KindArray || v.Kind == jsonscan.KindObject {
			text := string(raw)
			if marked {
				marks := breakpointsIn(raw)
				for _, s := range marks {
					r.prompt.cut(s.from(v.Start))
				}
				text = string(without(raw, marks))
			}
			turn.Fixed = append(turn.Fixed, text)
		}
		return nil
	}
	if key == "tool_call_id" {
		return nil
	}
	text, err := jsonscan.String(raw)
	if err != nil {
		return err
	}
	turn.Fixed = append(turn.Fixed, text)
	return nil
}

// content reads a message's content: a string, or a list of parts.
func (r *reader) content(v jsonscan.Value) error {
	switch v.Kind {
	case jsonscan.KindString:
		r.parts = 1
		return r.text(v)
	case jsonscan.KindArray:
		parts, cuts, only := 0, len(r.prompt.cuts), jsonscan.Value{}
		err := jsonscan.ScanArray(v.Raw(r.prompt.body), func(_ int, part jsonscan.Value) (err error) {
			part.Start += v.Start
			part.End += v.Start
			parts++
			only, err = r.part(part)
			return err
		})
		r.parts = parts
		if parts == 1 && only.End > 0 {
			r.prompt.cuts = r.prompt.cuts[:cuts]
			r.prompt.cut(span{v.Start, only.Start})
			r.prompt.cut(span{only.End, v.End})
		}
		return err
	case jsonscan.KindNull:
		return nil
	default:
		return fmt.Errorf("%w: a content is neither text nor a list of parts", ErrShape)
	}
}

// part reads a content part. Only one of type text has text that may be changed. It returns
// where that is if the part has no more to say; no place otherwise.
func (r *reader) part(v jsonscan.Value) (plain jsonscan.Value, err error) {
	if v.Kind != jsonscan.KindObject {
		return plain, fmt.Errorf("%w: a content part is no object", ErrShape)
	}
	var part jsonscan.Fields
	if err := part.Scan(v.Raw(r.prompt.body)); err != nil {
		return plain, err
	}
	more := part.Len()
	if mark, ok := breakpointOf(&part); ok {
		r.prompt.cut(mark.from(v.Start))
		more--
	}
	text, ok := part.Get("text")
	if !jsonscan.EqualString(part.Raw("type"), "text") || !ok || text.Kind != jsonscan.KindString {
		return plain, nil
	}
	value := text.Value()
	value.Start += v.Start
	value.End += v.Start
	if more == 2 { // its type and its text
		plain = value
	}
	return plain, r.text(value)
}

// text notes a string of the message.
func (r *reader) text(v jsonscan.Value) error {
	raw := v.Raw(r.prompt.body)
	text, err := jsonscan.String(raw)
	if err != nil {
		return err
	}
	// Half a surrogate pair is read as U+FFFD, and could not be written again.
	if strings.Count(text, "\uFFFD") != bytes.Count(raw, []byte("\uFFFD")) {
		r.turn().Fixed = append(r.turn().Fixed, text)
		return nil
	}
	r.found = append(r.found, found{v, text})
	return nil
}

// note keeps what tools are called with.
func (r *reader) note(calls []byte) {
	if calls == nil {
		return
	}
	// A list that is none, or a call without a function, has nothing to keep.
	_ = jsonscan.ScanArray(calls, func(_ int, v jsonscan.Value) error {
		raw := v.Raw(calls)
		function, ok := jsonscan.Lookup(raw, "function")
		id, named := jsonscan.Lookup(raw, "id")
		if !ok || !named || function.Kind != jsonscan.KindObject || id.Kind != jsonscan.KindString {
			return nil
		}
		name, err := jsonscan.String(id.Raw(raw))
		if err != nil {
			return nil //nolint:nilerr // what cannot be read helps no question
		}
		if made, ok := callOf(function.Raw(raw)); ok {
			r.calls[name] = made
		}
		return nil
	})
}

// argumentBytes is as much of a tool call as may help a question, questionBytes is as much
// as a question may have.
const (
	argumentBytes = 512
	questionBytes = 2048
)

// result takes in a tool's message.
func (r *reader) result(m *jsonscan.Fields, index int) {
	r.want()
	r.results++
	call, err := jsonscan.String(m.Raw("tool_call_id"))
	if err != nil {
		call = ""
	}
	question := r.question
	made := r.calls[call]
	if made.arguments != "" {
		question += "\n" + made.arguments
	}
	// What is read where nobody asks about it may be written back.
	read := segment{free: true, exact: made.reads && r.question != "" && !r.told}
	if r.every {
		read.rate = 1
	}
	for _, f := range r.found {
		read.text = f.text
		c := r.add(f, []segment{read}, ToolResult, call, question, index)
		c.Texts[0].Message, c.Texts[0].Part, c.Texts[0].HandedOn = r.results, r.parts > 1, r.handsOn
	}
}

// user takes in a user's message.
func (r *reader) user(index int) error {
	texts := make([]string, len(r.found))
	for i, f := range r.found {
		texts[i] = f.text
	}
	split, question, err := message(r.ctx, texts)
	if err != nil {
		return err
	}
	r.question = head(question, questionBytes)
	if last := len(r.prompt.Turns) - 1; r.userTurn != last {
		r.userTurn, r.all, r.whole, r.every, r.orders = last, false, false, false, false // several messages of a turn are one
	}
	given, about := false, false
	for i := range split {
		for _, s := range split[i] {
			r.all = r.all || !s.free && wantsAll(s.text)
			given = given || s.free && !s.tagged
		}
	}
	what, whole := intentOf(r.question)
	r.orders, r.every = r.orders || what == order, r.every || whole
	r.told, r.whole = what == told && !r.orders, r.whole || whole || what == order
	r.handsOn = r.prompt.Tools && isOrder(r.question)
	if given && !r.all && what == unclear {
		for i := range split {
			for _, s := range split[i] {
				about = about || s.free && shares(r.question, s.text)
			}
		}
		r.whole = r.whole || !about // an order in words that nobody here knows
	}
	r.want()
	for i, f := range r.found {
		r.add(f, split[i], Context, "", r.question, index)
	}
	return nil
}

// wants is what a turn takes of what is given in it.
type wants struct {
	all   bool // everything, to the letter
	whole bool // what users give
}

// want notes it of the turn at hand.
func (r *reader) want() {
	for len(r.wanted) < len(r.prompt.Turns) {
		r.wanted = append(r.wanted, wants{})
	}
	r.wanted[len(r.prompt.Turns)-1] = wants{r.all, r.whole}
}

// exact tells whether a content is wanted to the letter in its turn. What the caller has put in tags
// is so by words alone.
func (r *reader) exact(turn int, c *Content) bool {
	if r.ordered >= 0 && turn >= r.ordered {
		return true
	}
	return turn < len(r.wanted) && (r.wanted[turn].all || r.wanted[turn].whole && c.kind == Context && !c.hasTags)
}

// add makes a content of segments, or a fixed text when none of them is free.
func (r *reader) add(f found, segments []segment, kind Kind, call, question string, index int) *Content {
	turn, c := r.turn(), &Content{Original: f.text, start: f.at.Start, end: f.at.End, kind: kind}
	for _, s := range segments {
		c.hasTags = c.hasTags || s.tagged
		if !s.free {
			c.Parts = append(c.Parts, Part{Stays: s.text})
			continue
		}
		t := &Text{
			Kind: kind, Original: s.text, Question: question, Call: call, Turn: len(r.prompt.Turns) - 1, Rate: s.rate, current: s.text,
		}
		c.exact = c.exact || s.exact
		c.Parts = append(c.Parts, Part{Text: t})
		c.Texts = append(c.Texts, t)
	}
	if len(c.Texts) == 0 && !c.hasTags {
		turn.Fixed = append(turn.Fixed, f.text)
		return c
	}
	turn.Contents = append(turn.Contents, c)
	r.marks = append(r.marks, index)
	return c
}

// finish locks what a breakpoint protects, and what is needed to the letter: a message that says
// so says it of its turn and of those to come, as earlier ones have gone out.
func (r *reader) finish() {
	r.prompt.question, r.prompt.ordered = r.question, r.ordered >= 0
	i := 0
	for t := range r.prompt.Turns {
		for _, c := range r.prompt.Turns[t].Contents {
			c.marked = r.marks[i] <= r.breakpoint
			c.exact = c.exact || r.exact(t, c)
			i++
			r.prompt.Texts = append(r.prompt.Texts, c.Texts...)
		}
	}
	r.prompt.lock(true)
}

// head is the beginning of a text, of at most n bytes, in whole characters.
func head(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
