package e2e_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"tollgate.dev/e2e/harness"
	"tollgate.dev/platform/postgres/postgrestest"
	"tollgate.dev/platform/redisx/redisxtest"
)

// TestDocumentsThatAreAskedAboutAgain asks one gateway about documents, which it shortens, and
// another one that shares its Redis, which leaves them as they are and says what the first has
// lost of the provider's cache. A third question says nothing: nothing was compressed or lost.
func TestDocumentsThatAreAskedAboutAgain(t *testing.T) {
	t.Parallel()
	redisxtest.New(t) // it fails when there is none
	gateways := harness.Replicas(t, 2, harness.Options{
		Config: harness.SimulatedConfig("compression: {timeout: 20s, namespace: e2e-"+strings.ToLower(rand.Text())+"}\n",
			harness.Model{Name: "m", Upstream: "openai/gpt-5"}),
		Env: []string{"DATABASE_URL=" + postgrestest.URL(t).Reveal(), "REDIS_URL=" + os.Getenv(redisxtest.Variable)},
	})
	engine := func(g *harness.Gateway, key harness.Key, documents, question string) (engine, saved string) {
		t.Helper()
		a := g.Call(http.MethodPost, completions, harness.Call{
			Key: key.Secret, Body: harness.Chat("m", documents+"\n\nQuestion: "+question), Header: http.Header{"X-Compress": {"default"}},
		}).MustBe(t, http.StatusOK)
		return a.Header.Get("X-Tollgate-Compression-Engine"), a.Header.Get("X-Tollgate-Compression-Saved")
	}
	// A Redis that takes longer than calls wait for it is as one that has forgotten: then other
	// teams ask about other documents, for a team's next documents are left once its former were.
	harness.Eventually(t, "documents stay as they are at another gateway", func() error {
		ours, theirs := gateways[0].NewTenantKey(nil), gateways[0].NewTenantKey(nil)
		for _, g := range gateways {
			g.Secret(ours.Secret, theirs.Secret)
		}
		documents := "Document " + rand.Text() + "\n\n"
		for i := range 200 {
			documents += fmt.Sprintf("The mill of number %d stands by the river. Its wheel was built by %s. ", i, rand.Text())
		}
		if got, saved := engine(gateways[0], ours, documents, "Who built the wheel of number 7?"); got != "extractive" || strings.HasPrefix(saved, "-") {
			return fmt.Errorf("the first question: %q, %q", got, saved)
		}
		if got, saved := engine(gateways[1], ours, documents, "Where does number 9 stand?"); got != "none" || !strings.HasPrefix(saved, "-") {
			return fmt.Errorf("the second question: %q, %q", got, saved)
		}
		if got, saved := engine(gateways[0], ours, documents, "What has number 11?"); got != "" || saved != "" {
			return fmt.Errorf("the third question: %q, %q", got, saved)
		}
		if got, _ := engine(gateways[1], theirs, documents, "What has number 12?"); got != "extractive" {
			return fmt.Errorf("another team's question: %q", got)
		}
		return nil
	})
}
