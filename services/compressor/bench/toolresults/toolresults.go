// Package toolresults has JSON as APIs and tools print it, indented, to measure what is left of
// its tokens.
package toolresults

import (
	"embed"
	"fmt"
	"path"
	"strings"
)

//go:embed *.json
var files embed.FS

// Result is what a tool answered.
type Result struct {
	// Name says in a word what it is of.
	Name string
	// JSON is a document, indented.
	JSON string
}

// All returns the results, in the order of their names.
func All() ([]Result, error) {
	paths, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	results := make([]Result, len(paths))
	for i, p := range paths {
		raw, err := files.ReadFile(p.Name())
		if err != nil {
			return nil, fmt.Errorf("reading a tool's result: %w", err)
		}
		results[i] = Result{Name: strings.TrimSuffix(p.Name(), path.Ext(p.Name())), JSON: string(raw)}
	}
	return results, nil
}
