package answer

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"

	"tollgate.dev/platform/openaiwire"
)

// text is a string that comes in pieces, as JSON without its quotes: what is put together in
// this form keeps a surrogate pair whose halves came apart.
type text struct {
	came bool
	body []byte
}

// add appends a piece; null is none.
func (t *text) add(value []byte) error {
	switch {
	case isNull(value):
	case isText(value):
		t.came = true
		t.body = append(t.body, value[1:len(value)-1]...)
	default:
		return form("a text is none")
	}
	return nil
}

// value is the text as JSON.
func (t *text) value() []byte {
	if !t.came {
		return null
	}
	return slices.Concat([]byte{'"'}, t.body, []byte{'"'})
}

// texts are the members that come in pieces, by the object that they are in.
var (
	messageTexts = []string{"content", "refusal", "reasoning_content", "reasoning"}
	callTexts    = []string{"arguments"}
)

// pieces gathers an object that comes in pieces: some of its members are texts, all others
// are said once, or each time in the same way.
type pieces struct {
	names []string // of the members that are texts
	texts map[string]*text
	order []string // of all members, as they came first
	once  object
}

func gather(names []string) pieces { return pieces{names: names, texts: map[string]*text{}} }

func (p *pieces) add(name string, value []byte) error {
	if slices.Contains(p.names, name) {
		t := p.texts[name]
		if t == nil {
			t = &text{}
			p.texts[name] = t
			p.order = append(p.order, name)
		}
		return t.add(value)
	}
	before := p.once.get(name)
	switch {
	case before == nil:
		p.order = append(p.order, name)
		p.once.set(name, value)
	case isNull(value) || string(value) == `""`:
	case isNull(before) || string(before) == `""`:
		p.once.set(name, value)
	case !same(before, value):
		return form("two chunks differ in a member that is said once")
	}
	return nil
}

// object is what came, in the order in which it did.
func (p *pieces) object() object {
	out := make(object, 0, len(p.order))
	for _, name := range p.order {
		if t := p.texts[name]; t != nil {
			out = append(out, field{name, t.value()})
			continue
		}
		out = append(out, field{name, p.once.get(name)})
	}
	return out
}

// call is a tool call, or the older function call, that comes in pieces.
type call struct {
	index    int64
	members  pieces
	function pieces
	named    bool // has a function
}

func (c *call) add(o object) error {
	for _, f := range o {
		switch f.name {
		case "index":
		case "function":
			if isNull(f.value) {
				continue
			}
			c.named = true
			if err := c.function.addAll(f.value); err != nil {
				return err
			}
		default:
			if err := c.members.add(f.name, f.value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *pieces) addAll(value []byte) error {
	o, err := parse(value)
	if err != nil {
		return err
	}
	for _, f := range o {
		if err := p.add(f.name, f.value); err != nil {
			return err
		}
	}
	return nil
}

func (c *call) append(dst []byte) []byte {
	o := c.members.object()
	if c.named {
		o = append(o, field{"function", c.function.object().append(nil)})
	}
	return o.append(dst)
}

// choice is one of the answers that a stream brings.
type choice struct {
	index    int64
	message  pieces
	calls    []call
	older    *pieces // function_call
	thinking []block
	lists    object // annotations
	logprobs *pieces
	probs    map[string][]byte // the lists in logprobs, without their brackets
	finish   []byte
	others   object
}

// block is a block of an extended-thinking model, whose text comes in pieces and ends with a
// signature.
type block struct {
	members pieces
	open    bool
}

// Whole is the answer that a stream's chunks bring, as one JSON object. Usage stands in for
// that of a stream that says none; nil leaves it out. Errors are [ErrForm].
func Whole(chunks [][]byte, usage *openaiwire.Usage) ([]byte, error) {
	var head object
	var choices []choice
	var told []byte
	for _, chunk := range chunks {
		o, err := parse(chunk)
		if err != nil {
			return nil, err
		}
		for _, f := range o {
			switch f.name {
			case "choices":
				err = elements(f.value, func(element []byte) error { return addChoice(&choices, element) })
			case "usage":
				if !isNull(f.value) {
					told = f.value
				}
			case "object", "obfuscation":
			case "id", "created", "model":
				if head.get(f.name) == nil {
					head.set(f.name, f.value)
				}
			default: // service_tier may come with the last chunks alone
				if !isNull(f.value) || head.get(f.name) == nil {
					head.set(f.name, f.value)
				}
			}
			if err != nil {
				return nil, err
			}
		}
	}
	if len(choices) == 0 || head.get("id") == nil {
		return nil, form("there is no answer in it")
	}
	slices.SortFunc(choices, func(a, b choice) int { return int(a.index - b.index) })
	list := []byte{'['}
	for i := range choices {
		if isNull(choices[i].finish) {
			return nil, form("it has no end")
		}
		if i > 0 {
			list = append(list, ',')
		}
		list = choices[i].append(list)
	}
	out := make(object, 0, len(head)+3)
	for _, f := range head {
		if out = append(out, f); f.name == "id" {
			out = append(out, field{"object", wholeName})
		}
	}
	out = append(out, field{"choices", append(list, ']')})
	if told == nil && usage != nil {
		var err error
		if told, err = json.Marshal(usage); err != nil {
			return nil, form("its usage is none")
		}
	}
	if told != nil {
		out = append(out, field{"usage", told})
	}
	return out.append(nil), nil
}

func addChoice(choices *[]choice, element []byte) error {
	o, err := parse(element)
	if err != nil {
		return err
	}
	n, err := index(o)
	if err != nil {
		return err
	}
	c := slot(choices, func(c *choice) int64 { return c.index }, n, func() choice { return choice{index: n, message: gather(messageTexts)} })
	for _, f := range o {
		switch f.name {
		case "index":
		case "delta":
			err = c.addDelta(f.value)
		case "finish_reason":
			if !isNull(f.value) {
				c.finish = f.value
			}
		case "logprobs":
			err = c.addLogprobs(f.value)
		default:
			if !isNull(f.value) || c.others.get(f.name) == nil {
				c.others.set(f.name, f.value)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *choice) addDelta(value []byte) error {
	if isNull(value) {
		return nil
	}
	o, err := parse(value)
	if err != nil {
		return err
	}
	for _, f := range o {
		switch f.name {
		case "tool_calls":
			err = elements(f.value, c.addCall)
		case "function_call":
			if isNull(f.value) {
				continue
			}
			if c.older == nil {
				p := gather(callTexts)
				c.older = &p
			}
			err = c.older.addAll(f.value)
		case "thinking_blocks":
			err = elements(f.value, c.addThinking)
		case "annotations":
			err = c.addList(f.name, f.value)
		case "audio":
			err = form("it has sound, which comes in pieces that are not joined")
		default:
			err = c.message.add(f.name, f.value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *choice) addCall(element []byte) error {
	o, err := parse(element)
	if err != nil {
		return err
	}
	n, err := index(o)
	if err != nil {
		return err
	}
	return slot(&c.calls, func(c *call) int64 { return c.index }, n, func() call {
		return call{index: n, members: gather(nil), function: gather(callTexts)}
	}).add(o)
}

// addThinking joins a block's pieces: one that has no signature yet goes on.
func (c *choice) addThinking(element []byte) error {
	o, err := parse(element)
	if err != nil {
		return err
	}
	thinks := string(o.get("type")) == `"thinking"`
	if last := len(c.thinking) - 1; last < 0 || !thinks || !c.thinking[last].open {
		c.thinking = append(c.thinking, block{members: gather([]string{"thinking"}), open: thinks})
	}
	b := &c.thinking[len(c.thinking)-1]
	for _, f := range o {
		if err := b.members.add(f.name, f.value); err != nil {
			return err
		}
	}
	if signature := o.get("signature"); !isNull(signature) && string(signature) != `""` {
		b.open = false
	}
	return nil
}

// addList appends to a list of the message.
func (c *choice) addList(name string, value []byte) error {
	if !isNull(value) && c.lists.get(name) == nil {
		c.lists.set(name, []byte{}) // an empty list is one, too
	}
	return elements(value, func(element []byte) error {
		c.lists.set(name, join(c.lists.get(name), element))
		return nil
	})
}

// join appends an element to a list without its brackets.
func join(list, element []byte) []byte {
	if len(list) > 0 {
		list = append(list, ',')
	}
	return append(list, element...)
}

// addLogprobs appends to the lists in an object.
func (c *choice) addLogprobs(value []byte) error {
	if isNull(value) {
		return nil
	}
	o, err := parse(value)
	if err != nil {
		return err
	}
	if c.logprobs == nil {
		p := gather(nil)
		c.logprobs, c.probs = &p, map[string][]byte{}
	}
	for _, f := range o {
		if isNull(f.value) {
			if c.probs[f.name] == nil {
				err = c.logprobs.add(f.name, null)
			}
		} else {
			if c.probs[f.name] == nil {
				c.probs[f.name] = []byte{}
				err = c.logprobs.add(f.name, null)
			}
			if err == nil {
				err = elements(f.value, func(element []byte) error {
					c.probs[f.name] = join(c.probs[f.name], element)
					return nil
				})
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *choice) append(dst []byte) []byte {
	message := c.message.object()
	if message.get("role") == nil {
		message = slices.Insert(message, 0, field{"role", assistant})
	}
	for _, name := range []string{"content", "refusal"} { // each message has them
		if message.get(name) == nil {
			message = append(message, field{name, null})
		}
	}
	if len(c.thinking) > 0 {
		var list []byte
		for i := range c.thinking {
			list = join(list, c.thinking[i].members.object().append(nil))
		}
		message = append(message, field{"thinking_blocks", bracketed(list)})
	}
	if len(c.calls) > 0 {
		slices.SortFunc(c.calls, func(a, b call) int { return int(a.index - b.index) })
		var list []byte
		for i := range c.calls {
			list = join(list, c.calls[i].append(nil))
		}
		message = append(message, field{"tool_calls", bracketed(list)})
	}
	if c.older != nil {
		message = append(message, field{"function_call", c.older.object().append(nil)})
	}
	for _, f := range c.lists {
		message = append(message, field{f.name, bracketed(f.value)})
	}
	out := object{{"index", strconv.AppendInt(nil, c.index, 10)}, {"message", message.append(nil)}, {"logprobs", null}, {"finish_reason", c.finish}}
	if c.logprobs != nil {
		probs := c.logprobs.object()
		for i := range probs {
			if list, ok := c.probs[probs[i].name]; ok {
				probs[i].value = bracketed(list)
			}
		}
		out.set("logprobs", probs.append(nil))
	}
	return append(out, c.others...).append(dst)
}

func bracketed(list []byte) []byte { return slices.Concat([]byte{'['}, bytes.Clone(list), []byte{']'}) }
