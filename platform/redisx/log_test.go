package redisx

import (
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9/logging"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/obs"
	"tollgate.dev/platform/secret"
	"tollgate.dev/platform/secret/secrettest"
)

// lines takes a log's lines, and drops what nobody is there for.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	select {
	case l <- string(p):
	default:
	}
	return len(p), nil
}

func logInto(t *testing.T, l lines) *slog.Logger {
	t.Helper()
	log, err := obs.NewLogger(l, obs.LogOptions{Level: slog.LevelInfo})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// What the driver says goes into the log, as a warning and without the password.
func TestTheDriverLogsThroughSlog(t *testing.T) {
	out := make(lines, 100)
	LogTo(logInto(t, out), clocktest.New())
	t.Cleanup(logging.Enable) // the driver's own logger again

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil { // nobody listens
		t.Fatal(err)
	}
	const password = "sk-hunter2-very-secret"
	o, err := ParseURL(secret.New("redis://u:" + password + "@127.0.0.1:" + strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	c, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if Ping(t.Context(), c) == nil {
		t.Fatal("somebody answers")
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	got := <-out
	if !strings.Contains(got, "failed to dial") || !strings.Contains(got, `"level":"WARN"`) || strings.Contains(got, "redis: ") {
		t.Errorf("logged %s", got)
	}
	secrettest.AssertNoLeak(t, got, password)
}

// A kind of line is written once in ten seconds, and then says how many were left out.
func TestTheDriverRepeatsItselfSeldom(t *testing.T) {
	out := make(lines, 100)
	clk := clocktest.New()
	d := newDriverLog(logInto(t, out), clk)
	for range 5 {
		d.Printf(t.Context(), "failed to dial %s", "redis://u:hunter2@h")
	}
	d.Printf(t.Context(), "another %s", "fault")
	clk.Advance(10 * time.Second)
	d.Printf(t.Context(), "failed to dial %s", "h")
	d.Printf(t.Context(), "another %s", "fault")
	for _, want := range []string{
		`"says":"failed to dial redis://u:[redacted]@h"}`, `"says":"another fault"}`, `"says":"failed to dial h","omitted":4}`, `"says":"another fault"}`,
	} {
		want = strings.Replace(want, "[redacted]", secret.Redacted, 1)
		if got := <-out; !strings.HasSuffix(got, want+"\n") {
			t.Errorf("logged %s, want %s", got, want)
		}
	}
	if len(out) != 0 {
		t.Errorf("logged also %s", <-out)
	}
}
