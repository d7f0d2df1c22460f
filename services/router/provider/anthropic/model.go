package anthropic

import "strings"

// model is what a model's name tells about what the API accepts for it. The zero
// model is an unknown one.
type model struct {
	family string
	// version is 405 for 4.5; 0 is unknown.
	version int
}

// parseModel reads names such as claude-opus-5-5, claude-sonnet-4-5-20250929,
// claude-sonnet-4-20250514 and claude-3-7-sonnet-20250219.
func parseModel(name string) model {
	if end := strings.IndexFunc(name, notInName); end >= 0 {
		name = name[:end]
	}
	var m model
	var numbers [2]int
	count := 0
	for token := range strings.SplitSeq(name, "-") {
		switch token {
		case "opus", "sonnet", "haiku", "fable", "mythos":
			m.family = token
			continue
		}
		if n, ok := small(token); ok && count < len(numbers) {
			numbers[count] = n
			count++
		}
	}
	if m.family == "" {
		return model{}
	}
	m.version = numbers[0]*100 + numbers[1]
	if m.version == 0 && m.always() {
		m.version = 500 // claude-mythos-preview
	}
	return m
}

func notInName(r rune) bool {
	return r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9')
}

// small reads a number of one or two digits; a date has eight.
func small(token string) (n int, ok bool) {
	if token == "" || len(token) > 2 {
		return 0, false
	}
	for _, c := range []byte(token) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

func (m model) known() bool { return m.version > 0 }

// before says that the model is known to be older than version v.
func (m model) before(v int) bool { return m.known() && m.version < v }

// since says that the model is known to be of version v or later.
func (m model) since(v int) bool { return m.version >= v }

// always tells the families that think whatever the request says.
func (m model) always() bool { return m.family == "fable" || m.family == "mythos" }

// thinks: extended thinking came with 3.7.
func (m model) thinks() bool { return !m.before(307) }

// adaptive: adaptive thinking came with 4.6.
func (m model) adaptive() bool { return !m.before(406) }

// budgets: thinking budgets went with 4.7.
func (m model) budgets() bool { return !m.since(407) }

// samples: temperature, top_p and top_k went with 4.7.
func (m model) samples() bool { return !m.since(407) }

// oneSampling: from 4.1 on, temperature and top_p exclude each other.
func (m model) oneSampling() bool { return m.since(401) }

// effort: the effort parameter came with Opus 4.5, for the others with 4.6.
func (m model) effort() bool {
	return !m.before(406) || m.family == "opus" && m.version == 405
}

// level says that the model has an effort level.
func (m model) level(effort string) bool {
	switch effort {
	case "max":
		return !m.before(406)
	case "xhigh":
		return !m.before(407)
	}
	return true
}

// off is the thinking type that turns thinking off: empty when leaving the parameter
// out does, and ok is false when nothing does.
func (m model) off() (kind string, ok bool) {
	switch {
	case m.always(), m.family == "opus" && m.since(505):
		return "", false
	case m.family == "sonnet" && m.since(505):
		return "between_tools", true
	case m.before(500):
		return "", true
	}
	return "disabled", true
}

// forces says that the model can be made to call a tool.
func (m model) forces() bool {
	switch m.family {
	case "opus", "sonnet":
		return !m.since(505)
	case "fable", "mythos":
		return !m.since(501)
	}
	return true
}

// formats: structured outputs came with 4.5, and were given to Opus 4.1.
func (m model) formats() bool {
	return !m.before(405) || m.family == "opus" && m.version == 401
}

// systemTurns says that system messages may stand among the messages. It is off for
// unknown models, for which a refusal would cost more than a moved message.
func (m model) systemTurns() bool {
	switch m.family {
	case "opus":
		return m.since(408)
	case "sonnet", "haiku":
		return m.since(505)
	}
	return m.always()
}
