// Package mesh carries the calls of Tollgate's services over a network: to several replicas
// of a service, by those who prove that they belong to the deployment.
//
// A service holds the generated client of another whether that runs in this process or not.
// A [Peer] is what the client is made of where it does not; [NewHandler] is the other end.
//
// Between the two are, for each endpoint, one link for the calls that have one answer, and a
// connection for each call whose answer is a stream. A link begins as a request that proves the
// process, and is upgraded to frames (frame.go): link.go is its client's end, serve.go its
// server's. Streams, and calls to what takes no links, go over Connect (call.go). What is common
// to both, which endpoint is asked and whether another one may be, is in [Peer].
package mesh
