package kafkaxtest

import (
	"strings"
	"testing"

	"tollgate.dev/platform/servicetest"
)

// Own is a Kafka of one test's own, which the test may kill.
type Own struct{ *servicetest.Service }

// StartOwn starts a Kafka. The end of the test stops it and removes its folder.
func StartOwn(tb testing.TB) Own {
	tb.Helper()
	return Own{servicetest.Start(tb, "kafka", Variable)}
}

// Brokers are its addresses.
func (o Own) Brokers() []string { return strings.Split(o.Address(), ",") }
