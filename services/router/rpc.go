package router

import (
	"context"

	"connectrpc.com/connect/v2"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
)

// Register serves s on server.
func Register(server *connect.Server, s *Service) {
	routerv1connect.RegisterRouterServiceHandler(server, handler{s})
}

type handler struct{ service *Service }

func (h handler) Complete(ctx context.Context, req *routerv1.CompleteRequest) (*routerv1.CompleteResponse, error) {
	return h.service.Complete(ctx, req.GetCall())
}

func (h handler) StreamComplete(ctx context.Context, req *routerv1.StreamCompleteRequest, stream routerv1connect.RouterServiceStreamCompleteServerStream) error {
	return h.service.Stream(ctx, req.GetCall(), stream.Send)
}

func (h handler) Check(_ context.Context, req *routerv1.CheckRequest) (*routerv1.CheckResponse, error) {
	if err := h.service.Check(req.GetCall(), req.GetStream()); err != nil {
		return nil, err
	}
	return &routerv1.CheckResponse{}, nil
}

func (h handler) ListModels(context.Context, *routerv1.ListModelsRequest) (*routerv1.ListModelsResponse, error) {
	return &routerv1.ListModelsResponse{Models: h.service.Models()}, nil
}
