package e2e_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"tollgate.dev/e2e/harness"
	"tollgate.dev/platform/money"
)

// oneCent is the budget of these tests. A plain call of budgetModel costs about $0.0005
// of it: its answers have 800 tokens at $0.60 a million.
const (
	oneCent     = 0.01
	budgetModel = "long-answers"
)

// startPriced starts a gateway with budgetModel.
func startPriced(t *testing.T) *harness.Gateway {
	t.Helper()
	providers := harness.StartProviders(t)
	return harness.Start(t, harness.Options{Config: providers.Config("",
		harness.Model{Name: budgetModel, Upstream: "openai/gpt-4o-mini;tokens=800"})})
}

// assertSpentUp checks that a key has spent nearly all of its budget, never more, and
// exactly what its answers said.
func assertSpentUp(t *testing.T, g *harness.Gateway, keyID string, answered money.Nano) {
	t.Helper()
	harness.Eventually(t, "the ledger has every call", func() error {
		if spend := g.KeyInfo(keyID).Spend; fmt.Sprint(spend) != answered.Dollars() {
			return fmt.Errorf("/key/info says $%v, the answers add up to $%s", spend, answered.Dollars())
		}
		return nil
	})
	spend := g.KeyInfo(keyID).Spend
	if spend > oneCent {
		t.Errorf("$%v was spent of a budget of $%v", spend, oneCent)
	}
	if spend < 0.9*oneCent {
		t.Errorf("only $%v could be spent of a budget of $%v", spend, oneCent)
	}
}

// cost is what an answer says that it cost, in its headers or, a stream, at its end.
func cost(a harness.Answer) (money.Nano, error) {
	text := a.Header.Get("X-Tollgate-Cost")
	if text == "" {
		text = a.Trailer.Get("X-Tollgate-Cost")
	}
	return money.ParseDollars(text)
}

// TestBudgetIsServedThenRefused is the promise of a budget: a key of one cent is
// served until the cent is spent, and then gets 429 budget_exceeded.
func TestBudgetIsServedThenRefused(t *testing.T) {
	t.Parallel()
	g := startPriced(t)
	for name, body := range map[string]func(string, string) map[string]any{
		"whole": harness.Chat, "streamed": harness.ChatStream,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := g.For(t)
			key := g.NewTenantKey(map[string]any{"max_budget": oneCent})
			if key.Max == nil || *key.Max != oneCent || key.Spend != 0 {
				t.Errorf("the new key has the budget %v and spent %v", key.Max, key.Spend)
			}
			answered, served := money.Nano(0), 0
			var refused harness.Answer
			for served < 100 {
				answer := g.Complete(key.Secret, body(budgetModel, g.Prompt(t)))
				if answer.Status != http.StatusOK {
					refused = answer
					break
				}
				n, err := cost(answer)
				if err != nil || n <= 0 {
					t.Fatalf("a served call cost %d: %v", n, err)
				}
				answered += n
				served++
			}
			refused.MustBe(t, http.StatusTooManyRequests, "budget_exceeded")
			refused.RetryAfter(t)
			e := refused.Error(t)
			if e.Type != "budget_exceeded" || !strings.HasPrefix(e.Message, "Budget has been exceeded!") ||
				!strings.Contains(e.Message, "Max budget: 0.01") {
				t.Errorf("the refusal is not in LiteLLM's words: %q, type %q", e.Message, e.Type)
			}
			if served < 10 {
				t.Errorf("only %d calls were served", served)
			}
			// What another edge still held may go into a shorter answer; then all refuse.
			harness.Eventually(t, "the key is refused", func() error {
				answer := g.Complete(key.Secret, harness.Chat(budgetModel, g.Prompt(t)))
				if answer.Status == http.StatusOK {
					n, err := cost(answer)
					if err != nil || n <= 0 {
						t.Fatalf("a served call cost %d: %v", n, err)
					}
					answered += n
					return fmt.Errorf("served for %d", n)
				}
				answer.MustBe(t, http.StatusTooManyRequests, "budget_exceeded")
				return nil
			})
			assertSpentUp(t, g, key.ID, answered)

			// Other keys are not.
			g.Complete(g.NewTenantKey(nil).Secret, harness.Chat(budgetModel, g.Prompt(t))).MustBe(t, http.StatusOK)

			// More money, more answers: at once.
			g.Call(http.MethodPost, "/key/update", harness.Call{Body: map[string]any{"key": key.ID, "max_budget": 1}}).MustBe(t, http.StatusOK)
			harness.Eventually(t, "a raised budget lets calls through", func() error {
				if a := g.Complete(key.Secret, harness.Chat(budgetModel, g.Prompt(t))); a.Status != http.StatusOK {
					return fmt.Errorf("%d: %s", a.Status, a.Body)
				}
				return nil
			})
		})
	}
}

// TestBudgetHoldsUnderConcurrency spends one cent from many callers at once, over a
// budget of the key and over one that two keys share. Never is more spent.
func TestBudgetHoldsUnderConcurrency(t *testing.T) {
	t.Parallel()
	g := startPriced(t)
	tests := map[string]func(g *harness.Gateway) (spender string, secrets []string){
		"of a key": func(g *harness.Gateway) (string, []string) {
			key := g.NewTenantKey(map[string]any{"max_budget": oneCent})
			return "/key/info?key=" + key.ID, []string{key.Secret}
		},
		"of a team": func(g *harness.Gateway) (string, []string) {
			team := g.NewTeam(map[string]any{"max_budget": oneCent})
			a, b := g.NewKey(map[string]any{"team_id": team}), g.NewKey(map[string]any{"team_id": team})
			return "/team/info?team_id=" + team, []string{a.Secret, b.Secret}
		},
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := g.For(t)
			const callers, calls = 24, 6
			path, secrets := prepare(g)
			var (
				callersDone sync.WaitGroup
				mu          sync.Mutex
				answered    money.Nano
				served      int
			)
			for caller := range callers {
				prompts := make([]string, calls)
				for i := range prompts {
					prompts[i] = g.Prompt(t)
				}
				callersDone.Go(func() {
					for i, prompt := range prompts {
						body := harness.Chat(budgetModel, prompt)
						if i%2 == 1 {
							body = harness.ChatStream(budgetModel, prompt)
						}
						answer, err := g.Try(http.MethodPost, "/v1/chat/completions", harness.Call{Key: secrets[caller%len(secrets)], Body: body})
						if err != nil {
							t.Error(err)
							return
						}
						switch answer.Status {
						case http.StatusOK:
							n, err := cost(answer)
							if err != nil {
								t.Error(err)
							}
							mu.Lock()
							answered += n
							served++
							mu.Unlock()
						case http.StatusTooManyRequests:
						default:
							t.Errorf("a call is answered by %d: %s", answer.Status, answer.Body)
						}
					}
				})
			}
			callersDone.Wait()
			// What callers held when others were refused has come back: one caller spends it.
			for {
				answer := g.Complete(secrets[0], harness.Chat(budgetModel, g.Prompt(t)))
				if answer.Status != http.StatusOK {
					answer.MustBe(t, http.StatusTooManyRequests, "budget_exceeded")
					break
				}
				n, err := cost(answer)
				if err != nil {
					t.Fatal(err)
				}
				answered += n
				served++
			}
			if answered > money.Cent {
				t.Errorf("%d calls were served for $%s", served, answered.Dollars())
			}
			if answered < money.Cent*9/10 {
				t.Errorf("only $%s was spent by %d calls", answered.Dollars(), served)
			}
			spendOf := func() string {
				var info struct {
					Key struct {
						Spend float64 `json:"spend"`
					} `json:"info"`
					Team struct {
						Spend float64 `json:"spend"`
					} `json:"team_info"`
				}
				g.Call(http.MethodGet, path, harness.Call{}).MustBe(t, http.StatusOK).JSON(t, &info)
				return strconv.FormatFloat(info.Key.Spend+info.Team.Spend, 'f', -1, 64)
			}
			harness.Eventually(t, "the ledger has every call", func() error {
				if spend := spendOf(); spend != answered.Dollars() {
					return fmt.Errorf("%s says $%s, the answers add up to $%s", path, spend, answered.Dollars())
				}
				return nil
			})
		})
	}
}

// TestBudgetHeaders shows what an answer tells a key about its budget.
func TestBudgetHeaders(t *testing.T) {
	t.Parallel()
	g := startPriced(t)
	key := g.NewTenantKey(map[string]any{"max_budget": 1})
	first := g.Complete(key.Secret, harness.Chat(budgetModel, g.Prompt(t))).MustBe(t, http.StatusOK)
	second := g.Complete(key.Secret, harness.Chat(budgetModel, g.Prompt(t))).MustBe(t, http.StatusOK)
	if got := second.Header.Get("X-Litellm-Key-Max-Budget"); got != "1" {
		t.Errorf("x-litellm-key-max-budget is %q", got)
	}
	spend, err := money.ParseDollars(second.Header.Get("X-Litellm-Key-Spend"))
	if err != nil {
		t.Fatalf("x-litellm-key-spend: %v", err)
	}
	one, err := cost(first)
	if err != nil {
		t.Fatal(err)
	}
	if spend < one {
		t.Errorf("x-litellm-key-spend is $%s after a call for $%s", spend.Dollars(), one.Dollars())
	}
}

// TestSmallBudgetIsUsable spends small budgets with ordinary prompts, which cost a few
// hundredths of them: nearly all of each can be spent, and no more.
func TestSmallBudgetIsUsable(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	const sentence = "the quick brown fox jumps over the lazy dog and rests for a while under the old tree; "
	for name, test := range map[string]struct {
		model  string
		limit  float64
		prompt string
		stream bool
	}{
		"short prompts":  {"gpt-4o", 0.01, sentence[:50], false},
		"longer prompts": {"gpt-4o-mini", 0.001, strings.Repeat(sentence, 8), false},
		"streams":        {"gpt-3.5-turbo", 0.002, sentence, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := g.For(t)
			key := g.NewTenantKey(map[string]any{"max_budget": test.limit})
			spent := 0.0
			for n := 0; ; n++ {
				body := harness.Chat(test.model, fmt.Sprintf("%s %d: %s", g.Prompt(t), n, test.prompt))
				if test.stream {
					body["stream"] = true
				}
				answer := g.Complete(key.Secret, body)
				if answer.Status != http.StatusOK {
					answer.MustBe(t, http.StatusTooManyRequests, "budget_exceeded")
					break
				}
				cost, err := strconv.ParseFloat(answer.Header.Get("X-Tollgate-Cost")+answer.Trailer.Get("X-Tollgate-Cost"), 64)
				if err != nil || cost <= 0 {
					t.Fatalf("call %d cost %v: %v", n, cost, err)
				}
				spent += cost
			}
			if used := spent / test.limit; used < 0.95 || used > 1+1e-9 {
				t.Errorf("%.1f %% of the budget was spent", 100*used)
			}
		})
	}
}
