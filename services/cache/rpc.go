package cache

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/gen/tollgate/cache/v1/cachev1connect"
	"tollgate.dev/platform/errs"
)

// Handler serves the contract from a [Service].
type Handler struct {
	service *Service
}

// NewHandler returns the handler of a service.
func NewHandler(service *Service) *Handler { return &Handler{service: service} }

var _ cachev1connect.CacheServiceHandler = (*Handler)(nil)

// Lookup is [Service.Lookup].
func (h *Handler) Lookup(ctx context.Context, req *cachev1.LookupRequest) (*cachev1.LookupResponse, error) {
	key, err := NewKey(req.GetNamespace(), req.GetFingerprint())
	if err != nil {
		return nil, err
	}
	maxAge, err := duration("max_age", req.GetMaxAge(), AnyAge)
	if err != nil {
		return nil, err
	}
	question, err := NewQuestion(req.GetQuestion())
	if err != nil {
		return nil, err
	}
	if t := req.Threshold; t != nil && !(*t >= 0 && *t <= 1) {
		return nil, errs.New(errs.InvalidRequest, "threshold must be from 0 to 1").WithParam("threshold")
	}
	if t := req.GetLeastScore(); !(t >= 0 && t <= 1) {
		return nil, errs.New(errs.InvalidRequest, "least_score must be from 0 to 1").WithParam("least_score")
	}
	hit := h.service.Lookup(ctx, Request{
		Key: key, MaxAge: maxAge, Question: question, Last: req.GetLast(), Threshold: req.Threshold, LeastScore: req.GetLeastScore(),
		Incomparable: req.GetIncomparable(),
	})
	resp := &cachev1.LookupResponse{
		Hit: hit.Kind, Entry: hit.Entry, Score: hit.Score, Comparison: hit.Comparison, Last: hit.Last,
		Embedding: hit.Embedding, Embedded: hit.Embedded,
	}
	if hit.Entry != nil {
		resp.EntryId = hit.ID.EntryID()
	}
	return resp, nil
}

// Store is [Service.Store].
func (h *Handler) Store(ctx context.Context, req *cachev1.StoreRequest) (*cachev1.StoreResponse, error) {
	key, err := NewKey(req.GetNamespace(), req.GetFingerprint())
	if err != nil {
		return nil, err
	}
	ttl, err := duration("ttl", req.GetTtl(), ServiceTTL)
	if err != nil {
		return nil, err
	}
	question, err := NewQuestion(req.GetQuestion())
	if err != nil {
		return nil, err
	}
	answer := Answer{
		Key: key, Entry: req.GetEntry(), TTL: ttl, Question: question, Last: req.GetLast(), Embedding: req.GetEmbedding(),
	}
	if at := req.GetAskedMicros(); at > 0 {
		answer.Asked = time.UnixMicro(at)
	}
	stored, err := h.service.Store(ctx, answer)
	if err != nil {
		return nil, err
	}
	return &cachev1.StoreResponse{Stored: stored}, nil
}

// Invalidate is [Service.Invalidate].
func (h *Handler) Invalidate(ctx context.Context, req *cachev1.InvalidateRequest) (*cachev1.InvalidateResponse, error) {
	sel, err := NewSelector(req.GetTenantId(), req.GetProvider(), req.GetModel(), req.GetPartition(), req.GetEntryId())
	if err != nil {
		return nil, err
	}
	life, err := duration("ttl_override", req.GetTtlOverride(), 0)
	if err != nil {
		return nil, err
	}
	entries, err := h.service.Invalidate(ctx, sel, life)
	if err != nil {
		return nil, err
	}
	return &cachev1.InvalidateResponse{Entries: entries}, nil
}

// Compare is [Service.Compare].
func (h *Handler) Compare(ctx context.Context, req *cachev1.CompareRequest) (*cachev1.CompareResponse, error) {
	ns, err := NewNamespace(req.GetNamespace())
	if err != nil {
		return nil, err
	}
	if err := h.service.Compare(ctx, ns, req.GetComparison(), req.GetBody()); err != nil {
		return nil, err
	}
	return &cachev1.CompareResponse{}, nil
}

// Feedback is [Service.Feedback].
func (h *Handler) Feedback(ctx context.Context, req *cachev1.FeedbackRequest) (*cachev1.FeedbackResponse, error) {
	ns, err := NewNamespace(req.GetNamespace())
	if err != nil {
		return nil, err
	}
	entry, err := ParseEntryID(req.GetEntryId())
	switch {
	case err != nil:
		return nil, err
	case req.GetEntryId() == "":
		return nil, errs.New(errs.InvalidRequest, "entry_id must not be empty").WithParam("entry_id")
	}
	score := 1.0
	if s := req.Score; s != nil {
		if score = *s; !(score >= 0 && score <= 1) {
			return nil, errs.New(errs.InvalidRequest, "score must be from 0 to 1").WithParam("score")
		}
	}
	forgotten, err := h.service.Feedback(ctx, Feedback{Namespace: ns, Entry: entry, Kind: req.GetHit(), Score: score, Wrong: req.GetWrong()})
	if err != nil {
		return nil, err
	}
	return &cachev1.FeedbackResponse{Forgotten: forgotten}, nil
}

// duration reads an optional field that must not be negative. One that a time.Duration
// can't hold becomes the longest that it can.
func duration(name string, d *durationpb.Duration, absent time.Duration) (time.Duration, error) {
	if d == nil {
		return absent, nil
	}
	if !d.IsValid() || d.AsDuration() < 0 {
		return 0, errs.New(errs.InvalidRequest, name+" must be a duration of 0 or more").WithParam(name)
	}
	return d.AsDuration(), nil
}
