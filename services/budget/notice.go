package budget

import (
	"context"
	"strings"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
)

// noticeCallType is the call type of records that tell of a budget.
const noticeCallType = "budget.notice"

// closeBatch is how many ended windows one transaction closes.
const closeBatch = 200

// CloseWindows tells of each window that ended and in which something was spent, once, and
// opens the budget's next one. It returns how many it told of. A window in which nothing
// was spent ends in silence: nothing changes with it.
func (s *Service) CloseWindows(ctx context.Context) (told int, err error) {
	for more := true; more; {
		var n int
		footprint := Footprint{EndedWindows: closeBatch}
		err := s.update(ctx, footprint, func(snap *Snapshot) (*Mutation, error) {
			n = 0
			ended := 0
			m := &Mutation{}
			b := openBooks(snap)
			for i := range snap.Windows {
				w := &snap.Windows[i]
				if w.Closed || w.End == 0 || w.End > snap.Now {
					continue
				}
				ended++
				w.Closed = true
				b.touched[w] = true
				if w.Spent != 0 {
					n++
					budget := b.budgets[w.BudgetID]
					s.addReset(m, b, snap.Sequences, budget, w, b.window(budget))
				}
			}
			if more = ended >= closeBatch; ended == 0 {
				return nil, nil
			}
			b.close(m)
			return m, nil
		})
		if err != nil {
			return told, err
		}
		told += n
	}
	return told, nil
}

// addThresholds tells of the thresholds that a record took its budgets past, in the sequence
// of the record's tenant and right after it.
func (s *Service) addThresholds(m *Mutation, b *books, sequences map[string]int64, r *eventv1.UsageRecord) {
	for _, d := range r.GetDraws() {
		w := b.windows[windowKey{d.GetBudgetId(), d.GetStartMillis()}]
		if w == nil {
			continue // its budget was removed
		}
		budget := b.budgets[w.BudgetID]
		for {
			threshold, ok := b.reached(budget, w)
			if !ok {
				break
			}
			s.add(m, b, sequences, EntryNotice, &eventv1.UsageRecord{
				TenantId: r.GetTenantId(), PlatformId: r.GetPlatformId(), KeyId: r.GetKeyId(), UserId: r.GetUserId(),
				RequestId: r.GetRequestId(), CorrelationId: r.GetCorrelationId(), CallType: noticeCallType,
				Window: windowOf(w, budget.Limit),
				Notice: &eventv1.BudgetNotice{
					Kind: eventv1.BudgetNotice_KIND_THRESHOLD_REACHED, ThresholdPercent: int32(threshold),
					ScopeKind: budget.Scope.Kind.String(), ScopeId: budget.Scope.ID,
				},
			})
		}
	}
}

func (s *Service) addReset(m *Mutation, b *books, sequences map[string]int64, budget *Budget, ended, next *WindowState) {
	r := &eventv1.UsageRecord{
		TenantId: ended.TenantID, PlatformId: ended.PlatformID, CallType: noticeCallType,
		Window: windowOf(next, budget.Limit),
		Notice: &eventv1.BudgetNotice{
			Kind: eventv1.BudgetNotice_KIND_WINDOW_RESET, Ended: windowOf(ended, budget.Limit),
			ScopeKind: budget.Scope.Kind.String(), ScopeId: budget.Scope.ID,
		},
	}
	nameScope(r, budget.Scope)
	s.add(m, b, sequences, EntryNotice, r)
}

// nameScope names the key or the user that a budget limits.
func nameScope(r *eventv1.UsageRecord, scope Scope) {
	switch scope.Kind {
	case Key:
		r.KeyId = scope.ID
	case User:
		_, r.UserId, _ = strings.Cut(scope.ID, "/")
	case Platform, Tenant:
	}
}

// add gives a record of the service's own its id, its time and the next sequence of its
// tenant, and adds it to a mutation.
func (s *Service) add(m *Mutation, b *books, sequences map[string]int64, kind EntryKind, r *eventv1.UsageRecord) {
	sequences[r.TenantId]++
	r.EventId, r.OccurredMillis, r.Sequence = s.ids.NewString(), b.now, sequences[r.TenantId]
	m.Entries = append(m.Entries, makeEntry(kind, r))
	if m.Sequences == nil {
		m.Sequences = map[string]int64{}
	}
	m.Sequences[r.TenantId] = r.Sequence
}
