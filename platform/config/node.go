package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

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
