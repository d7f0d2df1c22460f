package router

import (
	"context"
	"io"
	"net/http"
	"testing"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/services/router/upstream"
)

// body that is read again and again.
type replay struct {
	text string
	at   int
}

func (r *replay) Read(p []byte) (int, error) {
	n := copy(p, r.text[r.at:])
	if r.at += n; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (*replay) Close() error { return nil }

func (*replay) Finish() {}

func benchService(b *testing.B, text string) *Service {
	b.Helper()
	header := http.Header{"X-Request-Id": {"req"}, "Content-Type": {"application/json"}}
	exchange := exchangeFake(func(context.Context, *upstream.Request) (*upstream.Response, error) {
		return &upstream.Response{Status: 200, Header: header, Length: -1, Body: &replay{text: text}}, nil
	})
	return newService(b, Options{Deployments: []Deployment{at("a"), at("b")}}, exchange, clock.Real(), io.Discard, &metricsFake{})
}

func benchCall(b *testing.B) *routerv1.Call {
	b.Helper()
	var fields jsonscan.Fields
	if err := fields.Scan([]byte(body)); err != nil {
		b.Fatal(err)
	}
	return call(func(c *routerv1.Call) { c.BodyIndex = fields.AppendIndex(nil) })
}

func BenchmarkComplete(b *testing.B) {
	s, c := benchService(b, answer), benchCall(b)
	server := rpc.NewServer()
	Register(server, s)
	client := routerv1connect.NewRouterServiceClient(rpc.InProcess(server))
	req := &routerv1.CompleteRequest{Call: c}
	b.Run("direct", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Complete(b.Context(), c); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("in process", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := client.Complete(b.Context(), req); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkStream(b *testing.B) {
	var data []string
	for range 100 {
		data = append(data, chunk("some words"))
	}
	s, c := benchService(b, events(append(data, "[DONE]")...)), benchCall(b)
	discard := func(*routerv1.StreamCompleteResponse) error { return nil }
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Stream(b.Context(), c, discard); err != nil {
			b.Fatal(err)
		}
	}
}
