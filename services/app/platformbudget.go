package app

import (
	"context"
	"fmt"
	"log/slog"

	"go.uber.org/fx"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	"tollgate.dev/platform/config"
	"tollgate.dev/platform/money"
)

// byConfiguration marks the budgets that a configuration has set.
const byConfiguration = "configuration"

// platformBudget sets the budget that the configuration gives to the whole platform, when the
// process starts, and removes what an earlier configuration gave it otherwise. Budgets that
// were set by hand stay. Processes that start together do it all the same.
func platformBudget(lc fx.Lifecycle, cfg *config.Config, client budgetv1connect.BudgetServiceClient, log *slog.Logger) error {
	wanted, err := configuredBudget(cfg)
	if err != nil {
		return err
	}
	lc.Append(fx.StartHook(func(ctx context.Context) error { return keepPlatformBudget(ctx, client, wanted, log) }))
	return nil
}

// keepPlatformBudget makes the wanted budget, nil for none, the only one of the platform that
// a configuration has set.
func keepPlatformBudget(ctx context.Context, client budgetv1connect.BudgetServiceClient, wanted *budgetv1.Budget, log *slog.Logger) error {
	keep := ""
	if wanted != nil {
		put, err := client.PutBudget(ctx, &budgetv1.PutBudgetRequest{Budget: wanted})
		if err != nil {
			return err
		}
		keep = put.GetState().GetBudget().GetId()
	}
	there, err := client.ListBudgets(ctx, &budgetv1.ListBudgetsRequest{Scopes: []*budgetv1.Scope{platformScope()}})
	if err != nil {
		return err
	}
	var stale []string
	for _, s := range there.GetStates() {
		if b := s.GetBudget(); b.GetManagedBy() == byConfiguration && b.GetId() != keep {
			stale = append(stale, b.GetId())
		}
	}
	if len(stale) == 0 {
		return nil
	}
	gone, err := client.DeleteBudgets(ctx, &budgetv1.DeleteBudgetsRequest{Ids: stale})
	if err != nil {
		return err
	}
	for _, id := range gone.GetIds() {
		log.WarnContext(ctx, "a budget of the platform was removed: the configuration that set it names it no more", "budget", id)
	}
	return nil
}

func platformScope() *budgetv1.Scope {
	return &budgetv1.Scope{Kind: budgetv1.ScopeKind_SCOPE_KIND_PLATFORM, Id: platformID}
}

// configuredBudget is the platform's budget in the configuration, or nil.
func configuredBudget(cfg *config.Config) (*budgetv1.Budget, error) {
	b := cfg.Budgets.Platform
	if b == nil {
		return nil, nil //nolint:nilnil // there is none, and nothing wrong with that
	}
	limit, err := money.ParseDollars(string(b.Limit))
	if err != nil {
		return nil, fmt.Errorf("budgets.platform: %w", err)
	}
	enforcement := budgetv1.Enforcement_ENFORCEMENT_STRICT
	if cfg.Budgets.Soft {
		enforcement = budgetv1.Enforcement_ENFORCEMENT_SOFT
	}
	return &budgetv1.Budget{
		Scope: platformScope(), LimitNanos: int64(limit), Window: b.Window, Enforcement: enforcement, ManagedBy: byConfiguration,
	}, nil
}
