// Package obs is how Tollgate is seen from outside: structured logs that redact,
// Prometheus metrics whose labels are bounded, and the health of dependencies.
// Nothing in it is global: a process makes one logger, one set of metrics on a registry
// of its own, and hands them on.
package obs
