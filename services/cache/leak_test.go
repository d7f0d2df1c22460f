package cache_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/gen/tollgate/cache/v1/cachev1connect"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/redisx"
	"tollgate.dev/platform/secret"
	"tollgate.dev/platform/secret/secrettest"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/embed"
	"tollgate.dev/services/cache/embed/provider"
	"tollgate.dev/services/cache/store/redis"
)

// What callers ask and are answered, each with a word that stands nowhere else. The second and the
// third ask the same as the first, the fourth something else.
const (
	markedAsk    = "How can I learn to play the quillwort?"
	markedNear   = "how can i learn to play the quillwort"
	markedOther  = "How does a beginner learn quillwort?"
	markedVeto   = "How can I learn to play 7 quillworts?"
	markedWord   = "quillwort"
	markedAnswer = "samphire-answer"
	markedKey    = "sk-tamarisk-of-the-embedder"
)

// quoting is an embedder whose errors quote what it was asked.
type quoting struct {
	embed.Embedder
	say func(text string) error
}

func (q quoting) Embed(_ context.Context, text string, _ []float32) (embed.Bill, error) {
	return embed.Bill{}, q.say(text)
}

// said is all that the service tells whoever counts and whoever calls it, but for the answers
// themselves and the vectors.
type said struct {
	counts
	cachev1connect.CacheServiceClient
	mu  sync.Mutex
	all strings.Builder
}

// note what a call came to.
func (s *said) note(message proto.Message, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintln(&s.all, message)
	for ; err != nil; err = errors.Unwrap(err) {
		fmt.Fprintln(&s.all, err)
	}
}

func (s *said) CacheCandidate(tier, outcome string) {
	s.note(nil, errors.New(tier+" "+outcome))
	s.counts.CacheCandidate(tier, outcome)
}

func (s *said) CacheVeto(rule string) {
	s.note(nil, errors.New(rule))
	s.counts.CacheVeto(rule)
}

func (s *said) CacheCompared(outcome, reason string) {
	s.note(nil, errors.New(outcome+" "+reason))
	s.counts.CacheCompared(outcome, reason)
}

func (s *said) ask(t *testing.T, text string) *cachev1.LookupResponse {
	t.Helper()
	q := question(markedWord+" is the system prompt", text)
	got, err := s.Lookup(t.Context(), &cachev1.LookupRequest{Namespace: namespace(), Fingerprint: fingerprintOf(q), Question: q, Last: upToSemantic})
	told, _ := proto.Clone(got).(*cachev1.LookupResponse)
	if told != nil {
		told.Entry, told.Embedding = nil, nil
	}
	s.note(told, err)
	return got
}

func (s *said) keep(t *testing.T, text string) bool {
	t.Helper()
	q := question(markedWord+" is the system prompt", text)
	got, err := s.Store(t.Context(), &cachev1.StoreRequest{
		Namespace: namespace(), Fingerprint: fingerprintOf(q), Question: q, Last: upToSemantic, Entry: &cachev1.Entry{Body: completion(markedAnswer)},
	})
	s.note(got, err)
	return got.GetStored()
}

func (s *said) compare(t *testing.T, comparison, body []byte) {
	t.Helper()
	got, err := s.Compare(t.Context(), &cachev1.CompareRequest{Namespace: namespace(), Comparison: comparison, Body: body})
	s.note(got, err)
}

func (s *said) feedback(t *testing.T, entry string, kind cachev1.HitKind) {
	t.Helper()
	got, err := s.Feedback(t.Context(), &cachev1.FeedbackRequest{Namespace: namespace(), EntryId: entry, Hit: kind, Wrong: true})
	s.note(got, err)
}

func (s *said) purge(t *testing.T, entry string) {
	t.Helper()
	got, err := s.Invalidate(t.Context(), &cachev1.InvalidateRequest{TenantId: "t", EntryId: entry})
	s.note(got, err)
}

// askAll asks the four questions, each so often that what fails is told to have failed.
func (s *said) askAll(t *testing.T) {
	t.Helper()
	for range 4 {
		for _, text := range []string{markedAsk, markedNear, markedOther, markedVeto} {
			s.ask(t, text)
			s.ask(t, text+" "+strings.Repeat("?", len(s.all.String())%50)) // of which no vector is remembered
		}
	}
}

// Whatever the cache comes to, no word of a prompt, of an answer or of a credential is in its log at
// any level, in an error, in what is counted, or in what an answer's headers and events are made of.
func TestNothingThatIsAskedOrAnsweredGetsOut(t *testing.T) {
	type made struct {
		opts cache.Options
		fake *fakeStore
	}
	kind := func(got *cachev1.LookupResponse, want cachev1.HitKind) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			if got.GetHit() != want {
				t.Errorf("it is found by %v, want %v", got.GetHit(), want)
			}
		}
	}
	// refusing makes the embedder one of a provider that answers with a status, and with all it was sent.
	refusing := func(status int) func(*testing.T, *made) {
		return func(t *testing.T, m *made) {
			t.Helper()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(status)
				_, _ = io.Copy(w, r.Body)
				_, _ = io.WriteString(w, markedKey)
			}))
			t.Cleanup(server.Close)
			e, err := provider.New(server.Client(), provider.Options{URL: server.URL, Key: secret.New(markedKey), Model: "m", Dim: 4})
			if err != nil {
				t.Fatal(err)
			}
			m.opts.Threshold, m.opts.Embedder, m.opts.EmbedderPaid, m.opts.EmbedTimeout = &half, e, true, -1
		}
	}
	serving := func(t *testing.T, m *made) { t.Helper(); m.opts.Threshold, m.opts.Embedder = &half, staticEmbedder(t) }
	learns := func(t *testing.T, m *made) {
		t.Helper()
		m.opts.Embedder, m.opts.Learning, m.opts.Floor = staticEmbedder(t), learning("r", nil), half
	}
	failing := func(say func(string) error) func(*testing.T, *made) {
		return func(t *testing.T, m *made) {
			t.Helper()
			m.opts.Threshold, m.opts.Embedder, m.opts.EmbedTimeout = &half, quoting{staticEmbedder(t), say}, 20*time.Millisecond
		}
	}
	asking := func(t *testing.T, s *said, _ *made) {
		t.Helper()
		s.keep(t, markedAsk)
		s.askAll(t)
	}
	for name, tc := range map[string]struct {
		make func(*testing.T, *made)
		do   func(*testing.T, *said, *made)
		logs string // what is in the log; none when it is empty
	}{
		"found by each tier": {serving, func(t *testing.T, s *said, _ *made) {
			t.Helper()
			s.keep(t, markedAsk)
			kind(s.ask(t, markedAsk), exact)(t)
			kind(s.ask(t, markedNear), near)(t)
			kind(s.ask(t, markedOther), semantic)(t)
		}, ""},
		"vetoed": {serving, func(t *testing.T, s *said, _ *made) {
			t.Helper()
			s.keep(t, markedAsk)
			kind(s.ask(t, markedVeto), miss)(t)
			if s.of("veto numbers") != 1 {
				t.Errorf("counted %v", s.seen)
			}
		}, ""},
		"compared": {learns, func(t *testing.T, s *said, _ *made) {
			t.Helper()
			for _, body := range [][]byte{completion(markedAnswer), completion(markedWord), []byte(markedAnswer + "{"), nil} {
				s.keep(t, markedAsk) // anew, as each entry is compared once
				got := s.ask(t, markedOther)
				if len(got.GetComparison()) == 0 {
					t.Fatal("nothing is compared")
				}
				secrettest.AssertNoLeak(t, string(got.GetComparison()), markedWord, markedAnswer)
				s.compare(t, got.GetComparison(), body)
			}
			s.compare(t, []byte(markedAsk), completion(markedAnswer)) // is no comparison
			if s.of("compared right") != 1 || s.of("compared wrong") != 3 {
				t.Errorf("counted %v", s.seen)
			}
		}, ""},
		"called wrong": {serving, func(t *testing.T, s *said, _ *made) {
			t.Helper()
			s.keep(t, markedAsk)
			s.feedback(t, s.ask(t, markedNear).GetEntryId(), near)
			s.keep(t, markedAsk)
			kind(s.ask(t, markedNear), miss)(t)
			s.feedback(t, markedAsk, near) // is no entry
		}, ""},
		"purged": {serving, func(t *testing.T, s *said, _ *made) {
			t.Helper()
			s.keep(t, markedAsk)
			s.purge(t, "")
			kind(s.ask(t, markedAsk), miss)(t)
			s.purge(t, markedAsk) // is no entry
		}, ""},
		"the store away": {serving, func(t *testing.T, s *said, m *made) {
			t.Helper()
			s.keep(t, markedAsk)
			m.fake.set(errors.New("refused"), false)
			s.askAll(t)
			for range 3 {
				s.keep(t, markedAsk)
			}
			s.purge(t, "")
			s.feedback(t, cache.Fingerprint{1}.EntryID(), semantic)
		}, "is away"},
		"an embedder's error quotes": {failing(func(text string) error { return errors.New("cannot read " + text) }),
			asking, "the embedder failed with a *errors.errorString"},
		"an error's cause quotes": {failing(func(text string) error {
			return fmt.Errorf("of %s: %w", text, errs.New(errs.ProviderError, "it failed").WithCause(errors.New(text)))
		}), asking, "it failed"},
		"late, with a quotation": {failing(func(text string) error { return fmt.Errorf("%s: %w", text, context.DeadlineExceeded) }),
			asking, "timeout=true"},
		"an embedder that panics": {failing(func(text string) error { panic(text) }),
			asking, "panicked"},
		"a provider that refuses the text and quotes": {refusing(http.StatusBadRequest), asking, ""},
		"a provider that refuses all and quotes":      {refusing(http.StatusUnauthorized), asking, "refused the credential"},
		"what can't be meant": {serving, func(t *testing.T, s *said, _ *made) {
			t.Helper()
			q := question("c", markedAsk)
			for _, req := range []*cachev1.LookupRequest{
				{Namespace: namespace(), Fingerprint: []byte(markedAsk)},
				{Namespace: &cachev1.Namespace{TenantId: strings.Repeat(markedWord, 1000), Provider: "p", Model: "m"}, Fingerprint: fingerprintOf(q)},
				{Namespace: namespace(), Fingerprint: fingerprintOf(q), Question: &cachev1.Question{Context: []byte(markedWord), Text: markedAsk}},
				{Namespace: namespace(), Fingerprint: fingerprintOf(q), Question: question("c", strings.Repeat(markedAsk, 1000))},
			} {
				got, err := s.Lookup(t.Context(), req)
				if err == nil {
					t.Errorf("%v is taken", req)
				}
				s.note(got, err)
			}
			got, err := s.Store(t.Context(), &cachev1.StoreRequest{Namespace: namespace(), Fingerprint: fingerprintOf(q), Question: q, Entry: &cachev1.Entry{}})
			s.note(got, err)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m, s, log := &made{fake: newFakeStore()}, &said{}, &buffer{}
			tc.make(t, m)
			m.opts.Clock, m.opts.Observer = clocktest.New(), s
			m.opts.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			_, s.CacheServiceClient = serve(t, m.fake, m.opts)
			tc.do(t, s, m)
			if (tc.logs == "") != (log.String() == "") || !strings.Contains(log.String(), tc.logs) {
				t.Errorf("the log is %q, want %q in it", log, tc.logs)
			}
			secrettest.AssertNoLeak(t, log.String()+s.all.String(), markedWord, markedAnswer, markedKey)
		})
	}
}

// parrot is a Redis that knows no command, and quotes all that it was sent, as Redis quotes the
// first arguments of such a command.
func parrot(t *testing.T) redisx.Options {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			serving.Go(func() {
				defer func() { _ = c.Close() }()
				repeat(c)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); serving.Wait() })
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatal("no TCP address")
	}
	return redisx.Options{Host: "127.0.0.1", Port: addr.Port}
}

// repeat answers each command of a connection: a list of strings, each behind its length.
func repeat(c net.Conn) {
	in := bufio.NewReader(c)
	length := func() (n int, ok bool) {
		line, err := in.ReadString('\n')
		if err != nil || len(line) < 2 {
			return 0, false
		}
		n, err = strconv.Atoi(strings.TrimSpace(line[1:]))
		return n, err == nil
	}
	for {
		words, ok := length()
		if !ok {
			return
		}
		var quoted strings.Builder
		for range words {
			n, ok := length()
			word := make([]byte, n+2) // and the end of its line
			if _, err := io.ReadFull(in, word); !ok || err != nil {
				return
			}
			fmt.Fprintf(&quoted, "'%s' ", strings.Map(printable, string(word[:n])))
		}
		if _, err := fmt.Fprintf(c, "-ERR unknown command 'X', with args beginning with: %s\r\n", quoted.String()); err != nil {
			return
		}
	}
}

// printable leaves out what Redis does not repeat in a line.
func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return -1
	}
	return r
}

// A Redis that quotes what it was sent leaves no word of it in the log or an error, whatever of it
// is asked: answers, questions, changes, evidence.
func TestARedisThatQuotesIsNotQuoted(t *testing.T) {
	client, err := redisx.Open(parrot(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	log, s := &buffer{}, &said{}
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	store, err := redis.New(client, redis.Options{Prefix: markedWord + ":", Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	service, c := serve(t, store, cache.Options{
		Embedder: staticEmbedder(t), Timeout: 20 * time.Second, Logger: logger, Observer: s,
		Feed: store, Vectors: store, Learning: learning(markedWord, store),
	})
	s.CacheServiceClient = c
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	for range 4 {
		s.keep(t, markedAsk)
		s.ask(t, markedAsk)
		s.feedback(t, cache.Fingerprint{1}.EntryID(), semantic)
		s.purge(t, "")
	}
	s.compare(t, []byte(markedAsk), nil)
	until(t, "all that fails is told", func() bool {
		return log.lines("is away") == 2 && log.lines("can't be followed") == 1
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if all := s.all.String(); !strings.Contains(log.String(), "unknown command") || !strings.Contains(all, string(errs.ServiceUnavailable)) {
		t.Errorf("the log is %s\nand the service says %s", log, all)
	}
	secrettest.AssertNoLeak(t, log.String()+s.all.String(), markedWord, markedAnswer)
}
