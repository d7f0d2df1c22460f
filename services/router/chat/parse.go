package chat

import (
	"encoding/json"
	"errors"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
)

// Parse reads a request. Its errors are invalid_request and name the parameter.
func Parse(body []byte) (*Request, error) {
	r := &Request{}
	var maxTokens, maxCompletion int64
	err := object("", body, func(name string, raw json.RawMessage) error {
		switch name {
		case "model", "stream":
			return nil
		case "messages":
			return array(name, raw, func(path string, raw json.RawMessage) error {
				m, err := parseMessage(path, raw)
				r.Messages = append(r.Messages, m)
				return err
			})
		case "tools":
			return array(name, raw, func(path string, raw json.RawMessage) error {
				t, err := parseTool(path, raw)
				r.Tools = append(r.Tools, t)
				return err
			})
		case "tool_choice":
			return parseToolChoice(raw, &r.ToolChoice)
		case "parallel_tool_calls":
			return decode(name, raw, &r.ParallelToolCalls)
		case "response_format":
			return parseResponseFormat(raw, &r.ResponseFormat)
		case "max_tokens":
			return integer(name, raw, &maxTokens)
		case "max_completion_tokens":
			return integer(name, raw, &maxCompletion)
		case "temperature":
			return decode(name, raw, &r.Temperature)
		case "top_p":
			return decode(name, raw, &r.TopP)
		case "top_k":
			return decode(name, raw, &r.TopK)
		case "frequency_penalty":
			return decode(name, raw, &r.FrequencyPenalty)
		case "presence_penalty":
			return decode(name, raw, &r.PresencePenalty)
		case "n":
			return integer(name, raw, &r.N)
		case "seed":
			return optionalInteger(name, raw, &r.Seed)
		case "stop":
			return parseStop(raw, &r.Stop)
		case "logprobs":
			return decode(name, raw, &r.Logprobs)
		case "top_logprobs":
			return optionalInteger(name, raw, &r.TopLogprobs)
		case "reasoning_effort":
			return decode(name, raw, &r.ReasoningEffort)
		case "thinking":
			return parseThinking(raw, r)
		case "user":
			return decode(name, raw, &r.User)
		case "service_tier":
			return decode(name, raw, &r.ServiceTier)
		case "stream_options":
			return object(name, raw, func(key string, raw json.RawMessage) error {
				if key == "include_usage" {
					return decode("stream_options.include_usage", raw, &r.IncludeUsage)
				}
				extra(&r.Extra, "stream_options."+key, raw)
				return nil
			})
		}
		extra(&r.Extra, name, raw)
		return nil
	})
	if err != nil {
		if _, ok := errors.AsType[*jsonscan.SyntaxError](err); ok {
			err = errs.Newf(errs.InvalidRequest, "the request is no valid JSON object: %v", err)
		}
		return nil, err
	}
	r.MaxTokens = maxTokens
	if maxCompletion > 0 {
		r.MaxTokens = maxCompletion
	}
	return r, nil
}

func parseMessage(path string, raw json.RawMessage) (Message, error) {
	var m Message
	var reasoning string
	err := object(path, raw, func(name string, raw json.RawMessage) error {
		at := path + "." + name
		switch name {
		case "role":
			return decode(at, raw, &m.Role)
		case "name":
			return decode(at, raw, &m.Name)
		case "content":
			return parseContent(at, raw, &m.Content)
		case "tool_calls":
			return array(at, raw, func(path string, raw json.RawMessage) error {
				c, err := parseToolCall(path, raw)
				m.ToolCalls = append(m.ToolCalls, c)
				return err
			})
		case "tool_call_id":
			return decode(at, raw, &m.ToolCallID)
		case "refusal":
			return decode(at, raw, &m.Refusal)
		case "reasoning_content":
			return decode(at, raw, &m.ReasoningContent)
		case "reasoning": // Groq's name for it, and OpenRouter's
			return decode(at, raw, &reasoning)
		case "thinking_blocks":
			return decode(at, raw, &m.ThinkingBlocks)
		case "cache_control":
			m.CacheControl = present(raw)
		case "provider_specific_fields":
			m.ProviderFields = present(raw)
		default:
			extra(&m.Extra, name, raw)
		}
		return nil
	})
	if err == nil && m.Role == "" {
		err = invalid(path+".role", "is missing")
	}
	if m.ReasoningContent == "" {
		m.ReasoningContent = reasoning
	}
	return m, err
}

func parseContent(path string, raw json.RawMessage, parts *[]Part) error {
	switch kindOf(raw) {
	case 'n':
		return nil
	case '"':
		text, err := jsonscan.String(raw)
		if err != nil {
			return invalid(path, "is no string")
		}
		*parts = []Part{{Type: "text", Text: text, Raw: raw}}
		return nil
	case '[':
		return array(path, raw, func(path string, raw json.RawMessage) error {
			p, err := parsePart(path, raw)
			*parts = append(*parts, p)
			return err
		})
	}
	return invalid(path, "must be a string or an array of parts")
}

func parsePart(path string, raw json.RawMessage) (Part, error) {
	p := Part{Raw: raw}
	err := object(path, raw, func(name string, raw json.RawMessage) error {
		at := path + "." + name
		switch name {
		case "type":
			return decode(at, raw, &p.Type)
		case "text", "refusal":
			return decode(at, raw, &p.Text)
		case "image_url":
			if kindOf(raw) == '"' { // LiteLLM takes a bare URL as well.
				p.Image = &Image{}
				return decode(at, raw, &p.Image.URL)
			}
			return decode(at, raw, &p.Image)
		case "input_audio":
			return decode(at, raw, &p.Audio)
		case "file":
			return decode(at, raw, &p.File)
		case "cache_control":
			p.CacheControl = present(raw)
		default:
			extra(&p.Extra, name, raw)
		}
		return nil
	})
	if err != nil {
		return p, err
	}
	switch {
	case p.Type == "":
		return p, invalid(path+".type", "is missing")
	case p.Type == "image_url" && (p.Image == nil || p.Image.URL == ""):
		return p, invalid(path+".image_url", "needs a url")
	case p.Type == "input_audio" && p.Audio == nil:
		return p, invalid(path+".input_audio", "is missing")
	case p.Type == "file" && p.File == nil:
		return p, invalid(path+".file", "is missing")
	}
	return p, nil
}

func parseToolCall(path string, raw json.RawMessage) (ToolCall, error) {
	var c ToolCall
	err := object(path, raw, func(name string, raw json.RawMessage) error {
		at := path + "." + name
		switch name {
		case "id":
			return decode(at, raw, &c.ID)
		case "type", "index":
			return nil
		case "function":
			return object(at, raw, func(name string, raw json.RawMessage) error {
				switch name {
				case "name":
					return decode(at+".name", raw, &c.Name)
				case "arguments":
					return decode(at+".arguments", raw, &c.Arguments)
				case "provider_specific_fields":
					return signature(at+"."+name, raw, &c.ThoughtSignature, "thought_signature")
				}
				extra(&c.Extra, "function."+name, raw)
				return nil
			})
		case "cache_control":
			c.CacheControl = present(raw)
		case "provider_specific_fields":
			return signature(at, raw, &c.ThoughtSignature, "thought_signature")
		case "extra_content":
			return signature(at, raw, &c.ThoughtSignature, "google", "thought_signature")
		default:
			extra(&c.Extra, name, raw)
		}
		return nil
	})
	if err == nil && c.Name == "" {
		err = invalid(path+".function.name", "is missing")
	}
	return c, err
}

func parseTool(path string, raw json.RawMessage) (Tool, error) {
	t := Tool{Raw: raw}
	err := object(path, raw, func(name string, raw json.RawMessage) error {
		at := path + "." + name
		switch name {
		case "type":
			return decode(at, raw, &t.Type)
		case "function":
			return object(at, raw, func(name string, raw json.RawMessage) error {
				switch name {
				case "name":
					return decode(at+".name", raw, &t.Name)
				case "description":
					return decode(at+".description", raw, &t.Description)
				case "parameters":
					t.Parameters = present(raw)
					return nil
				case "strict":
					return decode(at+".strict", raw, &t.Strict)
				case "cache_control":
					t.CacheControl = present(raw)
					return nil
				}
				extra(&t.Extra, "function."+name, raw)
				return nil
			})
		case "cache_control":
			t.CacheControl = present(raw)
		default:
			extra(&t.Extra, name, raw)
		}
		return nil
	})
	switch {
	case err != nil:
	case t.Type == "":
		err = invalid(path+".type", "is missing")
	case t.Type == "function" && t.Name == "":
		err = invalid(path+".function.name", "is missing")
	}
	return t, err
}

func parseToolChoice(raw json.RawMessage, choice *ToolChoice) error {
	const path = "tool_choice"
	switch kindOf(raw) {
	case 'n':
		return nil
	case '"':
		return decode(path, raw, &choice.Mode)
	}
	var c struct {
		Type     string `json:"type"`
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
		AllowedTools struct {
			Mode  string `json:"mode"`
			Tools []struct {
				Function struct {
					Name string `json:"name"`
				} `json:"function"`
			} `json:"tools"`
		} `json:"allowed_tools"`
	}
	if err := decode(path, raw, &c); err != nil {
		return err
	}
	switch c.Type {
	case "function":
		if c.Function.Name == "" {
			return invalid(path+".function.name", "is missing")
		}
		*choice = ToolChoice{Mode: "function", Name: c.Function.Name}
	case "allowed_tools":
		choice.Mode = c.AllowedTools.Mode
		for _, t := range c.AllowedTools.Tools {
			choice.Allowed = append(choice.Allowed, t.Function.Name)
		}
	case "custom": // for tools that only OpenAI has
		choice.Mode = c.Type
	default:
		return invalid(path+".type", "must be function, allowed_tools or custom")
	}
	return nil
}

func parseThinking(raw json.RawMessage, r *Request) error {
	const path = "thinking"
	if kindOf(raw) == 'n' {
		return nil
	}
	t := new(Thinking)
	err := object(path, raw, func(name string, raw json.RawMessage) error {
		at := path + "." + name
		switch name {
		case "type":
			return decode(at, raw, &t.Type)
		case "budget_tokens":
			return integer(at, raw, &t.BudgetTokens)
		case "display":
			return decode(at, raw, &t.Display)
		case "block_binding":
			t.BlockBinding = present(raw)
			return nil
		}
		extra(&r.Extra, at, raw)
		return nil
	})
	r.Thinking = t
	return err
}

func parseResponseFormat(raw json.RawMessage, format **ResponseFormat) error {
	const path = "response_format"
	var f *struct {
		Type       string `json:"type"`
		JSONSchema struct {
			Name        string          `json:"name"`
			Description string          `json:"description"`
			Schema      json.RawMessage `json:"schema"`
			Strict      *bool           `json:"strict"`
		} `json:"json_schema"`
	}
	if err := decode(path, raw, &f); err != nil || f == nil {
		return err
	}
	switch f.Type {
	case "text", "json_object":
	case "json_schema":
		if len(f.JSONSchema.Schema) == 0 {
			return invalid(path+".json_schema.schema", "is missing")
		}
	default:
		return invalid(path+".type", "must be text, json_object or json_schema")
	}
	*format = &ResponseFormat{
		Type: f.Type, Name: f.JSONSchema.Name, Description: f.JSONSchema.Description,
		Schema: f.JSONSchema.Schema, Strict: f.JSONSchema.Strict,
	}
	return nil
}

func parseStop(raw json.RawMessage, stop *[]string) error {
	if kindOf(raw) == '"' {
		var one string
		if err := decode("stop", raw, &one); err != nil {
			return err
		}
		*stop = []string{one}
		return nil
	}
	return decode("stop", raw, stop)
}
