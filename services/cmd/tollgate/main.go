// Command tollgate is the gateway: one process that serves applications, keys,
// budgets, cache and four providers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/config"
	"tollgate.dev/platform/obs"
	"tollgate.dev/platform/redisx"
	"tollgate.dev/services/app"
	"tollgate.dev/services/cmd/tollgate/cachecmd"
	"tollgate.dev/services/cmd/tollgate/compresscmd"
	"tollgate.dev/services/cmd/tollgate/healthcmd"
	"tollgate.dev/services/cmd/tollgate/quotacmd"
)

// version is set by the build.
var version = "dev"

const usage = `Tollgate is a multi-tenant LLM gateway.

Usage:
  tollgate [serve] [--config FILE] [--services LIST]   serve until SIGTERM or SIGINT
  tollgate quota tail [flags]        print events as they come
  tollgate quota reconcile [flags]   compare topic, ledger and balances
  tollgate compress FILE [flags]     show what compression makes of a text, and what that saves
  tollgate cache explain A B         show which tier of the cache would serve the answer to A for B, and why not
  tollgate health                    ask a process on this machine whether it takes calls
  tollgate version                   print the version

tollgate quota --help, compress --help and cache --help tell more. Services are edge, router, cache, compressor, keystore and budget: all in
one process, unless --services names those that this one runs.

Environment: TOLLGATE_ADDR, TOLLGATE_CONFIG, TOLLGATE_DATA_DIR, TOLLGATE_MASTER_KEY, DATABASE_URL,
REDIS_URL, KAFKA_BROKERS, OPENAI_API_KEY, ANTHROPIC_API_KEY, GOOGLE_API_KEY, GROQ_API_KEY; see docs/03-Configuration.md.
`

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout, os.Stderr); err != nil {
		var exit exitError
		if errors.As(err, &exit) {
			if !errors.Is(err, flag.ErrHelp) {
				fmt.Fprintln(os.Stderr, "tollgate:", exit.error)
			}
			os.Exit(exit.code)
		}
		if !errors.Is(err, flag.ErrHelp) { // who asked for help was told
			fmt.Fprintln(os.Stderr, "tollgate:", err)
			os.Exit(1)
		}
	}
}

// exitError is an error with an exit code of its own.
type exitError struct {
	error
	code int
}

// Unwrap returns the error.
func (e exitError) Unwrap() error { return e.error }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	command := "serve"
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		command, args = args[0], args[1:]
	}
	switch command {
	case "serve":
		return serve(ctx, args, stdout, stderr)
	case "quota":
		ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
		defer stop()
		err := quotacmd.Run(ctx, quotacmd.Env{Lookup: os.LookupEnv, Stdout: stdout, Stderr: stderr}, args)
		if err != nil {
			return exitError{err, quotacmd.ExitCode(err)}
		}
		return nil
	case "health":
		return healthcmd.Run(ctx, healthcmd.Env{Lookup: os.LookupEnv, Stderr: stderr}, args)
	case "compress":
		terminal := false
		if info, err := os.Stdout.Stat(); err == nil {
			terminal = info.Mode()&os.ModeCharDevice != 0
		}
		return compresscmd.Run(ctx, compresscmd.Env{Lookup: os.LookupEnv, Stdin: os.Stdin, Stdout: stdout, Stderr: stderr, Terminal: terminal}, args)
	case "cache":
		return cachecmd.Run(ctx, cachecmd.Env{Stdin: os.Stdin, Stdout: stdout, Stderr: stderr}, args)
	case "version":
		_, err := fmt.Fprintln(stdout, version)
		return err
	}
	return fmt.Errorf("unknown command %q; tollgate --help lists them", command)
}

func serve(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // an error is said once, by main
	file := flags.String("config", "", "configuration `FILE`, in LiteLLM's layout")
	services := flags.String("services", "", "run these `SERVICES` alone, with commas between")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		_, _ = io.WriteString(stderr, usage) // nobody to tell
		return err
	} else if err != nil {
		return fmt.Errorf("%w; tollgate --help lists what there is", err)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	source, err := config.Open(*file, os.LookupEnv)
	if err != nil {
		return err
	}
	source.Services = *services
	cfg, warnings, err := config.Load(source)
	if err != nil {
		return err
	}
	format := obs.Text
	if cfg.JSONLogs {
		format = obs.JSON
	}
	log, err := obs.NewLogger(stderr, obs.LogOptions{Format: format, Level: slog.LevelInfo})
	if err != nil {
		return err
	}
	redisx.LogTo(log, clock.Real())
	for _, w := range warnings {
		log.WarnContext(ctx, "configuration", "warning", w.String())
	}
	// The signals count from here on: a second one during the shutdown ends it at once.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
	defer stop()
	stopProfiles, err := serveProfiles(ctx, os.Getenv("TOLLGATE_PPROF_ADDR"), log)
	if err != nil {
		return err
	}
	defer stopProfiles()
	process, err := app.New(ctx, app.Options{Config: cfg, Version: version, Out: stdout, Log: log})
	if err != nil {
		return err
	}
	if err := process.Start(ctx); err != nil {
		return err
	}
	if err := process.Announce(stdout); err != nil {
		return err
	}
	var ended error
	select {
	case <-ctx.Done():
	case ended = <-process.Ended():
	}
	stop()
	log.InfoContext(ctx, "stopping", "grace_period", cfg.Server.GracePeriod.String())
	return errors.Join(ended, process.Stop(context.WithoutCancel(ctx)))
}
