// Command check tells what is wrong with the files that Tollgate is deployed by: the image, compose, Kong, Prometheus,
// Grafana, the chart. It needs no container engine and no cluster. It is a module of its own, so that the program has
// none of its dependencies.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// checkTime is how long all checks may take.
const checkTime = 5 * time.Minute

func main() {
	root := flag.String("root", ".", "root `FOLDER` of the repository")
	binary := flag.String("binary", "bin/tollgate", "Tollgate's `PROGRAM`, whose metrics are compared with what is queried")
	flag.Parse()
	// Helm's packages log to it that they follow the links to dashboards and rules.
	slog.SetDefault(slog.New(slog.DiscardHandler))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *root, *binary); err != nil {
		fmt.Fprintln(os.Stderr, "deploy/check:", err)
		os.Exit(1)
	}
}

// run makes every check, and prints all that they find.
func run(ctx context.Context, root, binary string) error {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "deploy-check-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch) //nolint:errcheck // a leftover in the temporary folder harms nobody
	served, err := programMetrics(ctx, binary, scratch)
	if err != nil {
		return fmt.Errorf("the metrics of %s: %w", binary, err)
	}
	found := &findings{root: root}
	project := checkCompose(ctx, found)
	checkKong(found, project)
	checkPrometheus(found, project, served)
	checkDashboards(found, served)
	if err := checkImage(ctx, found, scratch); err != nil {
		return err
	}
	checkChart(found)
	for _, f := range found.list {
		fmt.Fprintln(os.Stderr, f)
	}
	if n := len(found.list); n > 0 {
		return fmt.Errorf("%d faults", n)
	}
	fmt.Printf("image, compose, Kong, Prometheus, %d dashboards and %d sets of the chart's values hold\n", found.dashboards, found.renders)
	return nil
}
