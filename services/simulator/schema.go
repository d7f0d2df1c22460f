package simulator

import (
	"math"
	"strconv"
	"strings"
)

// instance appends a JSON value that satisfies a JSON schema, in the dialects
// that the providers take: JSON Schema 2020-12 as OpenAI and Anthropic read it,
// and Google's OpenAPI subset with upper-case types. It honours $ref into the
// same schema, allOf, anyOf, oneOf, const, enum, types, properties, required,
// items, prefixItems, minItems, numeric bounds, multipleOf, string lengths and
// the common formats. It does not honour pattern, not, if and contains.
//
// Optional properties are given down to optionalDepth, so that an answer shows
// the whole schema, and left out below it, so that a recursive one ends.
func instance(b []byte, schema val) []byte {
	g := generator{root: schema}
	return g.value(b, schema, "", 0)
}

const (
	optionalDepth = 3
	schemaDepth   = 24
)

type generator struct{ root val }

func (g *generator) value(b []byte, s val, name string, depth int) []byte {
	s = g.resolve(s)
	if s.kind() != kindObject || depth > schemaDepth {
		if s.kind() == kindMissing && depth == 0 {
			return append(b, "{}"...)
		}
		return append(b, "null"...)
	}
	if c := s.get("const"); c.kind() != kindMissing {
		return appendCompact(b, c)
	}
	for _, e := range s.get("enum").items() {
		return appendCompact(b, e)
	}
	for _, group := range [...]string{"anyOf", "any_of", "oneOf"} {
		if alts := s.get(group); alts.size() > 0 {
			return g.value(b, g.pick(alts), name, depth+1)
		}
	}
	if all := s.get("allOf"); all.size() > 0 && !s.get("properties").set() {
		return g.object(b, append([]val{s}, list(all)...), depth)
	}
	switch g.typeOf(s) {
	case "object":
		return g.object(b, []val{s}, depth)
	case "array":
		return g.array(b, s, name, depth)
	case "integer", "number":
		return g.number(b, s)
	case "boolean":
		return append(b, "true"...)
	case "null":
		return append(b, "null"...)
	}
	return appendQuoted(b, stringOf(s, name))
}

func list(v val) []val {
	out := make([]val, 0, v.size())
	for _, e := range v.items() {
		out = append(out, e)
	}
	return out
}

// resolve follows references within the schema.
func (g *generator) resolve(s val) val {
	for range schemaDepth {
		ref := s.get("$ref")
		if ref.kind() != kindString {
			return s
		}
		path, ok := strings.CutPrefix(ref.str(), "#")
		if !ok {
			return val{}
		}
		s = g.root
		for _, step := range strings.Split(strings.TrimPrefix(path, "/"), "/") {
			if step != "" {
				s = s.get(strings.NewReplacer("~1", "/", "~0", "~").Replace(step))
			}
		}
	}
	return val{}
}

// pick takes the first alternative that is not null.
func (g *generator) pick(alts val) val {
	first := val{}
	for i, alt := range alts.items() {
		if i == 0 {
			first = alt
		}
		if r := g.resolve(alt); g.typeOf(r) != "null" {
			return alt
		}
	}
	return first
}

func (g *generator) typeOf(s val) string {
	t := s.get("type")
	for _, e := range t.items() {
		if !e.is("null") {
			t = e
			break
		}
	}
	if t.kind() == kindString {
		return strings.ToLower(t.str())
	}
	switch {
	case s.get("properties").set() || s.get("required").set():
		return "object"
	case s.get("items").set():
		return "array"
	}
	return ""
}

func (g *generator) object(b []byte, parts []val, depth int) []byte {
	b = append(b, '{')
	seen := map[string]bool{}
	required := map[string]bool{}
	for i := range parts {
		parts[i] = g.resolve(parts[i])
		for _, r := range parts[i].get("required").items() {
			required[r.str()] = true
		}
	}
	for _, p := range parts {
		for key, sub := range p.get("properties").members() {
			if seen[key] || (!required[key] && depth >= optionalDepth) {
				continue
			}
			seen[key] = true
			b = appendKey(b, key)
			b = g.value(b, sub, key, depth+1)
		}
	}
	for _, p := range parts {
		for _, r := range p.get("required").items() {
			if key := r.str(); !seen[key] {
				seen[key] = true
				b = appendKey(b, key)
				b = appendQuoted(b, "simulated")
			}
		}
	}
	return append(b, '}')
}

func appendKey(b []byte, key string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = appendQuoted(b, key)
	return append(b, ':')
}

func (g *generator) array(b []byte, s val, name string, depth int) []byte {
	least := 1
	if depth >= optionalDepth {
		least = 0
	}
	if n, ok := bound(s, "minItems"); ok {
		least = max(least, n)
	}
	if n, ok := bound(s, "maxItems"); ok {
		least = min(least, n)
	}
	b = append(b, '[')
	prefix := list(s.get("prefixItems"))
	for i := range min(least, maxCount) {
		if i > 0 {
			b = append(b, ',')
		}
		switch item := s.get("items"); {
		case i < len(prefix):
			b = g.value(b, prefix[i], name, depth+1)
		case item.kind() == kindObject:
			b = g.value(b, item, name, depth+1)
		default:
			b = appendQuoted(b, "simulated")
		}
	}
	return append(b, ']')
}

// bound reads a bound, which Google also takes as a string.
func bound(s val, name string) (int, bool) {
	v := s.get(name)
	if n, ok := v.integer(); ok {
		return int(n), true
	}
	n, err := strconv.Atoi(v.str())
	return n, err == nil
}

// number takes 1, moved into the bounds and onto the step.
func (g *generator) number(b []byte, s val) []byte {
	integer := g.typeOf(s) == "integer"
	n, step := 1.0, 1.0
	if m, ok := s.get("multipleOf").float(); ok && m > 0 {
		step = m
	} else if !integer {
		step = 0
	}
	up := func(limit float64, open bool) {
		if n < limit || open && n == limit {
			n = limit
			if open {
				n += gap(integer, step)
			}
		}
		if step > 0 {
			n = math.Ceil(n/step) * step
		}
	}
	down := func(limit float64, open bool) {
		if n > limit || open && n == limit {
			n = limit
			if open {
				n -= gap(integer, step)
			}
		}
		if step > 0 {
			n = math.Floor(n/step) * step
		}
	}
	up(math.Inf(-1), false)
	if m, ok := s.get("maximum").float(); ok {
		down(m, s.get("exclusiveMaximum").isTrue())
	}
	if m, ok := s.get("exclusiveMaximum").float(); ok {
		down(m, true)
	}
	if m, ok := s.get("minimum").float(); ok {
		up(m, s.get("exclusiveMinimum").isTrue())
	}
	if m, ok := s.get("exclusiveMinimum").float(); ok {
		up(m, true)
	}
	return strconv.AppendFloat(b, n, 'f', -1, 64)
}

// gap is how far from an open bound the next value is tried.
func gap(integer bool, step float64) float64 {
	switch {
	case step > 0:
		return step
	case integer:
		return 1
	}
	return 1.0 / 1024
}

var formats = map[string]string{
	"date-time": "2026-01-02T03:04:05Z",
	"date":      "2026-01-02",
	"time":      "03:04:05Z",
	"duration":  "PT1S",
	"email":     "simulated@example.com",
	"hostname":  "example.com",
	"uri":       "https://example.com/simulated",
	"ipv4":      "192.0.2.1",
	"ipv6":      "2001:db8::1",
	"uuid":      "00000000-0000-4000-8000-000000000000",
}

func stringOf(s val, name string) string {
	if f, ok := formats[s.get("format").str()]; ok {
		return f
	}
	out := "simulated"
	if name != "" {
		out += " " + name
	}
	if n, ok := bound(s, "minLength"); ok && len(out) < n {
		out += strings.Repeat(".", min(n, maxBytes)-len(out))
	}
	if n, ok := bound(s, "maxLength"); ok && n >= 0 {
		out = out[:runeCut(out, n)]
	}
	return out
}

// appendCompact appends a request's value without its white space.
func appendCompact(b []byte, v val) []byte {
	switch v.kind() { //nolint:exhaustive // the rest is handled below
	case kindObject:
		b = append(b, '{')
		for key, m := range v.members() {
			b = appendKey(b, key)
			b = appendCompact(b, m)
		}
		return append(b, '}')
	case kindArray:
		b = append(b, '[')
		for i, e := range v.items() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendCompact(b, e)
		}
		return append(b, ']')
	}
	return append(b, v.raw()...)
}
