package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	const rest = " S 1 2 2 0 -1 4194304 98 0 0 0 123 45 6 7 20 0 9 0 481932 3133440 362"
	for name, c := range map[string]struct {
		stat string
		want time.Duration
		bad  bool
	}{
		"plain":                    {stat: "5259 (tollgate)" + rest, want: 1680 * time.Millisecond},
		"spaces in the command":    {stat: "5259 (a b c)" + rest, want: 1680 * time.Millisecond},
		"parentheses in it":        {stat: "5259 (a) S (b))" + rest, want: 1680 * time.Millisecond},
		"no command":               {stat: "5259 S 1 2", bad: true},
		"cut off":                  {stat: "5259 (cat) S 1 2 2 0 -1 4194304 98 0 0 0 123", bad: true},
		"no number for user time":  {stat: strings.Replace("5259 (cat)"+rest, " 123 ", " x ", 1), bad: true},
		"negative time for system": {stat: strings.Replace("5259 (cat)"+rest, " 45 ", " -45 ", 1), bad: true},
	} {
		got, err := parseStat([]byte(c.stat))
		if got != c.want || (err != nil) != c.bad {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
	}
}

func TestParseStatus(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status string
		want   memory
		bad    bool
	}{
		"both":      {status: "Name:\tcat\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t1\n", want: memory{1 << 20, 2 << 20}},
		"no peak":   {status: "VmRSS:\t    1024 kB\n", bad: true},
		"a zombie":  {status: "Name:\tcat\nState:\tZ (zombie)\n", bad: true},
		"no number": {status: "VmHWM:\t    2048 kB\nVmRSS:\t    many kB\n", bad: true},
	} {
		got, err := parseStatus(c.status)
		if (err != nil) != c.bad || !c.bad && got != c.want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, c.want)
		}
	}
}

// The kernel's own files, not only what the manual says of them.
func TestOwnProcess(t *testing.T) {
	t.Parallel()
	m, err := memoryOf(os.Getpid())
	if err != nil || m.peak < m.resident {
		t.Errorf("memory: %+v, %v", m, err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for { // burns CPU until the kernel's clock of a tick shows it
		used, err := cpuTime(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if used > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("ten seconds of work have used no CPU time")
		}
	}
}
