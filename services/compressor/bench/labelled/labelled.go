// Package labelled has questions with documents of which one holds the answer, for measuring
// what compression keeps.
package labelled

import (
	"compress/gzip"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Doc is one document.
type Doc struct {
	Title string `json:"title"`
	Text  string `json:"text"`
	// Gold tells that the document holds the answer.
	Gold bool `json:"gold"`
}

// Item is a question with its documents.
type Item struct {
	Question string   `json:"question"`
	Answers  []string `json:"answers"`
	Docs     []Doc    `json:"docs"`
}

// Set is a named list of items.
type Set struct {
	Name  string
	Items []Item
}

// Joined is the documents as one text, as retrieval prompts write them.
func (it *Item) Joined() string {
	var b strings.Builder
	for i, d := range it.Docs {
		if d.Title != "" {
			fmt.Fprintf(&b, "Document [%d](Title: %s) %s\n\n", i+1, d.Title, d.Text)
		} else {
			fmt.Fprintf(&b, "Document [%d] %s\n\n", i+1, d.Text)
		}
	}
	return b.String()
}

// Apart is the documents as a text each, with the title as the first line.
func (it *Item) Apart() []string {
	texts := make([]string, len(it.Docs))
	for i, d := range it.Docs {
		texts[i] = d.Text
		if d.Title != "" {
			texts[i] = d.Title + "\n" + d.Text
		}
	}
	return texts
}

// Answered tells whether an answer stands in one of the texts, whatever its case.
func (it *Item) Answered(texts ...string) bool {
	for _, t := range texts {
		t = strings.ToLower(t)
		for _, a := range it.Answers {
			if strings.Contains(t, strings.ToLower(a)) {
				return true
			}
		}
	}
	return false
}

// Load reads the sets of a folder with labelled data; without one, the small set of the
// project's own. It says which it was.
func Load(folder string) (sets []Set, from string, err error) {
	paths, err := filepath.Glob(filepath.Join(folder, "compress", "*.jsonl.gz"))
	if err != nil {
		return nil, "", err
	}
	if folder == "" || len(paths) == 0 {
		sets, err = Own()
		return sets, "the project's own set", err
	}
	for _, path := range paths {
		items, err := read(path)
		if err != nil {
			return nil, "", err
		}
		name, _, _ := strings.Cut(filepath.Base(path), ".jsonl")
		sets = append(sets, Set{Name: name, Items: items})
	}
	return sets, folder, nil
}

func read(path string) (items []Item, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	for dec := json.NewDecoder(z); ; {
		var it Item
		switch err := dec.Decode(&it); {
		case errors.Is(err, io.EOF):
			return items, nil
		case err != nil:
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		items = append(items, it)
	}
}

//go:embed testdata/own.json
var own embed.FS

// Own is the project's own set: questions on made-up places in four languages.
func Own() ([]Set, error) {
	raw, err := own.ReadFile("testdata/own.json")
	if err != nil {
		return nil, err
	}
	var file struct {
		Sets []struct {
			Language  string `json:"language"`
			Docs      []Doc  `json:"docs"`
			Questions []struct {
				Question string   `json:"question"`
				Answers  []string `json:"answers"`
				Gold     int      `json:"gold"`
			} `json:"questions"`
		} `json:"sets"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, err
	}
	var sets []Set
	for _, s := range file.Sets {
		set := Set{Name: "own." + s.Language}
		for _, q := range s.Questions {
			it := Item{Question: q.Question, Answers: q.Answers, Docs: append([]Doc(nil), s.Docs...)}
			it.Docs[q.Gold].Gold = true
			set.Items = append(set.Items, it)
		}
		sets = append(sets, set)
	}
	return sets, nil
}
