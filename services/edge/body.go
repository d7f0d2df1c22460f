package edge

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/memory"
	"tollgate.dev/services/edge/admission"
	"tollgate.dev/services/edge/ratelimit"
)

// bodies bounds the memory that request bodies take in this process, all together.
type bodies struct {
	*memory.Bound

	// spare is memory of earlier bodies.
	spare sync.Pool
}

// take returns memory for n bytes or more.
func (b *bodies) take(n int64) []byte {
	if p, ok := b.spare.Get().(*[]byte); ok && int64(cap(*p)) >= n {
		return (*p)[:0]
	}
	return make([]byte, 0, n)
}

// giveBack lets another request use the memory of a body that nobody looks at any more.
func (b *bodies) giveBack(body []byte) {
	if cap(body) <= firstPiece {
		b.spare.Put(&body)
	}
}

// bodyTaken is how long a caller is told to wait for room, or for its own other requests.
const bodyTaken = time.Second

// body reads a request's body up to a bound, within its time. The memory for it is held
// until the exchange is over.
func (x *exchange) body(limit int64) ([]byte, error) {
	body, err := x.readBody(limit)
	if err == nil && x.r.ContentLength != 0 {
		x.arrived = true
		arrived(x.control)
	}
	return body, err
}

func (x *exchange) readBody(limit int64) ([]byte, error) {
	tooLarge := errs.Newf(errs.RequestTooLarge, "the request body is larger than %d bytes", limit)
	if x.r.ContentLength > limit {
		return nil, tooLarge
	}
	if encoding := x.r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, errs.Newf(errs.InvalidRequest, "content encoding %q is not supported", encoding)
	}
	body, err := x.receive(limit)
	if err == nil {
		return body, nil
	}
	if e, ok := errors.AsType[*errs.Error](err); ok {
		return nil, e
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge
	}
	if timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && timeout.Timeout() {
		return nil, errs.New(errs.InvalidRequest, "the request body did not arrive in time").WithCause(err)
	}
	return nil, errs.New(errs.InvalidRequest, "the request body is incomplete").WithCause(err)
}

// firstPiece is the memory that a body is given before any of it is there, in bytes; most
// are not longer.
const firstPiece = 64 << 10

// receive reads the body into memory that grows with what is there: one that was announced
// and does not come takes a first piece and no more.
func (x *exchange) receive(limit int64) ([]byte, error) {
	length, src := x.r.ContentLength, io.Reader(x.r.Body)
	if length < 0 {
		src = http.MaxBytesReader(x.w, x.r.Body, limit)
		length = limit + 1 // how long it is shows at its end
	}
	var body []byte
	for int64(len(body)) < length {
		if len(body) == cap(body) {
			grown := x.e.bodies.take(min(length, max(2*int64(cap(body)), firstPiece)))
			if !x.hold(int64(cap(grown) - cap(body))) {
				return nil, errs.New(errs.ServiceUnavailable, "the gateway holds too many requests").WithRetryAfter(bodyTaken)
			}
			body = append(grown, body...)
		}
		n, err := src.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case err == nil:
		case !errors.Is(err, io.EOF):
			return nil, err
		case x.r.ContentLength < 0 || int64(len(body)) == length:
			return body, nil
		default:
			return nil, io.ErrUnexpectedEOF
		}
	}
	return body, nil
}

// hold takes memory for the exchange's body.
func (x *exchange) hold(n int64) bool {
	if !x.e.bodies.Hold(n) {
		return false
	}
	x.held += n
	return true
}

// arrivals count the bodies that are on their way, of keys and tenants with a limit on
// parallel requests. The limit itself is for calls whose model and size are known; without
// this, a key with a limit of one could have any number of bodies read, to be refused then.
type arrivals struct {
	mu    sync.Mutex
	count map[party]int64
}

// party is a key or a tenant.
type party struct {
	scope ratelimit.Scope
	id    string
}

// arrival is one body of a key and its tenant.
type arrival struct {
	of  [2]party
	n   int
	all *arrivals
}

// enter counts a body. It fails as the limit does.
func (a *arrivals) enter(p *admission.Principal) (arrival, error) {
	in := arrival{all: a}
	key, tenant := p.Key.GetLimits(), p.Tenant.GetLimits()
	if (key == nil || key.ParallelRequests == nil) && (tenant == nil || tenant.ParallelRequests == nil) {
		return in, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, l := range []struct {
		of     party
		limits *keystorev1.Limits
	}{{party{ratelimit.ScopeKey, p.KeyID}, key}, {party{ratelimit.ScopeTenant, p.TenantID}, tenant}} {
		if l.limits == nil || l.limits.ParallelRequests == nil {
			continue
		}
		if limit := l.limits.GetParallelRequests(); a.count[l.of] >= limit {
			in.takeBack()
			return arrival{}, tooManyParallel(l.of.scope, limit)
		}
		if a.count == nil {
			a.count = make(map[party]int64)
		}
		a.count[l.of]++
		in.of[in.n] = l.of
		in.n++
	}
	return in, nil
}

// leave ends it: the body is here, or will not come.
func (in *arrival) leave() {
	if in.n == 0 {
		return
	}
	in.all.mu.Lock()
	defer in.all.mu.Unlock()
	in.takeBack()
}

// takeBack counts it no more. The lock is held.
func (in *arrival) takeBack() {
	for _, of := range in.of[:in.n] {
		if in.all.count[of]--; in.all.count[of] == 0 {
			delete(in.all.count, of)
		}
	}
	in.n = 0
}

// tooManyParallel is how the limit on parallel requests refuses.
func tooManyParallel(scope ratelimit.Scope, limit int64) error {
	value := strconv.FormatInt(limit, 10)
	e := errs.New(errs.RateLimitExceeded, "the "+scope.String()+"'s limit of "+value+" parallel requests is reached").WithRetryAfter(bodyTaken)
	e.Details = map[string]string{"limit": "parallel_requests", "scope": scope.String(), "value": value}
	return e
}
