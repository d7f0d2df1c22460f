package sgemm

import "golang.org/x/sys/cpu"

// kernel6x16 adds a·b to c, for six rows of a and c, whose rows are lda and ldc floats
// apart, and a panel b of k rows by sixteen columns. It needs AVX2 and FMA.
//
//go:noescape
func kernel6x16(k int, a *float32, lda int, b *float32, c *float32, ldc int)

// kernel12x32 is the same for twelve rows and thirty-two columns. It needs AVX-512F.
//
//go:noescape
func kernel12x32(k int, a *float32, lda int, b *float32, c *float32, ldc int)

// kernels are those that this processor can run, the fastest first.
func kernels() []kernel {
	ks := make([]kernel, 0, 3)
	if cpu.X86.HasAVX512F {
		ks = append(ks, kernel{name: "avx512", rows: 12, cols: 32, run: kernel12x32})
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		ks = append(ks, kernel{name: "avx2", rows: 6, cols: 16, run: kernel6x16})
	}
	return append(ks, portable)
}
