package edge

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"net/http"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/cachetier"
	"tollgate.dev/platform/errs"
)

// feedbackRequest is the body of `POST /v1/cache/feedback`. Model, EntryID and Wrong must be
// there.
type feedbackRequest struct {
	// Model is the name that the caller used.
	Model string `json:"model"`
	// EntryID is what `X-Tollgate-Cache-Entry` said.
	EntryID string `json:"entryId"`
	Wrong   *bool  `json:"wrong"`
	// Score and Tier are what the answer's headers said; absent is not known.
	Score *float64 `json:"score"`
	Tier  string   `json:"tier"`
	// Partition is the one that the call was made in, as it is named in the call itself or as
	// invalidate names it; empty is the common one.
	Partition string `json:"partition"`
	Cache     struct {
		Namespace string `json:"namespace"`
	} `json:"cache"`
	// TenantID is an admin's to name.
	TenantID string `json:"tenant_id"`
}

// check refuses what cannot be meant.
func (r *feedbackRequest) check() error {
	switch {
	case r.Model == "":
		return errs.New(errs.InvalidRequest, "model must be the model that was asked").WithParam("model")
	case r.Wrong == nil:
		return errs.New(errs.InvalidRequest, "wrong must be true or false").WithParam("wrong")
	case r.Score != nil && !(*r.Score >= 0 && *r.Score <= 1):
		return errs.New(errs.InvalidRequest, "score must be a number from 0 to 1").WithParam("score")
	case r.Tier != "" && cachetier.Named(r.Tier) == cachev1.Tier_TIER_UNSPECIFIED:
		return badTier("tier")
	case len(r.Partition) > maxPartition:
		return badPartition("partition")
	case len(r.Cache.Namespace) > maxPartition:
		return badPartition("cache.namespace")
	case r.Partition != "" && r.Cache.Namespace != "" && r.Partition != r.Cache.Namespace:
		return errs.New(errs.InvalidRequest, "partition and cache.namespace name different partitions").WithParam("partition")
	}
	return checkEntryID(r.EntryID)
}

// checkEntryID refuses what is no entry's id: the unpadded base64url of a fingerprint.
func checkEntryID(id string) error {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(id)
	if err != nil || len(raw) != sha256.Size {
		return errs.New(errs.InvalidRequest, "entryId must be the 43 characters that X-Tollgate-Cache-Entry has").WithParam("entryId")
	}
	return nil
}

// cacheFeedback answers `POST /v1/cache/feedback`: an answer that the cache gave was right for
// the question, or wrong, and is then forgotten. A key speaks for its tenant's entries, an admin
// for those of any tenant that it names. It counts against the limits on requests, as a call does.
func (e *Edge) cacheFeedback(x *exchange) error {
	if err := x.admit(); err != nil {
		return err
	}
	var req feedbackRequest
	if err := x.decode(&req); err != nil {
		return err
	}
	if err := req.check(); err != nil {
		return err
	}
	tenant := cacheTenant(x.principal)
	if req.TenantID != "" && req.TenantID != tenant {
		if !x.principal.Admin {
			return errs.New(errs.TenantMismatch, "the entry is another tenant's").WithParam("tenant_id")
		}
		tenant = req.TenantID
	}
	m, err := x.model(req.Model)
	if err != nil {
		return err
	}
	permit, err := e.Limits.AcquireRequest(x.r.Context(), x.principal.Limits(), m.name)
	permit.Headers(x.w.Header())
	if err != nil {
		return err
	}
	// An answer may be out that is still being stored.
	if err := e.after.wait(x.r.Context()); err != nil {
		return err
	}
	ns := &cachev1.Namespace{TenantId: tenant, Provider: m.provider, Model: m.name, Partition: cmp.Or(req.Partition, req.Cache.Namespace)}
	resp, err := e.Services.Cache.Feedback(x.r.Context(), &cachev1.FeedbackRequest{
		Namespace: ns, EntryId: req.EntryID, Hit: cachetier.HitKind(cachetier.Named(req.Tier)), Score: req.Score, Wrong: *req.Wrong,
	})
	if *req.Wrong {
		e.flights.ground(&cachev1.InvalidateRequest{
			TenantId: ns.GetTenantId(), Provider: ns.GetProvider(), Model: ns.GetModel(), Partition: ns.GetPartition(), EntryId: req.EntryID,
		})
	}
	if err != nil {
		return renamed(err, feedbackNames)
	}
	return x.json(http.StatusOK, struct {
		EntryID   string `json:"entryId"`
		Forgotten int64  `json:"forgotten"`
	}{req.EntryID, resp.GetForgotten()})
}

// feedbackNames are the caller's names of what the cache may find wrong.
var feedbackNames = map[string]string{
	"namespace.tenant_id": "tenant_id", "entry_id": "entryId",
}
