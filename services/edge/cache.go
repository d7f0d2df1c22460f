package edge

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/cachetier"
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

// Bounds of what names a namespace, in bytes: the cache keeps nothing with a longer part, and no
// call has a longer partition.
const (
	maxNamespacePart = cachetier.MaxNamespacePartBytes
	maxPartition     = 128
)

// badPartition refuses a partition that no call can have.
func badPartition(name string) error {
	return errs.Newf(errs.InvalidRequest, "%s must have at most %d bytes", name, maxPartition).WithParam(name)
}

// purgeRequest is the body of `POST /v1/cache/invalidate`. Namespace must be there: `{tenant}`,
// `{tenant}:{provider}` or `{tenant}:{provider}:{model}`, with `key/{id}` for a key without a tenant.
type purgeRequest struct {
	Namespace string `json:"namespace"`
	// Partition is one alone; empty means all, and the common one.
	Partition string `json:"partition"`
	// EntryID is that of a single entry; absent means all.
	EntryID entryID `json:"entryId"`
	// TTLOverride is in seconds what is left of their lives; absent and 0 are a purge.
	TTLOverride *int64 `json:"ttlOverride"`
}

// entryID names one entry where without it all would be meant. So null is no way to leave it out: who
// has no name for what he wants to purge does not want to purge all.
type entryID struct {
	text  string
	given bool
}

// null is [nullable]'s.
func (e *entryID) null() { e.given = true }

// UnmarshalJSON is [json.Unmarshaler]'s. What is no text names nothing.
func (e *entryID) UnmarshalJSON(raw []byte) error {
	e.given = true
	if err := json.Unmarshal(raw, &e.text); err != nil {
		e.text = ""
	}
	return nil
}

// selection is what the cache is asked to end; an error where that cannot be meant.
func (r *purgeRequest) selection() (*cachev1.InvalidateRequest, error) {
	parts := strings.SplitN(r.Namespace, ":", 3)
	switch {
	case slices.ContainsFunc(parts, func(part string) bool { return len(part) > maxNamespacePart }):
		return nil, errs.Newf(errs.InvalidRequest, "namespace must have at most %d bytes in each of its parts", maxNamespacePart).
			WithParam("namespace")
	case slices.Contains(parts, ""): // an empty part would stand for all
		return nil, errs.New(errs.InvalidRequest, "namespace must be {tenant}, {tenant}:{provider} or {tenant}:{provider}:{model}").
			WithParam("namespace")
	case len(r.Partition) > maxPartition:
		return nil, badPartition("partition")
	}
	parts = append(parts, "", "")
	in := &cachev1.InvalidateRequest{TenantId: parts[0], Provider: parts[1], Model: parts[2], Partition: r.Partition}
	if r.EntryID.given { // an empty one would stand for all
		if err := checkEntryID(r.EntryID.text); err != nil {
			return nil, err
		}
		in.EntryId = r.EntryID.text
	}
	if r.TTLOverride != nil {
		if *r.TTLOverride < 0 || *r.TTLOverride > maxTTLSeconds {
			return nil, badSeconds("ttlOverride")
		}
		in.TtlOverride = durationpb.New(time.Duration(*r.TTLOverride) * time.Second)
	}
	return in, nil
}

// invalidateCache answers `POST /v1/cache/invalidate`. A key without the admin scope reaches its own
// answers alone. It counts against the limits on requests, as a call does, and against those of a
// model that is named.
func (e *Edge) invalidateCache(x *exchange) error {
	if err := x.admit(); err != nil {
		return err
	}
	var req purgeRequest
	if err := x.decode(&req); err != nil {
		return err
	}
	in, err := req.selection()
	if err != nil {
		return err
	}
	if !x.principal.Admin && in.GetTenantId() != cacheTenant(x.principal) {
		return errs.New(errs.TenantMismatch, "the namespace belongs to another tenant").WithParam("namespace")
	}
	permit, err := e.Limits.AcquireRequest(x.r.Context(), x.principal.Limits(), in.GetModel())
	permit.Headers(x.w.Header())
	if err != nil {
		return err
	}
	entries, err := e.purge(x.r.Context(), in)
	if err != nil {
		return err
	}
	if entries == 0 {
		if err := x.misnamed(in); err != nil {
			return err
		}
	}
	return x.json(http.StatusOK, struct {
		Namespace string `json:"namespace"`
		Entries   int64  `json:"entries"`
	}{req.Namespace, entries})
}

// purge ends what is selected, or shortens its life, and returns how many entries that were. What was
// answered before is purged as well, also where it is still being stored.
func (e *Edge) purge(ctx context.Context, in *cachev1.InvalidateRequest) (entries int64, err error) {
	if err := e.after.wait(ctx); err != nil {
		return 0, err
	}
	resp, err := e.Services.Cache.Invalidate(ctx, in)
	if in.GetTtlOverride().AsDuration() == 0 {
		e.flights.ground(in)
	}
	return resp.GetEntries(), err
}

// misnamed tells why nothing can be kept where a purge found nothing; nil where something may.
// Answers outlive what they are of, so it is asked after the purge: a team or a model that is gone
// is purged by its name like any other.
func (x *exchange) misnamed(in *cachev1.InvalidateRequest) error {
	if err := x.ownerless(in.GetTenantId()); err != nil {
		return err
	}
	provider, table := in.GetProvider(), x.e.models.Load()
	if name := in.GetModel(); name != "" {
		switch m, ok := table.byName[name]; {
		case !ok:
			return errs.Newf(errs.ModelNotFound, "the model %q does not exist", shown(name)).WithParam("namespace")
		case m.provider != provider:
			return errs.Newf(errs.InvalidRequest, "answers of the model %q are kept under the provider %q, not %q", shown(name), m.provider, shown(provider)).
				WithParam("namespace")
		}
		return nil
	}
	if provider == "" || provider == "*" {
		return nil
	}
	for _, m := range table.byName {
		for _, d := range m.deployments {
			if d.GetProvider() == provider {
				return nil
			}
		}
	}
	return errs.Newf(errs.InvalidRequest, "no model has the provider %q", shown(provider)).WithParam("namespace")
}

// ownerTimeout bounds the question whose answers a namespace has: the purge itself is done by then.
const ownerTimeout = time.Second

// ownerless tells why nobody's answers can be kept under a tenant's name. Only an administrator
// can have named another than its own. While the keystore does not say, there is no fault.
func (x *exchange) ownerless(tenant string) error {
	id, isKey := strings.CutPrefix(tenant, "key/")
	if !x.principal.Admin || tenant == cacheTenant(x.principal) || isKey && id == admission.MasterKeyID {
		return nil
	}
	ctx, cancel := context.WithTimeout(x.r.Context(), ownerTimeout)
	defer cancel()
	var err error
	if isKey {
		_, err = x.e.findKey(ctx, idRef(id))
	} else {
		_, err = x.e.Services.Keystore.GetTenant(ctx, &keystorev1.GetTenantRequest{Id: tenant})
	}
	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.InvalidRequest) { // an id that none can have
		return errs.Newf(errs.NotFound, "there is neither a team nor a key %q, nor an answer of one", shown(tenant)).WithParam("namespace")
	}
	return nil
}
