package simulator

import (
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"math"
	"net/http"
	"strconv"
	"strings"
	"unicode"
)

// embeddings answers POST /v1/embeddings. A vector is the normalised sum of
// one fixed pseudo-random direction per word, so that texts that share words
// are near each other and equal texts are equal.
func embeddings(x *exchange) error {
	root := x.doc.root()
	model := root.get("model").str()
	if model == "" {
		return badRequest("", "", "you must provide a model parameter")
	}
	if err := x.begin(model, false); err != nil {
		return err
	}
	dims := 1536
	if strings.HasPrefix(x.name, "text-embedding-3-large") {
		dims = 3072
	}
	if v := root.get("dimensions"); v.set() {
		n, ok := v.integer()
		if !ok || n < 1 || int(n) > dims || strings.Contains(x.name, "ada-002") {
			return badRequest("dimensions", "invalid_value", "Invalid value for 'dimensions': the model does not support this number of dimensions.")
		}
		dims = int(n)
	}
	format := root.get("encoding_format")
	if format.set() && !format.is("float") && !format.is("base64") {
		return badRequest("encoding_format", "invalid_value", "Invalid value: '"+format.str()+"'. Supported values are: 'float' and 'base64'.")
	}
	inputs, size, err := embeddingInputs(root.get("input"))
	if err != nil {
		return err
	}
	b := append(x.out[:0], `{"object":"list","data":[`...)
	for i, in := range inputs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"object":"embedding","index":`...)
		b = appendInt(b, i)
		b = append(b, `,"embedding":`...)
		b = appendVector(b, embed(in, dims, x.s.opt.Seed), format.is("base64"))
		b = append(b, '}')
	}
	b = append(b, `],"model":`...)
	b = appendQuoted(b, x.name)
	if !x.dir.NoUsage {
		b = append(b, `,"usage":{`...)
		b = appendField(b, "prompt_tokens", size)
		b = appendField(b, "total_tokens", size)
		b = append(b, '}')
	}
	x.out = append(b, '}')
	return x.reply(http.StatusOK, x.out)
}

// embeddingInputs reads a string, an array of strings, an array of tokens or
// an array of arrays of tokens, and counts the tokens.
func embeddingInputs(in val) (texts []string, size int, err error) {
	bad := badRequest("input", "invalid_type", "Invalid type for 'input': expected a string, an array of strings, or an array of integers.")
	tokenText := func(v val) string { return strings.NewReplacer(",", " ", "[", "", "]", "").Replace(string(v.raw())) }
	switch {
	case in.kind() == kindString:
		texts, size = []string{in.str()}, tokens(in.strLen())
	case in.kind() != kindArray:
		return nil, 0, bad
	default:
		numbers := 0
		for _, e := range in.items() {
			switch e.kind() {
			case kindString:
				texts, size = append(texts, e.str()), size+tokens(e.strLen())
			case kindArray:
				texts, size = append(texts, tokenText(e)), size+e.size()
			case kindNumber:
				numbers++
			default:
				return nil, 0, bad
			}
		}
		if numbers > 0 && len(texts) > 0 {
			return nil, 0, bad
		}
		if numbers > 0 {
			texts, size = []string{tokenText(in)}, numbers
		}
	}
	if len(texts) == 0 || len(texts) > 2048 || texts[0] == "" {
		return nil, 0, badRequest("input", "invalid_value", "Invalid 'input': it cannot be an empty string or array, or longer than 2048 entries.")
	}
	return texts, size, nil
}

func embed(text string, dims int, seed uint64) []float32 {
	v := make([]float64, dims)
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
	if len(words) == 0 {
		words = []string{text}
	}
	for _, w := range words {
		h := fnv.New64a()
		_, _ = h.Write([]byte(w))
		state := h.Sum64() ^ seed
		for i := range v {
			// SplitMix64 (Steele, Lea, Flood 2014).
			state += 0x9e3779b97f4a7c15
			z := state
			z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
			z = (z ^ z>>27) * 0x94d049bb133111eb
			v[i] += float64(int64(z^z>>31)) / (1 << 63) //nolint:gosec // the sign is wanted
		}
	}
	var sum float64
	for _, f := range v {
		sum += f * f
	}
	out := make([]float32, dims)
	for i, f := range v {
		out[i] = float32(f / math.Sqrt(sum))
	}
	return out
}

func appendVector(b []byte, v []float32, asBase64 bool) []byte {
	if asBase64 {
		raw := make([]byte, 0, 4*len(v))
		for _, f := range v {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(f))
		}
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, raw)
		return append(b, '"')
	}
	b = append(b, '[')
	for i, f := range v {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendFloat(b, float64(f), 'g', -1, 32)
	}
	return append(b, ']')
}
