package extractive_test

import (
	"fmt"
	"strings"
	"testing"

	"tollgate.dev/services/compressor/extract"
	"tollgate.dev/services/compressor/prompt"
)

// rows are a table of a header and n lines.
func rows(header, format string, n int, args func(int) []any) string {
	var b strings.Builder
	b.WriteString(header)
	for i := range n {
		fmt.Fprintf(&b, format, args(i)...)
	}
	return b.String()
}

// Of a table whose columns are set apart by spaces or tabs, whole lines go, and no header.
func TestApplyTables(t *testing.T) {
	processes := rows("  PID TTY      STAT   TIME COMMAND\n", "%5d ?        Ss     0:%02d worker-%d --pool=x.y. Main\n", 60,
		func(i int) []any { return []any{i*7 + 1, i, i * 7} })
	for name, tc := range map[string]struct{ text, header string }{
		"ps": {processes, "  PID TTY      STAT   TIME COMMAND"},
		"ps aux": {rows("USER       PID %CPU %MEM TTY      STAT START   TIME COMMAND\n", "root     %5d  0.%d  0.0 ?        S<Ll 12:47   0:%02d /bin/app --id %d. Go on\n", 60,
			func(i int) []any { return []any{i * 7, i % 10, i, i} }), "USER       PID %CPU %MEM TTY      STAT START   TIME COMMAND"},
		"below a command": {"$ ps\n" + processes, "  PID TTY      STAT   TIME COMMAND"},
		"ls": {rows("total 48\n", "-rw-r--r-- 1 anna users %4d Nov 29 12:%02d file no. %d. txt\n", 60,
			func(i int) []any { return []any{i*37 + 1, i, i} }), "-rw-r--r-- 1 anna users    1 Nov 29 12:00 file no. 0. txt"},
		"tabs": {rows("name\tstate\tnote\n", "srv-%d\tup\tIt is up. It is well? %d!\n", 60,
			func(i int) []any { return []any{i, i * 31} }), "name\tstate\tnote"},
		"ruled": {rows("Name        State  Note\n----------  -----  ----\n", "%-10s  up     Is it? Yes. %d\n", 60,
			func(i int) []any { return []any{fmt.Sprintf("srv-%d", i), i * 31} }), "Name        State  Note\n----------  -----  ----"},
		"lower case": {rows("the names of machines   state    since when they are up\n", "machine-%03d             running  for %d days. since the storm\n", 60,
			func(i int) []any { return []any{i, i * 31} }), "the names of machines   state    since when they are up"},
	} {
		whole := map[string]bool{extract.Mark: true, "": true}
		for line := range strings.Lines(tc.text) {
			whole[strings.TrimSpace(line)] = true
		}
		for rate := 0.1; rate < 1; rate += 0.1 {
			a := &prompt.Text{Original: tc.text, Question: "When did worker-77, srv-33, machine-007, 12:07 or 0:07 begin?"}
			apply(t, draft(t, rate, a))
			if !a.Changed() {
				t.Errorf("%s: nothing is left out at %.1f", name, rate)
			}
			if !strings.Contains(a.Current(), tc.header+"\n") {
				t.Errorf("%s: the header is lost at %.1f: %q", name, rate, a.Current())
			}
			for line := range strings.Lines(a.Current()) {
				if !whole[strings.TrimSpace(line)] {
					t.Errorf("%s: at %.1f, a line has become %q", name, rate, line)
				}
			}
		}
	}
}

// A difference is none, however its lines stand below each other.
func TestApplyDifferences(t *testing.T) {
	diff := rows("--- a/x\n+++ b/x\n@@ -1,40 +1,40 @@\n", "-old line %d\n+new line %d\n", 40, func(i int) []any { return []any{i, i} })
	a := &prompt.Text{Original: diff, Question: "What has become of line 7?"}
	if apply(t, draft(t, 0.3, a)); a.Changed() {
		t.Errorf("it became %q", a.Current())
	}
}
