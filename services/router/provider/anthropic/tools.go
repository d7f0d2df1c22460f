package anthropic

import (
	"maps"
	"slices"
	"strconv"

	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/router/chat"
)

// planTools chooses the tools that are offered and how they are.
func (e *encoder) planTools() error {
	for i := range e.req.Tools {
		if t := &e.req.Tools[i]; t.Type != "function" {
			if err := e.call.Unsupported("tools["+strconv.Itoa(i)+"].type", "only functions are translated"); err != nil {
				return err
			}
			continue
		}
		if len(e.req.ToolChoice.Allowed) > 0 && !slices.Contains(e.req.ToolChoice.Allowed, e.req.Tools[i].Name) {
			continue
		}
		e.tools = append(e.tools, e.req.Tools[i])
	}
	for _, name := range e.req.ToolChoice.Allowed {
		if !e.offers(name) {
			return invalid("tool_choice", "allows a function that tools does not have")
		}
	}
	forced := false
	switch e.req.ToolChoice.Mode {
	case "":
	case "auto":
		e.choice = "auto"
	case "none":
		e.choice = "none"
	case "required":
		e.choice, forced = "any", true
	case "custom":
		if err := e.call.Unsupported("tool_choice", "only functions are translated"); err != nil {
			return err
		}
	case "function":
		if !e.offers(e.req.ToolChoice.Name) {
			return invalid("tool_choice", "names a function that tools does not have")
		}
		e.choice, forced = "tool", true
	default:
		return invalid("tool_choice", "must be auto, none, required or a function")
	}
	if forced && len(e.tools) == 0 {
		return invalid("tool_choice", "needs tools")
	}
	why := ""
	switch {
	case !forced:
	case !e.model.forces():
		why = "this model cannot be made to call a tool"
	case e.think.kind == "enabled": // adaptive thinking can
		why = "a model with a thinking budget cannot be made to call a tool"
	}
	if why != "" {
		if err := e.call.Unsupported("tool_choice", why); err != nil {
			return err
		}
		e.choice = "auto"
	}
	return nil
}

func (e *encoder) offers(name string) bool {
	return slices.ContainsFunc(e.tools, func(t chat.Tool) bool { return t.Name == name })
}

func (e *encoder) appendTools(b []byte) ([]byte, error) {
	if len(e.tools) == 0 {
		return b, nil // the API refuses a choice among none
	}
	b = append(b, `,"tools":[`...)
	for i := range e.tools {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = e.appendTool(b, &e.tools[i]); err != nil {
			return nil, err
		}
	}
	b = append(b, ']')
	single := e.req.ParallelToolCalls != nil && !*e.req.ParallelToolCalls && e.choice != "none"
	choice := e.choice
	if choice == "" && single {
		choice = "auto"
	}
	if choice == "" {
		return b, nil
	}
	b = append(b, `,"tool_choice":{"type":"`...)
	b = append(b, choice...)
	b = append(b, '"')
	if choice == "tool" {
		b = append(b, `,"name":`...)
		b = quoted(b, e.req.ToolChoice.Name)
	}
	if single {
		b = append(b, `,"disable_parallel_tool_use":true`...)
	}
	return append(b, '}'), nil
}

func (e *encoder) appendTool(b []byte, t *chat.Tool) ([]byte, error) {
	at := "tools." + t.Name
	b = append(b, `{"name":`...)
	b = quoted(b, t.Name)
	if t.Description != "" {
		b = append(b, `,"description":`...)
		b = quoted(b, t.Description)
	}
	b = append(b, `,"input_schema":`...)
	switch kind, ok := jsonscan.Lookup(t.Parameters, "type"); {
	case t.Parameters == nil:
		b = append(b, `{"type":"object","properties":{}}`...)
	case t.Parameters[0] != '{':
		return nil, invalid(at+".parameters", "must be an object")
	case !ok:
		b = append(b, `{"type":"object"`...)
		if inner := jsonscan.AppendCanonical(nil, t.Parameters); len(inner) > len("{}") {
			b = append(append(b, ','), inner[1:]...)
		} else {
			b = append(b, `,"properties":{}}`...)
		}
	case !jsonscan.EqualString(kind.Raw(t.Parameters), "object"):
		return nil, invalid(at+".parameters", "must be the schema of an object")
	default:
		b = append(b, t.Parameters...)
	}
	if t.Strict != nil && *t.Strict {
		b = append(b, `,"strict":true`...)
	}
	if t.CacheControl != nil {
		b = append(append(b, `,"cache_control":`...), t.CacheControl...)
	}
	for _, name := range slices.Sorted(maps.Keys(t.Extra)) {
		switch name {
		case "input_examples", "eager_input_streaming": // Anthropic's own
			b = append(append(append(b, `,"`...), name...), `":`...)
			b = append(b, t.Extra[name]...)
			continue
		}
		if err := e.call.Unsupported(at+"."+name, "the provider's tools have no such member"); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}
