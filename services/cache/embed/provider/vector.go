package provider

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"

	"tollgate.dev/platform/errs"
)

var errForm = errors.New("neither numbers nor base64 of them")

// decode reads a vector in either of its forms, whichever was asked for: some providers know
// one alone. It returns how many numbers there are; when they are not as many as fit, what is
// in to has no meaning.
func decode(data json.RawMessage, to []float32) (int, error) {
	var text string
	if len(data) == 0 || data[0] != '"' {
		var numbers []float32
		if err := json.Unmarshal(data, &numbers); err != nil {
			return 0, errForm // the library's error may quote it
		}
		copy(to, numbers)
		return len(numbers), nil
	}
	if err := json.Unmarshal(data, &text); err != nil {
		return 0, errForm
	}
	packed, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(packed)%4 != 0 {
		return 0, errForm
	}
	for i := range min(len(packed)/4, len(to)) {
		to[i] = math.Float32frombits(binary.LittleEndian.Uint32(packed[4*i:]))
	}
	return len(packed) / 4, nil
}

// normalize gives a vector the length 1, which not all providers do.
func normalize(v []float32) error {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if !(sum > 0) || math.IsInf(sum, 0) {
		return errs.New(errs.ProviderError, "the provider's vector has no direction")
	}
	length := math.Sqrt(sum)
	for i, x := range v {
		v[i] = float32(float64(x) / length)
	}
	return nil
}
