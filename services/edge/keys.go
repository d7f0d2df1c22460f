package edge

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
)

// keyRoutes are LiteLLM's key management routes
// (https://docs.litellm.ai/docs/proxy/virtual_keys, November 2026).
func (e *Edge) keyRoutes() []route {
	return inTime(
		route{http.MethodPost, "/key/generate", e.generateKey},
		route{http.MethodPost, "/key/update", e.updateKey},
		route{http.MethodPost, "/key/delete", e.deleteKeys},
		route{http.MethodPost, "/key/regenerate", e.regenerateKey},
		route{http.MethodPost, "/key/{key}/regenerate", e.regenerateKey},
		route{http.MethodPost, "/key/block", func(x *exchange) error { return e.blockKey(x, true) }},
		route{http.MethodPost, "/key/unblock", func(x *exchange) error { return e.blockKey(x, false) }},
		route{http.MethodGet, "/key/info", e.keyInfo},
		route{http.MethodGet, "/key/list", e.listKeys},
	)
}

// generateKey answers `POST /key/generate`.
func (e *Edge) generateKey(x *exchange) error {
	if err := x.admin(); err != nil {
		return err
	}
	var req keyRequest
	if err := x.decodeLimits(&req, &req.limitsRequest); err != nil {
		return err
	}
	if err := req.complete(nil); err != nil {
		return err
	}
	key := &keystorev1.Key{CreatedBy: x.principal.KeyID}
	if _, err := req.apply(key, e.Clock.Now()); err != nil {
		return err
	}
	in := &keystorev1.IssueKeyRequest{Key: key}
	if req.Key != nil {
		in.Secret = *req.Key
	}
	ctx := x.r.Context()
	held := holdBack(&req.limitsRequest, &key.Blocked)
	issued, err := e.Services.Keystore.IssueKey(ctx, in)
	if err != nil {
		return err
	}
	var view *keyView
	made := issued.GetKey()
	if err = e.putBudgets(ctx, keyScope(made.GetId()), &req.limitsRequest); err == nil && held {
		made, err = e.letGoKey(ctx, made.GetId(), x.principal.KeyID)
	}
	if err == nil {
		view, err = e.keyView(ctx, made)
	}
	if err != nil {
		// A key without its budgets must not stay, nor may one that nobody is told of.
		undo, cancel := e.undoing(ctx)
		defer cancel()
		return errors.Join(err, e.removeKeys(undo, []*keystorev1.KeyRef{idRef(issued.GetKey().GetId())}, x.principal.KeyID))
	}
	view.Key = issued.GetSecret()
	return x.json(http.StatusOK, view)
}

// updateKey answers `POST /key/update`.
func (e *Edge) updateKey(x *exchange) error {
	if err := x.admin(); err != nil {
		return err
	}
	var req keyRequest
	if err := x.decodeLimits(&req, &req.limitsRequest); err != nil {
		return err
	}
	if req.Key == nil || *req.Key == "" {
		return errs.New(errs.InvalidRequest, "key is needed").WithParam("key")
	}
	ctx := x.r.Context()
	updated, err := e.changeKey(ctx, keyRef(*req.Key), &req, x.principal.KeyID)
	if err != nil {
		return err
	}
	view, err := e.keyView(ctx, updated)
	if err != nil {
		return err
	}
	view.Key = updated.GetId()
	return x.json(http.StatusOK, view)
}

// changeKey changes what the request names of a key, and of its budgets. Where the budgets fail,
// the key gets its former values back, unless somebody has changed it since, or the process
// ends before. Its time of change moves with either.
func (e *Edge) changeKey(ctx context.Context, ref *keystorev1.KeyRef, req *keyRequest, by string) (*keystorev1.Key, error) {
	key := &keystorev1.Key{UpdatedBy: by}
	fields, err := req.apply(key, e.Clock.Now())
	if err != nil {
		return nil, err
	}
	before, err := e.findKey(ctx, ref)
	if err != nil || len(fields) == 0 && !req.setsBudgets() {
		return before, err
	}
	budgets, err := e.budgets(ctx, keyScope(before.GetId()), &req.limitsRequest)
	if err == nil {
		err = e.checkBudgets(ctx, budgets)
	}
	if err != nil {
		return nil, err
	}
	ctx, cancel := unbroken(ctx)
	defer cancel()
	fields = append(fields, "updated_by")
	ref = idRef(before.GetId())
	held := before.GetBlocked() && slices.Contains(fields, "blocked") && holdBack(&req.limitsRequest, &key.Blocked)
	resp, err := e.Services.Keystore.UpdateKey(ctx, &keystorev1.UpdateKeyRequest{Ref: ref, Key: key, Fields: fields})
	if err != nil {
		return nil, err
	}
	defer e.Keys.Changed(before.GetId(), "")
	if err := e.setBudgets(ctx, budgets, false); err != nil {
		undo, cancel := e.undoing(ctx)
		defer cancel()
		now, uerr := e.findKey(undo, ref)
		switch {
		case uerr != nil:
		case now.GetUpdatedMillis() != resp.GetKey().GetUpdatedMillis() || now.GetUpdatedBy() != by:
			e.Log.WarnContext(ctx, "a key was changed again while its budgets failed: it keeps the new values", "key_id", before.GetId())
		default:
			_, uerr = e.Services.Keystore.UpdateKey(undo, &keystorev1.UpdateKeyRequest{Ref: ref, Key: before, Fields: fields})
		}
		return nil, errors.Join(err, uerr)
	}
	if held {
		return e.letGoKey(ctx, before.GetId(), by)
	}
	return resp.GetKey(), nil
}

// deleteKeys answers `POST /key/delete`.
func (e *Edge) deleteKeys(x *exchange) error {
	if err := x.admin(); err != nil {
		return err
	}
	var req struct {
		Keys       []string `json:"keys"`
		KeyAliases []string `json:"key_aliases"`
	}
	if err := x.decode(&req); err != nil {
		return err
	}
	var refs []*keystorev1.KeyRef
	for _, key := range req.Keys {
		refs = append(refs, keyRef(key))
	}
	for _, alias := range req.KeyAliases {
		refs = append(refs, &keystorev1.KeyRef{Ref: &keystorev1.KeyRef_Alias{Alias: alias}})
	}
	if len(refs) == 0 {
		return errs.New(errs.InvalidRequest, "keys or key_aliases is needed").WithParam("keys")
	}
	if err := e.removeKeys(x.r.Context(), refs, x.principal.KeyID); err != nil {
		return blameRef(err, len(req.Keys))
	}
	return x.json(http.StatusOK, map[string]any{"deleted_keys": append(slices.Clone(req.Keys), req.KeyAliases...)})
}

// regenerateKey answers `POST /key/regenerate` and `POST /key/{key}/regenerate`.
func (e *Edge) regenerateKey(x *exchange) error {
	if err := x.admin(); err != nil {
		return err
	}
	var req regenerateRequest
	if err := x.decodeLimits(&req, &req.limitsRequest); err != nil {
		return err
	}
	named := x.r.PathValue("key")
	if named == "" && req.Key != nil {
		named = *req.Key
	}
	if named == "" {
		return errs.New(errs.InvalidRequest, "key is needed").WithParam("key")
	}
	grace, err := parseDuration(req.GracePeriod, "grace_period")
	if err != nil {
		return err
	}
	ctx := x.r.Context()
	// All else comes first: a secret that nobody is told would lock the key's users out.
	key, err := e.changeKey(ctx, keyRef(named), &req.keyRequest, x.principal.KeyID)
	if err != nil {
		return err
	}
	view, err := e.keyView(ctx, key)
	if err != nil {
		return err
	}
	resp, err := e.Services.Keystore.RotateKey(ctx, &keystorev1.RotateKeyRequest{
		Ref: idRef(key.GetId()), GraceMillis: grace.Milliseconds(), Secret: req.NewKey, UpdatedBy: x.principal.KeyID,
	})
	if err != nil {
		return renamed(err, newKeyNames)
	}
	e.Keys.Changed(key.GetId(), "")
	view.Key, view.KeyName = resp.GetSecret(), resp.GetKey().GetDisplay()
	view.UpdatedAt, view.UpdatedBy = timeText(resp.GetKey().GetUpdatedMillis()), resp.GetKey().GetUpdatedBy()
	return x.json(http.StatusOK, view)
}

// regenerateRequest is the body of `/key/regenerate`: what `/key/update` takes may change
// with the secret.
type regenerateRequest struct {
	keyRequest

	NewKey      string `json:"new_key"`
	GracePeriod string `json:"grace_period"`
}

func (r regenerateRequest) beyond() contract {
	c := r.keyRequest.beyond()
	c.refused = append(c.refused, "new_master_key")
	return c
}

func (e *Edge) blockKey(x *exchange, blocked bool) error {
	if err := x.admin(); err != nil {
		return err
	}
	var req struct {
		Key string `json:"key"`
	}
	if err := x.decode(&req); err != nil {
		return err
	}
	if req.Key == "" {
		return errs.New(errs.InvalidRequest, "key is needed").WithParam("key")
	}
	ctx := x.r.Context()
	resp, err := e.Services.Keystore.SetKeyBlocked(ctx, &keystorev1.SetKeyBlockedRequest{
		Ref: keyRef(req.Key), Blocked: blocked, UpdatedBy: x.principal.KeyID,
	})
	if err != nil {
		return err
	}
	e.Keys.Changed(resp.GetKey().GetId(), "")
	view, err := e.keyView(ctx, resp.GetKey())
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, view)
}

// keyInfo answers `GET /key/info`: about the caller's own key, or, for an admin,
// about any.
func (e *Edge) keyInfo(x *exchange) error {
	if err := x.admit(); err != nil {
		return err
	}
	ctx := x.r.Context()
	q, err := x.query([]string{"key"}, nil)
	if err != nil {
		return err
	}
	named := q.Get("key")
	ref := idRef(x.principal.KeyID)
	if named != "" {
		ref = keyRef(named)
	} else if x.principal.Key == nil {
		return errs.New(errs.InvalidRequest, "the master key has no record: name a key with ?key=").WithParam("key")
	}
	key, err := e.findKey(ctx, ref)
	if err != nil {
		if !x.principal.Admin && errs.Is(err, errs.NotFound) {
			// Whether a key exists is its owner's to know.
			return errs.New(errs.TenantMismatch, "the key belongs to another tenant")
		}
		return err
	}
	if !x.principal.Admin && key.GetId() != x.principal.KeyID &&
		(key.GetTenantId() == "" || key.GetTenantId() != x.principal.TenantID) {
		return errs.New(errs.TenantMismatch, "the key belongs to another tenant")
	}
	view, err := e.keyView(ctx, key)
	if err != nil {
		return err
	}
	shown := named
	if shown == "" || len(shown) > 3 && shown[:3] == "sk-" {
		shown = key.GetId()
	}
	return x.json(http.StatusOK, map[string]any{"key": shown, "info": view})
}

// listKeys answers `GET /key/list`, in LiteLLM's shape and with its paging.
func (e *Edge) listKeys(x *exchange) error {
	if err := x.admin(); err != nil {
		return err
	}
	q, err := x.query(
		[]string{"page", "size", "team_id", "user_id", "key_alias", "key_hash", "return_full_object"},
		[]string{
			"organization_id", "project_id", "status", "sort_by", "sort_order", "include_team_keys", "include_created_by_keys", "expand",
			"access_group_id",
		})
	if err != nil {
		return err
	}
	page, err := positive(q, "page", 1, 1_000_000)
	if err != nil {
		return err
	}
	size, err := positive(q, "size", 10, 100)
	if err != nil {
		return err
	}
	full, err := truth(q, "return_full_object")
	if err != nil {
		return err
	}
	ctx := x.r.Context()
	resp, err := e.findKeys(ctx, q, page, size)
	if err != nil {
		return err
	}
	keys := make([]any, 0, len(resp.GetKeys()))
	if full {
		views, err := e.keyViews(ctx, resp.GetKeys())
		if err != nil {
			return err
		}
		for _, view := range views {
			keys = append(keys, view)
		}
	} else {
		for _, key := range resp.GetKeys() {
			keys = append(keys, key.GetId())
		}
	}
	return x.json(http.StatusOK, map[string]any{
		"keys": keys, "total_count": resp.GetTotal(), "current_page": page,
		"total_pages": (resp.GetTotal() + size - 1) / size,
	})
}

// findKeys is a page of the keys that a query asks for. An id that it names is of one key,
// for which the other filters hold as well.
func (e *Edge) findKeys(ctx context.Context, q url.Values, page, size int64) (*keystorev1.ListKeysResponse, error) {
	tenant, user, alias := q.Get("team_id"), q.Get("user_id"), q.Get("key_alias")
	id := q.Get("key_hash")
	if id == "" {
		return e.Services.Keystore.ListKeys(ctx, &keystorev1.ListKeysRequest{
			TenantId: tenant, UserId: user, Alias: alias,
			Limit: int32(size), Offset: int32((page - 1) * size), //nolint:gosec // bounded by the caller
		})
	}
	out := &keystorev1.ListKeysResponse{}
	key, err := e.findKey(ctx, keyRef(id))
	switch {
	case errs.Is(err, errs.NotFound):
		return out, nil
	case err != nil:
		return nil, err
	}
	matches := (tenant == "" || tenant == key.GetTenantId()) && (user == "" || user == key.GetUserId()) && (alias == "" || alias == key.GetAlias())
	if matches {
		out.Total = 1
		if page == 1 {
			out.Keys = []*keystorev1.Key{key}
		}
	}
	return out, nil
}

func (e *Edge) findKey(ctx context.Context, ref *keystorev1.KeyRef) (*keystorev1.Key, error) {
	resp, err := e.Services.Keystore.GetKey(ctx, &keystorev1.GetKeyRequest{Ref: ref})
	return resp.GetKey(), err
}
