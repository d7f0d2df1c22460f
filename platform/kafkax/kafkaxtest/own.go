package kafkaxtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Own is a Kafka of one test's own, which the test may kill.
type Own struct {
	tb     testing.TB
	script string
	env    []string
}

// StartOwn starts a Kafka by scripts/services, in a folder of its own. The end of the test
// stops it and removes the folder.
func StartOwn(tb testing.TB) *Own {
	tb.Helper()
	// Not the test's folder: the user who runs services for root could not reach it.
	dir, err := os.MkdirTemp("", "tollgate-kafka-") //nolint:usetesting // see above
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // so that the service's user can reach it
		tb.Fatal(err)
	}
	o := &Own{tb: tb, script: script(tb), env: []string{"TOLLGATE_SERVICES_DIR=" + dir}}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, Variable+"=") && !strings.HasPrefix(v, "TOLLGATE_SERVICES_DIR=") {
			o.env = append(o.env, v)
		}
	}
	tb.Cleanup(func() { o.run(context.Background(), "wipe") })
	o.Start()
	return o
}

// Start starts it, also after [Own.Kill], and waits until it answers.
func (o *Own) Start() {
	o.tb.Helper()
	o.run(o.tb.Context(), "up", "kafka")
}

// Kill ends it as a crash does.
func (o *Own) Kill() {
	o.tb.Helper()
	o.run(o.tb.Context(), "kill", "kafka")
}

// Brokers are its addresses.
func (o *Own) Brokers() []string {
	o.tb.Helper()
	_, address, ok := strings.Cut(o.run(o.tb.Context(), "env", "kafka"), "'")
	address, _, closed := strings.Cut(address, "'")
	if !ok || !closed {
		o.tb.Fatal("scripts/services names no broker")
	}
	return strings.Split(address, ",")
}

func (o *Own) run(ctx context.Context, args ...string) string {
	o.tb.Helper()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, o.script, args...) //nolint:gosec // the repository's own script
	cmd.Env = o.env
	var out, problems strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		o.tb.Fatalf("scripts/services %s: %v\n%s%s", strings.Join(args, " "), err, out.String(), problems.String())
	}
	return out.String()
}

// script finds scripts/services above the test's package.
func script(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		path := filepath.Join(dir, "scripts", "services")
		if _, err := os.Stat(path); err == nil {
			return path
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			tb.Fatal("scripts/services is not above the test's package")
		}
		dir = parent
	}
}
