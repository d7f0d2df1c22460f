// Package harness starts the real gateway, as its users do: the built binary, on a
// port of its own, with a data folder of its own. What it starts it also stops, by
// SIGTERM, and holds to account: the process must exit with 0, and no key, prompt or
// answer may stand in its output, its metrics or its database.
package harness

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// Main is the body of TestMain: it runs the tests of the chosen shape, all but those of one
// whole process where services run apart (names, with reasons), and removes what was built for
// them. It returns the exit code.
func Main(m *testing.M, wholeOnly map[string]string) int {
	flag.Parse()
	if err := chooseTests(wholeOnly); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	code := m.Run()
	if built.dir != "" {
		if err := os.RemoveAll(built.dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return max(code, 1)
		}
	}
	return code
}

// built is the binary of this test process; the tests share it.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// Binary builds the gateway once, with the race detector when the tests have it, and
// returns the path of the binary.
func Binary(tb testing.TB) string {
	tb.Helper()
	built.once.Do(func() { built.dir, built.err = build() })
	if built.err != nil {
		tb.Fatal(built.err)
	}
	return filepath.Join(built.dir, "tollgate")
}

func build() (dir string, err error) {
	// It outlives the test that needs it first.
	dir, err = os.MkdirTemp("", "tollgate-e2e-")
	if err != nil {
		return "", err
	}
	args := []string{"build", "-o", filepath.Join(dir, "tollgate")}
	if raceDetector {
		args = append(args, "-race")
	}
	//nolint:gosec // the arguments are our own
	cmd := exec.CommandContext(context.Background(), "go", append(args, "./services/cmd/tollgate")...)
	cmd.Dir = Root()
	if out, err := cmd.CombinedOutput(); err != nil {
		return dir, errors.Join(fmt.Errorf("build the gateway: %w\n%s", err, out), os.RemoveAll(dir))
	}
	return dir, nil
}

// Root is the top of the repository.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}
