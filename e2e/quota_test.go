package e2e_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"tollgate.dev/e2e/harness"
)

// quotaCommand runs `tollgate quota` beside a gateway.
func quotaCommand(t *testing.T, g *harness.Gateway, master string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	p := harness.Spawn(t, []string{"TOLLGATE_URL=" + g.URL, "TOLLGATE_MASTER_KEY=" + master}, append([]string{"quota"}, args...)...)
	code = p.Wait(t, 2*harness.Patience)
	return code, p.Stdout.String(), p.Stderr.String()
}

// TestQuotaCommands reconciles a gateway that has served calls, and says what is wrong with
// a wrong call.
func TestQuotaCommands(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	key := g.NewTenantKey(map[string]any{"max_budget": 1})
	for range 3 {
		answer := g.Complete(key.Secret, harness.Chat("gpt-4o-mini", g.Prompt(t))).MustBe(t, http.StatusOK)
		g.Usage(t, answer.Header.Get("X-Request-Id"))
	}
	code, stdout, stderr := quotaCommand(t, g, g.Master, "reconcile")
	for _, want := range []string{"balances: 1 windows", "ledger: 3 records of 1 tenants; 3 events wait", "all agrees"} {
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("exit code %d, no %q in\n%s%s", code, want, stdout, stderr)
		}
	}
	for _, c := range []struct {
		master string
		args   []string
		code   int
		want   string
	}{
		{"sk-wrong-0123456789abcdef", []string{"reconcile"}, 2, "refuses the key"},
		{key.Secret, []string{"tail"}, 2, "refuses the key"},
		{g.Master, []string{"reconcile", "--tenant", "nobody"}, 2, `there is no tenant "nobody"`},
		{g.Master, []string{"reconcile", "--tennant", "x"}, 2, "flag provided but not defined"},
		{g.Master, []string{"reconcile", "--brokers", "127.0.0.1:1"}, 2, "no broker of 127.0.0.1:1 answers"},
		{g.Master, []string{"--help"}, 0, "tollgate quota tail"},
	} {
		code, stdout, stderr := quotaCommand(t, g, c.master, c.args...)
		if code != c.code || !strings.Contains(stderr, c.want) || stdout != "" {
			t.Errorf("%q: exit code %d, want %d and %q; it wrote\n%s%s", c.args, code, c.code, c.want, stdout, stderr)
		}
	}
}

// TestQuotaTail follows calls as they come, and ends at once when it is told to.
func TestQuotaTail(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	key := g.NewTenantKey(nil)
	p := harness.Spawn(t, []string{"TOLLGATE_URL=" + g.URL, "TOLLGATE_MASTER_KEY=" + g.Master}, "quota", "tail", "--from-start")
	harness.Eventually(t, "a call is printed", func() error {
		g.Complete(key.Secret, harness.Chat("gpt-4o-mini", g.Prompt(t))).MustBe(t, http.StatusOK)
		if !strings.Contains(p.Stdout.String(), " call gpt-4o-mini ") {
			return errors.New("not yet")
		}
		return nil
	})
	if err := p.Terminate(); err != nil {
		t.Fatal(err)
	}
	if code := p.Wait(t, harness.Patience); code != 0 {
		t.Errorf("exit code %d: %s", code, p.Stderr.String())
	}
}
