package explain_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tollgate.dev/services/cache/reading"
	"tollgate.dev/services/cache/veto"
)

// The table of rules in the documentation has each rule once, in order, and an example that the
// rule decides.
func TestDocumentedRules(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "12-Semantic-Cache.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(page), "\n## The veto\n")
	section, _, next := strings.Cut(after, "\n## ")
	if !found || !next {
		t.Fatal("there is no section of the veto")
	}
	var rules []string
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		rule, code := strings.CutPrefix(strings.TrimSpace(cells[0]), "`")
		if !code || len(cells) != 3 {
			continue
		}
		rule = strings.TrimSuffix(rule, "`")
		rules = append(rules, rule)
		a, b := strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2])
		if f, vetoed := veto.Check(reading.Read(a), reading.Read(b)); !vetoed || f.Rule != rule {
			t.Errorf("%s: %q and %q are held apart by %q", rule, a, b, f.Rule)
		}
	}
	if !slices.Equal(rules, veto.Rules()) {
		t.Errorf("documented are %q, there are %q", rules, veto.Rules())
	}
}
