package hftokenizer

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// meta is what Metaspace writes for a space.
const meta = "▁"

func newSplitters(p *part) ([]splitter, error) {
	if p == nil {
		return nil, nil
	}
	switch p.Type {
	case "Sequence":
		var all []splitter
		for i := range p.Pretokenizers {
			s, err := newSplitters(&p.Pretokenizers[i])
			if err != nil {
				return nil, err
			}
			all = append(all, s...)
		}
		return all, nil
	case "WhitespaceSplit":
		return []splitter{splitSpace}, nil
	case "BertPreTokenizer":
		return []splitter{splitSpace, splitPunctuation}, nil
	case "Metaspace":
		if err := p.metaspace(); err != nil {
			return nil, err
		}
		return []splitter{splitMeta}, nil
	default:
		return nil, fmt.Errorf("the pre-tokenizer %q is not known here", p.Type)
	}
}

// metaspace checks that a Metaspace is XLM-RoBERTa's: every piece begins with the mark.
func (p *part) metaspace() error {
	if p.Replacement != meta || (p.PrependScheme != "" && p.PrependScheme != "always") ||
		(p.AddPrefixSpace != nil && !*p.AddPrefixSpace) || (p.Split != nil && !*p.Split) {
		return fmt.Errorf("a Metaspace with other settings than XLM-RoBERTa's is not known here")
	}
	return nil
}

func splitSpace(piece string, to []string) []string {
	return append(to, strings.FieldsFunc(piece, unicode.IsSpace)...)
}

func splitPunctuation(piece string, to []string) []string {
	begin := 0
	for i, r := range piece {
		if !IsPunctuation(r) {
			continue
		}
		if begin < i {
			to = append(to, piece[begin:i])
		}
		begin = i + utf8.RuneLen(r)
		to = append(to, piece[i:begin])
	}
	if begin < len(piece) {
		to = append(to, piece[begin:])
	}
	return to
}

// IsPunctuation tells whether BERT makes a word of a character of its own as of a mark.
func IsPunctuation(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= '!' && r <= '/' || r >= ':' && r <= '@' || r >= '[' && r <= '`' || r >= '{' && r <= '~'
	}
	return unicode.IsPunct(r) && !unicode.Is(laterPunctuation, r) || unicode.Is(formerPunctuation, r)
}

func splitMeta(piece string, to []string) []string {
	piece = strings.ReplaceAll(piece, " ", meta)
	if !strings.HasPrefix(piece, meta) {
		piece = meta + piece
	}
	for piece != "" {
		next := strings.Index(piece[len(meta):], meta)
		if next < 0 {
			return append(to, piece)
		}
		to = append(to, piece[:len(meta)+next])
		piece = piece[len(meta)+next:]
	}
	return to
}

func newDecoder(p *part) (func([]string) string, error) {
	if p == nil {
		return nil, fmt.Errorf("%w: no decoder", errMalformed)
	}
	switch p.Type {
	case "Metaspace":
		if err := p.metaspace(); err != nil {
			return nil, err
		}
		return joinMeta, nil
	case "WordPiece":
		return func(tokens []string) string { return joinWordPiece(tokens, p.Prefix, p.Cleanup) }, nil
	default:
		return nil, fmt.Errorf("the decoder %q is not known here", p.Type)
	}
}

func joinMeta(tokens []string) string {
	var b strings.Builder
	for i, token := range tokens {
		space := " "
		if i == 0 {
			space = ""
		}
		b.WriteString(strings.ReplaceAll(token, meta, space))
	}
	return b.String()
}

func joinWordPiece(tokens []string, prefix string, cleanup bool) string {
	var b strings.Builder
	for i, token := range tokens {
		if i > 0 {
			if rest, ok := strings.CutPrefix(token, prefix); ok {
				token = rest
			} else {
				token = " " + token
			}
		}
		if cleanup {
			token = tidy(token)
		}
		b.WriteString(token)
	}
	return b.String()
}

// tidy takes out the spaces that English has not, one rule after the other.
func tidy(token string) string {
	for _, rule := range [...][2]string{
		{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"}, {" 'm", "'m"},
		{" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
	} {
		token = strings.ReplaceAll(token, rule[0], rule[1])
	}
	return token
}
