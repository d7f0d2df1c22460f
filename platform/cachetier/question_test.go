package cachetier_test

import (
	"strings"
	"testing"

	"tollgate.dev/platform/cachetier"
)

func TestUnasked(t *testing.T) {
	for text, want := range map[string]string{
		"": cachetier.Empty, " ": "", strings.Repeat("a", cachetier.MaxQuestionBytes): "",
		strings.Repeat("a", cachetier.MaxQuestionBytes+1): cachetier.Long, "a\ufffd": cachetier.Garbled, "a\xff": "",
	} {
		if got := cachetier.Unasked([]byte(text)); got != want {
			t.Errorf("%.20q is %q, want %q", text, got, want)
		}
	}
}
