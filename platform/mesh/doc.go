// Package mesh carries the calls of Tollgate's services over a network: to several replicas
// of a service, by those who prove that they belong to the deployment.
//
// A service holds the generated client of another whether that runs in this process or not.
// A [Peer] is what the client is made of where it does not; [NewHandler] is the other end.
package mesh
