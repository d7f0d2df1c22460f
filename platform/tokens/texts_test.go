package tokens_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// fragments are what is hard to split, or to merge, in many scripts.
var fragments = []string{
	"Hello", " world", "it's", "IT'S", "don't", "DON'T", "we'Ll", "they'RE", "I'vE", "x'd", "'tis", "'s", "'ſ", "a'ſb", "ſ", "K", "'l", "'r", "''re",
	"CamelCase", "XMLHttpRequest", "aB", "Ab", "ABc", "iPhone", "ǅungla", "ﬁn", "ÉCOLE", "éa", "e\u0301a", "\u0301", "A\u0301B", "\u0301ABC", "!\u0301", " \u0301x",
	"漢字", "漢ABC", "ABC漢", "漢ABCd", "日本語のテキスト", "お誕生日おめでとう", "한국어 문장", "ไม่มีช่องว่าง", "हिन्दी में", "தமிழ்", "አማርኛ", "ქართული", "Ελληνικά", "Русский",
	"עברית", "العربية", "\u200fרצף\u200e", "مَرْحَبًا", "ʰʷ", "aʰB", "ªº", "𝒳𝓎", "𐐀𐐨", "𠀀𪛖", "\U000E0100",
	"🙂", "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪🇨🇭", "❤️", "1️⃣",
	"1", "12", "123", "1234", "1234567", "3.14", "1,234,567.89", "①②③④", "Ⅷ", "½", "٣٤٥٦", "१२३४", "x2y3",
	" ", "  ", "   ", "\t", "\t\t", "\n", "\r\n", "\n\n", "\n \n", " \n", "\n  ", "\r", "\v\f", "\u0085", "\u00a0", "\u00a0\u00a0", "\u2028", "\u2029", "\u3000", "\u200b", "\ufeff", "\u1680",
	"!", "!!", "?!\n", "...", "…", "—", "/", "//", "/\n/", "!\n//\n", "\n/", "(foo)", "((foo))", "\"quoted\"", "«»", "“x”", "#!", "==", "====", "<|endoftext|>", "<div class=\"a\">", "a/b/c", "https://example.com/?q=1&r=%20",
	"\x00", "\x1b[0m", "\x1f", "\x7f", "\x7fabc", " \x7f", "func main() {\n\tfmt.Println(\"x\")\n}\n", "{\"k\":[1,2,{\"é\":null}]}", "  \"key\": \"value\",\n", "if (a && b) {\r\n    return;\r\n}", "`code`", "$x_1", "snake_case", "kebab-case",
	"antidisestablishmentarianism", "Donaudampfschifffahrtsgesellschaft", "aGVsbG8gd29ybGQgdGhpcyBpcyBiYXNlNjQ=", "ffffffffffffffff", "zzzzzzzzzzzzz", "\ufffd",
}

// mixed puts fragments together at random, the same ones every time.
func mixed(seed uint64, parts int) string {
	rng := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // the same texts every time
	var b strings.Builder
	for range parts {
		b.WriteString(fragments[rng.IntN(len(fragments))])
	}
	return b.String()
}

// sample is a text of the project's own of a kind.
func sample(t testing.TB, kind string) string {
	t.Helper()
	file := "testdata/" + kind + ".txt"
	switch kind {
	case "code":
		file = "bound.go"
	case "json":
		return records(40)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// records is a tool's result, as a model is given it.
func records(n int) string {
	rng := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // the same text every time
	type record struct {
		ID     string  `json:"id"`
		Name   string  `json:"name"`
		Active bool    `json:"active"`
		Score  float64 `json:"score"`
		Tags   []string
	}
	var all []record
	for i := range n {
		all = append(all, record{
			ID: fmt.Sprintf("%08x-%04x", rng.Uint32(), rng.Uint32()>>16), Name: fmt.Sprintf("item %d", i),
			Active: i%3 == 0, Score: float64(rng.IntN(10_000)) / 100, Tags: []string{"alpha", "beta_2"},
		})
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		panic(err)
	}
	return string(text)
}

// kinds of samples.
var kinds = []string{"prose", "code", "json", "german", "chinese", "thai", "khmer", "burmese", "lao"}
