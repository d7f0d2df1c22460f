package compressor_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"tollgate.dev/services/compressor"
)

// What the next call has to repeat of a tool's result comes through all stages, in every profile.
func TestHandlesComeThrough(t *testing.T) {
	var raw []byte
	for i := range 60 {
		sum := sha256.Sum256([]byte{byte(i)})
		raw = append(raw, sum[:]...)
	}
	long := base64.StdEncoding.EncodeToString(raw[:1500])
	var prose strings.Builder
	for i := range 400 {
		fmt.Fprintf(&prose, "The harbour was made wider for the %dth time by its owner, who sold %d nets. ", i+1, i*7%31)
	}
	service := newService(t, compressor.Options{})
	for _, handle := range []string{
		"cursor: " + long,
		"next_cursor=" + long,
		"next_page_token: " + long,
		"access_token: eyJhbGciOiJIUzI1NiJ9." + strings.NewReplacer("+", "-", "/", "_").Replace(long) + ".abc_d",
		"Link: <https://api.example.com/items?cursor=" + long[:300] + ">; rel=\"next\"",
		"next_cursor: dXNlcjpVMDYxTkZUVDI=",
		"[truncated: 8000 more characters, call read with offset=9000]",
		"Next cursor is " + long,
		"Next page token: `" + long + "`",
		"Session ID:\n" + long,
		"**Upload token:** " + long,
		"<NextToken>" + long + "</NextToken>",
		"<NextMarker>" + long + "</NextMarker>",
		"name,token\na," + long,
		"| name | token |\n| --- | --- |\n| a | " + long + " |",
		"ssh-rsa " + long + " me@host",
		"The ticket was made, its id is TCK-99182-AX.",
	} {
		for place, text := range map[string]string{
			"first": handle + "\n\n" + prose.String(),
			"last":  prose.String() + "\n" + handle,
			"amid":  prose.String()[:8000] + "\n\n" + handle + "\n\n" + prose.String()[8000:],
		} {
			for _, profile := range []string{"default", "rag", "chat"} {
				got := compress(t, service, compressor.Request{Body: conversation(text), Profile: profile})
				if got.Body == nil {
					t.Errorf("%s: %.40q, %s, goes out as it came", profile, handle, place)
					continue
				}
				var sent struct {
					Messages []struct{ Content string }
				}
				if err := json.Unmarshal(got.Body, &sent); err != nil {
					t.Fatal(err)
				}
				if left := sent.Messages[len(sent.Messages)-1].Content; !strings.Contains(left, handle) {
					t.Errorf("%s: %.40q, %s, is gone: %.100q…%.100q", profile, handle, place, left, left[max(0, len(left)-100):])
				}
			}
		}
	}
}
