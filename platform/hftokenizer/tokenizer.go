// Package hftokenizer reads the tokenizer.json of Hugging Face's tokenizers library and
// splits text by it, token for token as the library does: WordPiece as BERT has it and
// Unigram as XLM-RoBERTa has it. A file with anything else in it is refused.
package hftokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Tokenizer splits text. It is safe for concurrent use.
type Tokenizer struct {
	normalizer normalizer
	split      []splitter
	model      model
	decoder    func(tokens []string) string

	raw, normalized matcher        // the added tokens, by the text in which they are looked for
	added           map[string]int // their identifiers
	names           map[int]string // the names of all identifiers
}

// normalizer rewrites text before it is split.
type normalizer func(string) string

// splitter splits pieces of text further.
type splitter func(piece string, to []string) []string

// model splits a word into tokens of a vocabulary.
type model interface {
	tokenize(word string, to []string) []string
	id(token string) (int, bool)
	each(visit func(token string, id int))
	unknown() (int, bool)
}

// part is any typed object in the file.
type part struct {
	Type string `json:"type"`

	Normalizers   []part `json:"normalizers"`
	Pretokenizers []part `json:"pretokenizers"`

	// Normalizers.
	Charsmap     []byte          `json:"precompiled_charsmap"`
	CleanText    bool            `json:"clean_text"`
	Chinese      bool            `json:"handle_chinese_chars"`
	StripAccents *bool           `json:"strip_accents"`
	Lowercase    bool            `json:"lowercase"`
	StripLeft    bool            `json:"strip_left"`
	StripRight   bool            `json:"strip_right"`
	Content      string          `json:"content"`
	Pattern      json.RawMessage `json:"pattern"`

	// Metaspace.
	Replacement    string `json:"replacement"`
	AddPrefixSpace *bool  `json:"add_prefix_space"`
	PrependScheme  string `json:"prepend_scheme"`
	Split          *bool  `json:"split"`

	// Decoders.
	Prefix  string `json:"prefix"`
	Cleanup bool   `json:"cleanup"`

	// Models.
	Vocab        json.RawMessage `json:"vocab"`
	UnkToken     string          `json:"unk_token"`
	UnkID        *int            `json:"unk_id"`
	Subword      string          `json:"continuing_subword_prefix"`
	MaxChars     int             `json:"max_input_chars_per_word"`
	ByteFallback bool            `json:"byte_fallback"`
}

type file struct {
	Added []struct {
		ID         int    `json:"id"`
		Content    string `json:"content"`
		SingleWord bool   `json:"single_word"`
		Lstrip     bool   `json:"lstrip"`
		Rstrip     bool   `json:"rstrip"`
		Normalized bool   `json:"normalized"`
	} `json:"added_tokens"`
	Normalizer   *part `json:"normalizer"`
	PreTokenizer *part `json:"pre_tokenizer"`
	Model        *part `json:"model"`
	Decoder      *part `json:"decoder"`
}

var errMalformed = errors.New("not a well-formed tokenizer.json")

// maxID bounds identifiers: no vocabulary comes near it.
const maxID = 1 << 24

// Parse reads a tokenizer.json.
func Parse(data []byte) (*Tokenizer, error) {
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		// The error may quote the file, which is long; where it stops says enough.
		return nil, fmt.Errorf("hftokenizer: %w", errMalformed)
	}
	t, err := build(f)
	if err != nil {
		return nil, fmt.Errorf("hftokenizer: %w", err)
	}
	return t, nil
}

func build(f file) (*Tokenizer, error) {
	t := &Tokenizer{added: map[string]int{}, names: map[int]string{}}
	var err error
	if t.normalizer, err = newNormalizer(f.Normalizer); err != nil {
		return nil, err
	}
	if t.split, err = newSplitters(f.PreTokenizer); err != nil {
		return nil, err
	}
	if t.model, err = newModel(f.Model); err != nil {
		return nil, err
	}
	if t.decoder, err = newDecoder(f.Decoder); err != nil {
		return nil, err
	}
	t.model.each(func(token string, id int) { t.names[id] = token })
	for _, a := range f.Added {
		switch {
		case a.SingleWord:
			return nil, fmt.Errorf("an added token that stands for whole words only is not known here")
		case a.Content == "" || a.ID < 0 || a.ID > maxID:
			return nil, errMalformed
		}
		t.add(addedToken{content: a.Content, before: a.Lstrip, after: a.Rstrip}, a.ID, a.Normalized)
	}
	return t, nil
}

func (t *Tokenizer) add(a addedToken, id int, normalized bool) {
	t.added[a.content] = id
	t.names[id] = a.content
	if normalized {
		a.content = t.normalizer(a.content)
		t.normalized.add(a)
		return
	}
	t.raw.add(a)
}

// Add adds tokens that are found as they are written and never split, with the next
// identifiers. Those that there are stay as they are. It must not be called once the
// tokenizer is in use.
func (t *Tokenizer) Add(tokens ...string) {
	for _, token := range tokens {
		if _, ok := t.added[token]; ok || token == "" {
			continue
		}
		id, ok := t.model.id(token)
		if !ok {
			id = len(t.names)
		}
		t.add(addedToken{content: token}, id, false)
	}
}

// ID returns a token's identifier, and that of the unknown token for one that there is not.
func (t *Tokenizer) ID(token string) int {
	if id, ok := t.added[token]; ok {
		return id
	}
	if id, ok := t.model.id(token); ok {
		return id
	}
	id, _ := t.model.unknown()
	return id
}

// Token returns the token of an identifier, "" for one that there is not.
func (t *Tokenizer) Token(id int) string { return t.names[id] }

// Tokenize splits text into tokens. Of one that the vocabulary lacks, the text may be kept.
// Text that is not UTF-8 is read with U+FFFD in its place.
func (t *Tokenizer) Tokenize(text string) []string {
	text = strings.ToValidUTF8(text, "\ufffd")
	var out []string
	t.raw.find(text, func(piece string, added bool) {
		if added {
			out = append(out, piece)
			return
		}
		t.normalized.find(t.normalizer(piece), func(piece string, added bool) {
			if added {
				out = append(out, piece)
				return
			}
			out = t.words(piece, out)
		})
	})
	return out
}

func (t *Tokenizer) words(text string, to []string) []string {
	for _, p := range t.pieces(text) {
		if p != "" {
			to = t.model.tokenize(p, to)
		}
	}
	return to
}

// pieces splits normalized text into what the model gets.
func (t *Tokenizer) pieces(text string) []string {
	pieces := []string{text}
	for _, split := range t.split {
		var next []string
		for _, p := range pieces {
			next = split(p, next)
		}
		pieces = next
	}
	return pieces
}

// Join turns tokens back into text.
func (t *Tokenizer) Join(tokens []string) string { return t.decoder(tokens) }

// addedToken is found as it is written.
type addedToken struct {
	content       string
	before, after bool // whether it takes the whitespace there with it
}

// matcher finds added tokens, the longest first, from the left.
type matcher struct {
	byFirst [256][]addedToken
	any     bool
}

func (m *matcher) add(a addedToken) {
	if a.content == "" {
		return
	}
	list := m.byFirst[a.content[0]]
	at := 0
	for at < len(list) && len(list[at].content) >= len(a.content) {
		at++
	}
	list = append(list, addedToken{})
	copy(list[at+1:], list[at:])
	list[at] = a
	m.byFirst[a.content[0]] = list
	m.any = true
}

// find visits the parts of text, added tokens and what is between them.
func (m *matcher) find(text string, visit func(piece string, added bool)) {
	begin := 0
	for i := 0; m.any && i < len(text); {
		a, ok := m.at(text[i:])
		if !ok {
			i++
			continue
		}
		start, stop := i, i+len(a.content)
		i = stop
		if a.before {
			for start > begin {
				r, size := utf8.DecodeLastRuneInString(text[begin:start])
				if !unicode.IsSpace(r) {
					break
				}
				start -= size
			}
		}
		if a.after {
			for stop < len(text) {
				r, size := utf8.DecodeRuneInString(text[stop:])
				if !unicode.IsSpace(r) {
					break
				}
				stop += size
			}
			i = stop
		}
		if begin < start {
			visit(text[begin:start], false)
		}
		visit(text[start:stop], true)
		begin = stop
	}
	if begin < len(text) {
		visit(text[begin:], false)
	}
}

func (m *matcher) at(text string) (addedToken, bool) {
	for _, a := range m.byFirst[text[0]] {
		if strings.HasPrefix(text, a.content) {
			return a, true
		}
	}
	return addedToken{}, false
}
