package simulator

import (
	"fmt"
	"strconv"
	"strings"
)

// block takes a tool or content block into the prompt: all but its
// cache_control, which then ends a prefix.
func (c *claude) block(at string, b val, bytes int) error {
	for key, v := range b.members() {
		if key != "cache_control" {
			c.p.add([]byte(key), 0)
			c.p.add(v.raw(), 0)
		}
	}
	c.p.add(nil, bytes)
	c.p.mark()
	if cc := b.get("cache_control"); cc.set() {
		return c.breakpoint(at+".cache_control", cc)
	}
	return nil
}

func (c *claude) system() error {
	s := c.root.get("system")
	switch s.kind() { //nolint:exhaustive // what is none of these is refused below
	case kindMissing:
		return nil
	case kindString:
		c.p.add(s.raw(), s.strLen())
		c.p.mark()
		return nil
	case kindArray:
		for i, b := range s.items() {
			at := "system." + strconv.Itoa(i)
			if !b.get("type").is("text") {
				return invalid("%s.type: Input should be 'text'", at)
			}
			if b.get("text").str() == "" {
				return invalid("system: text content blocks must be non-empty")
			}
			if err := c.block(at, b, b.get("text").strLen()); err != nil {
				return err
			}
		}
		return nil
	}
	return invalid("system: Input should be a valid string or list")
}

// turns checks the messages. Neighbours of one role are one turn, and tool
// results have to follow their calls in the next turn, before anything else.
func (c *claude) turns() error {
	messages := c.root.get("messages")
	switch {
	case messages.kind() == kindMissing:
		return invalid("messages: Field required")
	case messages.size() == 0:
		return invalid("messages: at least one message is required")
	}
	var t turnState
	for i, m := range messages.items() {
		role := m.get("role").str()
		if role != "user" && role != "assistant" && (role != "system" || i == 0) {
			return invalid("messages.%d.role: Input should be 'user' or 'assistant'", i)
		}
		if i == 0 && role != "user" {
			return invalid(`messages: first message must use the "user" role`)
		}
		for key := range m.members() {
			if key != "role" && key != "content" && !c.x.dir.Lenient {
				return invalid("messages.%d.%s: Extra inputs are not permitted", i, key)
			}
		}
		if err := t.enter(i, role); err != nil {
			return err
		}
		c.p.add([]byte(role), 0)
		if err := c.content(i, role, m.get("content"), &t); err != nil {
			return err
		}
	}
	if err := t.enter(messages.size(), "end"); err != nil {
		return err
	}
	c.a.messages = messages.size()
	return c.lastTurn(&t)
}

// lastTurn checks how the conversation ends.
func (c *claude) lastTurn(t *turnState) error {
	if t.last == "assistant" {
		switch {
		case c.version >= 406:
			return invalid("This model does not support assistant message prefill. The conversation must end with a user message.")
		case c.a.think:
			return invalid("When thinking is enabled, the final message must not be an assistant message.")
		case strings.TrimRight(t.text.String(), " \n\t") != t.text.String():
			return invalid("messages: final assistant content cannot end with trailing whitespace")
		}
		return nil
	}
	c.a.results = t.results
	if t.last == "user" {
		c.a.lastText = t.text.String()
	}
	if c.thinks == "enabled" && len(t.results) > 0 && t.calls.first != "thinking" && t.calls.first != "redacted_thinking" {
		return invalid("messages.%d.content.0.type: Expected `thinking` or `redacted_thinking`, but found `%s`. When `thinking` is enabled, "+
			"a final `assistant` message must start with a thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks). "+ //nolint:misspell // the provider's own text
			"We recommend you include thinking blocks from previous turns. To avoid this requirement, disable `thinking`. Please consult our "+
			"documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking", t.calls.at, t.calls.first)
	}
	return nil
}

// turnState follows the turns: each is one or more messages of one role.
type turnState struct {
	last    string // role of the turn
	blocks  int    // blocks so far in the turn that are no tool results
	text    strings.Builder
	pending []string // calls of the turn before that lack a result
	results []toolResult
	names   map[string]string
	calls   struct { // the last assistant turn
		at    int
		first string // type of its first block
		ids   []string
	}
}

// enter starts message i.
func (t *turnState) enter(i int, role string) error {
	if role == t.last {
		return nil
	}
	if t.last == "user" || t.last == "system" {
		if len(t.pending) > 0 {
			return missingResults(t.calls.at, t.pending)
		}
	}
	switch role {
	case "user":
		t.pending, t.calls.ids = t.calls.ids, nil
	case "assistant":
		t.calls.at, t.calls.first, t.calls.ids = i, "", nil
	default:
		if t.last == "assistant" && len(t.calls.ids) > 0 {
			return missingResults(t.calls.at, t.calls.ids)
		}
	}
	if role != "end" {
		t.last, t.blocks, t.results = role, 0, nil
		t.text.Reset()
	}
	return nil
}

func missingResults(at int, ids []string) error {
	return invalid("messages.%d: `tool_use` ids were found without `tool_result` blocks immediately after: %s. "+
		"Each `tool_use` block must have a corresponding `tool_result` block in the next message.", at, strings.Join(ids, ", "))
}

func (c *claude) content(i int, role string, content val, t *turnState) error {
	at := "messages." + strconv.Itoa(i) + ".content"
	switch content.kind() { //nolint:exhaustive // the rest is handled below
	case kindString:
		if content.strLen() == 0 {
			return invalid("messages.%d: %s messages must have non-empty content", i, role)
		}
		t.note("text")
		if len(t.pending) > 0 {
			return missingResults(t.calls.at, t.pending)
		}
		t.text.WriteString(content.str())
		c.p.add(content.raw(), content.strLen())
		c.p.mark()
		return nil
	case kindArray:
		if content.size() == 0 {
			return invalid("messages.%d: %s messages must have non-empty content", i, role)
		}
		for j, b := range content.items() {
			bat := at + "." + strconv.Itoa(j)
			bytes, err := c.contentBlock(bat, role, b, t)
			if err != nil {
				return err
			}
			if err := c.block(bat, b, bytes); err != nil {
				return err
			}
		}
		return nil
	case kindMissing:
		return invalid("%s: Field required", at)
	}
	return invalid("%s: Input should be a valid list", at)
}

// note takes the kind of a block of the turn.
func (t *turnState) note(kind string) {
	if t.last == "assistant" && t.calls.first == "" {
		t.calls.first = kind
	}
	if kind != "tool_result" {
		t.blocks++
	}
}

// contentBlock checks a block and answers its size for the token count.
func (c *claude) contentBlock(at, role string, b val, t *turnState) (int, error) {
	kind := b.get("type").str()
	t.note(kind)
	if kind != "tool_result" && role == "user" && len(t.pending) > 0 {
		return 0, missingResults(t.calls.at, t.pending)
	}
	switch {
	case kind == "text":
		text := b.get("text")
		if text.kind() != kindString {
			return 0, invalid("%s.text.text: Field required", at)
		}
		if text.strLen() == 0 {
			return 0, invalid("messages: text content blocks must be non-empty")
		}
		t.text.WriteString(text.str())
		return text.strLen(), nil
	case kind == "image" && role == "user":
		return 0, c.image(at, b)
	case kind == "document" && role == "user":
		return b.get("source").get("data").strLen(), nil
	case kind == "tool_result" && role == "user":
		return c.toolResult(at, b, t)
	case kind == "tool_use" && role == "assistant":
		return t.toolUse(at, b)
	case (kind == "thinking" || kind == "redacted_thinking") && role == "assistant":
		return c.pastThinking(at, kind, b)
	case strings.Contains(" search_result server_tool_use web_search_tool_result mid_conv_system container_upload ", " "+kind+" "):
		return 0, nil
	case !b.get("type").set():
		return 0, invalid("%s.type: Field required", at)
	}
	return 0, invalid("%s: Input tag '%s' found using 'type' does not match any of the expected tags for the role '%s'", at, kind, role)
}

func (c *claude) image(at string, b val) error {
	src := b.get("source")
	switch src.get("type").str() {
	case "base64":
		if !strings.Contains(" image/jpeg image/png image/gif image/webp ", " "+src.get("media_type").str()+" ") {
			return invalid("%s.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'", at)
		}
		if data, ok := decodeBase64(src.get("data").str()); !ok || len(data) == 0 {
			return invalid("%s.image.source.base64.data: Invalid base64 data", at)
		}
	case "url":
		if !strings.HasPrefix(src.get("url").str(), "https://") {
			return invalid("%s.image.source.url.url: Only HTTPS URLs are supported.", at)
		}
	case "file":
	default:
		return invalid("%s.image.source: Input tag '%s' found using 'type' does not match any of the expected tags: 'base64', 'url', 'file'", at, src.get("type").str())
	}
	c.a.images++
	return nil
}

func (t *turnState) toolUse(at string, b val) (int, error) {
	id, input := b.get("id").str(), b.get("input")
	switch {
	case !validName(id, 256):
		return 0, invalid("%s.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'", at)
	case !validName(b.get("name").str(), 200):
		return 0, invalid("%s.tool_use.name: String should match pattern '^[a-zA-Z0-9_-]{1,200}$'", at)
	case input.kind() != kindObject:
		return 0, invalid("%s.tool_use.input: Input should be a valid dictionary", at)
	}
	if _, used := t.names[id]; used {
		return 0, invalid("messages: `tool_use` ids must be unique")
	}
	if t.names == nil {
		t.names = map[string]string{}
	}
	t.names[id] = b.get("name").str()
	t.calls.ids = append(t.calls.ids, id)
	return b.get("name").strLen() + len(input.raw()), nil
}

func (c *claude) toolResult(at string, b val, t *turnState) (int, error) {
	id := b.get("tool_use_id")
	if id.kind() != kindString {
		return 0, invalid("%s.tool_result.tool_use_id: Field required", at)
	}
	found := false
	for i, want := range t.pending {
		if id.is(want) {
			t.pending = append(t.pending[:i:i], t.pending[i+1:]...)
			found = true
			break
		}
	}
	if !found {
		return 0, invalid("%s: unexpected `tool_use_id` found in `tool_result` blocks: %s. Each `tool_result` block must have a corresponding "+
			"`tool_use` block in the previous message.", at, id.str())
	}
	content := b.get("content")
	var text strings.Builder
	switch content.kind() {
	case kindMissing:
	case kindString:
		text.WriteString(content.str())
	case kindArray:
		for k, part := range content.items() {
			switch part.get("type").str() {
			case "text":
				text.WriteString(part.get("text").str())
			case "image":
				if err := c.image(at+".tool_result.content."+strconv.Itoa(k), part); err != nil {
					return 0, err
				}
			case "document", "search_result", "tool_reference":
			default:
				return 0, invalid("%s.tool_result.content.%d: Input tag '%s' found using 'type' does not match any of the expected tags", at, k, part.get("type").str())
			}
		}
	default:
		return 0, invalid("%s.tool_result.content: Input should be a valid string or list", at)
	}
	result := text.String()
	if b.get("is_error").isTrue() {
		result = "error: " + result
	}
	t.results = append(t.results, toolResult{t.names[id.str()], result})
	return text.Len(), nil
}

// pastThinking verifies that a thinking block is one that the simulator made,
// byte for byte.
func (c *claude) pastThinking(at, kind string, b val) (int, error) {
	s := c.x.s
	if kind == "redacted_thinking" {
		nonce, sig, ok := strings.Cut(b.get("data").str(), ".")
		if !ok || !s.verify(sig, "redacted", nonce) {
			return 0, invalid("%s: Invalid `data` in `redacted_thinking` block", at)
		}
		return 0, nil
	}
	thinking, signature := b.get("thinking"), b.get("signature")
	switch {
	case thinking.kind() != kindString:
		return 0, invalid("%s.thinking.thinking: Field required", at)
	case signature.kind() != kindString:
		return 0, invalid("%s.thinking.signature: Field required", at)
	case !s.verify(signature.str(), "thinking", thinking.str()):
		return 0, invalid("%s: Invalid `signature` in `thinking` block", at)
	}
	return thinking.strLen(), nil
}

// cache finds what the explicit breakpoints read and write. The last
// breakpoint that has a known prefix at it, or within the 20 blocks before it,
// is read; from there to the last breakpoint is written.
// https://platform.claude.com/docs/en/build-with-claude/prompt-caching (read
// 2026-11).
func (c *claude) cache() {
	const lookback = 20
	marks, now := c.p.marks, c.x.s.opt.Now()
	least := c.x.least()
	read := -1
	for i := len(marks) - 1; i >= 0 && read < 0; i-- {
		if marks[i].ttl == 0 {
			continue
		}
		for j := i; j >= 0 && j > i-lookback; j-- {
			if tokens(marks[j].bytes) >= least && c.x.s.prefixes.has(marks[j].key, now, marks[i].ttl) {
				read = j
				break
			}
		}
	}
	from := 0
	if read >= 0 {
		from = tokens(marks[read].bytes)
		c.readTokens = from
	}
	for i, m := range marks {
		if m.ttl == 0 || i <= read || tokens(m.bytes) < least {
			continue
		}
		c.x.s.prefixes.put(m.key, now.Add(m.ttl))
		if n := tokens(m.bytes) - from; m.ttl > shortTTL {
			c.write1h += n
		} else {
			c.write5m += n
		}
		from = tokens(m.bytes)
	}
}

// redactedData makes the data of a redacted_thinking block.
func (c *claude) redactedData() string {
	nonce := fmt.Sprintf("%016x", c.x.s.ids.Add(1))
	return nonce + "." + c.x.s.sign("redacted", nonce)
}
