package admission

import (
	"context"
	"math/rand/v2"
	"time"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/rpc"
)

// How long Run waits before it watches again: first, and at most.
const (
	minBackoff = 50 * time.Millisecond
	maxBackoff = 5 * time.Second
)

// Run follows the keystore's changes until ctx ends, and then returns nil. It starts
// over with a growing, jittered wait whenever the watch breaks.
func (k *Keys) Run(ctx context.Context) error {
	backoff := minBackoff
	for ctx.Err() == nil {
		heard, err := k.watch(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end that the caller asked for
		}
		if heard {
			backoff = minBackoff
		}
		k.log.WarnContext(ctx, "the watch of keys broke; keys are checked each second until it is back", "error", err)
		// Half of it is random, so that replicas do not come back together.
		wait := backoff/2 + rand.N(backoff/2) //nolint:gosec // jitter needs no strength
		if clock.Sleep(ctx, k.clock, wait) != nil {
			return nil //nolint:nilerr // the end that the caller asked for
		}
		backoff = min(2*backoff, maxBackoff)
	}
	return nil
}

// watch follows one stream to its end, or until it is silent for too long, and reports
// whether anything was heard.
func (k *Keys) watch(ctx context.Context) (heard bool, err error) {
	ctx, vigil := rpc.KeepVigil(ctx, k.clock)
	defer vigil.End()
	stream, err := k.client.Watch(ctx, &keystorev1.WatchRequest{})
	if err != nil {
		return false, vigil.Why(err)
	}
	defer func() {
		k.current.Load().end(k.now())
		// The stream is over, or is being abandoned.
		_ = stream.Close()
	}()
	for {
		changes, err := stream.Receive()
		if err != nil {
			return heard, vigil.Why(err)
		}
		until, err := vigil.Heard(changes.GetHeartbeatMillis())
		if err != nil {
			return heard, err
		}
		// Whoever is first heard again has missed what happened in between.
		k.apply(changes, !heard)
		k.current.Load().extend(until)
		heard = true
	}
}

// Changed drops what is known of a key and of a tenant; an empty id is none. Who changes one
// through this process finds it changed here at once, and not when the watch tells of it.
func (k *Keys) Changed(keyID, tenantID string) {
	changes := &keystorev1.WatchResponse{}
	if keyID != "" {
		changes.KeyIds = []string{keyID}
	}
	if tenantID != "" {
		changes.TenantIds = []string{tenantID}
	}
	k.apply(changes, false)
}

// apply drops what has changed. Each change is logged before its entry is dropped:
// see grants.put.
func (k *Keys) apply(changes *keystorev1.WatchResponse, reset bool) {
	if reset || changes.GetReset_() {
		k.current.Load().end(k.now())
		k.current.Store(&generation{})
		k.changes.add(change{kind: allChanged})
		k.away.Store(0)
	}
	for _, id := range changes.GetKeyIds() {
		k.changes.add(change{keyChanged, id})
		k.grants.removeKey(id)
	}
	for _, id := range changes.GetTenantIds() {
		k.changes.add(change{tenantChanged, id})
		k.tenants.remove(id)
	}
}
