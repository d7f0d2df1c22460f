package hftokenizer

import (
	"encoding/json"
	"fmt"
	"math"
	"unicode/utf8"
)

func newModel(p *part) (model, error) {
	if p == nil {
		return nil, fmt.Errorf("%w: no model", errMalformed)
	}
	switch p.Type {
	case "WordPiece", "": // old files don't say, and WordPiece's vocabulary is an object
		return newWordPiece(p)
	case "Unigram":
		return newUnigram(p)
	default:
		return nil, fmt.Errorf("the model %q is not known here", p.Type)
	}
}

// wordPiece takes the longest known beginning of a word, and again of what is left.
type wordPiece struct {
	vocab    map[string]int
	unk      string
	prefix   string
	maxChars int
}

func newWordPiece(p *part) (model, error) {
	m := &wordPiece{unk: p.UnkToken, prefix: p.Subword, maxChars: p.MaxChars}
	if err := json.Unmarshal(p.Vocab, &m.vocab); err != nil {
		return nil, errMalformed
	}
	for _, id := range m.vocab {
		if id < 0 || id > maxID {
			return nil, errMalformed
		}
	}
	if _, ok := m.vocab[m.unk]; !ok {
		return nil, fmt.Errorf("%w: its unknown token is not in the vocabulary", errMalformed)
	}
	return m, nil
}

func (m *wordPiece) tokenize(word string, to []string) []string {
	if utf8.RuneCountInString(word) > m.maxChars {
		return append(to, m.unk)
	}
	begin := len(to)
	for start := 0; start < len(word); {
		end := len(word)
		for end > start {
			token := word[start:end]
			if start > 0 {
				token = m.prefix + token
			}
			if _, ok := m.vocab[token]; ok {
				to = append(to, token)
				break
			}
			_, size := utf8.DecodeLastRuneInString(word[start:end])
			end -= size
		}
		if end == start {
			return append(to[:begin], m.unk)
		}
		start = end
	}
	return to
}

func (m *wordPiece) id(token string) (int, bool) {
	id, ok := m.vocab[token]
	return id, ok
}

func (m *wordPiece) each(visit func(string, int)) {
	for token, id := range m.vocab {
		visit(token, id)
	}
}

func (m *wordPiece) unknown() (int, bool) { return m.id(m.unk) }

// unigram takes the likeliest way of splitting a word.
type unigram struct {
	pieces []string
	scores []float64
	ids    map[string]int
	unk    int
	worst  float64 // the score of an unknown character
	most   int     // the length of the longest piece, in bytes
}

// unknownPenalty is how much less likely an unknown character is than the least likely piece.
const unknownPenalty = 10

func newUnigram(p *part) (model, error) {
	var vocab []piece
	if err := json.Unmarshal(p.Vocab, &vocab); err != nil || len(vocab) > maxID {
		return nil, errMalformed
	}
	switch {
	case p.ByteFallback:
		return nil, fmt.Errorf("a Unigram model that falls back to bytes is not known here")
	case p.UnkID == nil || *p.UnkID < 0 || *p.UnkID >= len(vocab):
		return nil, fmt.Errorf("%w: no unknown token", errMalformed)
	}
	m := &unigram{
		pieces: make([]string, len(vocab)), scores: make([]float64, len(vocab)), ids: make(map[string]int, len(vocab)),
		unk: *p.UnkID, worst: math.Inf(1),
	}
	for i, v := range vocab {
		m.pieces[i], m.scores[i], m.ids[v.text] = v.text, v.score, i
		m.worst, m.most = min(m.worst, v.score), max(m.most, len(v.text))
	}
	m.worst -= unknownPenalty
	return m, nil
}

// piece is a pair in the file: a text and its score.
type piece struct {
	text  string
	score float64
}

// UnmarshalJSON reads [text, score].
func (p *piece) UnmarshalJSON(data []byte) error {
	var pair [2]json.RawMessage
	if err := json.Unmarshal(data, &pair); err != nil {
		return err
	}
	if err := json.Unmarshal(pair[0], &p.text); err != nil {
		return err
	}
	return json.Unmarshal(pair[1], &p.score)
}

// step is the best way to a place in a word: the piece that ends there.
type step struct {
	score float64
	from  int // -1 where no piece ends
	id    int
}

func (m *unigram) tokenize(word string, to []string) []string {
	steps := make([]step, len(word)+1)
	for i := range steps {
		steps[i].from = -1
	}
	for at := 0; at < len(word); {
		_, size := utf8.DecodeRuneInString(word[at:])
		so, single := steps[at].score, false
		for end := at + 1; end <= min(len(word), at+m.most); end++ {
			if end < len(word) && !utf8.RuneStart(word[end]) {
				continue
			}
			id, ok := m.ids[word[at:end]]
			if !ok {
				continue
			}
			steps[end].better(step{so + m.scores[id], at, id})
			single = single || end == at+size
		}
		if !single {
			steps[at+size].better(step{so + m.worst, at, m.unk})
		}
		at += size
	}
	begin := len(to)
	for end := len(word); end > 0; {
		from := steps[end].from
		if steps[end].id == m.unk {
			// Unknown characters in a row are one token.
			for from > 0 && steps[from].id == m.unk {
				from = steps[from].from
			}
		}
		to = append(to, word[from:end])
		end = from
	}
	for i, j := begin, len(to)-1; i < j; i, j = i+1, j-1 {
		to[i], to[j] = to[j], to[i]
	}
	return to
}

func (s *step) better(than step) {
	if s.from < 0 || than.score > s.score {
		*s = than
	}
}

func (m *unigram) id(token string) (int, bool) {
	id, ok := m.ids[token]
	return id, ok
}

func (m *unigram) each(visit func(string, int)) {
	for i, p := range m.pieces {
		visit(p, i)
	}
}

func (m *unigram) unknown() (int, bool) { return m.unk, true }
