package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"tollgate.dev/e2e/harness"
)

// TestOneProcessADataFolder starts a second gateway in the folder of a running one. It is
// refused by name, the first goes on, and commands that only look go on as well. The folder
// is free as soon as its process has ended, also by a crash.
func TestOneProcessADataFolder(t *testing.T) {
	t.Parallel()
	opts := harness.Options{DataDir: t.TempDir()}
	g := harness.Start(t, opts)
	key := g.NewTenantKey(nil)
	env := []string{"TOLLGATE_ADDR=127.0.0.1:0", "TOLLGATE_DATA_DIR=" + g.DataDir, "TOLLGATE_MASTER_KEY=" + g.Master}

	second := harness.Spawn(t, env, "serve")
	code := second.Wait(t, harness.Patience)
	want := "tollgate: the data folder " + g.DataDir + " is in use by another process"
	if said := second.Stderr.String(); code != 1 || !strings.Contains(said, want) || second.Stdout.String() != "" {
		t.Errorf("exit code %d, not 1 with %q:\n%s%s", code, want, second.Stdout.String(), said)
	}

	answer := g.Complete(key.Secret, harness.Chat("gpt-4o-mini", g.Prompt(t))).MustBe(t, http.StatusOK)
	g.Usage(t, answer.Header.Get("X-Request-Id"))
	books := harness.Spawn(t, append([]string{"TOLLGATE_URL=" + g.URL}, env...), "quota", "reconcile")
	if code := books.Wait(t, harness.Patience); code != 0 || !strings.Contains(books.Stdout.String(), "all agrees") {
		t.Errorf("quota reconcile exits with %d:\n%s%s", code, books.Stdout.String(), books.Stderr.String())
	}

	g.Process().Kill()
	harness.Start(t, opts)
}
