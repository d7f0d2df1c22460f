package simulator

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Options configure a Server; the zero value is a working one.
type Options struct {
	// Now is the clock behind "created" and the life of cached prefixes.
	// Default: time.Now.
	Now func() time.Time
	// Seed changes signatures, fingerprints and embedding vectors; equal seeds
	// give equal answers to equal sequences of requests.
	Seed uint64
	// MaxCalls bounds what Calls keeps. Default 1024.
	MaxCalls int
	// KeepBodies keeps up to that many bytes of each request's body, and its
	// headers without credentials, in Call. Default 0: neither is kept.
	KeepBodies int
	// MaxBody is the largest request body in bytes. Default 32 MiB.
	MaxBody int64
	// MinCacheTokens is the shortest prompt prefix that is cached. Default: what
	// the model's provider documents.
	MinCacheTokens int
	// MaxPrefixes bounds the prompt prefixes that are remembered. Default 8192.
	MaxPrefixes int
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the simulator stands alone: it imports nothing of the gateway
	}
	if o.MaxCalls <= 0 {
		o.MaxCalls = 1024
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 32 << 20
	}
	if o.MaxPrefixes <= 0 {
		o.MaxPrefixes = 8192
	}
	return o
}

// Server is the simulator. Its methods are safe for concurrent use.
type Server struct {
	opt      Options
	rec      *recorder
	fails    *failures
	prefixes *prefixCache
	secret   [sha256.Size]byte
	mux      *http.ServeMux
	ids      atomic.Uint64
	pool     sync.Pool

	mu      sync.Mutex
	closed  bool
	closing chan struct{}
	active  sync.WaitGroup // calls in progress
	serving sync.WaitGroup // the accepting goroutine
	http    *http.Server
	served  error
}

// New makes a Server that is not listening yet.
func New(o Options) *Server {
	o = o.withDefaults()
	s := &Server{
		opt:      o,
		rec:      newRecorder(o.MaxCalls),
		fails:    newFailures(1024),
		prefixes: newPrefixCache(o.MaxPrefixes),
		closing:  make(chan struct{}),
		mux:      http.NewServeMux(),
	}
	var seed [8]byte
	binary.BigEndian.PutUint64(seed[:], o.Seed)
	s.secret = sha256.Sum256(append([]byte("tollgate provider simulator"), seed[:]...))
	s.pool.New = func() any { return &scratch{} }
	s.routes()
	return s
}

func (s *Server) routes() {
	openai, groq := &chatDialect{name: OpenAI}, &chatDialect{name: Groq}
	s.mux.Handle("POST /openai/v1/chat/completions", s.handle(openai, openai.chat))
	s.mux.Handle("POST /openai/v1/embeddings", s.handle(openai, embeddings))
	s.mux.Handle("GET /openai/v1/models", s.handle(openai, listModels))
	s.mux.Handle("POST /groq/openai/v1/chat/completions", s.handle(groq, groq.chat))
	s.mux.Handle("GET /groq/openai/v1/models", s.handle(groq, listModels))
	anthropic := anthropicDialect{}
	s.mux.Handle("POST /anthropic/v1/messages", s.handle(anthropic, anthropic.messages))
	s.mux.Handle("POST /anthropic/v1/messages/count_tokens", s.handle(anthropic, anthropic.countTokens))
	gemini := geminiDialect{}
	s.mux.Handle("POST /gemini/v1beta/models/{call...}", s.handle(gemini, gemini.generate))
}

// Handler serves the four providers, for use under a server of one's own.
// After Shutdown or Close it answers 503.
func (s *Server) Handler() http.Handler { return s.mux }

// Start listens on addr, such as "127.0.0.1:0", and returns the address it
// listens on. ctx bounds the start alone; Shutdown or Close ends the server.
// It fails when the server has been started or closed before.
func (s *Server) Start(ctx context.Context, addr string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.http != nil {
		return "", errors.New("simulator: started or closed before")
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return "", fmt.Errorf("simulator: %w", err)
	}
	srv := &http.Server{Handler: s.mux, ReadHeaderTimeout: 30 * time.Second}
	s.http = srv
	s.serving.Go(func() {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.mu.Lock()
			s.served = err
			s.mu.Unlock()
		}
	})
	return ln.Addr().String(), nil
}

// Shutdown takes no more calls, ends those that hang by a directive, waits for
// the others and for every goroutine of the server. When ctx ends first, the
// connections are closed and ctx's error is returned, still after all
// goroutines have ended.
func (s *Server) Shutdown(ctx context.Context) error {
	srv := s.stop()
	var err error
	if srv != nil {
		if err = srv.Shutdown(ctx); err != nil {
			err = errors.Join(err, srv.Close())
		}
	}
	return s.join(err)
}

// Close ends all calls at once and waits for every goroutine of the server.
func (s *Server) Close() error {
	srv := s.stop()
	var err error
	if srv != nil {
		err = srv.Close()
	}
	return s.join(err)
}

// stop refuses new calls and wakes the waiting ones.
func (s *Server) stop() *http.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.closing)
	}
	return s.http
}

func (s *Server) join(err error) error {
	s.active.Wait()
	s.serving.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.served != nil {
		err = errors.Join(err, fmt.Errorf("simulator: serve: %w", s.served))
	}
	return err
}

// enter counts a call in, unless the server is closed.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.active.Add(1)
	return true
}

// id makes the next identifier, such as "chatcmpl-sim000000000007".
func (s *Server) id(prefix string) string {
	return fmt.Sprintf("%ssim%012d", prefix, s.ids.Add(1))
}

// failures counts the calls that fail-times has failed, for a bounded number
// of keys; the oldest key makes room.
type failures struct {
	mu    sync.Mutex
	count map[string]int
	order []string
	max   int
}

func newFailures(limit int) *failures { return &failures{count: map[string]int{}, max: limit} }

// fail tells whether this call of key is among its first n.
func (f *failures) fail(key string, n int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen, ok := f.count[key]
	if !ok {
		if len(f.order) == f.max {
			delete(f.count, f.order[0])
			f.order = f.order[1:]
		}
		f.order = append(f.order, key)
	}
	if seen >= n {
		return false
	}
	f.count[key] = seen + 1
	return true
}

func (f *failures) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.count)
	f.order = nil
}
