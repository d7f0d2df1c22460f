// Package servicetest starts a PostgreSQL, Redis or Kafka of one test's own, which the test
// may kill. What tests merely use is shared: see postgrestest, redisxtest and kafkaxtest.
package servicetest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// maxLog is how many bytes of a service's log a failed test shows.
const maxLog = 4 << 10

// Service is a running service.
type Service struct {
	tb       testing.TB
	name     string
	variable string
	script   string
	env      []string
}

// Start starts a service by scripts/services, in a folder of its own: name is postgres, redis,
// redis7 or kafka, variable the one that names the shared service to tests. The end of the test
// stops it and removes the folder.
func Start(tb testing.TB, name, variable string) *Service {
	tb.Helper()
	// Not the test's folder: the user who runs services for root could not reach it.
	dir, err := os.MkdirTemp("", "tollgate-"+name+"-") //nolint:usetesting // see above
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // so that the service's user can reach it
		tb.Fatal(err)
	}
	s := &Service{tb: tb, name: name, variable: variable, script: script(tb)}
	usual := strings.TrimSpace(s.run(tb.Context(), "area"))
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, variable+"=") && !strings.HasPrefix(v, "TOLLGATE_SERVICES_DIR=") {
			s.env = append(s.env, v)
		}
	}
	s.env = append(s.env, "TOLLGATE_SERVICES_DIR="+dir)
	tb.Cleanup(func() {
		s.showLog(dir)
		s.run(context.Background(), "wipe")
	})
	borrowPackages(tb, usual, dir)
	s.Start()
	return s
}

// showLog shows what a failed test's service said last: it may have ended of itself.
func (s *Service) showLog(dir string) {
	if !s.tb.Failed() {
		return
	}
	text, err := os.ReadFile(filepath.Join(dir, "log", s.name+".log"))
	if err != nil {
		s.tb.Logf("the log of %s: %v", s.name, err)
		return
	}
	s.tb.Logf("the end of %s's log:\n%s", s.name, text[max(0, len(text)-maxLog):])
}

// borrowPackages spares the machine what the shared services have fetched already. A package
// lies in its folder whole or not at all.
func borrowPackages(tb testing.TB, from, to string) {
	tb.Helper()
	have, err := filepath.Glob(filepath.Join(from, "packages", "[^.]*"))
	if err != nil {
		tb.Fatal(err)
	}
	folder := filepath.Join(to, "packages")
	if err := os.Mkdir(folder, 0o755); err != nil { //nolint:gosec // so that the service's user can reach it
		tb.Fatal(err)
	}
	for _, path := range have {
		if err := os.Symlink(path, filepath.Join(folder, filepath.Base(path))); err != nil {
			tb.Fatal(err)
		}
	}
}

// Start starts it, also after [Service.Kill], and waits until it answers.
func (s *Service) Start() {
	s.tb.Helper()
	s.run(s.tb.Context(), "up", s.name)
}

// Kill ends it as a crash does.
func (s *Service) Kill() {
	s.tb.Helper()
	s.run(s.tb.Context(), "kill", s.name)
}

// Pause has it hang: all of its processes stop where they are, their connections stay open, and
// nothing is answered.
func (s *Service) Pause() {
	s.tb.Helper()
	s.run(s.tb.Context(), "pause", s.name)
}

// Resume has it go on after [Service.Pause].
func (s *Service) Resume() {
	s.tb.Helper()
	s.run(s.tb.Context(), "resume", s.name)
}

// Address is what its variable would be set to. It stays the same when it is killed and
// started again, unless somebody took its port.
func (s *Service) Address() string {
	s.tb.Helper()
	_, address, ok := strings.Cut(s.run(s.tb.Context(), "env", s.name), "export "+s.variable+"=")
	address = strings.Trim(strings.TrimSpace(address), "'")
	if !ok || address == "" {
		s.tb.Fatalf("scripts/services does not say where %s is", s.name)
	}
	return address
}

func (s *Service) run(ctx context.Context, args ...string) string {
	s.tb.Helper()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.script, args...) //nolint:gosec // the repository's own script
	cmd.Env = s.env
	var out, problems strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		s.tb.Fatalf("scripts/services %s: %v\n%s%s", strings.Join(args, " "), err, out.String(), problems.String())
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
