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
	result, err := h.service.Compress(ctx, Request{
		Body: req.GetBody(), Profile: req.GetProfile(), Provider: req.GetProvider(), Model: req.GetModel(),
	})
	if err != nil {
		return nil, err
	}
	return &compressorv1.CompressResponse{
		Body: result.Body, OriginalTokens: result.Original, CompressedTokens: result.Compressed, Stages: result.Stages,
	}, nil
}
