package prompt_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"tollgate.dev/services/compressor/prompt"
)

// BenchmarkParse reads prompts of one size and of many times as much.
func BenchmarkParse(b *testing.B) {
	passage := func(i int) string {
		return fmt.Sprintf("Document [%d]\n", i) + strings.Repeat("The mill at Arden is old, and stands by the river. It was built in 1742, of stone that boats had brought.\n", 18)
	}
	document := func(size int) string {
		var out strings.Builder
		for i := 1; out.Len() < size; i++ {
			out.WriteString(passage(i) + "\n")
		}
		return out.String()
	}
	for name, body := range map[string][]byte{
		"user 128 KiB": request(b, "user", document(128<<10)+"How old is the mill?"),
		"user 2 MiB":   request(b, "user", document(2<<20)+"How old is the mill?"),
		"tags 2 MiB":   request(b, "user", "<documents>\n"+document(1<<20)+strings.Repeat("<a1>\n<b1><", 1<<16)+strings.Repeat("</b1></c1>\n", 1<<15)+"</documents>\nHow old is the mill?"),
		"tool 2 MiB":   request(b, "user", "How old is the mill?", "assistant", "", "tool", document(2<<20)),
		"16 users of 128 KiB": func() []byte {
			var said []string
			for range 16 {
				said = append(said, "user", document(128<<10)+"How old is the mill?", "assistant", "It is old.")
			}
			return request(b, append(said, "user", "And the weir?")...)
		}(),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := prompt.Parse(b.Context(), body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// request is one of messages, given as role and content.
func request(tb testing.TB, said ...string) []byte {
	tb.Helper()
	type message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	var messages []message
	for i := 0; i < len(said); i += 2 {
		messages = append(messages, message{said[i], said[i+1]})
	}
	body, err := json.Marshal(map[string]any{"model": "m", "messages": messages})
	if err != nil {
		tb.Fatal(err)
	}
	return body
}
