package openai

import (
	"bytes"

	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/router/chat"
)

// foreign reports whether raw may hold a member that a scrubber takes out. It looks for
// the names alone, so that a prompt without them costs one search for underscores. A
// name that is spelled with escapes goes unnoticed, and then the provider refuses it.
func foreign(raw []byte) bool {
	indexed := true // there may be an index after a call
	for rest := raw; ; {
		i := bytes.IndexByte(rest, '_')
		if i < 0 {
			return false
		}
		before, after := rest[:i], rest[i:]
		rest = rest[i+1:]
		if i == 0 {
			continue
		}
		switch before[i-1] {
		case 'e':
			if endsWith(before, `"cache`) && startsWith(after, `_control"`) {
				return true
			}
		case 'g':
			if endsWith(before, `"thinking`) && startsWith(after, `_blocks"`) ||
				endsWith(before, `"reasoning`) && startsWith(after, `_content"`) {
				return true
			}
		case 'r':
			if endsWith(before, `"provider`) && startsWith(after, `_specific_fields"`) {
				return true
			}
		case 'a':
			if endsWith(before, `"extra`) && startsWith(after, `_content"`) {
				return true
			}
		case 'l':
			if indexed && endsWith(before, `"tool`) && startsWith(after, `_calls"`) {
				if bytes.Contains(after, []byte(`"index"`)) {
					return true
				}
				indexed = false
			}
		}
	}
}

func endsWith(b []byte, s string) bool { return len(b) >= len(s) && string(b[len(b)-len(s):]) == s }

func startsWith(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }

// scrubber copies messages and tools without the members that only other providers know,
// and has the call note what it takes out.
type scrubber struct {
	dialect *Dialect
	call    *chat.Call
	err     error
}

func (s *scrubber) messages(dst, raw []byte) []byte {
	return appendArray(dst, raw, func(dst, message []byte) []byte {
		return appendObject(dst, message, func(dst, name, value []byte) ([]byte, bool) {
			switch string(name) {
			case "cache_control", "thinking_blocks", "reasoning_content", "provider_specific_fields":
				return s.without(dst, inMessage, name, value)
			case "content":
				return s.content(dst, value), true
			case "tool_calls":
				return s.toolCalls(dst, value), true
			}
			return append(dst, value...), s.keepTurn(name, value)
		})
	})
}

// keepTurn asks the dialect about a member of a message.
func (s *scrubber) keepTurn(name, value []byte) bool {
	return s.keep(s.dialect.Turn, inMessage, name, value)
}

// Where members stand that are taken out.
const (
	inMessage      = "messages[]."
	inPart         = "messages[].content[]."
	inCall         = "messages[].tool_calls[]."
	inCallFunction = "messages[].tool_calls[].function."
	inTool         = "tools[]."
	inToolFunction = "tools[].function."
)

// without leaves a member out.
func (s *scrubber) without(dst []byte, at string, name, value []byte) (out []byte, keep bool) {
	s.call.LeftOut(at, name, value)
	return dst, false
}

// keep asks the dialect about a member that stands at a place.
func (s *scrubber) keep(ask func(name, value []byte) (Action, string), at string, name, value []byte) bool {
	if ask == nil {
		return true
	}
	action, why := ask(name, value)
	switch {
	case action == LeaveOut:
		s.call.LeftOut(at, name, value)
	case action == Refuse && s.err == nil:
		s.err = s.call.Unsupported(at+string(name), why)
	}
	return action == Keep
}

func (s *scrubber) content(dst, raw []byte) []byte {
	if raw[0] != '[' {
		return append(dst, raw...)
	}
	return appendArray(dst, raw, func(dst, part []byte) []byte {
		return appendObject(dst, part, func(dst, name, value []byte) ([]byte, bool) {
			if string(name) == "cache_control" {
				return s.without(dst, inPart, name, value)
			}
			return append(dst, value...), s.keep(s.dialect.Part, inPart, name, value)
		})
	})
}

func (s *scrubber) toolCalls(dst, raw []byte) []byte {
	return appendArray(dst, raw, func(dst, call []byte) []byte {
		return appendObject(dst, call, func(dst, name, value []byte) ([]byte, bool) {
			switch string(name) {
			case "cache_control", "provider_specific_fields", "extra_content", "index":
				return s.without(dst, inCall, name, value)
			case "function":
				return appendObject(dst, value, s.but("provider_specific_fields", inCallFunction)), true
			}
			return append(dst, value...), true
		})
	})
}

func (s *scrubber) tools(dst, raw []byte) []byte {
	return appendArray(dst, raw, func(dst, tool []byte) []byte {
		if !s.keepTool(tool) {
			return dst
		}
		return appendObject(dst, tool, func(dst, name, value []byte) ([]byte, bool) {
			switch string(name) {
			case "cache_control":
				return s.without(dst, inTool, name, value)
			case "function":
				return appendObject(dst, value, s.but("cache_control", inToolFunction)), true
			}
			return append(dst, value...), true
		})
	})
}

// keepTool asks the dialect about a tool.
func (s *scrubber) keepTool(tool []byte) bool {
	kind, ok := jsonscan.Lookup(tool, "type")
	if s.dialect.Tool == nil || !ok {
		return true
	}
	action, why := s.dialect.Tool(kind.Raw(tool))
	if action == Refuse && s.err == nil {
		s.err = s.call.Unsupported("tools[].type", why)
	}
	return action == Keep
}

// copyMember appends a member's value, unless the member is to be left out.
type copyMember func(dst, name, value []byte) (out []byte, keep bool)

// but copies all members but one.
func (s *scrubber) but(unwanted, at string) copyMember {
	return func(dst, name, value []byte) ([]byte, bool) {
		if string(name) == unwanted {
			return s.without(dst, at, name, value)
		}
		return append(dst, value...), true
	}
}

// appendArray copies a valid array element by element, and anything else as it is. An
// element of which nothing is appended is left out.
func appendArray(dst, raw []byte, element func(dst, raw []byte) []byte) []byte {
	if raw[0] != '[' {
		return append(dst, raw...)
	}
	dst = append(dst, '[')
	first := true
	// The document is valid, so the scan cannot fail.
	_ = jsonscan.ScanArray(raw, func(_ int, v jsonscan.Value) error {
		before := len(dst)
		if !first {
			dst = append(dst, ',')
		}
		start := len(dst)
		if dst = element(dst, v.Raw(raw)); len(dst) == start {
			dst = dst[:before]
			return nil
		}
		first = false
		return nil
	})
	return append(dst, ']')
}

// appendObject copies a valid object member by member, and anything else as it is.
func appendObject(dst, raw []byte, member copyMember) []byte {
	if raw[0] != '{' {
		return append(dst, raw...)
	}
	dst = append(dst, '{')
	first := true
	_ = jsonscan.ScanObject(raw, func(m jsonscan.Member) error {
		before := len(dst)
		if !first {
			dst = append(dst, ',')
		}
		dst = append(dst, raw[m.KeyStart:m.ValueStart]...)
		out, keep := member(dst, m.Key, m.Raw(raw))
		if !keep {
			dst = out[:before]
			return nil
		}
		dst, first = out, false
		return nil
	})
	return append(dst, '}')
}
