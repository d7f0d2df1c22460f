package config

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// MaxFileBytes is the largest configuration that is read.
const MaxFileBytes = 4 << 20

//go:embed default.yaml
var defaultYAML []byte

// LookupEnv reads one environment variable, like os.LookupEnv.
type LookupEnv func(name string) (value string, ok bool)

// Source is one configuration and the environment it is resolved in.
type Source struct {
	// Name stands for the file in messages.
	Name string
	Data []byte
	// LookupEnv is the process environment; nil is an empty one.
	LookupEnv LookupEnv
	// Services are the services that this process runs, with commas between; empty leaves it to
	// the environment and the file.
	Services string
	// OptionalKeys makes an api_key whose variable is not set a [CredentialMissing] instead of an error. The
	// shipped configuration is loaded so, because it names models of every provider.
	OptionalKeys bool
}

// Default is the shipped configuration.
func Default(env LookupEnv) Source {
	return Source{Name: "default.yaml (built in)", Data: bytes.Clone(defaultYAML), LookupEnv: env, OptionalKeys: true}
}

// Open reads the file at path; an empty path means the one that TOLLGATE_CONFIG names, and without that the
// shipped configuration. It fails when the file can't be read or is larger than MaxFileBytes.
func Open(path string, env LookupEnv) (Source, error) {
	if path == "" && env != nil {
		path, _ = env("TOLLGATE_CONFIG")
	}
	if path == "" {
		return Default(env), nil
	}
	f, err := os.Open(path) // #nosec G304 -- the operator names the file
	if err != nil {
		return Source{}, fmt.Errorf("configuration: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return Source{}, fmt.Errorf("configuration: %w", err)
	}
	return Source{Name: path, Data: data, LookupEnv: env}, nil
}

// Problem is one reason why a configuration is refused.
type Problem struct {
	// Path is where, such as model_list[2].litellm_params.api_key; empty for the whole file.
	Path string
	// Line counts from 1; 0 when the problem has no place in the file.
	Line int
	// Message never quotes a credential.
	Message string
}

// String is "line 3: path: message".
func (p Problem) String() string { return place(p.Line, p.Path) + p.Message }

// Warning is something the file or a variable asks for that has no effect, or not the one it may seem to have. Defaults never
// cause one.
type Warning struct {
	Path    string
	Line    int
	Message string
}

// String is "line 3: path: message".
func (w Warning) String() string { return place(w.Line, w.Path) + w.Message }

func place(line int, path string) string {
	var b strings.Builder
	if line > 0 {
		b.WriteString("line " + strconv.Itoa(line) + ": ")
	}
	if path != "" {
		b.WriteString(path + ": ")
	}
	return b.String()
}

// Error lists every problem of one configuration, in file order.
type Error struct {
	Source   string
	Problems []Problem
}

// Error has one line for each problem.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d problem", e.Source, len(e.Problems))
	if len(e.Problems) != 1 {
		b.WriteByte('s')
	}
	for _, p := range e.Problems {
		b.WriteString("\n  " + p.String())
	}
	return b.String()
}

// Load parses, resolves and validates one configuration. The error is an [*Error] with every problem. The
// warnings are valid with and without an error.
func Load(src Source) (*Config, []Warning, error) {
	l := &loader{src: src, env: newEnvironment(src.LookupEnv), reported: map[Problem]bool{}, given: map[string]value{}}
	cfg := defaults(src.Name)
	if root := l.parse(); root != nil {
		l.file(root, cfg)
	}
	slices.SortStableFunc(l.warnings, func(a, b Warning) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), strings.Compare(a.Path, b.Path))
	})
	if len(l.problems) > 0 {
		slices.SortStableFunc(l.problems, func(a, b Problem) int { return a.Line - b.Line })
		return nil, l.warnings, &Error{Source: src.Name, Problems: l.problems}
	}
	return cfg, l.warnings, nil
}

// loader carries what one Load collects.
type loader struct {
	src      Source
	env      *environment
	problems []Problem
	reported map[Problem]bool // a value that is read twice is reported once
	warnings []Warning
	skipped  []string    // model names of deployments that were left out
	names    []string    // model names that the file spells out, and that a suggestion may therefore quote
	refs     []reference // model names that the settings mention
	// given are the keys that the file gives and that were read, by path.
	given map[string]value
	// variables are the file's environment_variables.
	variables map[string]value
	cache     cacheChoice
	follows   int // aliases followed, to bound documents that multiply themselves
}

func (l *loader) errorf(line int, path, format string, args ...any) {
	p := Problem{Path: path, Line: line, Message: fmt.Sprintf(format, args...)}
	if !l.reported[p] {
		l.reported[p] = true
		l.problems = append(l.problems, p)
	}
}

func (l *loader) warnf(line int, path, format string, args ...any) {
	l.warnings = append(l.warnings, Warning{Path: path, Line: line, Message: fmt.Sprintf(format, args...)})
}

var (
	yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)
	// A parser message quotes the document only between apostrophes, and that may be a password that
	// starts with "*".
	yamlQuote = regexp.MustCompile(`'[^']{3,}'`)
)

func (l *loader) parse() *section {
	if len(l.src.Data) > MaxFileBytes {
		l.errorf(0, "", "is larger than %d bytes", MaxFileBytes)
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(l.src.Data))
	var doc yaml.Node
	err := dec.Decode(&doc)
	if err == nil {
		var second yaml.Node
		if more := dec.Decode(&second); more == nil {
			l.errorf(second.Line, "", "a second YAML document; one file holds one configuration")
		} else if !errors.Is(more, io.EOF) {
			err = more
		}
	}
	switch {
	case errors.Is(err, io.EOF):
		l.errorf(0, "", "the file is empty; it needs at least a model_list")
		return nil
	case err != nil:
		msg, line := err.Error(), 0
		if m := yamlLine.FindStringSubmatch(msg); m != nil {
			line, _ = strconv.Atoi(m[1])
			msg = msg[len(m[0]):]
		}
		l.errorf(line, "", "not valid YAML: %s", yamlQuote.ReplaceAllString(strings.TrimPrefix(msg, "yaml: "), "'…'"))
		return nil
	case len(doc.Content) == 0 || isNull(doc.Content[0]):
		l.errorf(0, "", "the file is empty; it needs at least a model_list")
		return nil
	}
	return l.mapping(value{node: doc.Content[0], line: doc.Content[0].Line})
}

// file reads the top level. environment_variables and the allowlist come first: the rest resolves and is
// checked against them.
func (l *loader) file(root *section, cfg *Config) {
	l.environmentVariables(root, cfg)
	general := root.section("general_settings")
	l.general(general, cfg)
	l.models(root, cfg)
	router, litellm := root.section("router_settings"), root.section("litellm_settings")
	l.litellm(litellm, cfg)
	l.router(router, cfg)
	l.tollgateSections(root, cfg)
	root.done(knownTopLevel)
	l.environmentOverrides(cfg)
	l.cacheStore(cfg)
	l.sharedLimits(cfg)
	l.references(cfg)
	l.masterSecrets(cfg)
	l.meshWhole(cfg)
	l.conditional(cfg, l.embeddingDeployment(cfg))
}
