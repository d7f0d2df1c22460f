package storetest_test

import (
	"testing"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/storetest"
)

// What stands in for a store in tests does as stores do.
func TestEvidenceInMemory(t *testing.T) {
	storetest.RunEvidence(t, func(_ *testing.T, c clock.Clock) cache.Evidence { return storetest.NewEvidence(c) })
}
