package redis

import (
	"reflect"
	"testing"
	"time"

	"tollgate.dev/services/cache"
)

// Whatever stands in Redis, what is read is a question that could have been written.
func FuzzDecodeQuestion(f *testing.F) {
	kept := &cache.Kept{Question: cache.Question{Text: "why?"}, Vector: []int8{1, -1}, Embedder: "e", Value: 7}
	f.Add(string(encodeQuestion(kept, time.UnixMilli(1))))
	f.Add("\x01")
	f.Fuzz(func(t *testing.T, raw string) {
		got := decodeQuestion(raw)
		if got == nil {
			return
		}
		if got.Question.Text == "" || len(got.Question.Text) > cache.MaxQuestionBytes || len(got.Vector) > maxDimensions {
			t.Errorf("read %+v", got)
		}
		if again := decodeQuestion(string(encodeQuestion(got, got.Expires))); !reflect.DeepEqual(again, got) {
			t.Errorf("%+v became %+v", got, again)
		}
	})
}
