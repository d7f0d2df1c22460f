// Command bench measures what the gateway adds to a call: it sends the same load to the
// provider simulator directly, through a bare httputil.ReverseProxy, and through the
// gateway with everything on, in one process and in six, alternately in one run, and
// compares the CPU time, the latency, the memory and the allocations.
//
// Each is on loopback in processes of its own, and so is the simulator. They share the machine with the load generator, so that a number by itself says little:
// the ratios do. It needs Linux's /proc.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// options are the command line.
type options struct {
	rounds, requests int
	only             []string
	json, profiles   string
	// binary is a gateway that is built already, empty to build one.
	binary     string
	cacheBytes int64
	// oneProcess leaves out the services in processes of their own.
	oneProcess bool
}

const (
	defaultRequests = 8000
	quickRequests   = 1500
	defaultRounds   = 3
	defaultCache    = 8 << 20
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// command runs the benchmark, or one of the processes that it starts.
func command(ctx context.Context, args []string, out, log io.Writer) error {
	switch {
	case len(args) == 1 && args[0] == "simulator":
		return serveSimulator(ctx)
	case len(args) == 2 && args[0] == "proxy":
		return serveProxy(ctx, args[1])
	}
	o, err := parseOptions(args, log)
	if err != nil {
		return err
	}
	return run(ctx, o, out, log)
}

func parseOptions(args []string, log io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.IntVar(&o.rounds, "rounds", defaultRounds, "rounds, of which the medians count")
	flags.IntVar(&o.requests, "requests", 0, fmt.Sprintf("`requests` of a round at each target in the small row; the slower rows make a part of them (default %d)", defaultRequests))
	flags.StringVar(&o.json, "json", "", "also write all values to this `file`")
	flags.StringVar(&o.profiles, "profile", "", "also write profiles of the gateway to this `folder`")
	flags.StringVar(&o.binary, "gateway", "", "measure this `binary` instead of building the gateway")
	flags.Int64Var(&o.cacheBytes, "cache-bytes", defaultCache, "`bytes` that the gateway's cache may hold")
	quick := flags.Bool("quick", false, fmt.Sprintf("a short run: %d requests", quickRequests))
	flags.BoolVar(&o.oneProcess, "one-process", false, "leave out the services in processes of their own")
	only := flags.String("only", "", "comma-separated `rows` to run: "+strings.Join(rowNames, ", ")+" (default all)")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	switch {
	case o.requests == 0 && *quick:
		o.requests = quickRequests
	case o.requests == 0:
		o.requests = defaultRequests
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.rounds < 1 || o.rounds > 100:
		return o, errors.New("--rounds must be 1 to 100")
	case o.requests < 100 || o.requests > 1_000_000:
		return o, errors.New("--requests must be 100 to 1000000")
	case o.cacheBytes < 1<<20:
		return o, errors.New("--cache-bytes must be 1048576 or more")
	}
	return o, nil
}
