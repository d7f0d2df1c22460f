package edge

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/services/edge/admission"
)

// cacheTenant is whose answers a caller is given: its tenant's, and for a key without one
// `key/` and its id. No tenant's id has a slash, and none of the two a colon.
func cacheTenant(p *admission.Principal) string {
	if p.TenantID != "" {
		return p.TenantID
	}
	return "key/" + p.KeyID
}

// invalidateCache answers `POST /v1/cache/invalidate` `{namespace, entryId?, ttlOverride?}`. The
// namespace is `{tenant}`, `{tenant}:{provider}` or `{tenant}:{provider}:{model}`, with
// `key/{id}` for a key without a tenant; a key without the admin scope reaches its own
// answers alone. entryId is that of a single entry; without it all are meant. ttlOverride is in
// seconds.
func (e *Edge) invalidateCache(x *exchange) error {
	if err := x.admit(); err != nil {
		return err
	}
	var req struct {
		Namespace   string  `json:"namespace"`
		Partition   string  `json:"partition"`
		EntryID     *string `json:"entryId"`
		TTLOverride *int64  `json:"ttlOverride"`
	}
	if err := x.decode(&req); err != nil {
		return err
	}
	parts := strings.SplitN(req.Namespace, ":", 3)
	if slices.Contains(parts, "") { // an empty part would stand for all
		return errs.New(errs.InvalidRequest, "namespace must be {tenant}, {tenant}:{provider} or {tenant}:{provider}:{model}").
			WithParam("namespace")
	}
	if !x.principal.Admin && parts[0] != cacheTenant(x.principal) {
		return errs.New(errs.TenantMismatch, "the namespace belongs to another tenant").WithParam("namespace")
	}
	in := &cachev1.InvalidateRequest{TenantId: parts[0], Partition: req.Partition}
	if len(parts) > 1 {
		in.Provider = parts[1]
	}
	if len(parts) > 2 {
		in.Model = parts[2]
	}
	if req.EntryID != nil { // an empty one would stand for all
		if err := checkEntryID(*req.EntryID); err != nil {
			return err
		}
		in.EntryId = *req.EntryID
	}
	if req.TTLOverride != nil {
		if *req.TTLOverride < 0 || *req.TTLOverride > maxTTLSeconds {
			return badSeconds("ttlOverride")
		}
		in.TtlOverride = durationpb.New(time.Duration(*req.TTLOverride) * time.Second)
	}
	// What was answered before is purged as well, also where it is still being stored.
	if err := e.after.wait(x.r.Context()); err != nil {
		return err
	}
	resp, err := e.Services.Cache.Invalidate(x.r.Context(), in)
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, struct {
		Namespace string `json:"namespace"`
		Entries   int64  `json:"entries"`
	}{req.Namespace, resp.GetEntries()})
}
