//go:build !amd64

package sgemm

// kernels are those that this processor can run, the fastest first.
func kernels() []kernel { return []kernel{portable} }
