package simulator

import (
	"strconv"
	"strings"
)

// chatState follows tool calls and their results through the messages.
type chatState struct {
	pending []string          // ids that still need a result
	names   map[string]string // id of a call → its tool
}

// readMessages checks the messages and takes them into the prompt.
func (d *chatDialect) readMessages(x *exchange, root val, a *ask, p *prompt) error {
	messages := root.get("messages")
	switch {
	case messages.kind() == kindMissing:
		return badRequest("messages", "missing_required_parameter", "Missing required parameter: 'messages'.")
	case messages.kind() != kindArray:
		return badRequest("messages", "invalid_type", "Invalid type for 'messages': expected an array of objects.")
	case messages.size() == 0:
		return badRequest("messages", "empty_array", "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.")
	}
	st := chatState{names: map[string]string{}}
	var last val
	for i, m := range messages.items() {
		if err := d.readMessage(x, i, m, a, p, &st); err != nil {
			return err
		}
		p.mark()
		last = m
	}
	if len(st.pending) > 0 {
		return st.unanswered(messages.size() - 1)
	}
	a.messages = messages.size()
	if last.get("role").is("user") {
		a.lastText = chatText(last.get("content"))
	}
	return nil
}

func (st *chatState) unanswered(at int) error {
	return badRequest("messages.["+strconv.Itoa(at)+"].role", "",
		"An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "+
			"The following tool_call_ids did not have response messages: "+strings.Join(st.pending, ", "))
}

// chatMessageFields are the members that a message of each role may have.
var chatMessageFields = map[string]string{
	"system":    " role content name ",
	"developer": " role content name ",
	"user":      " role content name ",
	"tool":      " role content tool_call_id ",
	"function":  " role content name ",
	"assistant": " role content name tool_calls function_call refusal audio annotations ",
}

func (d *chatDialect) readMessage(x *exchange, i int, m val, a *ask, p *prompt, st *chatState) error {
	at := "messages[" + strconv.Itoa(i) + "]"
	role := m.get("role").str()
	fields, ok := chatMessageFields[role]
	if m.kind() != kindObject || !ok {
		return badRequest(at+".role", "invalid_value", "Invalid value: '"+role+
			"'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.")
	}
	if err := d.messageFields(x, i, role, fields, m); err != nil {
		return err
	}
	if role != "tool" && len(st.pending) > 0 {
		return st.unanswered(i)
	}
	p.add([]byte(role), 0)
	calls := m.get("tool_calls")
	if role == "assistant" && calls.set() {
		if err := st.takeCalls(at, calls, p); err != nil {
			return err
		}
	}
	if role == "tool" {
		id := m.get("tool_call_id")
		if id.kind() != kindString {
			return badRequest(at+".tool_call_id", "missing_required_parameter", "Missing required parameter: '"+at+".tool_call_id'.")
		}
		if !st.answer(id.str()) {
			return badRequest("messages.["+strconv.Itoa(i)+"].role", "",
				"Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.") //nolint:misspell // the provider's own text
		}
	}
	if err := d.readContent(at, role, m, a, p); err != nil {
		return err
	}
	if role == "tool" {
		a.results = append(a.results, toolResult{st.names[m.get("tool_call_id").str()], chatText(m.get("content"))})
	} else {
		a.results = a.results[:0]
	}
	return nil
}

// messageFields refuses members that the provider does not know. OpenAI is
// lenient about a message's members, Groq is not.
func (d *chatDialect) messageFields(x *exchange, i int, role, fields string, m val) error {
	if d.name != Groq || x.dir.Lenient {
		return nil
	}
	if role == "assistant" {
		fields += "reasoning tool_call_id "
	}
	for key := range m.members() {
		if !strings.Contains(fields, " "+key+" ") {
			at := "'messages." + strconv.Itoa(i) + "'"
			return badRequest("", "", at+" : for 'role:"+role+"' the following must be satisfied[("+at+" : property '"+key+"' is unsupported)]")
		}
	}
	return nil
}

func (st *chatState) takeCalls(at string, calls val, p *prompt) error {
	if calls.kind() != kindArray || calls.size() == 0 {
		return badRequest(at+".tool_calls", "empty_array", "Invalid '"+at+
			".tool_calls': empty array. Expected an array with minimum length 1, but got an empty array instead.")
	}
	st.pending = st.pending[:0]
	for j, c := range calls.items() {
		cat := at + ".tool_calls[" + strconv.Itoa(j) + "]"
		id, f := c.get("id"), c.get("function")
		switch {
		case id.str() == "":
			return badRequest(cat+".id", "missing_required_parameter", "Missing required parameter: '"+cat+".id'.")
		case !c.get("type").is("function"):
			return badRequest(cat+".type", "missing_required_parameter", "Missing required parameter: '"+cat+".type'.")
		case f.get("name").str() == "":
			return badRequest(cat+".function.name", "missing_required_parameter", "Missing required parameter: '"+cat+".function.name'.")
		case f.get("arguments").kind() != kindString:
			return badRequest(cat+".function.arguments", "invalid_type", "Invalid type for '"+cat+".function.arguments': expected a string.")
		}
		st.pending = append(st.pending, id.str())
		st.names[id.str()] = f.get("name").str()
		p.add(c.raw(), f.get("name").strLen()+f.get("arguments").strLen())
	}
	return nil
}

// answer takes a result for a pending call.
func (st *chatState) answer(id string) bool {
	for i, want := range st.pending {
		if want == id {
			st.pending = append(st.pending[:i], st.pending[i+1:]...)
			return true
		}
	}
	return false
}

func (d *chatDialect) readContent(at, role string, m val, a *ask, p *prompt) error {
	content := m.get("content")
	switch content.kind() { //nolint:exhaustive // the rest is handled below
	case kindString:
		p.add(content.raw(), content.strLen())
		return nil
	case kindMissing, kindNull:
		if role == "assistant" && (m.get("tool_calls").set() || m.get("function_call").set() || m.get("refusal").set() || m.get("audio").set()) {
			return nil
		}
		return badRequest(at+".content", "", "Invalid value for 'content': expected a string, got null.")
	case kindArray:
		for i, part := range content.items() {
			if err := readPart(at+".content["+strconv.Itoa(i)+"]", role, part, a, p); err != nil {
				return err
			}
		}
		if content.size() == 0 {
			return badRequest(at+".content", "empty_array", "Invalid '"+at+".content': empty array.")
		}
		return nil
	}
	return badRequest(at+".content", "invalid_type", "Invalid type for '"+at+".content': expected one of a string or array of objects.")
}

func readPart(at, role string, part val, a *ask, p *prompt) error {
	kind := part.get("type").str()
	switch {
	case kind == "text":
		text := part.get("text")
		if text.kind() != kindString {
			return badRequest(at+".text", "missing_required_parameter", "Missing required parameter: '"+at+".text'.")
		}
		p.add(text.raw(), text.strLen())
		return nil
	case kind == "refusal" && role == "assistant":
		p.add(part.raw(), part.get("refusal").strLen())
		return nil
	case role != "user":
	case kind == "image_url":
		url := part.get("image_url").get("url").str()
		if !goodImageURL(url) {
			return badRequest(at+".image_url.url", "invalid_image_url", "Invalid 'image_url': expected a valid URL or a base64-encoded data URL, but got a value without a supported format.")
		}
		a.images++
		p.add(part.raw(), 0)
		return nil
	case kind == "input_audio" || kind == "file":
		p.add(part.raw(), 0)
		return nil
	}
	return badRequest(at+".type", "invalid_value", "Invalid value: '"+kind+"'. Supported values are: 'text', 'image_url', 'input_audio', 'refusal', 'audio', and 'file'.")
}

// goodImageURL accepts http(s) URLs and data URLs of base64 images.
func goodImageURL(url string) bool {
	if strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://") {
		return true
	}
	rest, ok := strings.CutPrefix(url, "data:image/")
	if !ok {
		return false
	}
	_, data, ok := strings.Cut(rest, ";base64,")
	if !ok || data == "" {
		return false
	}
	_, ok = decodeBase64(data)
	return ok
}

// chatText joins the text of a message's content.
func chatText(content val) string {
	if content.kind() == kindString {
		return content.str()
	}
	var b strings.Builder
	for _, part := range content.items() {
		b.WriteString(part.get("text").str())
	}
	return b.String()
}
