package compressor

import (
	"context"

	compressorv1 "tollgate.dev/gen/tollgate/compressor/v1"
	"tollgate.dev/gen/tollgate/compressor/v1/compressorv1connect"
)

// Handler serves the contract from a [Service].
type Handler struct{ service *Service }

// NewHandler returns the handler of a service.
func NewHandler(service *Service) *Handler { return &Handler{service: service} }

var _ compressorv1connect.CompressorServiceHandler = (*Handler)(nil)

// Compress is [Service.Compress].
func (h *Handler) Compress(ctx context.Context, req *compressorv1.CompressRequest) (*compressorv1.CompressResponse, error) {
	asked := Request{
		Body: req.GetBody(), Profile: req.GetProfile(), Rate: req.GetRate(), Tenant: req.GetTenantId(), Forget: req.GetForgetOmitted(),
		Provider: req.GetProvider(), Model: req.GetModel(), DeploymentID: req.GetDeploymentId(),
	}
	for _, d := range req.GetOthers() {
		asked.Others = append(asked.Others, Deployment{d.GetProvider(), d.GetModel(), d.GetDeploymentId()})
	}
	result, err := h.service.Compress(ctx, asked)
	if err != nil {
		return nil, err
	}
	resp := &compressorv1.CompressResponse{
		Body: result.Body, OriginalTokens: result.Original, CompressedTokens: result.Compressed, Stages: result.Stages,
		Engine: result.Engine, CacheReadTokens: result.Cache.Read, CacheLostTokens: result.Cache.Lost, Micros: result.Took.Microseconds(),
		Late: result.Late, Failed: result.Failed, TooLong: result.TooLong,
	}
	if asked.Forget {
		return resp, nil // a name tells nobody anything
	}
	for _, o := range result.Omitted {
		resp.Omitted = append(resp.Omitted, o.Name)
	}
	return resp, nil
}

// Omitted is [Service.Omitted].
func (h *Handler) Omitted(ctx context.Context, req *compressorv1.OmittedRequest) (*compressorv1.OmittedResponse, error) {
	text, err := h.service.Omitted(ctx, req.GetTenantId(), req.GetName())
	if err != nil {
		return nil, err
	}
	return &compressorv1.OmittedResponse{Text: text}, nil
}
