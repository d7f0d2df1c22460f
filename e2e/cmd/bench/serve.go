package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"tollgate.dev/services/simulator"
)

// What the simulator answers: streamChunks pieces of text, answerBytes in all.
const (
	streamChunks = 50
	answerBytes  = 1700
	// pace is the pause between the chunks of a paced stream; a model's is rather
	// longer, but so is the time that it would take to measure.
	pace = 2 * time.Millisecond
)

// always are the directives for every answer.
var always = fmt.Sprintf("chunks=%d,bytes=%d", streamChunks, answerBytes)

// Where the simulator is found, and where it paces its streams.
const (
	openAIBase = "/openai/v1"
	pacedBase  = "/paced/openai/v1"
	chatPath   = "/chat/completions"
)

// listening is what a child of this program prints before its address.
const listening = "listening on "

// serveSimulator runs the provider simulator until its standard input ends.
func serveSimulator(ctx context.Context) error {
	// Its prompt cache would charge the simulator for what no gateway sees.
	sim := simulator.New(simulator.Options{MinCacheTokens: 1 << 30, MaxCalls: 16})
	handler := sim.Handler()
	paced := fmt.Sprintf("%s,chunk-delay=%s", always, pace)
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		directives := always
		if path, ok := strings.CutPrefix(r.URL.Path, "/paced"); ok {
			r.URL.Path, directives = path, paced
		}
		r.Header["X-Simulate"] = []string{directives}
		handler.ServeHTTP(w, r)
	})
	return errors.Join(serveHTTP(ctx, serve), sim.Close())
}

// serveProxy runs a bare httputil.ReverseProxy to base until its standard input ends.
// On the path statsPath it tells what it has allocated.
func serveProxy(ctx context.Context, base string) error {
	to, err := url.Parse(base)
	if err != nil {
		return fmt.Errorf("proxy: %w", err)
	}
	transport := &http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 256, IdleConnTimeout: 90 * time.Second}
	defer transport.CloseIdleConnections()
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: transport,
		// No FlushInterval: the proxy flushes event streams at once by itself.
	}
	return serveHTTP(ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != statsPath {
			// Without it the server closes the request's body at the first byte of the answer,
			// and when the provider is as fast as this one the transport, which reads the body
			// once more for its end, takes that for a broken request and cuts the stream
			// (Go 1.26, transferWriter.writeBody).
			if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			proxy.ServeHTTP(w, r)
			return
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		_ = json.NewEncoder(w).Encode(counters{float64(m.Mallocs), float64(m.TotalAlloc)}) // the client sees the cut
	}))
}

// statsPath is where the proxy tells its counters.
const statsPath = "/bench/counters"

// serveHTTP serves until standard input ends or ctx does, and prints the address.
func serveHTTP(ctx context.Context, handler http.Handler) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 30 * time.Second}
	var failed error
	var serving sync.WaitGroup
	serving.Go(func() {
		defer cancel()
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			failed = err
		}
	})
	// Not waited for: a read of standard input cannot be ended, and the process ends with it.
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	fmt.Println(listening + listener.Addr().String())
	<-ctx.Done()
	err = server.Close()
	serving.Wait()
	return errors.Join(failed, err)
}
