package edge

import (
	"context"
	"fmt"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
)

// maxRemoved bounds the keys or teams of one request, as the keystore does: none is blocked for
// a request that it will refuse.
const maxRemoved = 1000

// removal is what goes together. The order makes it repeatable, wherever the process ends in
// between: while there are budgets, there is the key or team that a repeat finds them by, and
// one that has lost its budgets is blocked.
type removal struct {
	scopes []*budgetv1.Scope
	// block keeps it from spending.
	block func(ctx context.Context) error
	// remove removes it from the keystore, and names the scopes that went with it.
	remove func(ctx context.Context) ([]*budgetv1.Scope, error)
}

func (e *Edge) remove(ctx context.Context, r removal) error {
	if err := r.block(ctx); err != nil {
		return err
	}
	if err := e.dropBudgets(ctx, r.scopes); err != nil {
		return err
	}
	more, err := r.remove(ctx)
	if err != nil {
		return err
	}
	// Again, for what an administrator has set in the meantime.
	return e.dropBudgets(ctx, append(r.scopes[:len(r.scopes):len(r.scopes)], more...))
}

// whatIsLeft removes what was there a moment ago. What is not found any more has been removed,
// by somebody else or by this very request: the mesh repeats one whose answer was lost.
func whatIsLeft[Ref any](ctx context.Context, refs []Ref, find func(context.Context, Ref) error, remove func(context.Context, []Ref) error) error {
	err := remove(ctx, refs)
	if !errs.Is(err, errs.NotFound) {
		return err
	}
	var left []Ref
	for _, ref := range refs {
		if err := find(ctx, ref); err == nil {
			left = append(left, ref)
		} else if !errs.Is(err, errs.NotFound) {
			return err
		}
	}
	if len(left) == 0 {
		return nil
	}
	return remove(ctx, left)
}

func (e *Edge) dropBudgets(ctx context.Context, scopes []*budgetv1.Scope) error {
	_, err := e.Services.Budget.DeleteBudgets(ctx, &budgetv1.DeleteBudgetsRequest{Scopes: scopes})
	return err
}

// removeKeys removes keys and their budgets. One that fails leaves them blocked, and can be
// repeated.
func (e *Edge) removeKeys(ctx context.Context, refs []*keystorev1.KeyRef, by string) error {
	if len(refs) > maxRemoved {
		return errs.Newf(errs.InvalidRequest, "name 1 to %d keys", maxRemoved).WithParam("refs")
	}
	ids := make([]string, len(refs))
	found := make([]*keystorev1.KeyRef, len(refs))
	scopes := make([]*budgetv1.Scope, len(refs))
	for i, ref := range refs {
		key, err := e.findKey(ctx, ref)
		if err != nil {
			return errs.Of(err).WithParam(fmt.Sprintf("refs[%d]", i)).WithCause(err)
		}
		ids[i], found[i], scopes[i] = key.GetId(), idRef(key.GetId()), keyScope(key.GetId())
	}
	return e.remove(ctx, removal{
		scopes: scopes,
		block: func(ctx context.Context) error {
			for i, ref := range found {
				_, err := e.Services.Keystore.SetKeyBlocked(ctx, &keystorev1.SetKeyBlockedRequest{Ref: ref, Blocked: true, UpdatedBy: by})
				if err != nil {
					return err
				}
				e.Keys.Changed(ids[i], "")
			}
			return nil
		},
		remove: func(ctx context.Context) ([]*budgetv1.Scope, error) {
			err := whatIsLeft(ctx, found, func(ctx context.Context, ref *keystorev1.KeyRef) error {
				_, err := e.findKey(ctx, ref)
				return err
			}, func(ctx context.Context, refs []*keystorev1.KeyRef) error {
				_, err := e.Services.Keystore.DeleteKeys(ctx, &keystorev1.DeleteKeysRequest{Refs: refs})
				return err
			})
			for _, id := range ids {
				e.Keys.Changed(id, "")
			}
			return nil, err
		},
	})
}

// removedTeams is what went with teams.
type removedTeams struct {
	keys []string
	// cached are the teams whose cached answers could not be purged, for the store was away.
	cached []string
}

// removeTeams removes teams with their keys and cached answers, and the budgets of both and of
// the teams' users. One that fails leaves the teams blocked, and can be repeated.
func (e *Edge) removeTeams(ctx context.Context, ids []string, by string) (gone removedTeams, err error) {
	if len(ids) > maxRemoved {
		return gone, errs.Newf(errs.InvalidRequest, "name 1 to %d teams", maxRemoved).WithParam("ids")
	}
	var scopes []*budgetv1.Scope
	for i, id := range ids {
		team, err := e.findTeam(ctx, id)
		if err != nil {
			return gone, errs.Of(err).WithParam(fmt.Sprintf("ids[%d]", i)).WithCause(err)
		}
		of, err := e.scopesOf(ctx, team)
		if err != nil {
			return gone, err
		}
		scopes = append(scopes, of...)
	}
	err = e.remove(ctx, removal{
		scopes: scopes,
		block: func(ctx context.Context) error {
			for _, id := range ids {
				_, err := e.Services.Keystore.PutTenant(ctx, &keystorev1.PutTenantRequest{
					Tenant: &keystorev1.Tenant{Id: id, Blocked: true, UpdatedBy: by}, Fields: []string{"blocked", "updated_by"},
				})
				if err != nil {
					return err
				}
				e.Keys.Changed("", id)
			}
			return nil
		},
		remove: func(ctx context.Context) (more []*budgetv1.Scope, err error) {
			err = whatIsLeft(ctx, ids, func(ctx context.Context, id string) error {
				_, err := e.findTeam(ctx, id)
				return err
			}, func(ctx context.Context, ids []string) error {
				resp, err := e.Services.Keystore.DeleteTenants(ctx, &keystorev1.DeleteTenantsRequest{Ids: ids})
				gone.keys = append(gone.keys, resp.GetKeyIds()...)
				return err
			})
			for _, id := range ids {
				e.Keys.Changed("", id)
			}
			for _, id := range gone.keys {
				more = append(more, keyScope(id))
			}
			return more, err
		},
	})
	if err != nil {
		return gone, err
	}
	gone.cached = e.purgeTeams(ctx, ids)
	return gone, nil
}

// scopesOf are a team's own scope and those of its keys and users.
func (e *Edge) scopesOf(ctx context.Context, team *keystorev1.Tenant) ([]*budgetv1.Scope, error) {
	const page = 1000
	scopes := []*budgetv1.Scope{tenantScope(team.GetId())}
	users := map[string]bool{}
	user := func(id string) {
		if id != "" && !users[id] {
			users[id] = true
			scopes = append(scopes, &budgetv1.Scope{Kind: budgetv1.ScopeKind_SCOPE_KIND_USER, Id: team.GetId() + "/" + id})
		}
	}
	for _, m := range team.GetMembers() {
		user(m.GetUserId())
	}
	for offset := int32(0); ; offset += page {
		resp, err := e.Services.Keystore.ListKeys(ctx, &keystorev1.ListKeysRequest{TenantId: team.GetId(), Limit: page, Offset: offset})
		if err != nil {
			return nil, err
		}
		for _, key := range resp.GetKeys() {
			scopes = append(scopes, keyScope(key.GetId()))
			user(key.GetUserId())
		}
		if len(resp.GetKeys()) < page {
			return scopes, nil
		}
	}
}

// unique are the ids, each once and in their order.
func unique(ids []string) (out []string) {
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}

// purgeTeams forgets the answers of teams that are gone, so that one that is made anew under its
// id finds none, or of teams whose credentials changed, and returns those whose answers are left. A
// cache that is away stops neither: who changes a team must not have to wait for that.
func (e *Edge) purgeTeams(ctx context.Context, ids []string) (left []string) {
	if !e.opts.Cache {
		return nil
	}
	for _, id := range ids {
		all := &cachev1.InvalidateRequest{TenantId: id}
		_, err := e.Services.Cache.Invalidate(ctx, all)
		e.flights.ground(all)
		if err != nil {
			e.Log.WarnContext(ctx, "cached answers of a team that is gone, or has another credential, are left until they expire", "team", id, "error", err)
			left = append(left, id)
		}
	}
	return left
}
