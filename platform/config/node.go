package config

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tollgate.dev/platform/secret"
	"tollgate.dev/platform/spelling"
)

const (
	// maxFollows bounds the aliases followed in one file: chains of them can multiply a small document.
	maxFollows = 10_000
	// maxDuration bounds every time in the file.
	maxDuration = 30 * 24 * time.Hour
)

// value is one node with its path. env marks a value that did come, or may have come, out of the environment: it is never
// quoted in a message.
type value struct {
	node    *yaml.Node
	path    string
	line    int
	literal string
	env     bool
}

// quote gives text for a message, unless it may be a secret.
func (v value) quote(text string) string {
	if v.env {
		return "(a value from the environment)"
	}
	if looksSecret(text) {
		return "[redacted]"
	}
	if len(text) > 80 {
		text = text[:80]
	}
	return strconv.Quote(text)
}

// lead puts text before what is wrong with it, where text may be shown.
func (v value) lead(text string) string {
	if v.env {
		return "" // the path is the variable's name, and says which
	}
	return v.quote(text) + ": "
}

// looksSecret knows the shapes of provider and gateway keys, which land in the wrong place easily.
func looksSecret(s string) bool {
	return keyShape.MatchString(s) || strings.Contains(s, "@") && strings.Contains(s, "://")
}

var keyShape = regexp.MustCompile(`(^|[^A-Za-z])(sk-|gsk_|AIza|AQ\.|pk-lf-|Bearer )`)

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// follow resolves aliases. It fails on a chain that bites its tail and past maxFollows.
func (l *loader) follow(v value) (value, bool) {
	for depth := 0; v.node != nil && v.node.Kind == yaml.AliasNode; depth++ {
		l.follows++
		if depth > 10 || l.follows > maxFollows {
			l.errorf(v.line, v.path, "too many YAML aliases")
			return v, false
		}
		v.node = v.node.Alias
	}
	return v, v.node != nil
}

// section is one mapping whose keys are read one by one; what is left at the end is unknown.
type section struct {
	l      *loader
	path   string
	line   int
	order  []string
	values map[string]value
	asked  []string
}

func join(path, key string) string {
	if looksSecret(key) {
		key = "[redacted]"
	} else if key == "" || len(key) > 64 || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r == '.' || r > '~' }) {
		key = strconv.Quote(key[:min(len(key), 64)])
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// mapping reads v as a section; nil (after a problem) when it is none.
func (l *loader) mapping(v value) *section {
	v, ok := l.follow(v)
	if !ok {
		return nil
	}
	if v.node.Kind != yaml.MappingNode {
		l.errorf(v.line, v.path, "must be a mapping of keys to values, not %s", kindName(v.node))
		return nil
	}
	s := &section{l: l, path: v.path, line: v.line, values: map[string]value{}}
	s.add(v.node, false, 0)
	return s
}

// add takes a node's pairs; those of a merged mapping (YAML's <<) only where there is none yet.
func (s *section) add(n *yaml.Node, merged bool, depth int) {
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, val := n.Content[i], n.Content[i+1]
		if k.Kind == yaml.ScalarNode && k.Tag == "!!merge" {
			merges = append(merges, val)
			continue
		}
		if k.Kind != yaml.ScalarNode {
			s.l.errorf(k.Line, s.path, "a key must be plain text")
			continue
		}
		if old, dup := s.values[k.Value]; dup {
			if !merged {
				s.l.errorf(k.Line, join(s.path, k.Value), "is given twice; the first is on line %d", old.line)
			}
			continue
		}
		s.order = append(s.order, k.Value)
		s.values[k.Value] = value{node: val, path: join(s.path, k.Value), line: k.Line}
	}
	for _, m := range merges {
		s.merge(m, depth)
	}
}

func (s *section) merge(m *yaml.Node, depth int) {
	v, ok := s.l.follow(value{node: m, path: s.path, line: m.Line})
	switch {
	case !ok:
	case depth > 10:
		s.l.errorf(m.Line, s.path, "too many YAML aliases")
	case v.node.Kind == yaml.MappingNode:
		s.add(v.node, true, depth+1)
	case v.node.Kind == yaml.SequenceNode:
		for _, c := range v.node.Content {
			s.merge(c, depth+1)
		}
	default:
		s.l.errorf(m.Line, s.path, "<< must name a mapping")
	}
}

// take gives the key's value and counts it as read. A null value is one that is not given.
func (s *section) take(key string) value {
	if s == nil {
		return value{}
	}
	if !slices.Contains(s.asked, key) {
		s.asked = append(s.asked, key)
	}
	v, ok := s.values[key]
	if !ok || isNull(v.node) {
		return value{}
	}
	return v
}

func (s *section) keys() []string {
	if s == nil {
		return nil
	}
	return s.order
}

func (s *section) section(key string) *section {
	v := s.take(key)
	if v.node == nil {
		return nil
	}
	return s.l.mapping(v)
}

// done reports every key that was not asked for: with a warning when LiteLLM knows it, else as a problem. Of those that
// were, it warns where they are without effect.
func (s *section) done(known []string) {
	if s == nil {
		return
	}
	for _, key := range s.order {
		v := s.values[key]
		if slices.Contains(s.asked, key) {
			if !isNull(v.node) {
				s.l.given[v.path] = v
				s.l.warnInert(v)
			}
			continue
		}
		if slices.Contains(known, key) {
			s.l.warnf(v.line, v.path, "has no effect in Tollgate")
			continue
		}
		// Tollgate's own keys first: they are the ones that do something.
		near := spelling.Nearest(key, s.asked)
		if near == "" {
			near = spelling.Nearest(key, known)
		}
		if near != "" {
			s.l.errorf(v.line, v.path, "unknown key; did you mean %s?", near)
		} else {
			s.l.errorf(v.line, v.path, "unknown key")
		}
	}
}

// doneOpen is done for a section where LiteLLM lets users put keys of their own: only a slip of a key that does
// something is a problem.
func (s *section) doneOpen(known []string) {
	if s == nil {
		return
	}
	for _, key := range s.order {
		if !slices.Contains(s.asked, key) && !slices.Contains(known, key) && spelling.Nearest(key, s.asked) == "" {
			known = append(known, key)
		}
	}
	s.done(known)
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	default:
	}
	switch n.Tag {
	case "!!bool":
		return "true or false"
	case "!!int", "!!float":
		return "a number"
	case "!!null":
		return "nothing"
	}
	return "text"
}

// scalarText resolves v to text. Numbers are taken as they are written; a variable that isn't set is a problem.
func (l *loader) scalarText(v value) (string, bool) {
	text, missing, ok := l.resolve(&v)
	if len(missing) > 0 {
		l.missing(v, missing)
		return "", false
	}
	return text, ok
}

func (l *loader) missing(v value, names []string) {
	for _, n := range names {
		l.errorf(v.line, v.path, "environment variable %s is not set", n)
	}
}

// resolve is scalarText that leaves missing variables to the caller. It marks v when the text is the environment's.
func (l *loader) resolve(v *value) (text string, missing []string, ok bool) {
	r, ok := l.follow(*v)
	if !ok {
		return "", nil, false
	}
	if r.node.Kind != yaml.ScalarNode || r.node.Tag == "!!bool" || r.node.Tag == "!!null" {
		l.errorf(v.line, v.path, "must be text, not %s", kindName(r.node))
		return "", nil, false
	}
	x := l.env.expand(r.node.Value)
	if x.bad {
		l.errorf(v.line, v.path, "has a malformed reference to the environment; write os.environ/NAME or ${NAME}")
		return "", nil, false
	}
	v.env = len(x.names) > 0
	return x.text, x.missing, true
}

// text reads a string; "" when it isn't given or is wrong. The value tells how it may be quoted.
func (s *section) text(key string) (string, value) {
	v := s.take(key)
	if v.node == nil {
		return "", value{}
	}
	x := v
	text, missing, ok := s.l.resolve(&x)
	if len(missing) > 0 {
		s.l.missing(x, missing)
		return "", value{}
	}
	if !ok {
		return "", value{}
	}
	return strings.TrimSpace(text), x
}

// required is text for a key that must be there.
func (s *section) required(key string) (string, value) {
	text, v := s.text(key)
	if text == "" && (v.node != nil || s.take(key).node == nil) {
		s.l.errorf(s.line, join(s.path, key), "is missing")
	}
	return text, v
}

func (s *section) secret(key string) secret.String {
	text, _ := s.text(key)
	if text == "" {
		return secret.String{}
	}
	return secret.New(text)
}

// int reads a whole number between lo and hi, or gives def. Quoted numbers count, for os.environ/PORT.
func (s *section) int(key string, lo, hi, def int64) int64 {
	text, v := s.text(key)
	if v.node == nil {
		return def
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(text, "+"), 10, 64)
	if err != nil {
		// LiteLLM files write 1e6 and 100.0 for limits.
		f, ferr := strconv.ParseFloat(text, 64)
		if ferr != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			s.l.errorf(v.line, v.path, "must be a whole number")
			return def
		}
		n = int64(f)
	}
	switch {
	case n < 0 && lo >= 0:
		s.l.errorf(v.line, v.path, "must not be negative")
	case n < lo:
		s.l.errorf(v.line, v.path, "must be at least %d", lo)
	case n > hi:
		s.l.errorf(v.line, v.path, "must be at most %d", hi)
	default:
		return n
	}
	return def
}

// float reads a number in (lo, hi], or gives def.
func (s *section) float(key string, lo, hi, def float64) float64 {
	text, v := s.text(key)
	if v.node == nil {
		return def
	}
	f, err := strconv.ParseFloat(text, 64)
	if inside := f > lo && f <= hi; err != nil || !inside { // NaN is not inside
		s.l.errorf(v.line, v.path, "must be a number above %g and up to %g", lo, hi)
		return def
	}
	return f
}

// bool reads true or false, also as PyYAML's yes/no/on/off, or gives def.
func (s *section) bool(key string, def bool) bool {
	v := s.take(key)
	if v.node == nil {
		return def
	}
	r, ok := s.l.follow(v)
	if !ok {
		return def
	}
	text := r.node.Value
	if r.node.Kind != yaml.ScalarNode || r.node.Tag != "!!bool" {
		if r.node.Kind != yaml.ScalarNode || r.node.Tag != "!!str" {
			s.l.errorf(v.line, v.path, "must be true or false, not %s", kindName(r.node))
			return def
		}
		if text, ok = s.l.scalarText(v); !ok {
			return def
		}
	}
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true", "yes", "on":
		return true
	case "false", "no", "off":
		return false
	}
	s.l.errorf(v.line, v.path, "must be true or false")
	return def
}

// duration reads a time: a number of seconds, as LiteLLM writes them, or one with a unit such as 500ms or 5m.
func (s *section) duration(key string, def time.Duration) time.Duration {
	text, v := s.text(key)
	if v.node == nil {
		return def
	}
	var d time.Duration
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		switch {
		case f < 0:
			s.l.errorf(v.line, v.path, "must not be negative")
			return def
		case f > maxDuration.Seconds() || math.IsNaN(f):
			s.l.errorf(v.line, v.path, "must be at most 30 days")
			return def
		}
		d = time.Duration(math.Round(f * float64(time.Second)))
	} else if d, err = time.ParseDuration(text); err != nil {
		s.l.errorf(v.line, v.path, "must be a number of seconds, or a time such as 500ms or 5m")
		return def
	}
	switch {
	case d < 0:
		s.l.errorf(v.line, v.path, "must not be negative")
		return def
	case d > maxDuration:
		s.l.errorf(v.line, v.path, "must be at most 30 days")
		return def
	}
	return d
}

// decimal reads a non-negative decimal number as it is written.
func (s *section) decimal(key string) Decimal {
	text, v := s.text(key)
	if v.node == nil {
		return ""
	}
	text = strings.TrimPrefix(text, "+")
	switch {
	case strings.HasPrefix(text, "-"):
		s.l.errorf(v.line, v.path, "must not be negative")
		return ""
	case !isDecimal(text):
		s.l.errorf(v.line, v.path, "must be a decimal number")
		return ""
	}
	return Decimal(text)
}

// price reads a price in dollars a unit. More than package pricing takes is a mistake of units.
func (s *section) price(key string) Decimal {
	const most = 1000
	v := s.decimal(key)
	if amount, err := strconv.ParseFloat(string(v), 64); v != "" && (err != nil || amount > most) {
		at := s.take(key)
		s.l.errorf(at.line, at.path, "must be %d dollars a unit at most", most)
		return ""
	}
	return v
}

// isDecimal accepts digits, one point and an exponent of at most two digits.
func isDecimal(s string) bool {
	mantissa, exponent, hasExp := strings.Cut(strings.ToLower(s), "e")
	if hasExp {
		exponent = strings.TrimLeft(strings.TrimPrefix(strings.TrimPrefix(exponent, "-"), "+"), "0")
		if len(exponent) > 2 || strings.Trim(exponent, "0123456789") != "" {
			return false
		}
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	return digits != "" && len(digits) <= 40 && strings.Trim(digits, "0123456789") == ""
}

// list gives the elements of a list, each with its own path.
func (s *section) list(key string) []value {
	v := s.take(key)
	if v.node == nil {
		return nil
	}
	return s.l.elements(v)
}

func (l *loader) elements(v value) []value {
	r, ok := l.follow(v)
	if !ok {
		return nil
	}
	if r.node.Kind != yaml.SequenceNode {
		l.errorf(v.line, v.path, "must be a list, not %s", kindName(r.node))
		return nil
	}
	out := make([]value, 0, len(r.node.Content))
	for i, n := range r.node.Content {
		out = append(out, value{node: n, path: v.path + "[" + strconv.Itoa(i) + "]", line: n.Line})
	}
	return out
}

// texts reads a list of strings. The values are parallel to the strings.
func (s *section) texts(key string) ([]string, []value) {
	if s == nil {
		return nil, nil
	}
	return s.l.textsOf(s.list(key))
}

func (l *loader) textsOf(elements []value) ([]string, []value) {
	var out []string
	var at []value
	for _, e := range elements {
		text, missing, ok := l.resolve(&e)
		switch {
		case len(missing) > 0:
			l.missing(e, missing)
		case ok && strings.TrimSpace(text) == "":
			l.errorf(e.line, e.path, "must not be empty")
		case ok:
			out, at = append(out, strings.TrimSpace(text)), append(at, e)
		}
	}
	return out, at
}

// oneOf reads a word out of allowed, or gives def.
func (s *section) oneOf(key, def string, allowed ...string) string {
	text, v := s.text(key)
	if v.node == nil {
		return def
	}
	if !slices.Contains(allowed, text) {
		hint := ""
		if near := spelling.Nearest(text, allowed); near != "" && !v.env {
			hint = "; did you mean " + near + "?"
		}
		s.l.errorf(v.line, v.path, "unknown value %s: one of %s%s", v.quote(text), strings.Join(allowed, ", "), hint)
		return def
	}
	return text
}
