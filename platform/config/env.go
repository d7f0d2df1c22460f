package config

import (
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tollgate.dev/platform/secret"
)

// environment looks variables up: the file's environment_variables first, as LiteLLM exports them, then the
// process's own. An empty value counts as not set, because container files pass unset names on as empty.
type environment struct {
	process LookupEnv
	file    map[string]string
	used    map[string]bool // of file, those that were looked up
}

func newEnvironment(process LookupEnv) *environment {
	if process == nil {
		process = func(string) (string, bool) { return "", false }
	}
	return &environment{process: process, file: map[string]string{}, used: map[string]bool{}}
}

// envAliases are the second names that SPEC.md gives a variable.
var envAliases = map[string]string{
	"GOOGLE_API_KEY": "GEMINI_API_KEY", "GEMINI_API_KEY": "GOOGLE_API_KEY",
	"TOLLGATE_MASTER_KEY": "LITELLM_MASTER_KEY", "LITELLM_MASTER_KEY": "TOLLGATE_MASTER_KEY",
	"TOLLGATE_SALT_KEY": "LITELLM_SALT_KEY", "LITELLM_SALT_KEY": "TOLLGATE_SALT_KEY",
}

func (e *environment) lookup(name string) (string, bool) {
	for _, n := range []string{name, envAliases[name]} {
		if n == "" {
			continue
		}
		if v := e.file[n]; v != "" {
			e.used[n] = true
			return v, true
		}
		if v, ok := e.process(n); ok && v != "" {
			return v, true
		}
	}
	return "", false
}

const environPrefix = "os.environ/"

// expansion is what became of one string.
type expansion struct {
	text string
	// names are the variables it refers to; missing those that are not set; bad is a malformed reference.
	names, missing []string
	bad            bool
}

// expand resolves os.environ/NAME (the whole value) and ${NAME} (anywhere; $${ is a literal ${).
func (e *environment) expand(s string) expansion {
	if name, ok := strings.CutPrefix(s, environPrefix); ok {
		x := expansion{}
		x.add(e, name)
		return x
	}
	x := expansion{}
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			break
		}
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		name, rest, closed := strings.Cut(s[i+2:], "}")
		if !closed {
			x.bad = true
			break
		}
		x.text = ""
		x.add(e, name)
		b.WriteString(x.text)
		s = rest
	}
	x.text = b.String()
	return x
}

func (x *expansion) add(e *environment, name string) {
	if !isEnvName(name) {
		x.bad = true
		return
	}
	x.names = append(x.names, name)
	v, ok := e.lookup(name)
	if !ok && !slices.Contains(x.missing, name) {
		x.missing = append(x.missing, name)
	}
	x.text = v
}

func isEnvName(s string) bool {
	if s == "" || len(s) > 256 {
		return false
	}
	for i, r := range s {
		letter := r == '_' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return true
}

// environmentVariables reads LiteLLM's environment_variables, which the rest of the file may refer to.
func (l *loader) environmentVariables(root *section, cfg *Config) {
	s := root.section("environment_variables")
	if s == nil {
		return
	}
	resolved := map[string]string{}
	l.variables = map[string]value{}
	for _, name := range s.keys() {
		v := s.take(name)
		if !isEnvName(name) {
			l.errorf(v.line, v.path, "not a name of an environment variable")
			continue
		}
		if text, ok := l.scalarText(v); ok {
			resolved[name] = text
			l.variables[name] = v
		}
	}
	cfg.Environment = make(map[string]secret.String, len(resolved))
	for name, text := range resolved {
		l.env.file[name] = text
		cfg.Environment[name] = secret.New(text)
	}
}

// environmentOverrides applies the variables that win over the file.
func (l *loader) environmentOverrides(cfg *Config) {
	text := func(name string) (value, bool) {
		v, ok := l.env.lookup(name)
		return value{path: name, literal: v, env: true}, ok
	}
	if v, ok := text("TOLLGATE_ADDR"); ok {
		cfg.Server.Addr = l.address(v, v.literal)
	}
	if v, ok := text("TOLLGATE_DATA_DIR"); ok {
		cfg.General.DataDir = v.literal
	}
	if v, ok := l.env.lookup("TOLLGATE_MASTER_KEY"); ok {
		cfg.General.MasterKey = secret.New(v)
	}
	cfg.General.MasterKeyVariable = l.masterKeyVariable(cfg.General.MasterKey)
	if v, ok := text("DATABASE_URL"); ok {
		cfg.General.DatabaseURL = l.databaseURL(v, v.literal)
	}
	if v, ok := text("REDIS_URL"); ok {
		cfg.Redis = l.redisURL(v, v.literal)
	}
	if v, ok := text("TOLLGATE_REPLICA"); ok {
		cfg.Cache.Similarity.Replica = l.replica(v, v.literal)
	}
	l.meshVariables(&cfg.Mesh, text)
	for name, to := range map[string]*time.Duration{
		"TOLLGATE_DRAIN_DELAY": &cfg.Server.DrainDelay, "TOLLGATE_GRACE_PERIOD": &cfg.Server.GracePeriod,
	} {
		v, ok := text(name)
		if !ok {
			continue
		}
		d, err := time.ParseDuration(v.literal)
		if err != nil || d < 0 || d > maxDuration {
			l.errorf(0, v.path, "must be a time such as 3s, of 30 days at most")
			continue
		}
		*to = d
	}
	if v, ok := text("KAFKA_BROKERS"); ok {
		cfg.Kafka.Brokers = nil
		for b := range strings.SplitSeq(v.literal, ",") {
			if b = strings.TrimSpace(b); b != "" {
				cfg.Kafka.Brokers = append(cfg.Kafka.Brokers, l.broker(v, b))
			}
		}
	}
}

// masterKeyVariable finds the variable of the process that holds the master key, by whatever way it came from there.
func (l *loader) masterKeyVariable(key secret.String) string {
	if key.IsZero() {
		return ""
	}
	names := []string{"TOLLGATE_MASTER_KEY", "LITELLM_MASTER_KEY"}
	if v, given := l.given["general_settings.master_key"]; given {
		if r, ok := l.follow(v); ok && r.node.Kind == yaml.ScalarNode {
			for _, name := range l.env.expand(r.node.Value).names {
				names = append(names, name, envAliases[name])
			}
		}
	}
	for _, name := range names {
		if v, ok := l.env.process(name); ok && v == key.Reveal() {
			return name
		}
	}
	return ""
}

// masterSecrets checks what keys are derived from: the salt, or without one, and with a database that replicas share,
// the master key. The embedded store has a salt of its own in the data folder.
func (l *loader) masterSecrets(cfg *Config) {
	g := &cfg.General
	if v, ok := l.env.lookup("TOLLGATE_SALT_KEY"); ok {
		g.SaltKey = secret.New(v)
		if len(v) < secret.MinMasterBytes {
			l.errorf(0, "TOLLGATE_SALT_KEY", "must have at least %d characters", secret.MinMasterBytes)
		}
		return
	}
	if g.DatabaseURL.IsZero() || g.MasterKey.IsZero() || len(g.MasterKey.Reveal()) >= secret.MinMasterBytes {
		return
	}
	at := l.given["general_settings.master_key"]
	if _, ok := l.env.lookup("TOLLGATE_MASTER_KEY"); ok || at.path == "" {
		at = value{path: "TOLLGATE_MASTER_KEY"}
	}
	l.errorf(at.line, at.path, "must have at least %d characters, because with a database the salt of stored keys derives from it;"+
		" or set TOLLGATE_SALT_KEY", secret.MinMasterBytes)
}
