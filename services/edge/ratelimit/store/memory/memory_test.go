package memory_test

import (
	"testing"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/edge/ratelimit"
	"tollgate.dev/services/edge/ratelimit/store/memory"
	"tollgate.dev/services/edge/ratelimit/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T, clk clock.Clock) ratelimit.Shared {
		t.Helper()
		return memory.New(memory.Options{Term: storetest.Term, Clock: clk})
	})
}
