package edge_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/errs"
)

// padded is a completion's body of so many bytes.
func padded(size int) string {
	empty := len(chat(""))
	return chat(strings.Repeat("x", size-empty))
}

// announce is the head of a completion's request.
func announce(key string, length int) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: tollgate\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n", chatPath, key, length)
}

// TestBodiesShareNoMemory has calls at the same time, whole, streamed, failed and left, that
// use the memory of bodies again: each must find its own prompt at the router, at the
// beginning of the call and at its end.
func TestBodiesShareNoMemory(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(s *setup) { s.options.Cache = false })
	seen := func(call *routerv1.Call) (string, error) {
		before := string(call.GetBody())
		for range 20 {
			runtime.Gosched()
		}
		if after := string(call.GetBody()); after != before {
			return "", fmt.Errorf("%q became %q", before, after)
		}
		_, prompt, _ := strings.Cut(before, "<")
		prompt, _, _ = strings.Cut(prompt, ">")
		return prompt, nil
	}
	r.router.whole = func(_ context.Context, call *routerv1.Call) (*routerv1.CompleteResponse, error) {
		prompt, err := seen(call)
		if err == nil && strings.HasPrefix(prompt, "fail") {
			err = errs.New(errs.ProviderError, "failed")
		}
		return &routerv1.CompleteResponse{Body: fmt.Appendf(nil, `{"choices":[{"message":{"content":%q}}]}`, prompt), Usage: answerUsage(), Served: servedByM()}, err
	}
	r.router.stream = func(_ context.Context, call *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
		prompt, err := seen(call)
		if err != nil {
			return err
		}
		return sendAll(send, prompt, "end")
	}
	var wg sync.WaitGroup
	for caller := range 8 {
		wg.Go(func() {
			for i := range 60 {
				prompt := fmt.Sprintf("%s-%d-%d", []string{"whole", "stream", "fail"}[i%3], caller, i)
				body := chat("<" + prompt + ">" + strings.Repeat("x", 37*i%2000))
				if i%3 == 1 {
					body = strings.TrimSuffix(body, "}") + "," + streamed + "}"
				}
				a := r.complete(body)
				if ok := a.status == http.StatusOK; ok != (i%3 != 2) || ok && !strings.Contains(a.body, prompt) {
					t.Errorf("%s: %d %s", prompt, a.status, a.body)
				}
			}
		})
	}
	wg.Wait()
}

// TestBodiesArriveWhole sends bodies of lengths about where memory for them grows, with
// their length and in chunks.
func TestBodiesArriveWhole(t *testing.T) {
	t.Parallel()
	const most = 300_000
	r := newRig(t, func(s *setup) { s.options.MaxBodyBytes, s.options.Cache = most, false })
	for _, size := range []int{100, 64<<10 - 1, 64 << 10, 64<<10 + 1, 128 << 10, 200_000, most} {
		for _, chunked := range []bool{false, true} {
			body := padded(size)
			var in io.Reader = strings.NewReader(body)
			if chunked {
				in = struct{ io.Reader }{in} // of a length that the client cannot see
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+chatPath, in)
			must(t, err)
			req.Header.Set("Authorization", "Bearer "+acmeKey)
			resp, err := r.http.Do(req)
			must(t, err)
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusOK || string(r.router.last().GetBody()) != body {
				t.Errorf("%d bytes, chunked %t: %d, and the router has %d bytes", size, chunked, resp.StatusCode, len(r.router.last().GetBody()))
			}
		}
	}
	for _, chunked := range []bool{false, true} {
		var in io.Reader = strings.NewReader(padded(most + 1))
		if chunked {
			in = struct{ io.Reader }{in}
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+chatPath, in)
		must(t, err)
		req.Header.Set("Authorization", "Bearer "+acmeKey)
		resp, err := r.http.Do(req)
		must(t, err)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("a byte too many, chunked %t: %d", chunked, resp.StatusCode)
		}
	}
	if held := r.edge.HeldBytes(); held != 0 {
		t.Errorf("after all that, %d bytes are held", held)
	}
}

// TestBodiesTakeABoundedMemory has calls hold what all bodies may take: the next one is
// sent away for a moment. Bodies that were announced and do not come take little.
func TestBodiesTakeABoundedMemory(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(s *setup) {
		s.options.MaxBodyBytes, s.options.MaxBufferedBytes, s.options.Cache = 400_000, 1<<20, false
	})
	for range 8 {
		r.dial(t, announce(acmeKey, 400_000))
	}
	eventually(t, "the announced bodies", func() bool { return r.edge.HeldBytes() == 8*64<<10 })
	if a := r.complete(padded(400_000)); a.status != http.StatusOK {
		t.Errorf("beside bodies that do not come: %d %s", a.status, a.body)
	}
	h := r.hold()
	p := r.start(call{key: acmeKey, body: padded(400_000)})
	wait(t, "the call", h.began)
	a := r.complete(padded(400_000))
	if a.status != http.StatusServiceUnavailable || a.reason() != "service_unavailable" || a.header.Get("Retry-After") != "1" {
		t.Errorf("beyond the bound: %d %s %v", a.status, a.body, a.header)
	}
	h.step <- nil
	if a := <-p.answer; a.status != http.StatusOK {
		t.Errorf("the call that held it: %d", a.status)
	}
	eventually(t, "the room", func() bool { return r.edge.HeldBytes() == 8*64<<10 })
}

// TestLimitsComeBeforeBodies has keys with one parallel request announce bodies: the second
// is refused before it comes, and neither another's nor the next one is.
func TestLimitsComeBeforeBodies(t *testing.T) {
	t.Parallel()
	one := int64(1)
	limits := &keystorev1.Limits{ParallelRequests: &one}
	for scope, grant := range map[string]*keystorev1.Grant{
		"key":    {Key: &keystorev1.Key{Id: "single", TenantId: "t", Limits: limits}, Tenant: &keystorev1.Tenant{Id: "t"}},
		"tenant": {Key: &keystorev1.Key{Id: "single", TenantId: "t"}, Tenant: &keystorev1.Tenant{Id: "t", Limits: limits}},
	} {
		t.Run(scope, func(t *testing.T) {
			t.Parallel()
			const single = "sk-single-0123456789abcdef"
			r := newRig(t, func(s *setup) { s.real = true })
			r.keystore.put(single, grant)
			body := chat("Hi")
			first, answers := r.dial(t, announce(single, len(body)))
			eventually(t, "the first body's turn", func() bool { return r.edge.HeldBytes() == int64(len(body)) })
			_, refusals := r.dial(t, announce(single, 1000))
			resp, err := http.ReadResponse(refusals, nil)
			must(t, err)
			text, err := io.ReadAll(resp.Body)
			must(t, err)
			want := `"details":{"limit":"parallel_requests","scope":"` + scope + `","value":"1"}`
			if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "1" || !strings.Contains(string(text), want) {
				t.Errorf("the second: %d %s", resp.StatusCode, text)
			}
			if a := r.complete(body); a.status != http.StatusOK {
				t.Errorf("another's: %d %s", a.status, a.body)
			}
			_, err = io.WriteString(first, body)
			must(t, err)
			resp, err = http.ReadResponse(answers, nil)
			must(t, err)
			if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("the first: %d, %v", resp.StatusCode, err)
			}
			if a := r.do(http.MethodPost, chatPath, call{key: single, body: body}); a.status != http.StatusOK {
				t.Errorf("the next: %d %s", a.status, a.body)
			}
		})
	}
}
