package protect_test

import (
	"strings"
	"testing"

	"tollgate.dev/services/compressor/protect"
)

func TestLogHeads(t *testing.T) {
	far := strings.Repeat("x ", 40)
	for _, tc := range []struct {
		line, rest, level string
		ok, troubled      bool
	}{
		{"2026-11-28T10:00:00.123Z INFO it began", " INFO it began", "info", true, false},
		{"[10:00:00] it began", " it began", "", true, false},
		{"W1128 10:00:00.000001 1 a.go:7] it is late", " 1 a.go:7] it is late", "warning", true, true},
		{"E1128 10:00:00.000001 1 a.go:7] it is late", " 1 a.go:7] it is late", "error", true, true},
		{"I1128 10:00:00.000001 1 a.go:7] it is well", " 1 a.go:7] it is well", "", true, false},
		{"level=err msg=late", "level=err msg=late", "err", true, true},
		{"[emerg] it is out", "[emerg] it is out", "emerg", true, true},
		{"<NOTICE> it began\r\n", "<NOTICE> it began\r\n", "notice", true, false},
		{"SEVERE: it is out", "SEVERE: it is out", "severe", true, true},
		{"It has an error in it.", "It has an error in it.", "", false, false},
		{"INFORMATION is all", "INFORMATION is all", "", false, false},
		{"at 10:00 it began", "at 10:00 it began", "", false, false},
		{far + "10:00:00 ERROR", far + "10:00:00 ERROR", "", false, false},
		{"", "", "", false, false},
	} {
		rest, level, ok := protect.CutLogHead(tc.line)
		if rest != tc.rest || level != tc.level || ok != tc.ok || protect.IsTroubled(level) != tc.troubled {
			t.Errorf("%q: %q, %q, %t", tc.line, rest, level, ok)
		}
	}
}
