package config

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tollgate.dev/platform/secret"
	"tollgate.dev/platform/spelling"
)

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

// float reads a number above 0 and up to hi, or gives def.
func (s *section) float(key string, hi, def float64) float64 {
	text, v := s.text(key)
	if v.node == nil {
		return def
	}
	f, err := strconv.ParseFloat(text, 64)
	if inside := f > 0 && f <= hi; err != nil || !inside { // NaN is not inside
		s.l.errorf(v.line, v.path, "must be a number above 0 and up to %g", hi)
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
