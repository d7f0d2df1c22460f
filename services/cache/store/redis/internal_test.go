package redis

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"tollgate.dev/services/cache"
)

// Whatever stands in Redis, what is read is a question that could have been written.
func FuzzDecodeQuestion(f *testing.F) {
	kept := &cache.Kept{Question: cache.Question{Text: "why?", Bare: true}, Vector: []int8{1, -1}, Embedder: "e", Value: 7}
	f.Add(string(encodeQuestion(kept, time.UnixMilli(1))))
	f.Add("\x01")
	f.Add("\x02")
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

// A question that the release before has written is read, and is not bare.
func TestQuestionWithoutBits(t *testing.T) {
	kept := &cache.Kept{Question: cache.Question{Text: "why?", Bare: true}, Vector: []int8{1, -1}, Embedder: "e", Value: 7}
	raw := encodeQuestion(kept, time.UnixMilli(1))
	bits := 1 + len(kept.Question.Context)
	old := string(append([]byte{withoutBits}, slices.Delete(raw, bits, bits+1)[1:]...))
	kept.Question.Bare, kept.Expires = false, time.UnixMilli(1)
	if got := decodeQuestion(old); !reflect.DeepEqual(got, kept) {
		t.Errorf("got %+v, want %+v", got, kept)
	}
}
