package gemini

import (
	"fmt"
	"maps"
	"slices"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/router/chat"
)

// tools writes tools and toolConfig.
func (e *encoder) tools(b []byte) ([]byte, error) {
	var decls []byte
	strict := false
	for i := range e.req.Tools {
		t := &e.req.Tools[i]
		at := fmt.Sprintf("tools[%d]", i)
		if t.Type != "function" {
			if err := e.call.Unsupported(at+".type", "only functions are supported for the Gemini API"); err != nil {
				return nil, err
			}
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(t.Extra)) {
			if err := e.call.Unsupported(at+"."+name, "the Gemini API has no such parameter"); err != nil {
				return nil, err
			}
		}
		strict = strict || t.Strict != nil && *t.Strict
		decls = declaration(element(decls), t)
	}
	if len(decls) > 0 {
		b = append(append(append(member(b, "tools"), `[{"functionDeclarations":[`...), decls...), "]}]"...)
	}
	if p := e.req.ParallelToolCalls; p != nil && !*p && len(decls) > 0 {
		if err := e.call.Unsupported("parallel_tool_calls", "the Gemini API cannot limit a turn to one call"); err != nil {
			return nil, err
		}
	}
	return e.toolConfig(b, len(decls) > 0, strict)
}

func declaration(b []byte, t *chat.Tool) []byte {
	b = jsonscan.AppendQuoted(append(b, `{"name":`...), t.Name)
	if t.Description != "" {
		b = jsonscan.AppendQuoted(member(b, "description"), t.Description)
	}
	if t.Parameters != nil {
		b = jsonscan.AppendCanonical(member(b, "parametersJsonSchema"), t.Parameters)
	}
	return append(b, '}')
}

func (e *encoder) toolConfig(b []byte, has, strict bool) ([]byte, error) {
	choice := e.req.ToolChoice
	if choice.Mode == "custom" {
		if err := e.call.Unsupported("tool_choice", "only functions are supported for the Gemini API"); err != nil {
			return nil, err
		}
		choice.Mode = ""
	}
	mode, allowed := "", choice.Allowed
	switch choice.Mode {
	case "", "auto":
		// Only VALIDATED takes names, and it validates the calls as strict demands.
		if strict || len(allowed) > 0 {
			mode = "VALIDATED"
		}
	case "none":
		mode, allowed = "NONE", nil
	case "required":
		mode = "ANY"
	case "function":
		mode, allowed = "ANY", []string{choice.Name}
	default:
		return nil, invalid("tool_choice", "must be none, auto, required or name a function")
	}
	if !has {
		if mode == "ANY" {
			return nil, errs.New(errs.InvalidRequest, "tool_choice demands a call, but there are no tools").WithParam("tool_choice")
		}
		return b, nil
	}
	if mode == "" {
		return b, nil
	}
	b = append(member(b, "toolConfig"), `{"functionCallingConfig":{"mode":"`...)
	b = append(append(b, mode...), '"')
	if len(allowed) > 0 {
		b = append(member(b, "allowedFunctionNames"), '[')
		for _, name := range allowed {
			b = jsonscan.AppendQuoted(element(b), name)
		}
		b = append(b, ']')
	}
	return append(b, "}}"...), nil
}
