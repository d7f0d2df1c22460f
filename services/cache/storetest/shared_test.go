package storetest_test

import (
	"testing"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/memory"
	"tollgate.dev/services/cache/storetest"
)

func TestShared(t *testing.T) {
	storetest.RunFeed(t, func(_ *testing.T, c clock.Clock) storetest.SharedStore {
		return storetest.NewShared(memory.New(memory.Options{Clock: c}), c)
	})
	storetest.Run(t, func(_ *testing.T, c clock.Clock) cache.Store {
		return storetest.NewShared(memory.New(memory.Options{Clock: c}), c)
	})
}

func TestEvidence(t *testing.T) {
	storetest.RunEvidence(t, func(_ *testing.T, c clock.Clock) cache.Evidence { return storetest.NewEvidence(c) })
}
