package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// metrics are the names of series with their labels.
type metrics map[string]map[string]bool

// scraped are the labels that Prometheus adds to every series, by deploy/prometheus and by the chart's ServiceMonitor.
var scraped = []string{"job", "instance", "service"}

// programMetrics starts the program with its simulator, makes calls of every kind, and reads what it serves.
func programMetrics(ctx context.Context, binary, scratch string) (metrics, error) {
	const key = "sk-deploy-check-0123456789abcdef"
	addr, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	binary, err = filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	var log bytes.Buffer
	program := exec.CommandContext(ctx, binary, "serve")
	// Nothing of the caller's own deployment: without a provider's key the simulator answers.
	program.Env = []string{
		"TOLLGATE_ADDR=" + addr, "TOLLGATE_MASTER_KEY=" + key, "TOLLGATE_DATA_DIR=" + filepath.Join(scratch, "data"),
		"HOME=" + scratch, "PATH=" + os.Getenv("PATH"),
	}
	program.Stdout, program.Stderr = io.Discard, &log
	program.Cancel = func() error { return program.Process.Signal(syscall.SIGTERM) }
	program.WaitDelay = 30 * time.Second
	if err := program.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- program.Wait() }()
	stop := func() error {
		_ = program.Process.Signal(syscall.SIGTERM) // it may be gone already
		return <-ended
	}

	c := caller{base: "http://" + addr, key: key}
	if err := c.await(ctx, ended); err != nil {
		return nil, fmt.Errorf("%w\n%s", errors.Join(err, stop()), tail(log.String()))
	}
	served, err := c.exercise(ctx)
	return served, errors.Join(err, stop())
}

type caller struct{ base, key string }

// await waits for the program to take calls.
func (c caller) await(ctx context.Context, ended chan error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if _, err := c.do(ctx, http.MethodGet, "/health/readiness", ""); err == nil {
			return nil
		}
		select {
		case err := <-ended:
			ended <- nil
			return fmt.Errorf("it ended: %w", err)
		case <-ctx.Done():
			return errors.New("it did not become ready")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// exercise makes the calls that series come with: whole and streamed, refused and compressed.
func (c caller) exercise(ctx context.Context) (metrics, error) {
	const messages = `"messages": [{"role": "user", "content": "Count this call"}]`
	for _, body := range []string{
		`{"model": "gpt-4o-mini", ` + messages + `}`,
		`{"model": "gpt-4o-mini", "stream": true, ` + messages + `}`,
		`{"model": "claude-sonnet-4-5", "compress": "rag", ` + messages + `}`,
	} {
		if _, err := c.do(ctx, http.MethodPost, "/v1/chat/completions", body); err != nil {
			return nil, err
		}
	}
	page, err := c.do(ctx, http.MethodGet, "/metrics", "")
	if err != nil {
		return nil, err
	}
	return parseMetrics(page)
}

func (c caller) do(ctx context.Context, method, path, body string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	return string(answer), nil
}

// parseMetrics lists a page's series: a histogram has three.
func parseMetrics(page string) (metrics, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(page))
	if err != nil {
		return nil, err
	}
	served := metrics{"up": {}}
	for name, family := range families {
		labels := map[string]bool{}
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = true
			}
		}
		switch family.GetType() {
		case dto.MetricType_HISTOGRAM:
			buckets := map[string]bool{"le": true}
			for l := range labels {
				buckets[l] = true
			}
			served[name+"_bucket"], served[name+"_sum"], served[name+"_count"] = buckets, labels, labels
		case dto.MetricType_SUMMARY:
			served[name], served[name+"_sum"], served[name+"_count"] = labels, labels, labels
		default:
			served[name] = labels
		}
	}
	for _, labels := range served {
		for _, l := range scraped {
			labels[l] = true
		}
	}
	return served, nil
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func tail(log string) string {
	const most = 2000
	return log[max(0, len(log)-most):]
}
