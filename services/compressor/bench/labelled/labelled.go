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
	"path"
	"path/filepath"
	"slices"
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

// FollowUps pairs each question with the next one that another document answers: an item has the first
// one's question and documents, the second one's answering document among them in the place of one that
// answers neither, and the second one's answers.
func (s Set) FollowUps() Set {
	out := Set{Name: s.Name}
	for i := range s.Items {
		first := &s.Items[i]
		for j := 1; j < len(s.Items); j++ {
			second := &s.Items[(i+j)%len(s.Items)]
			gold, own := second.gold(), first.gold()
			if gold < 0 || own < 0 || second.Docs[gold].Text == first.Docs[own].Text {
				continue
			}
			it := Item{Question: first.Question, Answers: second.Answers, Docs: slices.Clone(first.Docs)}
			if !slices.ContainsFunc(it.Docs, func(d Doc) bool { return d.Text == second.Docs[gold].Text }) {
				at := gold % len(it.Docs)
				if at == own {
					at = (at + 1) % len(it.Docs)
				}
				it.Docs[at] = second.Docs[gold]
			}
			out.Items = append(out.Items, it)
			break
		}
	}
	return out
}

// gold is the index of the document that holds the answer, or -1.
func (it *Item) gold() int { return slices.IndexFunc(it.Docs, func(d Doc) bool { return d.Gold }) }

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

// Load reads the sets of a folder with labelled data, of which there may be none.
func Load(folder string) ([]Set, error) {
	if folder == "" {
		return nil, nil
	}
	paths, err := filepath.Glob(filepath.Join(folder, "compress", "*.jsonl.gz"))
	if err != nil {
		return nil, err
	}
	sets := make([]Set, len(paths))
	for i, p := range paths {
		items, err := read(p)
		if err != nil {
			return nil, err
		}
		name, _, _ := strings.Cut(filepath.Base(p), ".jsonl")
		sets[i] = Set{Name: name, Items: items}
	}
	return sets, nil
}

func read(file string) (items []Item, err error) {
	f, err := os.Open(file)
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
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		items = append(items, it)
	}
}

//go:embed own/*.txt
var own embed.FS

// Own is the project's own sets, one a language: questions on made-up places, each with all the
// documents of its language. A file has a document after the other, with its title behind #, its
// text on a line, and the questions that it answers behind ?, with their answers behind = and
// | between.
func Own() ([]Set, error) {
	files, err := own.ReadDir("own")
	if err != nil {
		return nil, err
	}
	sets := make([]Set, len(files))
	for i, f := range files {
		raw, err := own.ReadFile(path.Join("own", f.Name()))
		if err != nil {
			return nil, err
		}
		items, err := parse(string(raw))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		sets[i] = Set{Name: strings.TrimSuffix(f.Name(), ".txt"), Items: items}
	}
	return sets, nil
}

// parse reads a file of the project's own.
func parse(text string) ([]Item, error) {
	var docs []Doc
	var items []Item
	var gold []int // of each item, which document
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		sign, rest, _ := strings.Cut(line, " ")
		switch {
		case line == "":
		case sign == "#":
			docs = append(docs, Doc{Title: rest})
		case len(docs) == 0:
			return nil, fmt.Errorf("%q stands before the first title", line)
		case sign == "?":
			items = append(items, Item{Question: rest})
			gold = append(gold, len(docs)-1)
		case sign == "=" && len(items) > 0:
			items[len(items)-1].Answers = strings.Split(rest, " | ")
		default:
			docs[len(docs)-1].Text = line
		}
	}
	for i := range items {
		items[i].Docs = slices.Clone(docs)
		items[i].Docs[gold[i]].Gold = true
	}
	return items, nil
}
