package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// profileTime is how long each row's CPU profile is, in whole seconds.
const profileTime = 5 * time.Second

// profile takes CPU profiles of the gateway's processes under each row's load, and their heaps
// at the end. It runs after the measured rounds, so that it does not disturb them.
func (b *bench) profile(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("profiles: %w", err)
	}
	if err := b.profileOf(ctx, b.whole, b.gateway, dir); err != nil {
		return err
	}
	if b.apart == nil {
		return nil
	}
	return b.profileOf(ctx, b.services, b.apart, filepath.Join(dir, "services"))
}

// profileOf takes the profiles of one gateway, in a folder for each of its processes.
func (b *bench) profileOf(ctx context.Context, g *gateway, t *target, dir string) error {
	for _, r := range b.rows {
		if r.load == nil {
			continue
		}
		if err := b.profileRow(ctx, g, t, dir, r); err != nil {
			return fmt.Errorf("profile of %s: %w", r.name, err)
		}
	}
	for name := range g.pprof {
		for _, kind := range []string{"heap", "allocs"} {
			if err := g.save(ctx, name, kind, filepath.Join(dir, name, kind+".pprof")); err != nil {
				return fmt.Errorf("profile of the %s: %w", kind, err)
			}
		}
	}
	return nil
}

// profileRow keeps the load up until the profiles are there.
func (b *bench) profileRow(ctx context.Context, g *gateway, t *target, dir string, r row) error {
	done := make(chan error, 1)
	go func() {
		path := "profile?seconds=" + strconv.Itoa(int(profileTime.Seconds()))
		saved := make([]error, len(g.procs))
		var saving sync.WaitGroup
		for i, p := range g.procs {
			saving.Go(func() { saved[i] = g.save(ctx, p.name, path, filepath.Join(dir, p.name, "cpu-"+r.name+".pprof")) })
		}
		saving.Wait()
		done <- errors.Join(saved...)
	}()
	for {
		_, err := b.load.run(ctx, t, *r.load)
		select {
		case saved := <-done:
			return errors.Join(err, saved)
		default:
		}
		if err != nil {
			return errors.Join(err, <-done)
		}
	}
}

// save fetches a profile from a process's own listener for them into a file.
func (g *gateway) save(ctx context.Context, process, what, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("profiles: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+g.pprof[process]+"/debug/pprof/"+what, nil)
	if err != nil {
		return err
	}
	return fetch(g.client, req, func(r io.Reader) (err error) {
		file, err := os.Create(path)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		_, err = io.Copy(file, r)
		return err
	})
}
