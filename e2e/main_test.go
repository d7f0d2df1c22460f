// Package e2e_test looks at Tollgate as its users do: the built binary, its own
// standard output, and the SDKs and typed clients that call it.
package e2e_test

import (
	"os"
	"testing"

	"tollgate.dev/e2e/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }
