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
	"time"
)

// profileTime is how long each row's CPU profile is, in whole seconds.
const profileTime = 5 * time.Second

// profile takes a CPU profile of the gateway under each row's load, and its heap at the
// end. It runs after the measured rounds, so that it does not disturb them.
func (b *bench) profile(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("profiles: %w", err)
	}
	for _, r := range b.rows {
		if r.load == nil {
			continue
		}
		if err := b.profileRow(ctx, dir, r); err != nil {
			return fmt.Errorf("profile of %s: %w", r.name, err)
		}
	}
	for _, kind := range []string{"heap", "allocs"} {
		if err := b.save(ctx, kind, filepath.Join(dir, kind+".pprof")); err != nil {
			return fmt.Errorf("profile of the %s: %w", kind, err)
		}
	}
	return nil
}

// profileRow keeps the load up until the profile is there.
func (b *bench) profileRow(ctx context.Context, dir string, r row) error {
	done := make(chan error, 1)
	go func() {
		path := "profile?seconds=" + strconv.Itoa(int(profileTime.Seconds()))
		done <- b.save(ctx, path, filepath.Join(dir, "cpu-"+r.name+".pprof"))
	}()
	for {
		_, err := b.load.run(ctx, b.gateway, *r.load)
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

// save fetches a profile from the gateway's own listener for them into a file.
func (b *bench) save(ctx context.Context, what, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.whole.pprof+"/debug/pprof/"+what, nil)
	if err != nil {
		return err
	}
	return fetch(b.whole.client, req, func(r io.Reader) (err error) {
		file, err := os.Create(path)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		_, err = io.Copy(file, r)
		return err
	})
}
