package budget_test

import (
	"context"
	"testing"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
	"tollgate.dev/services/budget"
)

// holders has one tenant and one key.
type holders struct{}

func (holders) GetTenant(_ context.Context, req *keystorev1.GetTenantRequest) (*keystorev1.GetTenantResponse, error) {
	if req.GetId() != "acme" {
		return nil, errs.New(errs.NotFound, "there is no such tenant").WithParam("id")
	}
	return &keystorev1.GetTenantResponse{}, nil
}

func (holders) GetKey(_ context.Context, req *keystorev1.GetKeyRequest) (*keystorev1.GetKeyResponse, error) {
	if req.GetRef().GetId() != "k1" {
		return nil, errs.New(errs.NotFound, "there is no such key").WithParam("ref")
	}
	return &keystorev1.GetKeyResponse{}, nil
}

// The largest limit is what the edge says it is.
func TestLargestLimit(t *testing.T) {
	svc := budget.New(newStore(t), budget.Options{})
	b := budget.Budget{Scope: budget.Scope{Kind: budget.Tenant, ID: "acme"}, Limit: 2_000_000_000 * money.Dollar}
	if _, err := svc.PutBudget(t.Context(), b); err != nil {
		t.Error(err)
	}
	b.Limit++
	if _, err := svc.PutBudget(t.Context(), b); !errs.Is(err, errs.InvalidRequest) || errs.Of(err).Message != "a budget's limit is at most 2 billion dollars" {
		t.Errorf("more: %v", err)
	}
}

// A budget that no call can count against is refused: whoever set it would rely on it.
func TestBudgetHoldsSomebody(t *testing.T) {
	svc := budget.New(newStore(t), budget.Options{Keystore: holders{}})
	for name, tc := range map[string]struct {
		scope  budget.Scope
		reason errs.Reason // empty for none
	}{
		"a tenant":                          {budget.Scope{Kind: budget.Tenant, ID: "acme"}, ""},
		"a user":                            {budget.Scope{Kind: budget.User, ID: "acme/carol"}, ""},
		"a user with a slash":               {budget.Scope{Kind: budget.User, ID: "acme/sales/carol"}, ""},
		"a user of keys without a tenant":   {budget.Scope{Kind: budget.User, ID: "/carol"}, ""},
		"a key":                             {budget.Scope{Kind: budget.Key, ID: "k1"}, ""},
		"the master key":                    {budget.Scope{Kind: budget.Key, ID: "master"}, ""},
		"a platform":                        {budget.Scope{Kind: budget.Platform, ID: "any"}, ""},
		"an unknown tenant":                 {budget.Scope{Kind: budget.Tenant, ID: "nosuch"}, errs.NotFound},
		"the tenant that the master key is": {budget.Scope{Kind: budget.Tenant, ID: "master"}, errs.NotFound},
		"a user of an unknown tenant":       {budget.Scope{Kind: budget.User, ID: "nosuch/bob"}, errs.NotFound},
		"an unknown key":                    {budget.Scope{Kind: budget.Key, ID: "nosuchkey"}, errs.NotFound},
		"a user without a tenant's slash":   {budget.Scope{Kind: budget.User, ID: "carol"}, errs.InvalidRequest},
		"a tenant in place of a user":       {budget.Scope{Kind: budget.User, ID: "acme/"}, errs.InvalidRequest},
	} {
		_, err := svc.SetBudgets(t.Context(), tc.scope, []budget.Budget{{Limit: 1}}, true, true)
		if e := errs.Of(err); tc.reason == "" && err != nil || tc.reason != "" && (e == nil || e.Reason != tc.reason) {
			t.Errorf("%s, set with others: %v, want %s", name, err, tc.reason)
		}
		_, err = svc.PutBudget(t.Context(), budget.Budget{Scope: tc.scope, Limit: 1})
		if tc.reason == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if e := errs.Of(err); e == nil || e.Reason != tc.reason || e.Param != "budget.scope.id" {
			t.Errorf("%s: %v, want %s of budget.scope.id", name, err, tc.reason)
		}
		if there, err := svc.ListBudgets(t.Context(), []budget.Scope{tc.scope}); err != nil || len(there) != 0 {
			t.Errorf("%s: %d budgets, %v", name, len(there), err)
		}
	}
}
