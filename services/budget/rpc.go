package budget

import (
	"context"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/rpc"
)

// Handler returns the service as the handler of BudgetService.
func Handler(s *Service) budgetv1connect.BudgetServiceHandler { return handler{s} }

type handler struct{ s *Service }

func (h handler) PutBudget(ctx context.Context, req *budgetv1.PutBudgetRequest) (*budgetv1.PutBudgetResponse, error) {
	state, err := h.s.PutBudget(ctx, budgetOf(req.GetBudget()))
	if err != nil {
		return nil, err
	}
	return &budgetv1.PutBudgetResponse{State: stateMessage(state)}, nil
}

func (h handler) SetBudgets(ctx context.Context, req *budgetv1.SetBudgetsRequest) (*budgetv1.SetBudgetsResponse, error) {
	budgets := make([]Budget, 0, len(req.GetBudgets()))
	for _, b := range req.GetBudgets() {
		budgets = append(budgets, budgetOf(b))
	}
	states, err := h.s.SetBudgets(ctx, scopeOf(req.GetScope()), budgets, req.GetKeepOthers(), req.GetValidateOnly())
	if err != nil {
		return nil, err
	}
	res := &budgetv1.SetBudgetsResponse{}
	for _, state := range states {
		res.States = append(res.States, stateMessage(state))
	}
	return res, nil
}

func budgetOf(b *budgetv1.Budget) Budget {
	return Budget{
		ID: b.GetId(), Scope: scopeOf(b.GetScope()), Limit: money.Nano(b.GetLimitNanos()),
		Window: b.GetWindow(), TimeZone: b.GetTimeZone(), Soft: b.GetEnforcement() == budgetv1.Enforcement_ENFORCEMENT_SOFT,
		ManagedBy: b.GetManagedBy(),
	}
}

func (h handler) DeleteBudgets(ctx context.Context, req *budgetv1.DeleteBudgetsRequest) (*budgetv1.DeleteBudgetsResponse, error) {
	gone, err := h.s.DeleteBudgets(ctx, req.GetIds(), scopesOf(req.GetScopes()))
	if err != nil {
		return nil, err
	}
	return &budgetv1.DeleteBudgetsResponse{Ids: gone}, nil
}

func (h handler) ListBudgets(ctx context.Context, req *budgetv1.ListBudgetsRequest) (*budgetv1.ListBudgetsResponse, error) {
	if len(req.GetScopes()) == 0 {
		return nil, errs.New(errs.InvalidRequest, "scopes are needed").WithParam("scopes")
	}
	states, err := h.s.ListBudgets(ctx, scopesOf(req.GetScopes()))
	if err != nil {
		return nil, err
	}
	res := &budgetv1.ListBudgetsResponse{}
	for _, state := range states {
		res.States = append(res.States, stateMessage(state))
	}
	return res, nil
}

func (h handler) Lease(ctx context.Context, req *budgetv1.LeaseRequest) (*budgetv1.LeaseResponse, error) {
	asks := make([]Ask, len(req.GetAsks()))
	for i, a := range req.GetAsks() {
		asks[i] = Ask{
			Scope: scopeOf(a.GetScope()), Need: money.Nano(a.GetNeedNanos()), Want: money.Nano(a.GetWantNanos()),
			Ahead: money.Nano(a.GetAheadNanos()), TenantID: a.GetTenantId(), PlatformID: a.GetPlatformId(),
		}
	}
	returns := make([]Return, len(req.GetReturns()))
	for i, r := range req.GetReturns() {
		returns[i] = Return{LeaseID: r.GetLeaseId(), Total: money.Nano(r.GetReturnedNanos())}
	}
	leases, err := h.s.Lease(ctx, req.GetReplicaId(), asks, returns)
	if err != nil {
		return nil, err
	}
	res := &budgetv1.LeaseResponse{
		NowMillis: leases.Now.UnixMilli(), TermMillis: leases.Term.UnixMilli(), Reset_: leases.Reset,
		Grants: make([]*budgetv1.LeaseGrant, len(asks)),
	}
	for i, slices := range leases.Grants {
		grant := &budgetv1.LeaseGrant{Scope: req.GetAsks()[i].GetScope()}
		for _, s := range slices {
			grant.Slices = append(grant.Slices, &budgetv1.Slice{
				LeaseId: s.Lease.ID, GrantedNanos: int64(s.Lease.Granted), DrawnNanos: int64(s.Lease.Drawn),
				ReturnedNanos: int64(s.Lease.Returned),
				Budget:        budgetMessage(s.Budget), StartMillis: s.Window.Start, EndMillis: s.Window.End,
				SpentNanos: int64(s.Window.Spent), RemainingNanos: int64(s.Remaining()),
			})
		}
		res.Grants[i] = grant
	}
	return res, nil
}

func (h handler) EndReplica(ctx context.Context, req *budgetv1.EndReplicaRequest) (*budgetv1.EndReplicaResponse, error) {
	returned, err := h.s.EndReplica(ctx, req.GetReplicaId())
	if err != nil {
		return nil, err
	}
	return &budgetv1.EndReplicaResponse{ReturnedNanos: int64(returned)}, nil
}

func (h handler) Record(ctx context.Context, req *budgetv1.RecordRequest) (*budgetv1.RecordResponse, error) {
	recorded, err := h.s.Record(ctx, req.GetRecords())
	if err != nil {
		return nil, err
	}
	return &budgetv1.RecordResponse{
		Recorded: int32(recorded.New), Rejected: int32(recorded.Rejected), //nolint:gosec // at most maxRecords
	}, nil
}

func (h handler) ListUsage(ctx context.Context, req *budgetv1.ListUsageRequest) (*budgetv1.ListUsageResponse, error) {
	records, next, err := h.s.ListUsage(ctx, UsageQuery{
		TenantID: req.GetTenantId(), RequestID: req.GetRequestId(), KeyID: req.GetKeyId(), UserID: req.GetUserId(),
		From: req.GetFromMillis(), To: req.GetToMillis(), AfterSequence: req.GetAfterSequence(), Limit: int(req.GetLimit()),
		AllTenants: req.GetAllTenants(),
	}, req.GetCursor())
	if err != nil {
		return nil, err
	}
	return &budgetv1.ListUsageResponse{Records: records, NextCursor: next}, nil
}

func (h handler) GetSpend(ctx context.Context, req *budgetv1.GetSpendRequest) (*budgetv1.GetSpendResponse, error) {
	group := SpendGroup(255)
	if g := req.GetGroup(); g >= 0 && g <= budgetv1.SpendGroup_SPEND_GROUP_DAY {
		group = SpendGroup(g)
	}
	sums, err := h.s.GetSpend(ctx, SpendQuery{
		Group: group, Scopes: scopesOf(req.GetScopes()), From: req.GetFromMillis(), To: req.GetToMillis(),
		TenantID: req.GetTenantId(), KeyID: req.GetKeyId(), UserID: req.GetUserId(),
	})
	if err != nil {
		return nil, err
	}
	res := &budgetv1.GetSpendResponse{}
	for _, s := range sums {
		res.Spends = append(res.Spends, &budgetv1.Spend{Group: s.Group, CostNanos: int64(s.Cost), Records: s.Records, Tokens: s.Tokens})
	}
	return res, nil
}

func (h handler) WatchBudgets(ctx context.Context, _ *budgetv1.WatchBudgetsRequest, stream budgetv1connect.BudgetServiceWatchBudgetsServerStream) error {
	return h.s.Watch(ctx, func(changed []Scope, reset bool) error {
		res := &budgetv1.WatchBudgetsResponse{Reset_: reset, HeartbeatMillis: rpc.HeartbeatMillis}
		for _, scope := range changed {
			res.Changed = append(res.Changed, scopeMessage(scope))
		}
		return stream.Send(res)
	})
}

func (h handler) WatchUsage(ctx context.Context, req *budgetv1.WatchUsageRequest, stream budgetv1connect.BudgetServiceWatchUsageServerStream) error {
	q := UsageWatch{TenantID: req.GetTenantId(), FromNow: req.GetFromNow(), Positions: make(map[string]int64, len(req.GetPositions()))}
	for _, p := range req.GetPositions() {
		q.Positions[p.GetTenantId()] = p.GetSequence()
	}
	return h.s.WatchUsage(ctx, q, func(records []*eventv1.UsageRecord) error {
		return stream.Send(&budgetv1.WatchUsageResponse{Records: records, CaughtUp: len(records) == 0})
	})
}

func (h handler) AuditLedger(ctx context.Context, req *budgetv1.AuditLedgerRequest) (*budgetv1.AuditLedgerResponse, error) {
	audit, err := h.s.AuditLedger(ctx, req.GetTenantId())
	if err != nil {
		return nil, err
	}
	res := &budgetv1.AuditLedgerResponse{}
	for _, t := range audit.Tenants {
		out := &budgetv1.TenantAudit{
			TenantId: t.TenantID, Records: t.Records, LastSequence: t.Last, WaitingFrom: t.Waiting.First, Waiting: t.Waiting.Rows,
		}
		for _, gap := range t.Gaps {
			out.Gaps = append(out.Gaps, &budgetv1.SequenceGap{After: gap[0], Before: gap[1]})
		}
		for _, e := range t.SetAside {
			out.SetAside = append(out.SetAside, &budgetv1.SetAsideEvent{
				Sequence: e.Sequence, EventId: e.EventID, Reason: e.Reason, SetAsideMillis: e.At,
			})
		}
		res.Tenants = append(res.Tenants, out)
	}
	for _, w := range audit.Windows {
		res.Windows = append(res.Windows, &budgetv1.WindowAudit{
			BudgetId: w.BudgetID, Scope: scopeMessage(w.Scope), StartMillis: w.Start, EndMillis: w.End,
			SpentNanos: int64(w.Spent), ExplainedNanos: int64(w.Explained), Unknown: w.Unknown,
		})
	}
	return res, nil
}

func scopeOf(s *budgetv1.Scope) Scope {
	kind := s.GetKind()
	if kind < 0 || kind > budgetv1.ScopeKind_SCOPE_KIND_KEY {
		kind = 0 // refused as no kind
	}
	return Scope{Kind: ScopeKind(kind), ID: s.GetId()}
}

func scopesOf(in []*budgetv1.Scope) []Scope {
	out := make([]Scope, len(in))
	for i, s := range in {
		out[i] = scopeOf(s)
	}
	return out
}

func scopeMessage(s Scope) *budgetv1.Scope {
	return &budgetv1.Scope{Kind: budgetv1.ScopeKind(s.Kind), Id: s.ID}
}

func budgetMessage(b Budget) *budgetv1.Budget {
	enforcement := budgetv1.Enforcement_ENFORCEMENT_STRICT
	if b.Soft {
		enforcement = budgetv1.Enforcement_ENFORCEMENT_SOFT
	}
	return &budgetv1.Budget{
		Id: b.ID, Scope: scopeMessage(b.Scope), LimitNanos: int64(b.Limit),
		Window: b.Window, TimeZone: b.TimeZone, Enforcement: enforcement, ManagedBy: b.ManagedBy,
	}
}

func stateMessage(s State) *budgetv1.BudgetState {
	return &budgetv1.BudgetState{
		Budget: budgetMessage(s.Budget), StartMillis: s.Start, EndMillis: s.End,
		SpentNanos: int64(s.Spent), LeasedNanos: int64(s.Leased),
	}
}
