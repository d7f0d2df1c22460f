package mesh

import (
	"context"
	"errors"
	"net/http"

	connectv1 "connectrpc.com/connect" // what the two libraries are made with
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"
)

// maxQuestion bounds a message to the handlers of gRPC's health and reflection, in bytes.
const maxQuestion = 16 << 10

// grpcHealth serves grpc.health.v1's Check; see [healthWatches] for its Watch. They need no
// credentials, as the routes: a container's runtime has none.
func (h *Handler) grpcHealth() (path string, _ http.Handler) {
	return grpchealth.NewHandler(checker{h}, connectv1.WithReadMaxBytes(maxQuestion))
}

type checker struct{ h *Handler }

var errNoSuchService = errors.New("this process has no such service")

// Check is grpchealth.Checker's: the process and all that runs in it are ready together.
func (c checker) Check(ctx context.Context, req *grpchealth.CheckRequest) (*grpchealth.CheckResponse, error) {
	if req.Service != "" && !c.h.serves(req.Service) {
		return nil, connectv1.NewError(connectv1.CodeNotFound, errNoSuchService)
	}
	if !c.h.ready(ctx) {
		return &grpchealth.CheckResponse{Status: grpchealth.StatusNotServing}, nil
	}
	return &grpchealth.CheckResponse{Status: grpchealth.StatusServing}, nil
}

// reflection serves gRPC server reflection, in both of its versions, of the services that run here.
func (h *Handler) reflection(mux *http.ServeMux) {
	reflector := grpcreflect.NewStaticReflector(h.opts.Services...)
	mux.Handle(grpcreflect.NewHandlerV1(reflector, connectv1.WithReadMaxBytes(maxQuestion)))
	mux.Handle(grpcreflect.NewHandlerV1Alpha(reflector, connectv1.WithReadMaxBytes(maxQuestion)))
}
