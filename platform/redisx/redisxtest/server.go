package redisxtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tollgate.dev/platform/redisx"
	"tollgate.dev/platform/secret"
)

// Server is a Redis of one test's own, which it may kill.
type Server struct {
	tb   testing.TB
	area string
}

// Own starts a Redis of the test's own, by scripts/services, until the test ends.
func Own(tb testing.TB) *Server {
	tb.Helper()
	//nolint:usetesting // the server may run as another user, for whom tb.TempDir is closed
	area, err := os.MkdirTemp("", "tollgate-redis-")
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{tb: tb, area: area}
	tb.Cleanup(func() {
		_ = s.signal(syscall.SIGCONT) // a frozen one would not end
		s.script("down", "redis")
		if err := os.RemoveAll(area); err != nil {
			tb.Error(err)
		}
	})
	if err := os.Chmod(area, 0o755); err != nil { //nolint:gosec // as above
		tb.Fatal(err)
	}
	// The packages are those of the repository's own services.
	shared := &Server{tb: tb}
	if err := os.Symlink(filepath.Join(strings.TrimSpace(shared.script("area")), "packages"), filepath.Join(area, "packages")); err != nil {
		tb.Fatal(err)
	}
	s.Start()
	return s
}

// Start starts the server again, at the same address and with what it had written down.
func (s *Server) Start() {
	s.tb.Helper()
	s.script("up", "redis")
}

// Kill ends the server as a crash does.
func (s *Server) Kill() {
	s.tb.Helper()
	s.script("kill", "redis")
}

// Freeze has the server answer nothing, though it is there, until Thaw.
func (s *Server) Freeze() {
	s.tb.Helper()
	if err := s.signal(syscall.SIGSTOP); err != nil {
		s.tb.Fatal(err)
	}
}

// Thaw ends a Freeze.
func (s *Server) Thaw() {
	s.tb.Helper()
	if err := s.signal(syscall.SIGCONT); err != nil {
		s.tb.Fatal(err)
	}
}

// Options says where the server is.
func (s *Server) Options() redisx.Options {
	s.tb.Helper()
	_, url, _ := strings.Cut(s.script("env", "redis"), Variable+"=")
	o, err := redisx.ParseURL(secret.New(strings.Trim(strings.TrimSpace(url), "'")))
	if err != nil {
		s.tb.Fatal(err)
	}
	return o
}

func (s *Server) signal(sig syscall.Signal) error {
	text, err := os.ReadFile(filepath.Join(s.area, "run", "redis.pid"))
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(text), " ")
	pid, err := strconv.Atoi(first)
	if err != nil {
		return fmt.Errorf("the server's process id: %w", err)
	}
	return syscall.Kill(pid, sig)
}

// script runs scripts/services in the server's own area, and returns what it prints.
func (s *Server) script(args ...string) string {
	s.tb.Helper()
	// Not the test's context: that one has ended when Cleanup runs.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	_, file, _, _ := runtime.Caller(0)
	//nolint:gosec // the repository's own script
	cmd := exec.CommandContext(ctx, filepath.Join(filepath.Dir(file), "..", "..", "..", "scripts", "services"), args...)
	for _, v := range os.Environ() {
		// That of the shared server would have the script use it.
		if !strings.HasPrefix(v, Variable+"=") && (s.area == "" || !strings.HasPrefix(v, "TOLLGATE_SERVICES_DIR=")) {
			cmd.Env = append(cmd.Env, v)
		}
	}
	if s.area != "" {
		cmd.Env = append(cmd.Env, "TOLLGATE_SERVICES_DIR="+s.area)
	}
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		s.tb.Fatalf("scripts/services %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return string(out)
}
