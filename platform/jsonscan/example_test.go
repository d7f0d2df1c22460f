package jsonscan_test

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"tollgate.dev/platform/jsonscan"
)

// A request is forwarded with another model, without one member and with one more.
// The rest stays as the caller sent it: 1.50 is still 1.50.
func ExamplePatch() {
	body := []byte(`{"model": "fast", "temperature": 1.50, "drop_params": true}`)

	var fields jsonscan.Fields
	if err := fields.Scan(body); err != nil {
		fmt.Println(err)
		return
	}
	var patch jsonscan.Patch
	patch.Reset(&fields)
	patch.Set("model", jsonscan.AppendQuoted(nil, "gpt-4o-mini"))
	patch.Delete("drop_params")
	patch.Set("stream_options", []byte(`{"include_usage":true}`))
	fmt.Printf("%s\n", patch.Apply(nil))
	// Output: {"model": "gpt-4o-mini", "temperature": 1.50,"stream_options":{"include_usage":true}}
}

// What a gateway decides on is read from the spans.
func ExampleFields() {
	body := []byte(`{"model":"gpt-4o","max_tokens":16.0,"stream":true,"messages":[]}`)

	var fields jsonscan.Fields
	if err := fields.Scan(body); err != nil {
		fmt.Println(err)
		return
	}
	model, err := jsonscan.String(fields.Raw("model"))
	fmt.Println(model, err)
	fmt.Println(jsonscan.Int64(fields.Raw("max_tokens")))
	fmt.Println(jsonscan.Bool(fields.Raw("stream")))
	if m, ok := fields.Get("messages"); ok {
		fmt.Println(m.Kind)
	}
	// Output:
	// gpt-4o <nil>
	// 16 true
	// true true
	// array
}

// Two values for one key are refused.
func ExampleFields_Scan() {
	var fields jsonscan.Fields
	err := fields.Scan([]byte(`{"model":"cheap","model":"dear"}`))
	fmt.Println(errors.Is(err, jsonscan.ErrDuplicateKey), err)
	// Output: true a key occurs twice in the object, again at offset 17
}

func ExampleScanArray() {
	messages := []byte(`[{"role":"system","content":"Be brief."}, {"role":"user","content":"Hi"}]`)
	err := jsonscan.ScanArray(messages, func(i int, v jsonscan.Value) error {
		message := v.Raw(messages)
		return jsonscan.ScanObject(message, func(m jsonscan.Member) error {
			fmt.Printf("%d %s: %s\n", i, m.Key, m.Raw(message))
			return nil
		})
	})
	fmt.Println(err)
	// Output:
	// 0 role: "system"
	// 0 content: "Be brief."
	// 1 role: "user"
	// 1 content: "Hi"
	// <nil>
}

func ExampleLookup() {
	answer := []byte(`{"choices":[{"message":{"content":"Hello"}}]}`)
	v, ok := jsonscan.Lookup(answer, "choices", "0", "message", "content")
	fmt.Printf("%s %v %v\n", v.Raw(answer), v.Kind, ok)
	// Output: "Hello" string true
}

// Requests that differ only in white space and in the order of members have one digest.
func ExampleSorter() {
	digest := func(raw string) string {
		var s jsonscan.Sorter
		h := sha256.New()
		if err := s.Write(h, []byte(raw)); err != nil {
			return err.Error()
		}
		return fmt.Sprintf("%x", h.Sum(nil))
	}
	fmt.Println(digest(`{"a": "b c", "d": 1}`) == digest("{\n\t\"d\": 1, \"a\": \"b c\"\n}"))
	fmt.Println(digest(`{"a": "b c"}`) == digest(`{"a":"bc"}`))
	// Output:
	// true
	// false
}
