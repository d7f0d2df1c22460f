package gemini

import "strings"

// model is what a model's name tells about it.
type model struct {
	// version is such as 205 for gemini-2.5-…; 0 is unknown.
	version int
	// latest says that the name is an alias such as gemini-flash-latest.
	latest bool
	// pro models cannot do without thinking.
	pro bool
}

func describe(name string) model {
	name = name[strings.LastIndexByte(name, '/')+1:]
	rest, gemini := strings.CutPrefix(name, "gemini-")
	m := model{pro: strings.Contains(name, "-pro")}
	if !gemini {
		return m
	}
	major, rest := number(rest)
	minor := 0
	if strings.HasPrefix(rest, ".") {
		minor, _ = number(rest[1:])
	}
	m.version = major*100 + minor
	m.latest = m.version == 0
	return m
}

// number reads up to two digits.
func number(s string) (n int, rest string) {
	i := 0
	for ; i < len(s) && i < 2 && s[i] >= '0' && s[i] <= '9'; i++ {
		n = n*10 + int(s[i]-'0')
	}
	return n, s[i:]
}

// demandsSignatures is the behaviour of Gemini 3.
func (m model) demandsSignatures() bool { return m.version >= 300 || m.latest }

// hasLevels tells models whose thinking has levels. Those of an unknown name are taken for new.
func (m model) hasLevels() bool { return m.version >= 300 || m.version == 0 }

// thinks tells models that can think.
func (m model) thinks() bool { return m.version >= 205 || m.version == 0 }

// canStop tells models whose thinking can be turned off: only 2.5 Flash and
// Flash-Lite, https://ai.google.dev/gemini-api/docs/openai#thinking.
func (m model) canStop() bool { return m.version >= 205 && m.version < 300 && !m.pro }

// minimal tells models that have the level MINIMAL: the Flash models from 3 to 3.6. All have
// LOW. https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/thinking
// (read 2026-11-28).
func (m model) minimal() bool { return !m.pro && m.version >= 300 && m.version < 307 }

// mixesToolsAndJSON tells models that take tools and a JSON answer in one request.
func (m model) mixesToolsAndJSON() bool { return m.version >= 300 || m.version == 0 }

// takesMediaResults tells models whose function responses may hold images.
func (m model) takesMediaResults() bool { return m.version >= 300 || m.version == 0 }
