package provider

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

// Whatever a provider answers, reading it ends with a vector of length 1 or an error.
func FuzzRead(f *testing.F) {
	for _, form := range []string{"float", "base64"} {
		data, err := os.ReadFile(filepath.Join("testdata", "reply."+form+".json"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"data":[{"embedding":[1e38,-1e38,1e-45,3]}]}`))
	f.Add([]byte(`{"data":[{"embedding":"AACAfwAAgH8AAIB/AACAfw=="}]}`))
	e := &Embedder{opts: Options{Dim: 4}}
	f.Fuzz(func(t *testing.T, data []byte) {
		to := make([]float32, 4)
		if _, err := e.read(data, to); err != nil {
			return
		}
		sum := 0.0
		for _, x := range to {
			sum += float64(x) * float64(x)
		}
		if math.Abs(sum-1) > 1e-5 {
			t.Errorf("the length is %v", math.Sqrt(sum))
		}
	})
}
