package answer

import (
	"slices"
	"strconv"
)

// Stream is a whole answer as a stream's chunks: for each choice one with all of the message,
// and one with its end; then, where the caller asked for it, one with the usage, which is null
// in all others then. Errors are [ErrForm].
func Stream(body []byte, includeUsage bool) ([][]byte, error) {
	whole, err := parse(body)
	if err != nil {
		return nil, err
	}
	var head, first object // of every chunk, and of the first one alone
	var usage []byte
	var choices []object
	for _, f := range whole {
		switch f.name {
		case "object":
		case "choices":
			err = elements(f.value, func(element []byte) error {
				c, err := parse(element)
				choices = append(choices, c)
				return err
			})
		case "usage":
			usage = f.value
		case "id", "created", "model", "service_tier", "system_fingerprint":
			if head = append(head, f); f.name == "id" {
				head = append(head, field{"object", chunkName})
			}
		default:
			first = append(first, f)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(choices) == 0 || head.get("id") == nil {
		return nil, form("there is no answer in it")
	}
	chunk := func(choices []byte, usage []byte, more object) []byte {
		o := append(slices.Clip(head), field{"choices", choices})
		if includeUsage {
			o = append(o, field{"usage", usage})
		}
		return append(o, more...).append(nil)
	}
	var out, ends [][]byte
	for _, c := range choices {
		begin, end, err := split(c)
		if err != nil {
			return nil, err
		}
		out = append(out, chunk(begin, null, first))
		ends = append(ends, chunk(end, null, nil))
		first = nil
	}
	out = append(out, ends...)
	if includeUsage {
		if usage == nil {
			usage = null
		}
		out = append(out, chunk([]byte("[]"), usage, nil))
	}
	return out, nil
}

// split is a choice as the lists of its two chunks.
func split(c object) (begin, end []byte, err error) {
	n, err := index(c)
	if err != nil {
		return nil, nil, err
	}
	number := strconv.AppendInt(nil, n, 10)
	first := object{{"index", number}, {"delta", emptyDelta}, {"logprobs", null}, {"finish_reason", null}}
	finish := []byte(nil)
	for _, f := range c {
		switch f.name {
		case "index":
		case "message":
			delta, err := deltaOf(f.value)
			if err != nil {
				return nil, nil, err
			}
			first.set("delta", delta)
		case "finish_reason":
			finish = f.value
		default:
			first.set(f.name, f.value)
		}
	}
	if isNull(finish) {
		return nil, nil, form("it has no end")
	}
	last := object{{"index", number}, {"delta", emptyDelta}, {"logprobs", null}, {"finish_reason", finish}}
	return bracketed(first.append(nil)), bracketed(last.append(nil)), nil
}

// deltaOf is a message as one delta: tool calls have an index there.
func deltaOf(message []byte) ([]byte, error) {
	o, err := parse(message)
	if err != nil {
		return nil, err
	}
	for i := range o {
		switch {
		case o[i].name == "audio" && !isNull(o[i].value):
			return nil, form("it has sound, which comes in pieces that are not joined")
		case o[i].name != "tool_calls" || isNull(o[i].value):
			continue
		}
		var list []byte
		n := 0
		err := elements(o[i].value, func(element []byte) error {
			call, err := parse(element)
			if err != nil {
				return err
			}
			call = slices.Insert(slices.DeleteFunc(call, func(f field) bool { return f.name == "index" }), 0, field{"index", strconv.AppendInt(nil, int64(n), 10)})
			list = join(list, call.append(nil))
			n++
			return nil
		})
		if err != nil {
			return nil, err
		}
		o[i].value = bracketed(list)
	}
	return o.append(nil), nil
}
