package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// findings collects what is wrong, so that all of it is told at once.
type findings struct {
	root string
	list []string
	// dashboards and renders count what was looked at: a check of nothing must show.
	dashboards, renders int
}

// addf notes a fault; where is a file, or a file and a place in it.
func (f *findings) addf(where, format string, args ...any) {
	f.list = append(f.list, where+": "+fmt.Sprintf(format, args...))
}

// read returns a file of the repository, and notes one that cannot be read.
func (f *findings) read(path string) []byte {
	content, err := os.ReadFile(filepath.Join(f.root, path))
	if err != nil {
		f.addf(path, "%v", err)
	}
	return content
}

// decode reads a YAML file in which every key must be known, and notes what is not.
func (f *findings) decode(path string, into any) bool {
	d := yaml.NewDecoder(bytes.NewReader(f.read(path)))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		f.addf(path, "%v", err)
		return false
	}
	return true
}
