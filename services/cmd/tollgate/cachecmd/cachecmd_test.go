package cachecmd_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tollgate.dev/services/cmd/tollgate/cachecmd"
)

func run(t *testing.T, stdin string, args ...string) (out, help string, err error) {
	t.Helper()
	var o, h bytes.Buffer
	err = cachecmd.Run(t.Context(), cachecmd.Env{Stdin: strings.NewReader(stdin), Stdout: &o, Stderr: &h}, args)
	return o.String(), h.String(), err
}

// version of the embedder changes with its table.
var version = regexp.MustCompile(`static-[0-9a-f-]+`)

// What the command prints; TOLLGATE_UPDATE=1 writes it anew.
func TestGolden(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
	}{
		{"near", []string{"What's the capital of France?", "What is the capiatl of France"}},
		{"veto", []string{"Who won the race in 2023?", "Who won't win the race in 2024?", "--threshold", "0.9"}},
		{"semantic", []string{"--threshold=0.85", "Does Paul admire Simon?", "Is Simon admired by Paul?"}},
		{"below", []string{"How can I lose weight fast?", "--threshold", "0.85", "How do I get rid of belly fat?"}},
		{"floor", []string{"How can I lose weight fast?", "How do I get rid of belly fat?"}},
		{"blank", []string{" ", "\u00a0"}},
		{"learn", []string{"Is tea better than coffee?", "Is coffee worse than tea?"}},
		{"unfit", []string{"How is the weather today?", "How is the weather?"}},
		{"exact", []string{"today", "today"}},
		{"bare", []string{"How do you reset a router?", "How do I reset a router?"}},
		{"context", []string{"--context", "How do you reset a router?", "How do I reset a router?"}},
		{"json", []string{"--json", "--threshold", "1", "How many moons has Mars?", "How many moons has <Jupiter>?"}},
		{"file", []string{"--file", filepath.Join("testdata", "pairs.tsv"), "--threshold", "0.8"}},
		{"filejson", []string{"--file", filepath.Join("testdata", "pairs.tsv"), "--json"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, _, err := run(t, "", append([]string{"explain"}, c.args...)...)
			if err != nil {
				t.Fatal(err)
			}
			out = version.ReplaceAllString(out, "static-V")
			path := filepath.Join("testdata", c.name+".golden")
			if os.Getenv("TOLLGATE_UPDATE") != "" {
				if err := os.WriteFile(path, []byte(out), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if out != string(want) {
				t.Errorf("got\n%s\nwant\n%s", out, want)
			}
		})
	}
}

// With a file, each line of JSON is an object by itself.
func TestAnObjectALine(t *testing.T) {
	out, _, err := run(t, "a b\tb a\n\nc\tc\n", "explain", "--json", "--file", "-")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines: %s", len(lines), out)
	}
	for _, l := range lines {
		if !json.Valid([]byte(l)) {
			t.Errorf("not JSON: %s", l)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	for want, args := range map[string][]string{
		"two prompts, not 1":          {"explain", "one"},
		"two prompts, not 3":          {"explain", "one", "two", "three"},
		"either two prompts or":       {"explain", "one", "two", "--file", "-"},
		"from 0 to 1":                 {"explain", "one", "two", "--threshold", "1.5"},
		"--help lists":                {"forget"},
		"no such file":                {"explain", "--file", "nowhere.tsv"},
		"line 1 is not two prompts":   {"explain", "--file", "-"},
		"the prompts are not UTF-8":   {"explain", "one", "\xff"},
		"flag provided but not":       {"explain", "--color", "one", "two"},
		"invalid value \"NaN\" for f": {"explain", "one", "two", "--threshold", "NaN"},
	} {
		if _, _, err := run(t, "one\n", args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", args, err, want)
		}
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{nil, {"--help"}, {"explain", "--help"}} {
		if _, help, err := run(t, "", args...); !errors.Is(err, flag.ErrHelp) || !strings.Contains(help, "tollgate cache explain") {
			t.Errorf("%q: %v, %q", args, err, help)
		}
	}
}
