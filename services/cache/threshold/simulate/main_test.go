package main

import (
	"strings"
	"testing"
)

func TestRunHasALineForEachKindAndRule(t *testing.T) {
	var out strings.Builder
	if err := run(&out, 1, 20); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"steady", "rise", "embedder", "season", "prose", "clustered"} {
		for _, rule := range []string{"learned", "guessed", "3-replicas", "each"} {
			if kind != "clustered" && rule != "learned" && rule != "guessed" {
				continue
			}
			found := false
			for line := range strings.Lines(out.String()) {
				words := strings.Fields(line)
				found = found || len(words) == 13 && words[0] == kind && words[1] == rule
			}
			if !found {
				t.Errorf("no line of %s, %s in:\n%s", kind, rule, out.String())
			}
		}
	}
}
