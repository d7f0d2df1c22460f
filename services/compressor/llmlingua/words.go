package llmlingua

import (
	"slices"
	"strings"
	"unicode"
)

// family is what differs between the two models that the method was published with.
type family struct {
	// special are the tokens that are no text.
	special []string
	// unknown is the one for what the vocabulary lacks.
	unknown string
	// pure takes a token's mark of its place in a word off.
	pure func(token string) string
	// begins tells whether a token begins a word; kept tells of tokens to keep.
	begins func(token string, kept func(string) bool) bool
}

// families by the model_type of config.json.
func families() map[string]family {
	return map[string]family{
		"bert": {
			special: []string{"[CLS]", "[SEP]", "[UNK]", "[PAD]", "[MASK]"},
			unknown: "[UNK]",
			pure:    func(token string) string { return strings.TrimLeft(token, "#") },
			begins: func(token string, kept func(string) bool) bool {
				return kept(strings.TrimLeft(token, "#")) || !strings.HasPrefix(token, "##")
			},
		},
		"xlm-roberta": {
			special: []string{"<s>", "</s>", "<unk>", "<pad>", "<mask>"},
			unknown: "<unk>",
			pure:    func(token string) string { return strings.TrimLeft(token, "▁") },
			begins: func(token string, kept func(string) bool) bool {
				// A run of marks counts when it stands in the list of them in this order.
				return strings.Contains("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", token) || kept(token) ||
					strings.HasPrefix(token, "▁")
			},
		},
	}
}

// The tokens that a chunk is put between, and those that the model does not look at. The
// reference has BERT's for either model, so that XLM-RoBERTa, which lacks them, is asked with
// its unknown token in their place; its probabilities hang on that.
const (
	begin   = "[CLS]"
	end     = "[SEP]"
	padding = "[PAD]"
)

// forced are the tokens to keep. Those that are not one token to the model have an added one
// in their place while the model reads the text.
type forced struct {
	tokens []string
	from   []string // the originals of the added tokens, in order
	to     []string // the added tokens
}

// hide puts added tokens in the place of those to keep.
func (f forced) hide(text string) string {
	for i, from := range f.from {
		text = strings.ReplaceAll(text, from, f.to[i])
	}
	return text
}

// show puts the originals back.
func (f forced) show(text string) string {
	for i, to := range f.to {
		text = strings.ReplaceAll(text, to, f.from[i])
	}
	return text
}

func (f forced) kept(token string) bool {
	return slices.Contains(f.tokens, token) || slices.Contains(f.to, token)
}

// word is some tokens of a chunk that are kept or dropped together.
type word struct {
	text string
	// tokens are their probabilities, and 1 for what is kept in any case.
	tokens []probability
	// plain are their probabilities alone. Of all but a word's first token the reference
	// takes the first's; contexts are compared by it.
	plain []probability
}

// merge joins a chunk's tokens to words. In text that begins amid a word, where the
// reference fails, a word begins as well.
func (f family) merge(tokens []string, probabilities []float32, keep forced, digits bool) []word {
	var words []word
	for i, token := range tokens {
		if slices.Contains(f.special, token) {
			continue
		}
		p := probability{value: float64(probabilities[i])}
		pure := f.pure(token)
		if !f.begins(token, keep.kept) && len(words) > 0 {
			w := &words[len(words)-1]
			if digits && hasDigit(token) {
				p = probability{1, true}
			}
			w.text += pure
			w.tokens = append(w.tokens, p)
			w.plain = append(w.plain, w.plain[0])
			continue
		}
		plain := p
		token = keep.show(token)
		if keep.kept(pure) || digits && hasDigit(token) {
			p = probability{1, true}
		}
		words = append(words, word{text: token, tokens: []probability{p}, plain: []probability{plain}})
	}
	return words
}

func hasDigit(s string) bool { return strings.ContainsFunc(s, unicode.IsDigit) }

// value is a word's probability.
func value(of []probability, first bool) probability {
	if first {
		return of[0]
	}
	return mean(of)
}
