package postgrestest

import (
	"testing"

	"tollgate.dev/platform/secret"
	"tollgate.dev/platform/servicetest"
)

// Own is a PostgreSQL of one test's own, which the test may kill.
type Own struct{ *servicetest.Service }

// StartOwn starts a PostgreSQL. The end of the test stops it and removes its folder.
func StartOwn(tb testing.TB) Own {
	tb.Helper()
	return Own{servicetest.Start(tb, "postgres", Variable)}
}

// URL is its address: an empty database, with the right to make others.
func (o Own) URL() secret.String { return secret.New(o.Address()) }
