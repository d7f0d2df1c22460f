package jsonscan_test

import (
	"errors"
	"testing"

	"tollgate.dev/platform/jsonscan"
)

func TestIndexRestoresTheMembers(t *testing.T) {
	for _, doc := range []string{
		`{}`, ` {"a":1} `, `{"model":"m", "messages" : [ {"role":"user"} ],"n":null,"s":true,"f":false,"x":-1.5}`,
	} {
		var scanned, restored jsonscan.Fields
		if err := scanned.Scan([]byte(doc)); err != nil {
			t.Fatal(err)
		}
		index := scanned.AppendIndex(nil)
		if err := restored.Restore([]byte(doc), index); err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		if restored.Len() != scanned.Len() {
			t.Fatalf("%s: %d members, want %d", doc, restored.Len(), scanned.Len())
		}
		for m := range scanned.All() {
			got, ok := restored.Get(string(m.Key))
			if !ok || string(got.Key) != string(m.Key) || got.Value() != m.Value() || got.KeyStart != m.KeyStart {
				t.Errorf("%s: %s is %+v, want %+v", doc, m.Key, got, m)
			}
		}
		var a, b jsonscan.Patch
		a.Reset(&scanned)
		b.Reset(&restored)
		a.Set("model", []byte(`"z"`))
		b.Set("model", []byte(`"z"`))
		if got, want := string(b.Apply(nil)), string(a.Apply(nil)); got != want {
			t.Errorf("patched %s, want %s", got, want)
		}
	}
}

func TestIndexThatDoesNotFitIsRefused(t *testing.T) {
	doc := []byte(`{"a":1,"b":"x"}`)
	for name, index := range map[string][]uint32{
		"no triple": {1, 5}, "outside": {1, 5, 400}, "backwards": {7, 11, 14, 1, 5, 6}, "no key": {5, 6, 7}, "empty value": {1, 5, 5},
	} {
		var f jsonscan.Fields
		if err := f.Restore(doc, index); !errors.Is(err, jsonscan.ErrIndex) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var f jsonscan.Fields
	if err := f.Scan([]byte(`{"\u0061":1}`)); err != nil || len(f.AppendIndex(nil)) != 0 {
		t.Errorf("a key with an escape has no index: %v", err)
	}
}
