package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// child is a process that this one started and ends.
type child struct {
	name  string
	cmd   *exec.Cmd
	addr  string
	stdin io.Closer // its end tells a child of this program that its parent has gone
	log   *os.File

	drain sync.WaitGroup
}

// startTimeout bounds how long a child may take to say where it listens.
const startTimeout = 60 * time.Second

// startChild starts a program and waits for the line of its output that holds mark; what
// follows it, up to a space, is the address that the child listens on. Its standard error goes to
// the file logPath.
func startChild(ctx context.Context, name, mark, logPath string, cmd *exec.Cmd) (_ *child, err error) {
	c := &child{name: name, cmd: cmd}
	if c.log, err = os.Create(logPath); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	cmd.Stderr = c.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), c.log.Close())
	}
	if c.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), c.log.Close())
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), c.log.Close())
	}
	found := make(chan string, 1)
	c.drain.Go(func() {
		defer close(found)
		lines := bufio.NewScanner(out)
		for sent := false; lines.Scan(); {
			if _, rest, ok := strings.Cut(lines.Text(), mark); ok && !sent {
				addr, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
				found <- addr
				sent = true
			}
		}
		_, _ = io.Copy(io.Discard, out) // after a line that was too long
	})
	timer := time.NewTimer(startTimeout)
	defer timer.Stop()
	var reason error
	select {
	case addr, ok := <-found:
		if ok {
			c.addr = addr
			return c, nil
		}
		reason = errors.New("ended before it listened")
	case <-timer.C:
		reason = fmt.Errorf("did not listen within %s", startTimeout)
	case <-ctx.Done():
		reason = ctx.Err()
	}
	if err := c.stop(); err != nil {
		reason = fmt.Errorf("%w: %w", reason, err)
	}
	return nil, fmt.Errorf("%s: %w\n%s", name, reason, tail(logPath))
}

// pid is the process's number.
func (c *child) pid() int { return c.cmd.Process.Pid }

// stop ends the process as an operator would, and at last by force.
func (c *child) stop() error {
	const grace = 15 * time.Second
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	_ = c.stdin.Close()
	kill := time.AfterFunc(grace, func() { _ = c.cmd.Process.Kill() })
	defer kill.Stop()
	c.drain.Wait()
	err := c.cmd.Wait()
	if err != nil {
		err = fmt.Errorf("%s: %w", c.name, err)
	}
	return errors.Join(err, c.log.Close())
}

// tail is the end of a log.
func tail(path string) string {
	const most = 2000
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return strings.ToValidUTF8(string(text[max(len(text)-most, 0):]), "")
}

// environment is what children get of ours: no provider key, no limit on memory and no
// database of the shell may change what is measured.
func environment(more ...string) []string {
	env := more
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "GOMAXPROCS"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}
