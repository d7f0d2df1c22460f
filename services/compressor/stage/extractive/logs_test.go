package extractive_test

import (
	"fmt"
	"strings"
	"testing"

	"tollgate.dev/services/compressor/extract"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/stage/extractive"
)

// logForms are how programs write a line: its number, which is its time, its level and what it says.
var logForms = map[string]func(i int, level, says string) string{
	"RFC 3339": func(i int, level, says string) string {
		return fmt.Sprintf("2026-11-28T10:%02d:%02d.%03dZ %s %s", i/60, i%60, i*37%1000, level, says)
	},
	"brackets": func(i int, level, says string) string {
		return fmt.Sprintf("[2026-11-28 10:%02d:%02d] [%s] %s", i/60, i%60, strings.ToLower(level), says)
	},
	"syslog": func(i int, level, says string) string {
		return fmt.Sprintf("Nov 28 10:%02d:%02d web-1 app[4711]: %s: %s", i/60, i%60, level, says)
	},
	"logfmt": func(i int, level, says string) string {
		return fmt.Sprintf("ts=2026-11-28T10:%02d:%02dZ level=%s msg=%q", i/60, i%60, strings.ToLower(level), says)
	},
	"klog": func(i int, level, says string) string {
		return fmt.Sprintf("%c1128 10:%02d:%02d.000123       1 server.go:%d] %s", level[0], i/60, i%60, 100+i%7, says)
	},
	"Python": func(i int, level, says string) string {
		return fmt.Sprintf("2026-11-28 10:%02d:%02d,%03d - app.worker - %s - %s", i/60, i%60, i, level, says)
	},
	"no time": func(_ int, level, says string) string { return level + " " + says },
}

// longLog is a log that says three things again and again, and a few others that somebody would look
// for.
func longLog(line func(i int, level, says string) string) (text string, needed []string) {
	var out strings.Builder
	for i := range 300 {
		level, says, odd := "INFO", fmt.Sprintf("request done path=/v2/items/%d status=200 duration=%dms", 1000+i*7, 12+i*31%80), true
		switch {
		case i == 60:
			says = "configuration reloaded from /etc/app.yaml"
		case i == 90:
			level, says = "WARN", "pool is at 95 of 100"
		case i >= 150 && i < 155: // the same again and again
			level, says = "ERROR", fmt.Sprintf("connection %d refused, giving up", i)
		case i == 200:
			says = strings.Replace(says, "status=200", "status=502", 1)
		case i == 220:
			says = strings.Replace(says, "duration=", "duration=312", 1)
		case i%3 == 1:
			says, odd = fmt.Sprintf("cache lookup key=%08x hit=%t", i*2654435761, i%2 == 0), false
		case i%3 == 2:
			says, odd = fmt.Sprintf("job %d finished in %dms", 5000+i, i*17%90), false
		default:
			odd = false
		}
		said := line(i, level, says) + "\n"
		if out.WriteString(said); odd {
			needed = append(needed, said)
		}
	}
	return out.String(), needed
}

// Of a log stay the errors, the warnings and what it says but a few times, whatever the question; the
// rest of its lines go as wholes.
func TestLogsKeepWhatIsLookedFor(t *testing.T) {
	for name, line := range logForms {
		text, needed := longLog(line)
		for _, question := range []string{"", "Why does the shop answer slowly?", "Did the configuration change?"} {
			for _, kind := range []prompt.Kind{prompt.ToolResult, prompt.Context} {
				for _, rate := range []float64{0.2, 0.33, 0.6} {
					a := &prompt.Text{Original: text, Question: question, Kind: kind}
					apply(t, draft(t, rate, a))
					for _, n := range needed {
						if !strings.Contains(a.Current(), n) {
							t.Errorf("%s at %.2f, %q: it has lost %q", name, rate, question, n)
						}
					}
					for _, got := range strings.SplitAfter(a.Current(), "\n") {
						if rest := strings.TrimSpace(strings.TrimPrefix(got, extract.Mark)); rest != "" && !strings.Contains(text, rest+"\n") {
							t.Errorf("%s at %.2f, %q: a line was cut: %q", name, rate, question, got)
						}
					}
				}
			}
		}
		a := &prompt.Text{Original: text, Question: "Did the configuration change?"}
		if apply(t, draft(t, 0.33, a)); 2*len(a.Current()) > len(text) {
			t.Errorf("%s: %d bytes of %d are left", name, len(a.Current()), len(text))
		}
	}
}

// What stands behind an error's line belongs to it, and so it does in a log that says nothing twice,
// whose other lines are chosen by the question.
func TestLogsKeepTracesWithTheirErrors(t *testing.T) {
	trace := "2026-11-28 10:00:01 ERROR it failed\njava.lang.X: no. None\n\tat a.B.c(B.java:12)\n\tat a.B.d(B.java:13)\n"
	repeating, differing := trace, trace
	things := strings.Fields("mill weir wheel river boat sack cat visitor oak stone bridge field barn horse cart miller")
	for i := range 120 {
		repeating += fmt.Sprintf("2026-11-28 10:00:02 INFO job %d is done\n", i)
		differing += fmt.Sprintf("2026-11-28 10:00:02 INFO the %s is by the %s now\n", things[i%16], things[i/16])
	}
	for _, text := range []string{repeating, differing} {
		text += "2026-11-28 10:00:03 INFO all is done\n"
		a := &prompt.Text{Original: text, Question: "Is the cart by the cat?", Kind: prompt.ToolResult}
		apply(t, draft(t, 0.2, a))
		if !strings.Contains(a.Current(), trace) || 2*len(a.Current()) > len(text) {
			t.Errorf("%d bytes of %d are left: %s", len(a.Current()), len(text), a.Current())
		}
	}
}

// What people said, with times, is no log that repeats itself.
func TestTalkIsNoLog(t *testing.T) {
	var talk strings.Builder
	for i, s := range strings.Split(strings.Repeat("Is the mill old? Well, it was built long ago. By whom? Nobody knows. Was it of stone? The weir is. Who lives there? A cat.", 6), ". ") {
		fmt.Fprintf(&talk, "[00:%02d:%02d] Anna: %s, the %d.\n", i/60, i%60, s+strings.Repeat(" so", i), i)
	}
	if g := extractive.Guard(talk.String(), "Was it of stone?"); len(g.Keep)+len(g.Lines) > 0 {
		t.Errorf("it is a log: %v, %v", g.Keep, g.Lines)
	}
}

// BenchmarkGuardLog looks at as much of a log as a prompt may have.
func BenchmarkGuardLog(b *testing.B) {
	text, _ := longLog(logForms["RFC 3339"])
	text = strings.Repeat(text, 1+(128<<10)/len(text))[:128<<10]
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if g := extractive.Guard(text, ""); len(g.Lines) == 0 {
			b.Fatal("it is no log")
		}
	}
}
