package blob_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/stage/blob"
)

// noise is n bytes that look random and are the same each time.
func noise(n int) []byte {
	var out []byte
	for i := 0; len(out) < n; i++ {
		sum := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		out = append(out, sum[:]...)
	}
	return out[:n]
}

// wrap parts data into lines.
func wrap(data string, width int, end string) string {
	var lines []string
	for ; len(data) > width; data = data[width:] {
		lines = append(lines, data[:width])
	}
	return strings.Join(append(lines, data), end)
}

func text(t testing.TB, kind prompt.Kind, content string) *prompt.Text {
	t.Helper()
	body := fmt.Sprintf(`{"messages":[{"role":"user","content":"Q"},{"role":"tool","content":%s}]}`, jsonscan.AppendQuoted(nil, content))
	p, err := prompt.Parse(t.Context(), []byte(body))
	if err != nil || len(p.Texts) != 1 {
		t.Fatalf("%v, %v", p, err)
	}
	p.Texts[0].Kind = kind
	return p.Texts[0]
}

func apply(t testing.TB, text *prompt.Text) string {
	t.Helper()
	if err := (blob.Stage{}).Apply(t.Context(), &prompt.Draft{Texts: []*prompt.Text{text}, Rate: 1}); err != nil {
		t.Fatal(err)
	}
	return text.Current()
}

func TestData(t *testing.T) {
	raw := noise(900)
	b64, url, hexa := base64.StdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw), hex.EncodeToString(raw)
	large := base64.StdEncoding.EncodeToString(noise(1800))
	mark := func(says, data string) string { return fmt.Sprintf("[%s, omitted %s]", says, prompt.NameOf(data)) }
	const size = "base64, 900 bytes"
	pem, mail := wrap(b64, 64, "\n"), wrap(b64, 76, "\r\n")
	escaped := wrap(b64, 76, `\n`)
	for name, tc := range map[string]struct{ in, want string }{
		"a data URL":           {`<img src="data:image/png;base64,` + b64 + `">`, `<img src="data:image/png;base64,` + mark(size, b64) + `">`},
		"in JSON":              {`{"name":"a.png","content":"` + large + `"}`, `{"name":"a.png","content":"` + mark("base64, 1,800 bytes", large) + `"}`},
		"a data URL in JSON":   {`{"icon":"data:image/png;base64,` + b64 + `"}`, `{"icon":"data:image/png;base64,` + mark(size, b64) + `"}`},
		"not large in JSON":    {`{"name":"a.png","content":"` + b64 + `"}`, ""},
		"lines in JSON":        {`{"content":"` + escaped + `\n"}`, `{"content":"` + mark(size, escaped) + `\n"}`},
		"of URLs":              {"it is " + url + " here", "it is " + mark(size, url) + " here"},
		"PEM":                  {"-----BEGIN CERTIFICATE-----\n" + pem + "\n-----END CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----\n" + mark(size, pem) + "\n-----END CERTIFICATE-----\n"},
		"mail":                 {"Content-Transfer-Encoding: base64\r\n\r\n" + mail + "\r\n\r\n--x", "Content-Transfer-Encoding: base64\r\n\r\n" + mark(size, mail) + "\r\n\r\n--x"},
		"hex":                  {"dump: " + hexa + ".", "dump: " + mark("hex, 900 bytes", hexa) + "."},
		"two":                  {b64 + "\n\n" + hexa, mark(size, b64) + "\n\n" + mark("hex, 900 bytes", hexa)},
		"a ruler":              {"a\n" + strings.Repeat("*", 2000) + "\nb", "a\n" + mark("2,000 times the character *", strings.Repeat("*", 2000)) + "\nb"},
		"brackets":             {strings.Repeat(`{"a":[`, 600) + strings.Repeat("]}", 600) + strings.Repeat("[", 600) + "1" + strings.Repeat("]", 600) + strings.Repeat("}", 600), ""},
		"zeros":                {strings.Repeat("0", 600), mark("600 times the character 0", strings.Repeat("0", 600))},
		"hashes":               {wrap(hexa[:1792], 64, "\n") + "\n", ""},
		"tokens in JSON":       {`{"keys":"` + wrap(url[:1140], 76, `\n`) + `"}`, ""},
		"a full last line":     {wrap(b64[:1138]+"==", 76, "\n"), mark("base64, 853 bytes", wrap(b64[:1138]+"==", 76, "\n"))},
		"a hash":               {"sha512 " + hexa[:128], ""},
		"a short one":          {b64[:240], ""},
		"a token":              {"eyJhbGciOiJIUzI1NiJ9." + url + "." + url[:43], ""},
		"an address":           {"https://example.com/get/" + url, ""},
		"words":                {strings.Repeat("thisIsAVeryLongNameOfAThing", 20), ""},
		"a path of letters":    {strings.Repeat("a/", 200), ""},
		"a path":               {strings.Repeat("/usr/local/share/Documents", 20), ""},
		"prose without spaces": {strings.Repeat("港口建于一九零七年", 100), ""},
		"digits":               {strings.Repeat("3141592653589793", 30), ""},
		"a word below":         {b64 + "\nERROR\nThe door is open.", mark(size, b64) + "\nERROR\nThe door is open."},
		"a sentence below":     {b64 + "\nFAILED with code 7", mark(size, b64) + "\nFAILED with code 7"},
		"a list below":         {b64 + "\nroot\nadmin\nguest\n", mark(size, b64) + "\nroot\nadmin\nguest\n"},
		"a word below PEM":     {pem + "\nroot\n", mark(size, pem) + "\nroot\n"},
		"a word below lines":   {wrap(b64[:1138]+"==", 76, "\n") + "\nDONE\n", mark("base64, 853 bytes", wrap(b64[:1138]+"==", 76, "\n")) + "\nDONE\n"},
		"words below lines":    {b64[:640] + "\n" + "Finished", mark("base64, 480 bytes", b64[:640]) + "\nFinished"},
		"a name":               {"raw=" + b64, "raw=" + mark(size, b64)},
		"a name, filled up":    {"raw=" + b64[:1138] + "==\nend", "raw=" + mark("base64, 853 bytes", b64[:1138]+"==") + "\nend"},
		"a name behind":        {b64[:1138] + "==FAILED", mark("base64, 853 bytes", b64[:1138]+"==") + "FAILED"},
		"a folder":             {"user/" + b64, "user/" + mark(size, b64)},
		"folders":              {"/data/user-7/" + b64, "/data/user-7/" + mark(size, b64)},
		"a picture":            {"/9j/" + b64, mark("base64, 903 bytes", "/9j/"+b64)},
		"a name with a dash":   {"the-key_" + b64, "the-key_" + mark(size, b64)},
		"a dump's name":        {"dump=" + hexa, "dump=" + mark("hex, 900 bytes", hexa)},
		"prose":                {strings.Repeat("The mill was built in 1820. ", 30), ""},
	} {
		t.Run(name, func(t *testing.T) {
			want := tc.want
			if want == "" {
				want = tc.in
			}
			in := text(t, prompt.ToolResult, tc.in)
			got := apply(t, in)
			if got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			if json.Valid([]byte(tc.in)) != json.Valid([]byte(got)) {
				t.Errorf("%q is no JSON any more", got)
			}
			for _, o := range in.Omitted() {
				got = strings.Replace(got, got[strings.LastIndex(got[:strings.Index(got, o.Name)], "["):strings.Index(got, o.Name)+len(o.Name)+1], o.Text, 1)
			}
			if got != tc.in {
				t.Errorf("with its parts fetched it is %q", got)
			}
		})
	}
}

// What is code stays, whoever sent it; of users' texts also JSON and what they quote.
func TestCodeAndQuotationsStay(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString(noise(1800))
	mark := "[base64, 1,800 bytes, omitted " + prompt.NameOf(b64) + "]"
	for _, tc := range []struct {
		in         string
		user, tool bool // whether it changes
	}{
		{"%s", true, true},
		{"Look:\n\n%s\n\nit is data", true, true},
		{"```\n%s\n```\n", false, false},
		{"~~~pem\n%s", false, false},
		{"it is `%s`, I think", false, true},
		{"{\"a\": \"%s\"}", false, true},
		{"it says \"%s\".", false, true},
		{"it says '%s'.", false, true},
		{"it says “%s”.", false, true},
		{"it says „%s“.", false, true},
		{"<img src=\"data:image/png;base64,%s\">", false, true},
		{"<img src=data:image/png;base64,%s>", true, true},
		{"a \"b\" %s", true, true},
	} {
		for kind, changes := range map[prompt.Kind]bool{prompt.Context: tc.user, prompt.ToolResult: tc.tool} {
			in := fmt.Sprintf(tc.in, b64)
			want := in
			if changes {
				want = fmt.Sprintf(tc.in, mark)
			}
			if got := apply(t, text(t, kind, in)); got != want {
				t.Errorf("kind %d: %q becomes %q", kind, in, got)
			}
		}
	}
	in := text(t, prompt.Context, b64)
	in.Locked = true
	if apply(t, in); in.Changed() || len(in.Omitted()) > 0 {
		t.Error("a locked text changed")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (blob.Stage{}).Apply(ctx, &prompt.Draft{Texts: []*prompt.Text{in}}); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

// What the next call has to repeat stays, in every size: the agent has no other.
func TestTokensStay(t *testing.T) {
	token := base64.RawURLEncoding.EncodeToString(noise(3000))
	for form, stays := range map[string]bool{
		`{"items":[{"id":1}],"next_page_token":"%s"}`:      true,
		`{"items":[{"id":1}],"nextPageToken": "%s"}`:       true,
		`{"paging":{"cursors":{"after":"%s"}}}`:            true,
		`{"@odata.nextLink":"skip/%s"}`:                    true,
		`{"LastEvaluatedKey":"%s"}`:                        true,
		`{"sessionIDs":"%s"}`:                              true,
		`{"text":"{\"cursor\": \"%s\"}"}`:                  true,
		"X-Continuation: %s":                               true,
		`{"_scroll_id":"%s"}`:                              true,
		`{"monkey":"%s"}`:                                  false,
		`{"content":"%s"}`:                                 false,
		`{"valid":"%s"}`:                                   false,
		`{"next_page":"data:application/pdf;base64,%s"}`:   false,
		`{"id":7,"thumbnail":"%s"}`:                        false,
		`{"items":[{"id":"7"}],"page":1,"file_data":"%s"}`: false,
	} {
		in := fmt.Sprintf(form, token)
		if got := apply(t, text(t, prompt.ToolResult, in)); (got == in) != stays {
			t.Errorf("%s becomes %.200s", form, got)
		}
	}
}

// So it does where the name stands before it in another way than a member's.
func TestNamedTokensStay(t *testing.T) {
	token := base64.StdEncoding.EncodeToString(noise(1500))
	for form, stays := range map[string]bool{
		"Found 20. cursor: %s":                                      true,
		"Next cursor is %s":                                         true,
		"Next page token: `%s`":                                     true,
		"Session ID:\n%s":                                           true,
		"**Upload token:** %s":                                      true,
		"**Upload token**: %s":                                      true,
		"He said \"20 items\". Token: %s":                           true,
		"<NextToken>%s</NextToken>":                                 true,
		"<r><NextMarker>%s</NextMarker></r>":                        true,
		"<ns:Key kind=\"a\">%s</ns:Key>":                            true,
		"Token: <code>%s</code>":                                    true,
		"name,token\na,%s\n":                                        true,
		"token,name\n%s,a\n":                                        true,
		"name,note,token\n\"a, b\",c,%s\nd,e,f\n":                   true,
		"All of them:\n\n| name | token |\n|---|---|\n| a | `%s` |": true,
		"ssh-rsa %s me@host":                                        true,
		"Authorization: Bearer %s":                                  true,
		"token => %s":                                               true,
		"Next cursor (for an hour): %s":                             true,
		"next-token:\n  - %s":                                       false,
		"token: |\n  %s\n":                                          true,
		"## Next page token\n\n%s\n":                                true,
		"## Picture of a page, small\n\n%s\n":                       false,
		"下一页的 token：%s":                                             true,
		"go on with the cursor %s, please":                          true,
		"go on with the picture %s, please":                         false,
		"curl --token %s -v":                                        true,
		"| a | b |\n|---|---|\n| Token | %s |\n":                    true,
		"| a | b |\n|---|---|\n| Image | %s |\n":                    false,
		"The picture is %s":                                         false,
		"<Content>%s</Content>":                                     false,
		"<NextToken/><Content>%s</Content>":                         false,
		"name,data\na,%s\n":                                         false,
		"token,data\na,%s\n":                                        false,
		"| token | data |\n|---|---|\n| a | %s |":                   false,
		"token, and more\n\n%s":                                     false,
		"token\n%s":                                                 false,
		"{\"id\":1,\"b\":2}\n{\"id\":\"data:;base64,%s\",\"b\":3}":  false,
	} {
		in := fmt.Sprintf(form, token)
		if got := apply(t, text(t, prompt.ToolResult, in)); (got == in) != stays {
			t.Errorf("%q becomes %.200q", form, got)
		}
	}
}

func FuzzBlob(f *testing.F) {
	b64 := base64.StdEncoding.EncodeToString(noise(300))
	for _, seed := range []string{b64, wrap(b64, 76, "\n"), `{"a":"` + wrap(b64, 76, `\r\n`) + `"}`, hex.EncodeToString(noise(200)), strings.Repeat("=", 700), "a." + b64 + ".b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if !utf8.ValidString(in) {
			return
		}
		got := apply(t, text(t, prompt.ToolResult, in))
		if !utf8.ValidString(got) || len(got) > len(in) || json.Valid([]byte(in)) && !json.Valid([]byte(got)) {
			t.Fatalf("%q becomes %q", in, got)
		}
		if again := apply(t, text(t, prompt.ToolResult, got)); again != got {
			t.Fatalf("%q becomes %q, and that %q", in, got, again)
		}
	})
}

// prose is text in which nothing comes again: 24 paragraphs of two lines.
func prose() string {
	words := strings.Fields("the harbour was built after a storm that had taken its old pier away by an engineer who worked on three canals before and wanted wall town none")
	var out strings.Builder
	n := 7
	for range 24 {
		for range 2 {
			for range 15 {
				n = (n*1103515245 + 12345) & 0x7fffffff
				out.WriteString(words[(n>>8)%len(words)])
				out.WriteByte(' ')
			}
			out.WriteString("it is.\n")
		}
		out.WriteByte('\n')
	}
	return out.String()
}

func BenchmarkBlob(b *testing.B) {
	in := text(b, prompt.ToolResult, prose())
	b.SetBytes(int64(len(in.Original)))
	b.ReportAllocs()
	for b.Loop() {
		apply(b, in)
	}
}

// Who asks to have data decoded needs the data.
func TestVerbatimData(t *testing.T) {
	data := "payload:\n" + base64.StdEncoding.EncodeToString(noise(900)) + "\nend"
	for question, want := range map[string]bool{
		"Read payload.txt, decode the base64 in it and tell me what it says.": false,
		"Read payload.txt. How large is the picture in it?":                   true,
	} {
		body := fmt.Sprintf(`{"messages":[{"role":"user","content":%q},{"role":"tool","content":%q}]}`, question, data)
		p, err := prompt.Parse(t.Context(), []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if apply(t, p.Texts[0]); p.Texts[0].Changed() != want {
			t.Errorf("%s: the data is left out: %t", question, !want)
		}
	}
}

// Data that the next call may have to be given stays, as long as a model can write it again.
func TestDataIsHandedOn(t *testing.T) {
	icon, large := base64.StdEncoding.EncodeToString(noise(900)), base64.StdEncoding.EncodeToString(noise(3200))
	file := base64.StdEncoding.EncodeToString(noise(2000))
	const tools = `"tools":[{"type":"function","function":{"name":"mail"}}],`
	const order = "Make a QR code and mail it to Bob."
	for _, tc := range []struct {
		name, tools, question, content string
		stays                          bool
	}{
		{"a data URL", tools, order, `{"qr":"data:image/png;base64,` + icon + `"}`, true},
		{"a file", tools, order, `{"content":"` + file + `"}`, true},
		{"lines", tools, order, `{"content":"` + wrap(icon, 76, `\n`) + `"}`, true},
		{"what is asked of the model", tools, "Can you make a QR code and mail it to Bob?", `{"qr":"data:image/png;base64,` + icon + `"}`, true},
		{"a question", tools, "How large is the QR code?", `{"qr":"data:image/png;base64,` + icon + `"}`, false},
		{"no tools", "", order, `{"qr":"data:image/png;base64,` + icon + `"}`, false},
		{"large", tools, order, `{"qr":"data:image/png;base64,` + large + `"}`, false},
		{"no JSON", tools, order, "QR code: data:image/png;base64," + icon, false},
	} {
		body := fmt.Sprintf(`{%s"messages":[{"role":"user","content":%q},{"role":"tool","content":%q}]}`, tc.tools, tc.question, tc.content)
		p, err := prompt.Parse(t.Context(), []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if apply(t, p.Texts[0]); p.Texts[0].Changed() == tc.stays {
			t.Errorf("%s: it becomes %.200q", tc.name, p.Texts[0].Current())
		}
	}
}

// Data in source is part of it; in JSON it is not, however that is indented.
func TestDataInSource(t *testing.T) {
	data := base64.StdEncoding.EncodeToString(noise(1800))
	source := "import base64\n\nICON = \"" + data + "\"\n\ndef icon():\n    return base64.b64decode(ICON)\n"
	if got := apply(t, text(t, prompt.ToolResult, source)); got != source {
		t.Errorf("source becomes %q", got)
	}
	indented := "{\n  \"name\": \"icon\",\n  \"size\": 900,\n  \"data\": \"" + data + "\",\n  \"kind\": \"png\"\n}\n"
	if got := apply(t, text(t, prompt.ToolResult, indented)); strings.Contains(got, data) {
		t.Errorf("JSON becomes %q", got)
	}
}
