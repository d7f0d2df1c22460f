package extractive_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"tollgate.dev/services/compressor/prompt"
)

// sentences are n sentences of prose, of which none is another.
func sentences(n int) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, "The harbour was made wider for the %dth time by its owner. ", i+1)
	}
	return out.String()
}

// randomText is the base64 of n bytes that look random and are the same each time.
func randomText(n int) string {
	var out []byte
	for i := 0; len(out) < n; i++ {
		sum := sha256.Sum256([]byte{byte(i)})
		out = append(out, sum[:]...)
	}
	return base64.StdEncoding.EncodeToString(out[:n])
}

// What the next call has to repeat of a tool's result stays, with its name.
func TestHandlesStay(t *testing.T) {
	long, prose := randomText(1500), sentences(100)
	jwt := "eyJhbGciOiJIUzI1NiJ9." + strings.NewReplacer("+", "-", "/", "_").Replace(long) + ".abc_d"
	for text, handle := range map[string]string{
		"Found 20. cursor: " + long + "\n\n" + prose:                                         "cursor: " + long,
		"next_cursor=" + long + "\nitems: 20\n" + prose:                                      "next_cursor=" + long,
		"The page has 20 items. There are more. next_page_token: " + long:                    "next_page_token: " + long,
		"Found 20 items.\n" + prose + "\ncursor: " + long:                                    "cursor: " + long,
		"Login worked.\naccess_token: " + jwt + "\nexpires_in: 3600\n\n" + prose:             "access_token: " + jwt,
		"Link: <https://api.x.io/items?cursor=" + long[:400] + ">; rel=\"next\"\n\n" + prose: "Link: <https://api.x.io/items?cursor=" + long[:400] + ">; rel=\"next\"",
		prose + "\n\nSession ID:\n" + long + "\n\n" + prose:                                  "Session ID:\n" + long,
		prose + "\n\nname,token\na," + long + "\n\n" + prose:                                 "name,token\na," + long,
		"next_cursor: dXNlcjpVMDYxTkZUVDI=\n\n" + prose:                                      "next_cursor: dXNlcjpVMDYxTkZUVDI=",
		prose + "The page token is dXNlcjpVMDYxTkZUVDI=.":                                    "The page token is dXNlcjpVMDYxTkZUVDI=.",
		prose + "\n[truncated: 8000 more characters, call read with offset=9000]":            "[truncated: 8000 more characters, call read with offset=9000]",
		prose + "\n... (output truncated)":                                                   "(output truncated)",
		prose + "\n<response clipped, page 2 has more>\n":                                    "<response clipped, page 2 has more>",
		prose + "Use offset=9000 to read on. " + prose:                                       "Use offset=9000 to read on.",
		strings.Repeat("[page 7]\n"+prose, 7) + "\n[page 8, more on page 9]":                 "[page 8, more on page 9]",
		"The ticket was made and its id is TCK-99182-AX. " + prose:                           "its id is TCK-99182-AX.",
		prose + "Your reference number RF12-77Q is valid. " + prose:                          "Your reference number RF12-77Q is valid.",
		prose + "\nupload_id: 3f2a99c1d07b4e55a1\n" + prose:                                  "upload_id: 3f2a99c1d07b4e55a1",
	} {
		a := &prompt.Text{Original: text, Question: "Who was the owner of the old mill? Then close the ticket.", Kind: prompt.ToolResult}
		if apply(t, draft(t, 0.3, a)); !strings.Contains(a.Current(), handle) {
			t.Errorf("of %.40q…%.40q %.60q is gone: %.200q", text, text[max(0, len(text)-40):], handle, a.Current())
		} else if strings.Count(text, "harbour") > 90 && !a.Changed() {
			t.Errorf("%.40q stays as a whole", text)
		}
	}
}

// Of many alike none has to stay: they are a list, and its question says which.
func TestListedHandlesGo(t *testing.T) {
	var ids, keys, notes strings.Builder
	for i := range 200 {
		fmt.Fprintf(&ids, "The ticket with the id TCK-%05d-AX was closed by its owner on a day. ", i)
		fmt.Fprintf(&keys, "The harbour was made wider again for the session: 3f2a99c1d07b4e%05d by its owner. ", i)
		fmt.Fprintf(&notes, "[page %d]\nThe harbour was made wider for the %dth time by its owner.\n", i, i)
	}
	for _, text := range []string{ids.String(), keys.String(), notes.String(), sentences(200) + "Page: introduction. The tokens: words. It is 3 is 4."} {
		a := &prompt.Text{Original: text, Question: "Who was the owner?", Kind: prompt.ToolResult}
		d := draft(t, 0.3, a)
		if apply(t, d); tokensOf(t, a)*10 > a.Size*3 {
			t.Errorf("of %d tokens of %.60q %d are left", a.Size, text, tokensOf(t, a))
		}
	}
}
