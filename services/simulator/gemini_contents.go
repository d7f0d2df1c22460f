package simulator

import (
	"fmt"
	"strings"
)

// Members of the messages of a request, as lowerCamelCase. A member that is
// not named here is refused, as Google's JSON reader does.
var geminiMembers = map[string]string{
	"request": " contents tools toolConfig safetySettings systemInstruction generationConfig cachedContent labels model store serviceTier ",
	"content": " parts role ",
	"part": " mediaResolution codeExecutionResult executableCode fileData functionCall functionResponse inlineData text thought " +
		"thoughtSignature videoMetadata toolCall toolResponse partMetadata ",
	"generation_config": " responseJsonSchema audioTimestamp candidateCount enableAffectiveDialog frequencyPenalty logprobs " +
		"maxOutputTokens mediaResolution presencePenalty responseLogprobs responseMimeType responseModalities responseSchema seed " +
		"speechConfig stopSequences temperature thinkingConfig topK topP enableEnhancedCivicAnswers responseFormat imageConfig ",
	"function": " description name parameters parametersJsonSchema response responseJsonSchema behavior ",
	"schema": " anyOf default description enum example format items maxItems maxLength maxProperties maximum minItems minLength " +
		"minProperties minimum nullable pattern properties propertyOrdering required title type ",
	"function_call":     " id args name ",
	"function_response": " willContinue scheduling parts id name response ",
	"thinking_config":   " includeThoughts thinkingBudget thinkingLevel ",
}

// camel turns snake_case into lowerCamelCase.
func camel(s string) string {
	if !strings.Contains(s, "_") {
		return s
	}
	parts := strings.Split(s, "_")
	for i, p := range parts[1:] {
		if p != "" {
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}

// known refuses the members of v that the named message does not have.
func (g *gemini) known(message, at string, v val) *apiError {
	if g.x.dir.Lenient {
		return nil
	}
	for key := range v.members() {
		if strings.Contains(geminiMembers[message], " "+camel(key)+" ") {
			continue
		}
		where := ""
		if at != "" {
			where = " at '" + at + "'"
		}
		return violation(at, `Invalid JSON payload received. Unknown name "`+key+`"`+where+": Cannot find field.")
	}
	return nil
}

// unknown checks the members of the whole request.
func (g *gemini) unknown() error {
	type place struct {
		message, at string
		v           val
	}
	cfg := find(g.root, "generationConfig")
	places := []place{
		{"request", "", g.root},
		{"generation_config", "generation_config", cfg},
		{"thinking_config", "generation_config.thinking_config", find(cfg, "thinkingConfig")},
		{"content", "system_instruction", find(g.root, "systemInstruction")},
	}
	for i, c := range g.root.get("contents").items() {
		at := fmt.Sprintf("contents[%d]", i)
		places = append(places, place{"content", at, c})
		for j, p := range c.get("parts").items() {
			pat := fmt.Sprintf("%s.parts[%d]", at, j)
			places = append(places, place{"part", pat, p},
				place{"function_call", pat + ".function_call", find(p, "functionCall")},
				place{"function_response", pat + ".function_response", find(p, "functionResponse")})
		}
	}
	for i, t := range g.root.get("tools").items() {
		for j, f := range find(t, "functionDeclarations").items() {
			places = append(places, place{"function", fmt.Sprintf("tools[%d].function_declarations[%d]", i, j), f})
		}
	}
	for _, p := range places {
		if e := g.known(p.message, p.at, p.v); e != nil {
			return e
		}
	}
	return nil
}

// checkSchema refuses what is not in Google's OpenAPI subset.
func (g *gemini) checkSchema(at string, s val) *apiError {
	if s.kind() != kindObject {
		return nil
	}
	if e := g.known("schema", at, s); e != nil {
		return e
	}
	t := strings.ToUpper(s.get("type").str())
	if t == "" && !find(s, "anyOf").set() || t != "" && !strings.Contains(" STRING NUMBER INTEGER BOOLEAN ARRAY OBJECT NULL TYPE_UNSPECIFIED ", " "+t+" ") {
		return violation(at+".type", "Invalid value at '"+at+".type' (type.googleapis.com/google.ai.generativelanguage.v1beta.Type), "+string(s.get("type").raw()))
	}
	props := s.get("properties")
	for i, key := range list(s.get("required")) {
		if props.get(key.str()).kind() == kindMissing {
			return badArgument("* GenerateContentRequest.%s.required[%d]: property is not defined\n", at, i)
		}
	}
	if t == "ARRAY" && !s.get("items").set() {
		return badArgument("* GenerateContentRequest.%s.items: missing field.\n", at)
	}
	n := 0
	for _, sub := range props.members() {
		if e := g.checkSchema(fmt.Sprintf("%s.properties[%d].value", at, n), sub); e != nil {
			return e
		}
		n++
	}
	for i, sub := range find(s, "anyOf").items() {
		if e := g.checkSchema(fmt.Sprintf("%s.any_of[%d]", at, i), sub); e != nil {
			return e
		}
	}
	return g.checkSchema(at+".items", s.get("items"))
}

func (g *gemini) system() error {
	s := find(g.root, "systemInstruction")
	for _, p := range s.get("parts").items() {
		if p.get("text").kind() != kindString {
			return badArgument("* GenerateContentRequest.system_instruction.parts: only text is supported.\n")
		}
		g.p.add(p.get("text").raw(), p.get("text").strLen())
	}
	g.p.mark()
	return nil
}

// pastCall is a function call of the conversation so far.
type pastCall struct {
	content, part int
	name          string
	signature     val
}

// contents checks the conversation: roles, parts, and that each turn of calls
// comes after a user's turn and is answered by as many responses.
func (g *gemini) contents() error {
	contents := g.root.get("contents")
	if contents.size() == 0 {
		return badArgument("* GenerateContentRequest.contents: contents is not specified\n")
	}
	var (
		calls    []string // of the turn before, unanswered
		last     val
		lastKind string
	)
	for i, c := range contents.items() {
		role := c.get("role").str()
		if role != "" && role != "user" && role != "model" && role != "function" {
			return badArgument("Please use a valid role: user, model.")
		}
		if c.get("parts").size() == 0 {
			return badArgument("* GenerateContentRequest.contents[%d].parts: contents.parts must not be empty.\n", i)
		}
		g.p.add([]byte(role), 0)
		turn, err := g.parts(i, role, c)
		if err != nil {
			return err
		}
		switch {
		case len(turn.calls) > 0 && i == 0, len(turn.calls) > 0 && lastKind == "model":
			return badArgument("Please ensure that function call turn comes immediately after a user turn or after a function response turn.")
		case len(calls) > 0 && len(turn.results) != len(calls):
			return badArgument("Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.")
		case len(calls) == 0 && len(turn.results) > 0:
			return badArgument("Please ensure that function response turn comes immediately after a function call turn.")
		}
		for k, r := range turn.results {
			if r.name != calls[k] && !contains(calls, r.name) {
				return badArgument("* GenerateContentRequest.contents[%d].parts[%d].function_response.name: no function call of that name in the turn before.\n", i, k)
			}
		}
		calls, g.a.results = turn.calls, turn.results
		lastKind, last = role, c
		g.p.mark()
	}
	if len(calls) > 0 {
		return badArgument("Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.")
	}
	g.a.messages = contents.size()
	if lastKind != "model" && len(g.a.results) == 0 {
		var text strings.Builder
		for _, p := range last.get("parts").items() {
			text.WriteString(p.get("text").str())
		}
		g.a.lastText = text.String()
	}
	return nil
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// turn is what the parts of one content hold.
type turn struct {
	calls   []string
	results []toolResult
}

func (g *gemini) parts(i int, role string, c val) (turn, error) {
	var t turn
	for j, p := range c.get("parts").items() {
		at := fmt.Sprintf("GenerateContentRequest.contents[%d].parts[%d]", i, j)
		call, response := find(p, "functionCall"), find(p, "functionResponse")
		inline, file := find(p, "inlineData"), find(p, "fileData")
		signature := find(p, "thoughtSignature")
		set := 0
		for _, v := range [...]val{p.get("text"), call, response, inline, file, find(p, "executableCode"), find(p, "codeExecutionResult")} {
			if v.set() {
				set++
			}
		}
		switch {
		case set == 0 && !signature.set():
			return t, badArgument("* %s.data: required oneof field 'data' must have one initialized field\n", at)
		case set > 1:
			return t, violation(at, "Invalid value at 'contents["+fmt.Sprint(i)+"].parts["+fmt.Sprint(j)+"]' (oneof), oneof field 'data' is already set.")
		case call.set():
			if role != "model" || call.get("name").str() == "" || call.get("args").set() && call.get("args").kind() != kindObject {
				return t, badArgument("* %s.function_call: a function call needs the role model, a name, and args that are an object.\n", at)
			}
			t.calls = append(t.calls, call.get("name").str())
			g.calls = append(g.calls, pastCall{i, j, call.get("name").str(), signature})
			g.p.add(call.raw(), call.get("name").strLen()+len(call.get("args").raw()))
		case response.set():
			name, body := response.get("name").str(), response.get("response")
			if role == "model" || name == "" || body.kind() != kindObject {
				return t, badArgument("* %s.function_response: a function response needs the role user, a name, and a response that is an object.\n", at)
			}
			t.results = append(t.results, toolResult{name, string(appendCompact(nil, body))})
			g.p.add(response.raw(), len(body.raw()))
		case inline.set():
			mime := find(inline, "mimeType").str()
			data, ok := decodeBase64(inline.get("data").str())
			if mime == "" || !ok || len(data) == 0 {
				return t, badArgument("* %s.inline_data: needs a mime_type and base64 data.\n", at)
			}
			if strings.HasPrefix(mime, "image/") {
				g.a.images++
			}
			g.p.add(inline.raw(), 0)
		case file.set():
			if find(file, "fileUri").str() == "" {
				return t, badArgument("* %s.file_data.file_uri: must not be empty.\n", at)
			}
			if strings.HasPrefix(find(file, "mimeType").str(), "image/") {
				g.a.images++
			}
			g.p.add(file.raw(), 0)
		default:
			g.p.add(p.raw(), p.get("text").strLen())
		}
		if signature.set() && !call.set() && !g.x.s.verifyBytes(signature.str(), "gemini", "") && !bypass(signature) {
			return t, badArgument("Corrupted thought signature.")
		}
	}
	return t, nil
}

// bypass tells the two values that Google documents for conversations that
// have no signature to give.
func bypass(signature val) bool {
	return signature.is("skip_thought_signature_validator") || signature.is("context_engineering_is_the_way_to_go")
}

// signatures verifies the signatures of function calls. Gemini 3 wants one on
// the first call of each step of the current turn, which begins at the last
// user content that is no function response.
func (g *gemini) signatures() error {
	start := 0
	for i, c := range g.root.get("contents").items() {
		if c.get("role").is("model") {
			continue
		}
		for _, p := range c.get("parts").items() {
			if !find(p, "functionResponse").set() {
				start = i
			}
		}
	}
	step := -1
	for k, call := range g.calls {
		first := call.content != step
		step = call.content
		switch {
		case call.signature.set():
			if !bypass(call.signature) && !g.x.s.verifyBytes(call.signature.str(), "gemini", call.name) {
				return badArgument("Corrupted thought signature.")
			}
		case first && g.version >= 300 && call.content > start:
			return badArgument("Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and "+
				"missing thought_signature may lead to degraded model performance. Additional data, function call `default_api:%s` , position %d. "+
				"Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details.", call.name, k+1)
		}
	}
	return nil
}
