package kafkax_test

import (
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/apiversions"
	"github.com/segmentio/kafka-go/protocol/findcoordinator"
	"github.com/segmentio/kafka-go/protocol/metadata"

	"tollgate.dev/platform/kafkax"
	"tollgate.dev/platform/kafkax/kafkaxtest"
)

// dyingBroker answers what comes before a group is joined, and then ends the connection, as a
// broker does that is killed at that moment.
func dyingBroker(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, portText, _ := net.SplitHostPort(listener.Addr().String())
	port, err := strconv.ParseInt(portText, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	answer := func(request protocol.Message) protocol.Message {
		switch request.(type) {
		case *apiversions.Request:
			return &apiversions.Response{ApiKeys: []apiversions.ApiKeyResponse{
				{ApiKey: int16(protocol.Metadata), MaxVersion: 8}, {ApiKey: int16(protocol.FindCoordinator), MaxVersion: 2},
				{ApiKey: int16(protocol.JoinGroup), MaxVersion: 2}, {ApiKey: int16(protocol.ApiVersions), MaxVersion: 2},
			}}
		case *metadata.Request:
			return &metadata.Response{Brokers: []metadata.ResponseBroker{{NodeID: 1, Host: host, Port: int32(port)}}, ControllerID: 1}
		case *findcoordinator.Request:
			return &findcoordinator.Response{NodeID: 1, Host: host, Port: int32(port)}
		default:
			return nil
		}
	}
	var serving sync.WaitGroup
	serve := func(conn net.Conn) {
		defer func() { _ = conn.Close() }()
		for {
			version, correlation, _, request, err := protocol.ReadRequest(conn)
			if err != nil {
				return
			}
			response := answer(request)
			if response == nil || protocol.WriteResponse(conn, version, correlation, response) != nil {
				return
			}
		}
	}
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	return listener.Addr().String()
}

// A connection that ends while a group is joined is a failure like any other. It is not the
// end of the messages, after which nobody would read again.
func TestBrokenJoinIsNoEnd(t *testing.T) {
	client, ctx := kafkaxtest.Open(t, dyingBroker(t)), bounded(t)
	group, err := client.NewGroup(ctx, kafkax.GroupOptions{Group: "g", Topic: "t"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := group.Fetch(ctx); !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		t.Errorf("the error is %v", err)
	}
	if err := group.Close(); err != nil {
		t.Error(err)
	}
	if _, err := group.Fetch(ctx); !errors.Is(err, io.EOF) {
		t.Errorf("after its end the error is %v", err)
	}
}
