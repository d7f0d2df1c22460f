package hftokenizer

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Characters of every kind are normalized and split as the library does it, around every
// place where the treatment changes.
func TestCharactersAsRecorded(t *testing.T) {
	for _, family := range []string{"bert", "xlmr", "uncased"} {
		t.Run(family, func(t *testing.T) {
			folder := filepath.Join("testdata", family)
			data, err := os.ReadFile(filepath.Join(folder, "tokenizer.json"))
			if err != nil {
				t.Fatal(err)
			}
			tok, err := Parse(data)
			if err != nil {
				t.Fatal(err)
			}
			wrong := 0
			for _, run := range characterRuns(t, filepath.Join(folder, "characters.json.gz")) {
				for c := run.first; c <= run.last; c++ {
					// Of long runs (whole scripts, planes without characters) some are enough.
					if c > run.first+64 && c < run.last-64 && c%61 != 0 {
						continue
					}
					char := string(c)
					is := treatment{
						alone: strings.ReplaceAll(tok.normalizer("("+char+")"), char, "@"),
						after: strings.ReplaceAll(tok.normalizer("\u00aa"+char+")"), char, "@"),
					}
					for _, p := range tok.pieces("ab" + char + "cd") {
						is.pieces = append(is.pieces, strings.ReplaceAll(p, char, "@"))
					}
					if is.alone != run.alone || is.after != run.after || !slices.Equal(is.pieces, run.pieces) {
						if wrong++; wrong <= 20 {
							t.Errorf("%U: got %q, want %q", c, is, run.treatment)
						}
					}
				}
			}
			if wrong > 0 {
				t.Errorf("%d characters in all", wrong)
			}
		})
	}
}

type treatment struct {
	alone, after string
	pieces       []string
}

type characterRun struct {
	first, last rune
	treatment
}

func (r *characterRun) UnmarshalJSON(data []byte) error {
	var treated []json.RawMessage
	if err := json.Unmarshal(data, &[]any{&r.first, &r.last, &treated}); err != nil {
		return err
	}
	for i, to := range []any{&r.alone, &r.after, &r.pieces} {
		if err := json.Unmarshal(treated[i], to); err != nil {
			return err
		}
	}
	return nil
}

func characterRuns(t *testing.T, path string) []characterRun {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var runs []characterRun
	if err := json.NewDecoder(z).Decode(&runs); err != nil {
		t.Fatal(err)
	}
	if len(runs) < 300 {
		t.Fatalf("only %d runs were recorded", len(runs))
	}
	return runs
}
