// Package e2e_test looks at Tollgate as its users do: the built binary, its own
// standard output, and the SDKs and typed clients that call it. TOLLGATE_E2E_SHAPE=apart runs
// the same tests against services in processes of their own.
package e2e_test

import (
	"os"
	"testing"

	"tollgate.dev/e2e/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m, wholeOnly)) }
