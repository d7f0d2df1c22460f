package main

import (
	"bufio"
	"compress/gzip"
	_ "embed" // the project's own pairs
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

//go:embed pairs.tsv
var own string

// pair is two prompts and whether they ask the same, in somebody's judgement.
type pair struct {
	kind string
	same bool
	a, b string
}

// set is a list of pairs.
type set struct {
	name  string
	pairs []pair
	// labels that are partly wrong make its figures bounds, not truths.
	noisy bool
	// audited is set where audit.tsv has rows of it.
	audited bool
}

// load returns the project's own sets, and those of the folder when it is there.
func load(folder string) (sets []set, from string, err error) {
	byHand := set{name: "own, by hand"}
	for line := range strings.Lines(own) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 4 {
			return nil, "", fmt.Errorf("pairs.tsv: %q", line)
		}
		byHand.pairs = append(byHand.pairs, pair{kind: f[0], same: f[1] == "1", a: f[2], b: f[3]})
	}
	sets = []set{byHand, {name: "own, by templates", pairs: generated(templates)}, {name: "own, unseen", pairs: generated(unseen)}, {name: "own, held", pairs: generated(held)}}
	folder = filepath.Join(folder, "semcache")
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) { //nolint:gosec // who measures names the folder
		return sets, "the project's own pairs; there is no " + folder, nil
	}
	for _, file := range []struct {
		name, file string
		noisy      bool
		row        func(f []string) (pair, bool)
	}{
		{"hard", "hard.dev.tsv.gz", false, func(f []string) (pair, bool) {
			return pair{f[1], f[0] == "1", f[2], f[3]}, len(f) == 4
		}},
		{"qqp", "qqp.dev.tsv.gz", true, func(f []string) (pair, bool) {
			return pair{"", f[0] == "1", f[1], f[2]}, len(f) == 3
		}},
		{"gptcache mock", "gptcache_mock.tsv.gz", true, func(f []string) (pair, bool) {
			return pair{"", true, f[0], f[1]}, len(f) == 2
		}},
	} {
		s := set{name: file.name, noisy: file.noisy, audited: file.name == "qqp"}
		err := rows(filepath.Join(folder, file.file), func(f []string) error {
			for len(f) < 4 {
				f = append(f, "")
			}
			if p, ok := file.row(trim(f)); ok {
				s.pairs = append(s.pairs, p)
				return nil
			}
			return fmt.Errorf("%s: a row of another form: %q", file.file, f)
		})
		if err != nil {
			return nil, "", err
		}
		sets = append(sets, s)
	}
	return sets, "the project's own pairs, and " + folder, nil
}

// trim takes the empty fields off the end.
func trim(f []string) []string {
	for len(f) > 2 && f[len(f)-1] == "" {
		f = f[:len(f)-1]
	}
	return f
}

func rows(path string, each func(f []string) error) error {
	file, err := os.Open(path) //nolint:gosec // who measures names the folder
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	z, err := gzip.NewReader(file)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	s := bufio.NewScanner(z)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		if err := each(strings.Split(s.Text(), "\t")); err != nil {
			return err
		}
	}
	return s.Err()
}
