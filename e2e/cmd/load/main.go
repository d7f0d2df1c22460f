// Command load makes steady load over the edges of a deployment, as applications behind a load
// balancer do, and says what came of it: run it beside a rolling restart.
//
//	TOLLGATE_KEY=sk-… go run ./e2e/cmd/load --edges http://10.0.0.1:4000,http://10.0.0.2:4000 --model gpt-4o-mini --for 5m
//
// It chooses no edge whose /health/readiness is not 200, asked every 200 ms, and repeats no
// call. Its exit code is 1 when a call failed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"tollgate.dev/e2e/load"
)

func main() {
	edges := flag.String("edges", "http://127.0.0.1:4000", "the edges' addresses, commas between")
	model := flag.String("model", "gpt-4o-mini", "the model that is called")
	streamed := flag.String("stream-model", "", "the model of streams; default: the same")
	callers := flag.Int("callers", 8, "how many call at the same time")
	streams := flag.Float64("streams", 0.5, "the share of streams")
	calls := flag.Int64("calls", 0, "how many calls in all; 0 is as many as there is time for")
	pause := flag.Duration("pause", 50*time.Millisecond, "the pause between a caller's calls")
	length := flag.Duration("for", time.Minute, "how long")
	flag.Parse()
	key := os.Getenv("TOLLGATE_KEY")
	if key == "" {
		fmt.Fprintln(os.Stderr, "load: set TOLLGATE_KEY to the key that the callers present")
		os.Exit(2)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	l := load.Start(context.Background(), load.Options{
		Edges: strings.Split(*edges, ","), Key: key, Model: *model, StreamModel: *streamed,
		Callers: *callers, Streams: *streams, Pause: *pause, Calls: *calls,
		Heard: func(c load.Call) {
			if c.Fault != "" {
				fmt.Fprintf(os.Stderr, "%s %s: %s\n", time.Now().Format(time.TimeOnly), c.RequestID, c.Fault)
			}
		},
	})
	var report load.Report
	if *calls > 0 {
		report = l.Wait()
	} else {
		select {
		case <-ctx.Done():
		case <-time.After(*length):
		}
		report = l.Stop()
	}
	cancel()
	fmt.Print(report)
	if report.Failed() > 0 {
		os.Exit(1)
	}
}
