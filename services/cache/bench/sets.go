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

	"tollgate.dev/services/cache/reading"
)

//go:embed pairs.tsv
var own string

// adversarial were written on 30 November 2026 by one who knew the rules, to break them in fields
// that the other sets leave out, before anything was mended: every seventh of 214 pairs that ask
// another thing, or the next one whose label stood a second reading, and all 30 that ask the same.
// Of the former near served two then, and five more passed the veto; rules were mended by pairs of
// that list since, these among them.
//
//go:embed adversary.tsv
var adversarial string

// everyday were written on 30 November 2026 before the rules were asked of any of them: 174 pairs of 23
// kinds that look alike and ask another thing, five more having been taken out because a second
// reading doubted their label, and 100 that ask the same as users of eight fields write it. Of the
// former near served 11 then, and static from 0.9 on 37 more; 16 passed the veto below that. Of the
// latter near found 27, static 35 more, the veto lost 14 and 4 were unfit. Rules were mended by them
// since.
//
//go:embed everyday.tsv
var everyday string

// whose were written on 30 November 2026, most of them behind the rules that they ask: what is asked of
// who answers and what anybody does, one of a thing and several, and words of grammar in capitals. They are read twice: as
// all that the model is told, and to somebody whom a system prompt makes of it; what is labelled "bare" asks the same in the first
// reading alone.
//
//go:embed whose.tsv
var whose string

// forms were written on 30 November 2026 with the rules that they ask: slips, order, articles, plurals and
// spelling, by which near tells prompts apart, and the veto since the end of that day.
//
//go:embed forms.tsv
var forms string

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
	// wordy sets say the same in other words than those that the tables were written by, so that near
	// finds fewer, and have kinds that no rule knows.
	wordy bool
	// behind is set where somebody stands behind "you": the prompts of the others are all that the model is told.
	behind bool
	// audited is set where audit.tsv has rows of it.
	audited bool
}

func (s *set) read(text string) *reading.Reading {
	if s.behind {
		return reading.Read(text)
	}
	return reading.ReadBare(text)
}

// load returns the project's own sets, and those of the folder when it is there.
func load(folder string) (sets []set, from string, err error) {
	byHand, adversary := set{name: "own, by hand"}, set{name: "own, by an adversary"}
	daily, doers := set{name: "own, everyday", wordy: true}, set{name: "own, whose doing"}
	asked := set{name: "own, whose doing, to somebody", behind: true}
	formal := set{name: "own, forms"}
	for _, file := range [...]struct {
		rows string
		set  *set
	}{{own, &byHand}, {adversarial, &adversary}, {everyday, &daily}, {whose, &doers}, {forms, &formal}} {
		for line := range strings.Lines(file.rows) {
			f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			if len(f) != 4 {
				return nil, "", fmt.Errorf("%s: %q", file.set.name, line)
			}
			file.set.pairs = append(file.set.pairs, pair{kind: f[0], same: f[1] != "0", a: f[2], b: f[3]})
			if file.set == &doers {
				asked.pairs = append(asked.pairs, pair{kind: f[0], same: f[1] == "1", a: f[2], b: f[3]})
			}
		}
	}
	sets = []set{
		byHand, {name: "own, by templates", pairs: generated(templates)}, {name: "own, unseen", pairs: generated(unseen)},
		{name: "own, held", pairs: generated(held)}, adversary, daily, doers, asked, formal,
	}
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
