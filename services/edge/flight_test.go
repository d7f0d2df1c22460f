package edge_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/errs"
)

// held is a provider that answers when the test lets it: with a whole answer, or with a
// chunk for each step. It notes whose call has ended before that.
type held struct {
	began, ended chan struct{}
	step         chan error // what the next step is: nil goes on
}

// hold makes the rig's router wait for steps.
func (r *rig) hold() *held {
	h := &held{began: make(chan struct{}, 10), ended: make(chan struct{}, 10), step: make(chan error)}
	next := func(ctx context.Context) error {
		select {
		case err := <-h.step:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	// A stream may hear of its end when it sends, as well as when it waits.
	ends := func(ctx context.Context) {
		if ctx.Err() != nil {
			h.ended <- struct{}{}
		}
	}
	r.router.whole = func(ctx context.Context, _ *routerv1.Call) (*routerv1.CompleteResponse, error) {
		h.began <- struct{}{}
		defer ends(ctx)
		if err := next(ctx); err != nil {
			return nil, err
		}
		return &routerv1.CompleteResponse{Body: []byte(answerBody), Usage: answerUsage(), Served: servedByM()}, nil
	}
	r.router.stream = func(ctx context.Context, _ *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
		h.began <- struct{}{}
		defer ends(ctx)
		if err := next(ctx); err != nil {
			return err
		}
		if err := send(&routerv1.StreamCompleteResponse{Served: servedByM(), Chunks: [][]byte{delta("Hel")}}); err != nil {
			return err
		}
		if err := next(ctx); err != nil {
			return err
		}
		return send(&routerv1.StreamCompleteResponse{Chunks: [][]byte{delta("lo")}, Usage: answerUsage(), End: &routerv1.StreamEnd{}})
	}
	return h
}

// party is a call on its way.
type party struct {
	hangUp context.CancelFunc
	// first has the first line of a stream as soon as it is there.
	first  chan string
	answer chan answer
}

// start makes a call in the background. A call that its test hangs up has no answer.
func (r *rig) start(c call) *party {
	ctx, cancel := context.WithCancel(r.tb.Context())
	p := &party{hangUp: cancel, first: make(chan string, 1), answer: make(chan answer, 1)}
	var done sync.WaitGroup
	r.tb.Cleanup(func() { cancel(); done.Wait() })
	done.Go(func() {
		resp, err := r.open(ctx, http.MethodPost, chatPath, c)
		if err != nil {
			p.answer <- answer{}
			return
		}
		defer func() { _ = resp.Body.Close() }()
		body := bufio.NewReader(resp.Body)
		line, err := body.ReadString('\n')
		p.first <- line
		rest, rerr := io.ReadAll(body)
		if ctx.Err() == nil && (rerr != nil || err != nil && !errors.Is(err, io.EOF)) {
			r.tb.Errorf("the answer broke off: %v, %v", err, rerr)
		}
		p.answer <- answer{resp.StatusCode, resp.Header, resp.Trailer, line + string(rest)}
	})
	return p
}

// waiting waits until so many calls are being answered.
func (r *rig) waiting(n int) {
	r.tb.Helper()
	eventually(r.tb, "the callers' waiting", func() bool { return r.edge.Waiting() == n })
}

// TestIdenticalCallsShareOne has callers ask the same at the same time: one call goes out
// and is paid for, each has the whole answer, and another tenant's caller has its own.
func TestIdenticalCallsShareOne(t *testing.T) {
	t.Parallel()
	for name, more := range map[string][]string{"whole": nil, "streamed": {streamed}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			h := r.hold()
			c := call{key: acmeKey, body: chat("Hi", more...)}
			parties := []*party{r.start(c)}
			wait(t, "the call", h.began)
			parties = append(parties, r.start(c), r.start(c))
			r.waiting(3)
			h.step <- nil
			if len(more) > 0 {
				for i, p := range parties { // before the end of the stream is there
					if line := <-p.first; line != "data: "+string(delta("Hel"))+"\n" {
						t.Errorf("caller %d read %q first", i, line)
					}
				}
				late := r.start(c)
				if line := <-late.first; line != "data: "+string(delta("Hel"))+"\n" {
					t.Errorf("one who came late read %q first", line)
				}
				parties = append(parties, late)
				h.step <- nil
			}
			hits := 0
			want := ""
			for i, p := range parties {
				a := <-p.answer
				if want == "" {
					want = a.body
				}
				if a.status != http.StatusOK || a.body != want || !strings.Contains(a.body, "lo") {
					t.Errorf("caller %d: %d %q", i, a.status, a.body)
				}
				if a.header.Get("X-Cache") == "hit" {
					hits++
				}
				if a.header.Get("X-Tollgate-Provider") != "openai" {
					t.Errorf("caller %d is not told who served: %v", i, a.header)
				}
			}
			if hits != len(parties)-1 || r.router.called() != 1 {
				t.Errorf("%d of %d heard another's answer, of %d calls", hits, len(parties), r.router.called())
			}
			if err := testutil.GatherAndCompare(r.metrics, strings.NewReader(fmt.Sprintf(`
# HELP tollgate_cache_hit_total Requests answered with another one's answer, kept or under way, by the kind of look-up that found it.
# TYPE tollgate_cache_hit_total counter
tollgate_cache_hit_total{kind="exact"} %d
tollgate_cache_hit_total{kind="near"} 0
tollgate_cache_hit_total{kind="semantic"} 0
# HELP tollgate_cache_miss_total Requests for which a kind of look-up was tried and found no answer.
# TYPE tollgate_cache_miss_total counter
tollgate_cache_miss_total{kind="exact"} 1
tollgate_cache_miss_total{kind="near"} 0
tollgate_cache_miss_total{kind="semantic"} 0
`, hits)), "tollgate_cache_hit_total", "tollgate_cache_miss_total"); err != nil {
				t.Error(err)
			}
			cost, saved := int64(0), int64(0)
			for _, rec := range r.ledger(len(parties)) {
				cost, saved = cost+rec.GetCostNanos(), saved+rec.GetSavedCacheNanos()
			}
			if cost != answerCost || saved != int64(hits)*answerCost {
				t.Errorf("they paid %d and saved %d", cost, saved)
			}
		})
	}
}

// TestWhoLeavesASharedCall hangs callers up: the call goes on while anyone waits for it,
// and ends with the last.
func TestWhoLeavesASharedCall(t *testing.T) {
	t.Parallel()
	for name, more := range map[string][]string{"whole": nil, "streamed": {streamed}} {
		t.Run(name+", its leader", func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			h := r.hold()
			c := call{key: acmeKey, body: chat("Hi", more...)}
			leader := r.start(c)
			wait(t, "the call", h.began)
			follower := r.start(c)
			r.waiting(2)
			leader.hangUp()
			<-leader.answer
			h.step <- nil
			if len(more) > 0 {
				h.step <- nil
			}
			if a := <-follower.answer; a.status != http.StatusOK || !strings.Contains(a.body, "lo") || r.router.called() != 1 {
				t.Errorf("who stayed: %d %q, of %d calls", a.status, a.body, r.router.called())
			}
			if rec := r.ledger(2); rec[0].GetCostNanos()+rec[1].GetCostNanos() != answerCost {
				t.Errorf("the ledger has %v", rec)
			}
		})
		t.Run(name+", its follower", func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			h := r.hold()
			c := call{key: acmeKey, body: chat("Hi", more...)}
			leader := r.start(c)
			wait(t, "the call", h.began)
			follower := r.start(c)
			r.waiting(2)
			follower.hangUp()
			r.waiting(1)
			h.step <- nil
			if len(more) > 0 {
				h.step <- nil
			}
			if a := <-leader.answer; a.status != http.StatusOK || !strings.Contains(a.body, "lo") {
				t.Errorf("who stayed: %d %q", a.status, a.body)
			}
			r.ledger(1)
		})
		t.Run(name+", everyone", func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			h := r.hold()
			c := call{key: acmeKey, body: chat("Hi", more...)}
			leader := r.start(c)
			wait(t, "the call", h.began)
			follower := r.start(c)
			r.waiting(2)
			follower.hangUp()
			r.waiting(1)
			leader.hangUp()
			wait(t, "the call's end", h.ended)
			r.waiting(0)
			if r.cache.kept() > 0 {
				t.Error("what nobody heard is kept")
			}
		})
	}
}

// TestHangUpsAreCharged has a caller leave in mid-stream: the provider's work ends, and is
// paid for as far as it came.
func TestHangUpsAreCharged(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(s *setup) { s.options.Cache = false })
	r.budget.limit("acme", 1e9)
	h := r.hold()
	p := r.start(call{key: acmeKey, body: chat("Hi", streamed)})
	wait(t, "the call", h.began)
	h.step <- nil
	<-p.first
	p.hangUp()
	wait(t, "the provider's end", h.ended)
	rec := r.ledger(1)[0]
	if rec.GetCostNanos() == 0 || !rec.GetUsage().GetEstimated() || rec.GetError() != string(errs.ClientClosed) || rec.GetUsage().GetOutput() == 0 {
		t.Errorf("the ledger has %v", rec)
	}
	if state := r.meter.State(scopesOfAcme); len(state) != 1 || int64(state[0].Spent) != rec.GetCostNanos() {
		t.Errorf("of the budget is spent %+v", state)
	}
}

// TestFollowersOfAFailure has a shared call fail. A failure of the call is everyone's; one
// of its leader's own, everyone else tries without.
func TestFollowersOfAFailure(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		reason errs.Reason
		alone  bool
	}{
		"the provider's":        {errs.ProviderError, false},
		"the request's":         {errs.UnsupportedParameter, false},
		"the leader's budget":   {errs.BudgetExceeded, true},
		"the leader's time out": {errs.ClientClosed, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			h := r.hold()
			c := call{key: acmeKey, body: chat("Hi")}
			leader := r.start(c)
			wait(t, "the call", h.began)
			follower := r.start(c)
			r.waiting(2)
			h.step <- errs.New(tc.reason, "as the test wants it")
			if a := <-leader.answer; a.reason() != string(tc.reason) {
				t.Errorf("the leader: %d %s", a.status, a.body)
			}
			if tc.alone {
				wait(t, "the follower's own call", h.began)
				h.step <- nil
			}
			a := <-follower.answer
			if tc.alone && a.status != http.StatusOK || !tc.alone && a.reason() != string(tc.reason) {
				t.Errorf("the follower: %d %s", a.status, a.body)
			}
		})
	}
}

// TestCappedCallsAreNotShared has a leader whose budget cuts its answer short: nobody who
// asks the same is given it.
func TestCappedCallsAreNotShared(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.budget.limit("acme", 500_000)
	h := r.hold()
	c := call{key: acmeKey, body: chat("Hi")}
	leader := r.start(c)
	wait(t, "the call", h.began)
	if r.router.last().GetMaxOutputTokens() == 0 {
		t.Fatal("the call is not capped")
	}
	other := r.start(c) // of what the budget has left it can pay nothing
	if a := <-other.answer; a.reason() != "budget_exceeded" {
		t.Errorf("the other: %d %s", a.status, a.body)
	}
	h.step <- nil
	if a := <-leader.answer; a.status != http.StatusOK {
		t.Errorf("the leader: %d %s", a.status, a.body)
	}
}

// TestAnswersWaitForNoStore holds the cache back while it stores. The caller, and those who
// followed it, have their answers; who asks meanwhile has the same one, whole or streamed,
// and so has who asks afterwards; and one call is made for all.
func TestAnswersWaitForNoStore(t *testing.T) {
	t.Parallel()
	for name, more := range map[string][]string{"whole": nil, "streamed": {streamed}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			one := int64(1)
			single := "sk-single-0123456789abcdef"
			r.keystore.put(single, &keystorev1.Grant{
				Key:    &keystorev1.Key{Id: "key-of-single", TenantId: "acme", Limits: &keystorev1.Limits{ParallelRequests: &one}},
				Tenant: &keystorev1.Tenant{Id: "acme"},
			})
			stored := make(chan struct{})
			release := sync.OnceFunc(func() { close(stored) })
			t.Cleanup(release) // before the server waits for its handlers
			r.cache.storing = func() { <-stored }
			h := r.hold()
			leader := r.start(call{key: single, body: chat("Hi", more...)})
			wait(t, "the call", h.began)
			follower := r.start(call{key: acmeKey, body: chat("Hi", more...)})
			r.waiting(2)
			h.step <- nil
			if len(more) > 0 {
				h.step <- nil
			}
			first := <-leader.answer
			for who, p := range map[string]*party{
				"a follower": follower, "a newcomer": r.start(call{key: acmeKey, body: chat("Hi", more...)}),
				// Its one parallel slot is free by then.
				"the same again": r.start(call{key: single, body: chat("Hi", more...)}),
			} {
				if a := <-p.answer; a.status != http.StatusOK || a.body != first.body || a.header.Get("X-Cache") != "hit" {
					t.Errorf("%s: %d %s %q", who, a.status, a.header.Get("X-Cache"), a.body)
				}
			}
			if r.cache.kept() > 0 {
				t.Fatal("the cache was not held back")
			}
			release()
			eventually(t, "the entry", func() bool { return r.cache.kept() == 1 })
			r.waiting(0)
			if a := r.complete(chat("Hi", more...)); said(t, a.body) != said(t, first.body) || a.header.Get("X-Cache") != "hit" || r.router.called() != 1 {
				t.Errorf("afterwards: %s %q, of %d calls", a.header.Get("X-Cache"), a.body, r.router.called())
			}
		})
	}
}

// TestAnswersWaitForNoRecord holds the store of answers with an Idempotency-Key back. The
// caller has its answer, and a repeat waits until it is kept.
func TestAnswersWaitForNoRecord(t *testing.T) {
	t.Parallel()
	for name, more := range map[string][]string{"whole": nil, "streamed": {streamed}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(s *setup) { s.options.Cache = false })
			began, finish := make(chan struct{}, 1), make(chan struct{})
			release := sync.OnceFunc(func() { close(finish) })
			t.Cleanup(release)
			r.answers.finishing = func() {
				began <- struct{}{}
				<-finish
			}
			c := call{acmeKey, map[string]string{"Idempotency-Key": "a"}, chat("Hi", more...)}
			first := <-r.start(c).answer
			wait(t, "the answer's keeping", began)
			<-r.answers.claims
			again := r.start(c)
			wait(t, "the repeat's claim", r.answers.claims)
			release()
			if a := <-again.answer; a.status != http.StatusOK || a.body != first.body || a.header.Get("Idempotent-Replayed") != "true" || r.router.called() != 1 {
				t.Errorf("the repeat: %d %s, of %d calls", a.status, a.body, r.router.called())
			}
		})
	}
}

// Who asks after a purge hears no answer that was asked for before it; who waited already does.
func TestAfterAPurgeNobodyJoins(t *testing.T) {
	t.Parallel()
	purge := func(key, body string) func(*rig) answer {
		return func(r *rig) answer { return r.do(http.MethodPost, invalidatePath, call{key: key, body: body}) }
	}
	entry := func(r *rig) string {
		r.cache.mu.Lock()
		defer r.cache.mu.Unlock()
		return base64.RawURLEncoding.EncodeToString(r.cache.asked.GetFingerprint())
	}
	for name, tc := range map[string]struct {
		purge func(*rig) answer
		joins bool
	}{
		"a tenant":               {purge(acmeKey, `{"namespace":"acme"}`), false},
		"a model":                {purge(acmeKey, `{"namespace":"acme:openai:m"}`), false},
		"another tenant":         {purge(masterKey, `{"namespace":"key/master"}`), true},
		"another partition":      {purge(acmeKey, `{"namespace":"acme","partition":"p"}`), true},
		"lives that are shorter": {purge(acmeKey, `{"namespace":"acme","ttlOverride":60}`), true},
		"lives that end":         {purge(acmeKey, `{"namespace":"acme","ttlOverride":0}`), false},
		"another entry":          {purge(acmeKey, `{"namespace":"acme","entryId":"`+strings.Repeat("A", 43)+`"}`), true},
		"the entry": {func(r *rig) answer {
			return purge(acmeKey, `{"namespace":"acme","entryId":"`+entry(r)+`"}`)(r)
		}, false},
		"the entry is wrong": {func(r *rig) answer {
			return r.do(http.MethodPost, "/v1/cache/feedback", call{key: acmeKey, body: `{"entryId":"` + entry(r) + `","model":"m","wrong":true}`})
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			h := r.hold()
			ask := call{key: acmeKey, body: chat("Hi")}
			before := []*party{r.start(ask), r.start(ask)}
			<-h.began
			r.waiting(2)
			if a := tc.purge(r); a.status != http.StatusOK {
				t.Fatalf("%d %s", a.status, a.body)
			}
			after := r.start(ask)
			want := 1
			if tc.joins {
				r.waiting(3)
			} else {
				<-h.began
				want = 2
			}
			for range want {
				h.step <- nil
			}
			for i, p := range append(before, after) {
				if a := <-p.answer; a.status != http.StatusOK || said(t, a.body) != "Hello" {
					t.Errorf("caller %d has %d %s", i, a.status, a.body)
				}
			}
			paid := 0
			for _, rec := range r.ledger(3) {
				if rec.GetCostNanos() > 0 {
					paid++
				}
			}
			if paid != want {
				t.Errorf("%d calls were paid, want %d", paid, want)
			}
		})
	}
}
