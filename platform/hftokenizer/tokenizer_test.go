package hftokenizer_test

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tollgate.dev/platform/hftokenizer"
)

var families = []string{"bert", "xlmr", "uncased"}

// Tokens, their identifiers and the text that they become again are the library's, for text
// in many scripts, for characters that are hard to get right, and for random ones.
func TestTokenizeAsRecorded(t *testing.T) {
	for _, family := range families {
		t.Run(family, func(t *testing.T) {
			tok := open(t, family)
			var lines []recorded
			read(t, filepath.Join(family, "tokens.json.gz"), &lines)
			if len(lines) < 200 {
				t.Fatalf("only %d texts were recorded", len(lines))
			}
			for _, line := range lines {
				got := tok.Tokenize(line.text)
				if !slices.Equal(got, line.tokens) {
					t.Errorf("%q:\n got %q\nwant %q", line.text, got, line.tokens)
					continue
				}
				for i, token := range got {
					if id := tok.ID(token); id != line.ids[i] {
						t.Errorf("%q: token %q has id %d, want %d", line.text, token, id, line.ids[i])
					}
				}
				if again := tok.Join(got); again != line.again {
					t.Errorf("%q: became %q, want %q", line.text, again, line.again)
				}
			}
		})
	}
}

type recorded struct {
	text, again string
	tokens      []string
	ids         []int
}

func (r *recorded) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[]any{&r.text, &r.tokens, &r.ids, &r.again})
}

func open(t testing.TB, family string) *hftokenizer.Tokenizer {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", family, "tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	tok, err := hftokenizer.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func read(t testing.TB, name string, to any) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(to); err != nil {
		t.Fatal(err)
	}
}

// Added tokens get the next identifiers, are found as they are written, and are not added twice.
func TestAdd(t *testing.T) {
	tok := open(t, "xlmr")
	last, first := tok.ID("[NEW99]"), tok.ID("[NEW0]")
	tok.Add("[NEW0]", "[[longer]", "[[")
	if got := tok.ID("[NEW0]"); got != first {
		t.Fatalf("[NEW0] has id %d, and had %d", got, first)
	}
	if id := tok.ID("[["); id != last+2 || tok.Token(id) != "[[" {
		t.Fatalf("[[ has id %d and that is %q", id, tok.Token(id))
	}
	got := tok.Tokenize("a[[longer][[[b")
	if want := []string{"▁a", "[[longer]", "[[", "▁", "[", "b"}; !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

// A file with anything in it that is not known is refused, in words of what it is.
func TestParseRefuses(t *testing.T) {
	const model = `"model":{"type":"WordPiece","unk_token":"u","vocab":{"u":0},"max_input_chars_per_word":9}`
	const decoder = `"decoder":{"type":"WordPiece"}`
	for name, c := range map[string]struct{ file, want string }{
		"no JSON":        {`{`, "well-formed"},
		"no model":       {`{` + decoder + `}`, "no model"},
		"no decoder":     {`{` + model + `}`, "no decoder"},
		"normalizer":     {`{` + model + `,` + decoder + `,"normalizer":{"type":"NFKC"}}`, "NFKC"},
		"charsmap":       {`{` + model + `,` + decoder + `,"normalizer":{"type":"Precompiled","precompiled_charsmap":"/////w=="}}`, "well-formed"},
		"pattern":        {`{` + model + `,` + decoder + `,"normalizer":{"type":"Replace","pattern":{"Regex":"a+"},"content":""}}`, "pattern"},
		"pre-tokenizer":  {`{` + model + `,` + decoder + `,"pre_tokenizer":{"type":"ByteLevel"}}`, "ByteLevel"},
		"metaspace":      {`{` + model + `,` + decoder + `,"pre_tokenizer":{"type":"Metaspace","replacement":"_"}}`, "Metaspace"},
		"whole words":    {`{` + model + `,` + decoder + `,"added_tokens":[{"id":1,"content":"x","single_word":true}]}`, "whole words"},
		"negative id":    {`{` + model + `,` + decoder + `,"added_tokens":[{"id":-1,"content":"x"}]}`, "well-formed"},
		"other model":    {`{"model":{"type":"BPE"},` + decoder + `}`, "BPE"},
		"bytes":          {`{"model":{"type":"Unigram","vocab":[["u",0]],"unk_id":0,"byte_fallback":true},` + decoder + `}`, "bytes"},
		"unknown piece":  {`{"model":{"type":"Unigram","vocab":[["u",0]],"unk_id":1},` + decoder + `}`, "unknown token"},
		"unknown word":   {`{"model":{"type":"WordPiece","unk_token":"x","vocab":{"u":0}},` + decoder + `}`, "unknown token"},
		"vocabulary":     {`{"model":{"type":"Unigram","vocab":{"u":0},"unk_id":0},` + decoder + `}`, "well-formed"},
		"other decoders": {`{` + model + `,"decoder":{"type":"ByteLevel"}}`, "ByteLevel"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := hftokenizer.Parse([]byte(c.file))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

// No text and no file makes the reader fail, and the tokens of valid UTF-8 are its own.
func FuzzTokenize(f *testing.F) {
	toks := map[string]*hftokenizer.Tokenizer{}
	for _, family := range families {
		toks[family] = open(f, family)
		var lines []recorded
		read(f, filepath.Join(family, "tokens.json.gz"), &lines)
		for _, line := range lines[:60] {
			f.Add(line.text)
		}
	}
	f.Add("\xff\xfe[NEW0")
	f.Fuzz(func(t *testing.T, text string) {
		for family, tok := range toks {
			tokens := tok.Tokenize(text)
			for _, token := range tokens {
				if token == "" {
					t.Fatalf("%s: an empty token in %q", family, tokens)
				}
				if tok.Token(tok.ID(token)) == "" {
					t.Fatalf("%s: token %q has an id without a name", family, token)
				}
			}
			tok.Join(tokens)
		}
	})
}

// Whatever is in a file, reading it ends with a tokenizer that works or with an error.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"model":{"type":"WordPiece","unk_token":"u","vocab":{"u":0,"##a":1},"continuing_subword_prefix":"##","max_input_chars_per_word":9},"decoder":{"type":"WordPiece","prefix":"##"},"normalizer":{"type":"BertNormalizer","clean_text":true},"pre_tokenizer":{"type":"BertPreTokenizer"}}`))
	f.Add([]byte(`{"model":{"type":"Unigram","vocab":[["u",0],["▁a",-1.5]],"unk_id":0},"decoder":{"type":"Metaspace","replacement":"▁"},"normalizer":{"type":"Precompiled","precompiled_charsmap":"BAAAAAAEAABhAA=="},"pre_tokenizer":{"type":"Metaspace","replacement":"▁"},"added_tokens":[{"id":5,"content":"<m>","lstrip":true,"rstrip":true,"normalized":true}]}`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		tok, err := hftokenizer.Parse(data)
		if err != nil {
			return
		}
		tok.Join(tok.Tokenize("a <m> b, ua\u00e9\u0301 漢字"))
	})
}
